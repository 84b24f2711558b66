/**
 * Outboxes with something left to send: of the open case, of cases already left, and of strokes that an earlier life of
 * this browser left in the journal. The tab must not close over them.
 */
import { getSegmentation } from "./actions";
import { endPauses } from "./clock";
import { type Journal, keeperFor } from "./journal";
import { Outbox, type OutboxClock, type Position } from "./outbox";
import { SegmentationPort } from "./port";
import type { SegmentationOut } from "./wire";

const busy = new Map<Outbox, string>();

export function trackOutbox(outbox: Outbox, segmentationId: string): void {
  busy.set(outbox, segmentationId);
}

export function forgetOutbox(outbox: Outbox): void {
  busy.delete(outbox);
}

/** Strokes of this tab which the server has not acknowledged. */
export function countUnsent(): number {
  let unsent = 0;
  for (const outbox of busy.keys()) unsent += outbox.waiting.length;
  return unsent;
}

/** Warn before the tab closes while strokes wait, until the returned function is called. */
export function guardLeaving(): () => void {
  const guard = (event: BeforeUnloadEvent) => {
    if (countUnsent() > 0) event.preventDefault();
  };
  window.addEventListener("beforeunload", guard);
  return () => window.removeEventListener("beforeunload", guard);
}

/** Wait until this tab's strokes are on the server, at most so long. */
export async function drainAll(patience_ms: number): Promise<void> {
  endPauses();
  const drained = Promise.allSettled([...busy.keys()].map((outbox) => outbox.drain()));
  await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, patience_ms))]);
}

/** Where a segmentation stands, as the server judges writes by it. */
export function positionOf(segmentation: SegmentationOut): Position {
  return { baseRevisionId: segmentation.head_revision_id, etag: segmentation.etag, seq: segmentation.edit_seq };
}

/**
 * Send what a crash or a closed tab left in the journal, for every case that is not open here; `refused` is told of what
 * cannot be sent. An open case finds its own strokes when it is opened.
 */
export async function deliverLeftovers(
  journal: Journal,
  clock: OutboxClock,
  refused: (detail: unknown) => void,
): Promise<void> {
  const deliver = async (segmentationId: string) => {
    const { edits } = await journal.list(segmentationId);
    const position = positionOf(await getSegmentation(segmentationId));
    const port = new SegmentationPort(segmentationId, { ...position, seq: 0 }, null);
    const outbox = new Outbox(position, port, clock, keeperFor(journal, segmentationId, refused), edits);
    outbox.refresh();
    trackOutbox(outbox, segmentationId);
    try {
      await outbox.drain();
    } finally {
      forgetOutbox(outbox);
      outbox.close();
    }
  };
  for (const segmentationId of await journal.segmentations())
    if (![...busy.values()].includes(segmentationId)) await deliver(segmentationId).catch(refused);
}
