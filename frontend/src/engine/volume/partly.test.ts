/** Images that a tab holds only a part of: which slabs are here, and that drawing on them is drawing on the whole. */
import { describe, expect, it } from "vitest";
import { plainImage } from "../image.fixture";
import { makeLabelArray } from "../labels/editCodec";
import { DenseLabels, PackedLabels } from "../labels/LabelStore";
import { ImageVolume } from "./ImageVolume";
import { openVolume } from "./openVolume";
import { SlabSlots } from "./SlabSlots";
import { SlabLoader } from "./slabLoader";

const INFO = plainImage({ nx: 4, ny: 3, nz: 41, slabDepth: 2 });
const SLICE = 12;
/** Slices 2n and 2n + 1; the value of a voxel is its number in the volume. */
const makeSlab = (slab: number): ArrayBuffer =>
  Int16Array.from({ length: slab === 20 ? SLICE : 2 * SLICE }, (_, at) => 2 * SLICE * slab + at).buffer;

describe("places for slabs", () => {
  it("are given to the newest, and taken from the one unused for longest", () => {
    const slots = new SlabSlots(2);
    const [first, second] = [slots.take(7), slots.take(3)];
    slots.use(7);

    expect(slots.take(5)).toBe(second);

    expect([slots.find(7), slots.find(3), slots.find(5)]).toEqual([first, undefined, second]);
    expect(slots.take(7)).toBe(first);
  });
});

describe("an image of which a part is held", () => {
  it("reads every slice that is here as the whole would, and the others not at all", () => {
    const volume = new ImageVolume(INFO, 2);
    for (const slab of [0, 20, 6]) volume.putSlab(slab, makeSlab(slab));

    expect([volume.hasSlice(0), volume.hasSlice(40), volume.hasSlice(12), volume.hasSlice(13)]).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(volume.readDisplayed(3, 2, 13)).toEqual([13 * SLICE + 11]);
    expect(volume.readStored(40 * SLICE + 5)).toBe(40 * SLICE + 5);
    expect(volume.readDisplayed(0, 0, 0)).toBeNull();
    expect([volume.isWhole, volume.isComplete]).toEqual([false, false]);
  });

  it("of a colour image keeps its three planes apart", () => {
    const volume = new ImageVolume({ ...INFO, channels: 3 }, 2);
    for (const slab of [4, 9, 5]) volume.putSlab(slab, Uint8Array.from({ length: 72 }, (_, at) => slab + at).buffer);

    expect(volume.readDisplayed(1, 0, 11)).toEqual([5 + 13, 5 + 24 + 13, 5 + 48 + 13]);
  });

  it("is one that the budget or the tab has no room for", () => {
    const wholeBytes = 3 * 4 * 3 * 41;
    expect(openVolume(INFO, wholeBytes).isWhole).toBe(true);
    expect(openVolume(INFO, wholeBytes - 1).isWhole).toBe(false);
    const huge = { ...INFO, nx: 2 ** 20, ny: 2 ** 20, nz: 2 ** 14 };
    expect(() => openVolume(huge, Number.POSITIVE_INFINITY)).toThrow("close other tabs and programs");
  });
});

describe("loading a part of an image", () => {
  const start = (places: number) => {
    const volume = new ImageVolume(INFO, places);
    const asked: number[] = [];
    const loader = new SlabLoader<ArrayBuffer>(
      {
        fetch: async (slab) => {
          asked.push(slab);
          return makeSlab(slab);
        },
        decode: async (bytes) => bytes,
        wait: async () => undefined,
      },
      { arrived: (slab, bytes) => volume.putSlab(slab, bytes), failed: (_, reason) => expect.fail(reason) },
      volume.slabCount,
      10,
      { reach: 1, has: (slab) => volume.hasSlab(slab), use: (slab) => volume.useSlab(slab) },
    );
    return { volume, asked, loader };
  };
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

  it("fetches what lies around the reader, and nothing else", async () => {
    const { asked, loader } = start(4);
    await loader.run();
    expect(asked).toEqual([10, 9, 11]);

    loader.focus(11);
    await settle();

    expect(asked).toEqual([10, 9, 11, 12]);
  });

  it("fetches again what had to go, and keeps where the reader went back and forth", async () => {
    const { volume, asked, loader } = start(6);
    await loader.run();
    for (const place of [2, 10, 2, 10]) {
      loader.focus(place);
      await settle();
    }
    expect(asked).toHaveLength(6);

    for (const place of [18, 15, 10]) {
      loader.focus(place);
      await settle();
    }

    expect(asked.slice(6).sort((a, b) => a - b)).toEqual([9, 10, 11, 14, 15, 16, 17, 18, 19]);
    expect([9, 10, 11].every((slab) => volume.hasSlab(slab))).toBe(true);
  });

  it("shows the reader's place however fast they scroll", async () => {
    const { volume, loader } = start(4);
    const first = loader.run();
    for (let place = 10; place >= 0; place--) loader.focus(place);
    await first;
    await settle();

    expect([0, 1].every((slab) => volume.hasSlab(slab))).toBe(true);
  });
});

describe("packed labels", () => {
  it.each(["uint8", "uint16"] as const)("are read as they were written, wherever and how often: %s", (dtype) => {
    const grid = { nx: 4, ny: 3, nz: 75 };
    const dense = new DenseLabels(grid, dtype);
    const packed = new PackedLabels(grid, dtype);
    let seed = 7;
    const draw = (below: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    for (let n = 0; n < 3000; n++) {
      const [index, value] = [draw(SLICE * grid.nz), draw(dtype === "uint8" ? 4 : 60000)];
      for (const store of [dense, packed]) store.write(index, value);
      const looked = draw(SLICE * grid.nz);
      expect(packed.read(looked)).toBe(dense.read(looked));
    }
    expect(packed.readSlices(0, grid.nz)).toEqual(dense.readSlices(0, grid.nz));
    expect(packed.readSlices(70, 75)).toEqual(dense.readSlices(70, 75));
    expect(new PackedLabels(grid, dtype).readSlices(3, 5)).toEqual(makeLabelArray(dtype, 2 * SLICE));
  });
});
