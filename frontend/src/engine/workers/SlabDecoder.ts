/**
 * The drawing thread's side of the slab worker: promises around messages, buffers transferred both ways.
 *
 * Fails open: where the worker cannot start (a policy, an old browser) the same pure functions run on this thread.
 */
import { buildRowRuns, type RowRunSlab } from "../labels/RowRuns";
import { buildShareSlab, type ShareSlab } from "../labels/ShareVolume";
import type { LabelType } from "../types";
import { joinBytePlanes } from "../volume/bytePlanes";
import type { SlabAnswer, SlabOrder } from "./slabWorker";

interface Waiting {
  resolve(answer: SlabAnswer): void;
  reject(error: Error): void;
}

export class SlabDecoder {
  private worker: Worker | null;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;

  constructor() {
    this.worker = startWorker();
    if (this.worker === null) return;
    this.worker.onmessage = ({ data }: MessageEvent<SlabAnswer>) => {
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.kind === "failed") waiting?.reject(new Error(data.reason));
      else waiting?.resolve(data);
    };
    // The worker's file did not load: what waits is rejected, the loader tries again and then runs on this thread.
    this.worker.onerror = () => this.stop("The slab worker could not start.");
  }

  /** int16 voxels of a grey slab. Takes `bytes` away. */
  async join(bytes: ArrayBuffer): Promise<ArrayBuffer> {
    if (this.worker === null) return joinBytePlanes(bytes);
    const answer = await this.ask({ id: this.nextId++, kind: "join", bytes });
    if (answer.kind !== "join") throw new Error("The slab worker gave another answer than asked for.");
    return answer.joined;
  }

  /**
   * int16 voxels of a grey slab that the worker fetches itself, so that its bytes never pass through the drawing
   * thread. Null where that did not work: whoever asked then fetches it and learns why.
   */
  async fetchJoined(address: string, signal: AbortSignal): Promise<ArrayBuffer | null> {
    if (this.worker === null) return null;
    const id = this.nextId++;
    const giveUp = (): void => this.worker?.postMessage({ id, kind: "giveUp" } satisfies SlabOrder);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      const answer = await this.ask({ id, kind: "fetchJoined", address });
      return answer.kind === "join" ? answer.joined : null;
    } catch {
      return null;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Row runs of a label slab. Takes `bytes` away. */
  async buildRowRuns(bytes: ArrayBuffer, nx: number, dtype: LabelType): Promise<RowRunSlab> {
    if (this.worker === null) return buildRowRuns(bytes, nx, dtype);
    const answer = await this.ask({ id: this.nextId++, kind: "rowRuns", bytes, nx, dtype });
    if (answer.kind !== "rowRuns") throw new Error("The slab worker gave another answer than asked for.");
    return answer.runs;
  }

  /** Visible stretches of a share slab. Takes `bytes` away. */
  async buildShareSlab(bytes: ArrayBuffer, nx: number): Promise<ShareSlab> {
    if (this.worker === null) return buildShareSlab(bytes, nx);
    const answer = await this.ask({ id: this.nextId++, kind: "shares", bytes, nx });
    if (answer.kind !== "shares") throw new Error("The slab worker gave another answer than asked for.");
    return answer.shares;
  }

  stop(reason = "The viewer was closed."): void {
    this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.waiting.values()) reject(new Error(reason));
    this.waiting.clear();
  }

  private ask(order: SlabOrder): Promise<SlabAnswer> {
    return new Promise((resolve, reject) => {
      this.waiting.set(order.id, { resolve, reject });
      this.worker?.postMessage(order, "bytes" in order ? [order.bytes] : []);
    });
  }
}

function startWorker(): Worker | null {
  try {
    return new Worker(new URL("./slabWorker.ts", import.meta.url), { type: "module" });
  } catch {
    // Losing the thread is safe: decoding then happens here, slower.
    return null;
  }
}
