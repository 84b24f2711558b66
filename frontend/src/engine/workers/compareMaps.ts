/** The drawing thread's side of the compare worker: one worker an answer, so that a newer question ends the older. */
import type { LabelAgreement } from "../types";
import type { CompareOrder } from "./compareWorker";

export interface Comparing {
  readonly answer: Promise<readonly LabelAgreement[]>;
  /** The answer is not wanted any more: it never comes. */
  stop(): void;
}

/** The answer rejects where the worker could not start or failed. */
export function compareMaps(order: CompareOrder): Comparing {
  const worker = new Worker(new URL("./compareWorker.ts", import.meta.url), { type: "module" });
  const answer = new Promise<readonly LabelAgreement[]>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<readonly LabelAgreement[]>) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = (event) => {
      worker.terminate();
      reject(new Error(`The comparison failed: ${event.message || "its worker could not start"}.`));
    };
    worker.postMessage(order);
  });
  return { answer, stop: () => worker.terminate() };
}
