/** Fetch → decode → volume, for the image, for read-only label maps and for the map being drawn. */
import type { LabelVolume } from "../labels/LabelVolume";
import type { RowRunSlab, RowRuns } from "../labels/RowRuns";
import type { ShareSlab, ShareVolume } from "../labels/ShareVolume";
import type { FetchSlab, LabelType } from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { slabLanes } from "../volume/lanes";
import { SlabLoader } from "../volume/slabLoader";
import type { SlabDecoder } from "../workers/SlabDecoder";

export interface Feed {
  /** fetch what lies near this slice next */
  focus(slice: number): void;
  stop(): void;
  readonly finished: Promise<void>;
}

export interface FeedListener {
  arrived(): void;
  failed(sentence: string): void;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Feeding<Decoded> {
  readonly fetchSlab: FetchSlab;
  readonly decode: (bytes: ArrayBuffer) => Promise<Decoded>;
  readonly put: (slab: number, decoded: Decoded) => void;
  readonly what: string;
  readonly slabDepth: number;
  readonly slabCount: number;
  readonly focusSlice: number;
}

function startFeed<Decoded>(feeding: Feeding<Decoded>, listener: FeedListener): Feed {
  const stopping = new AbortController();
  const toSlab = (slice: number): number => Math.floor(slice / feeding.slabDepth);
  const fail = (slab: number, reason: string): void => {
    listener.failed(`Part ${slab + 1} of ${feeding.slabCount} of ${feeding.what} did not load: ${reason}`);
  };
  const loader = new SlabLoader<Decoded>(
    {
      fetch: (slab) => slabLanes.run(() => feeding.fetchSlab(slab, stopping.signal)),
      decode: feeding.decode,
      wait,
    },
    {
      arrived: (slab, decoded) => {
        try {
          feeding.put(slab, decoded);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          fail(slab, error.message);
          return;
        }
        listener.arrived();
      },
      failed: fail,
    },
    feeding.slabCount,
    toSlab(feeding.focusSlice),
  );
  return {
    focus: (slice) => loader.focus(toSlab(slice)),
    stop: () => {
      loader.stop();
      stopping.abort();
    },
    finished: loader.run(),
  };
}

export function feedImage(
  volume: ImageVolume,
  fetchSlab: FetchSlab,
  slabAddress: ((slab: number) => string) | undefined,
  focusSlice: number,
  decoder: SlabDecoder,
  listener: FeedListener,
): Feed {
  const { slabDepth, channels } = volume.info;
  const fetchVoxels: FetchSlab = async (slab, signal) => {
    if (channels === 3) return fetchSlab(slab, signal);
    const joined = slabAddress === undefined ? null : await decoder.fetchJoined(slabAddress(slab));
    return joined ?? decoder.join(await fetchSlab(slab, signal));
  };
  const decode = async (voxels: ArrayBuffer) => voxels;
  const put = (slab: number, bytes: ArrayBuffer): void => volume.putSlab(slab, bytes);
  const { slabCount } = volume;
  return startFeed(
    { fetchSlab: fetchVoxels, decode, put, what: "the image", slabDepth, slabCount, focusSlice },
    listener,
  );
}

export function feedRowRuns(
  runs: RowRuns,
  fetchSlab: FetchSlab,
  dtype: LabelType,
  focusSlice: number,
  decoder: SlabDecoder,
  listener: FeedListener,
): Feed {
  const decode = (bytes: ArrayBuffer) => decoder.buildRowRuns(bytes, runs.nx, dtype);
  const put = (slab: number, rows: RowRunSlab): void => runs.putSlab(slab, rows);
  const { slabDepth, slabCount } = runs;
  return startFeed({ fetchSlab, decode, put, what: "a reading", slabDepth, slabCount, focusSlice }, listener);
}

export function feedShares(
  shares: ShareVolume,
  fetchSlab: FetchSlab,
  focusSlice: number,
  decoder: SlabDecoder,
  listener: FeedListener,
): Feed {
  const decode = (bytes: ArrayBuffer) => decoder.buildShareSlab(bytes, shares.nx);
  const put = (slab: number, decoded: ShareSlab): void => shares.putSlab(slab, decoded);
  const { slabDepth, slabCount } = shares;
  return startFeed({ fetchSlab, decode, put, what: "a heat map", slabDepth, slabCount, focusSlice }, listener);
}

export function feedLabels(
  labels: LabelVolume,
  fetchSlab: FetchSlab,
  slabDepth: number,
  focusSlice: number,
  listener: FeedListener,
): Feed {
  const decode = async (bytes: ArrayBuffer) => bytes;
  const put = (slab: number, bytes: ArrayBuffer): void => {
    const slices = Math.min(slabDepth, labels.nz - slab * slabDepth);
    const expected = slices * labels.nx * labels.ny * labels.voxels.BYTES_PER_ELEMENT;
    if (bytes.byteLength !== expected) throw new RangeError(`${bytes.byteLength} bytes instead of ${expected}.`);
    labels.putSlices(slab * slabDepth, bytes);
  };
  const slabCount = Math.ceil(labels.nz / slabDepth);
  return startFeed({ fetchSlab, decode, put, what: "your segmentation", slabDepth, slabCount, focusSlice }, listener);
}
