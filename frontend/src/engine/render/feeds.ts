/** Fetch → decode → volume, for the image, for read-only label maps and for the map being drawn. */
import type { LabelVolume } from "../labels/LabelVolume";
import type { RowRunSlab, RowRuns } from "../labels/RowRuns";
import type { ShareSlab, ShareVolume } from "../labels/ShareVolume";
import type { FetchSlab, LabelType } from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { Lanes } from "../volume/lanes";
import { REACH_SLABS } from "../volume/openVolume";
import { type SlabCache, SlabLoader } from "../volume/slabLoader";
import type { SlabDecoder } from "../workers/SlabDecoder";
import { answerWithin, NoAnswer } from "./answerWithin";

export interface Feed {
  /** fetch what lies near this slice next */
  focus(slice: number): void;
  stop(): void;
  readonly finished: Promise<void>;
}

export interface FeedListener {
  arrived(): void;
  failed(sentence: string): void;
  /** told once, when the server leaves a first request unanswered and is asked again */
  late?(sentence: string): void;
}

/** A slab that is not here by then is asked for again. */
const ANSWER_WITHIN_MS = 20_000;

const SHOW_AGAIN = "Leave its slices and go back to them to try again.";
const RELOAD = "Reload the page to try again.";

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** For all feeds of this page together: the other three of the browser's connections are for strokes, events and answers. */
export const slabLanes = new Lanes(3, wait);

interface Feeding<Decoded> {
  readonly fetchSlab: FetchSlab;
  readonly decode: (bytes: ArrayBuffer) => Promise<Decoded>;
  readonly put: (slab: number, decoded: Decoded) => void;
  readonly what: string;
  /** what to do about a part that did not load */
  readonly remedy: string;
  readonly slabDepth: number;
  readonly slabCount: number;
  readonly focusSlice: number;
  /** where not all of it can be held */
  readonly cache?: SlabCache | null;
}

function startFeed<Decoded>(feeding: Feeding<Decoded>, listener: FeedListener): Feed {
  const stopping = new AbortController();
  const toSlab = (slice: number): number => Math.floor(slice / feeding.slabDepth);
  const remedy = feeding.slabCount === 1 ? RELOAD : feeding.remedy; // there is nowhere to go from the only part
  const fail = (slab: number, reason: string): void => {
    listener.failed(`Part ${slab + 1} of ${feeding.slabCount} of ${feeding.what} did not load: ${reason} ${remedy}`);
  };
  let isLate = false;
  const noteLate = (error: unknown): never => {
    if (error instanceof NoAnswer && !isLate) {
      isLate = true;
      listener.late?.(`${error.message} Parts of ${feeding.what} are asked for again.`);
    }
    throw error;
  };
  const loader = new SlabLoader<Decoded>(
    {
      // A slow line needs longer, a request that got lost does not: each attempt waits twice as long as the one before.
      fetch: (slab, attempt) => {
        const fetchPart = (signal: AbortSignal): Promise<ArrayBuffer> => feeding.fetchSlab(slab, signal);
        const limitMs = ANSWER_WITHIN_MS * 2 ** (attempt - 1);
        return slabLanes.run(() => answerWithin(limitMs, stopping.signal, fetchPart)).catch(noteLate);
      },
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
    feeding.cache ?? null,
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
    const joined = slabAddress === undefined ? null : await decoder.fetchJoined(slabAddress(slab), signal);
    return joined ?? decoder.join(await fetchSlab(slab, signal));
  };
  const decode = async (voxels: ArrayBuffer) => voxels;
  const put = (slab: number, bytes: ArrayBuffer): void => volume.putSlab(slab, bytes);
  const { slabCount } = volume;
  const has = (slab: number): boolean => volume.hasSlab(slab);
  const cache = volume.isWhole ? null : { reach: REACH_SLABS, has, use: (slab: number) => volume.useSlab(slab) };
  return startFeed(
    {
      fetchSlab: fetchVoxels,
      decode,
      put,
      what: "the image",
      remedy: SHOW_AGAIN,
      slabDepth,
      slabCount,
      focusSlice,
      cache,
    },
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
  return startFeed(
    { fetchSlab, decode, put, what: "a reading", remedy: SHOW_AGAIN, slabDepth, slabCount, focusSlice },
    listener,
  );
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
  return startFeed(
    { fetchSlab, decode, put, what: "a heat map", remedy: SHOW_AGAIN, slabDepth, slabCount, focusSlice },
    listener,
  );
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
    const expected = slices * labels.nx * labels.ny * labels.bytesPerVoxel;
    if (bytes.byteLength !== expected) throw new RangeError(`${bytes.byteLength} bytes instead of ${expected}.`);
    labels.putSlices(slab * slabDepth, bytes);
  };
  const slabCount = Math.ceil(labels.nz / slabDepth);
  return startFeed(
    { fetchSlab, decode, put, what: "your segmentation", remedy: RELOAD, slabDepth, slabCount, focusSlice },
    listener,
  );
}
