/** The drawing thread's side of workers that answer one question and end: a newer question ends the older. */
import type { LabelAgreement, SurfaceMesh } from "../types";
import type { CompareOrder } from "./compareWorker";
import type { MeshOrder } from "./meshWorker";

export interface OneShot<Answer> {
  readonly answer: Promise<Answer>;
  /** The answer is not wanted any more: it never comes. */
  stop(): void;
}

export function compareMaps(order: CompareOrder): OneShot<readonly LabelAgreement[]> {
  return ask(new Worker(new URL("./compareWorker.ts", import.meta.url), { type: "module" }), order);
}

export function buildMesh(order: MeshOrder): OneShot<SurfaceMesh | null> {
  return ask(new Worker(new URL("./meshWorker.ts", import.meta.url), { type: "module" }), order);
}

/** The answer rejects where the worker could not start or failed. */
function ask<Answer>(worker: Worker, order: object): OneShot<Answer> {
  const answer = new Promise<Answer>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = (event) => {
      worker.terminate();
      reject(new Error(`The computation failed: ${event.message || "its worker could not start"}.`));
    };
    worker.postMessage(order);
  });
  return { answer, stop: () => worker.terminate() };
}
