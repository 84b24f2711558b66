/** The worker thread: fetches image slabs, joins their byte planes, and packs dense label and share slabs, off the thread that draws. */
import { buildRowRuns, type RowRunSlab } from "../labels/RowRuns";
import { buildShareSlab, type ShareSlab } from "../labels/ShareVolume";
import type { LabelType } from "../types";
import { joinBytePlanes } from "../volume/bytePlanes";

export type SlabOrder =
  | { readonly id: number; readonly kind: "join"; readonly bytes: ArrayBuffer }
  | { readonly id: number; readonly kind: "fetchJoined"; readonly address: string }
  | { readonly id: number; readonly kind: "giveUp" }
  | {
      readonly id: number;
      readonly kind: "rowRuns";
      readonly bytes: ArrayBuffer;
      readonly nx: number;
      readonly dtype: LabelType;
    }
  | { readonly id: number; readonly kind: "shares"; readonly bytes: ArrayBuffer; readonly nx: number };

export type SlabAnswer =
  | { readonly id: number; readonly kind: "join"; readonly joined: ArrayBuffer }
  | { readonly id: number; readonly kind: "rowRuns"; readonly runs: RowRunSlab }
  | { readonly id: number; readonly kind: "shares"; readonly shares: ShareSlab }
  | { readonly id: number; readonly kind: "failed"; readonly reason: string };

/** The part of a dedicated worker's scope that is used here; the DOM library types `self` as a window. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<SlabOrder>) => void) | null;
  postMessage(message: SlabAnswer, transfer: Transferable[]): void;
}

/** What is being fetched, by its order's number, so that an order can be taken back and its connection gets free. */
const underway = new Map<number, AbortController>();

const scope = self as unknown as WorkerScope;

scope.onmessage = async ({ data: order }) => {
  try {
    if (order.kind === "giveUp") underway.get(order.id)?.abort();
    else if (order.kind === "fetchJoined") {
      const joined = joinBytePlanes(await fetchBytes(order.id, order.address));
      scope.postMessage({ id: order.id, kind: "join", joined }, [joined]);
    } else if (order.kind === "join") {
      const joined = joinBytePlanes(order.bytes);
      scope.postMessage({ id: order.id, kind: "join", joined }, [joined]);
    } else if (order.kind === "shares") {
      const shares = buildShareSlab(order.bytes, order.nx);
      const { rowEnds, starts, offsets, values } = shares;
      const buffers = [rowEnds.buffer, starts.buffer, offsets.buffer, values.buffer];
      scope.postMessage({ id: order.id, kind: "shares", shares }, buffers);
    } else {
      const runs = buildRowRuns(order.bytes, order.nx, order.dtype);
      const { rowEnds, starts, ends, values } = runs;
      scope.postMessage({ id: order.id, kind: "rowRuns", runs }, [
        rowEnds.buffer,
        starts.buffer,
        ends.buffer,
        values.buffer,
      ]);
    }
  } catch (error) {
    scope.postMessage({ id: order.id, kind: "failed", reason: error instanceof Error ? error.message : "" }, []);
  }
};

async function fetchBytes(id: number, address: string): Promise<ArrayBuffer> {
  const giveUp = new AbortController();
  underway.set(id, giveUp);
  try {
    const response = await fetch(address, { credentials: "same-origin", signal: giveUp.signal });
    if (!response.ok) throw new Error(`Status ${response.status}.`);
    return await response.arrayBuffer();
  } finally {
    underway.delete(id);
  }
}
