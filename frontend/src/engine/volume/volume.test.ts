import { describe, expect, it } from "vitest";
import { plainImage } from "../image.fixture";
import { joinBytePlanes } from "./bytePlanes";
import { ImageVolume } from "./ImageVolume";
import { SlabLoader, type SlabPort } from "./slabLoader";
import { buildWindowTable, normaliseWindow, toStoredRange, windowGrey } from "./windowTable";

describe("the window table", () => {
  it("rounds to the nearest grey for every int16", () => {
    const rescale = { slope: 1, intercept: -1024 };
    const table = buildWindowTable({ low: -160, high: 240 }, rescale);
    let worst = 0;
    for (let stored = -32768; stored < 32768; stored++) {
      const exact = ((stored - 1024 + 160) * 255) / 400;
      const grey = (table[stored & 0xffff] as number) & 255;
      worst = Math.max(worst, Math.abs(grey - Math.min(255, Math.max(0, exact))));
    }
    expect(worst).toBeLessThanOrEqual(0.5);
  });

  it("reaches both ends: truncation would never show 255", () => {
    expect(windowGrey(0, { low: 0, high: 1000 }, { slope: 1, intercept: 0 })).toBe(0);
    expect(windowGrey(999, { low: 0, high: 1000 }, { slope: 1, intercept: 0 })).toBe(255);
    expect(windowGrey(5000, { low: 0, high: 1000 }, { slope: 1, intercept: 0 })).toBe(255);
  });

  it("holds opaque grey pixels", () => {
    const table = buildWindowTable({ low: 0, high: 255 }, { slope: 1, intercept: 0 });
    expect([...new Uint8Array(table.buffer, 4 * 77, 4)]).toEqual([77, 77, 77, 255]);
    expect([...new Uint8Array(table.buffer, 4 * (-5 & 0xffff), 4)]).toEqual([0, 0, 0, 255]);
  });

  it("keeps a window at least one stored unit wide, so constant images are legal", () => {
    expect(normaliseWindow({ low: 7, high: 7 }, { slope: 0.5, intercept: 0 })).toEqual({ low: 6.75, high: 7.25 });
    expect(normaliseWindow({ low: 3, high: -2 }, { slope: 1, intercept: 0 })).toEqual({ low: -2, high: 3 });
    expect(
      windowGrey(14, normaliseWindow({ low: 7, high: 7 }, { slope: 0.5, intercept: 0 }), { slope: 0.5, intercept: 0 }),
    ).toBe(128);
  });

  it("turns displayed bounds into stored integers, inclusive, swapped for a negative slope", () => {
    expect(toStoredRange(-10, 10, { slope: 1, intercept: -1024 })).toEqual({ min: 1014, max: 1034 });
    expect(toStoredRange(0.9, 2.1, { slope: -0.5, intercept: 0 })).toEqual({ min: -4, max: -2 });
  });
});

const INFO = plainImage({ nx: 3, ny: 2, nz: 5, slabDepth: 2, slope: 2, intercept: -10 });

describe("an image's voxels", () => {
  it("come back from their byte planes with their sign", () => {
    const voxels = Int16Array.from([-32768, -1, 0, 1, 255, 256, 32767, -1024]);
    const bytes = new Uint8Array(voxels.buffer);
    const planes = new Uint8Array(16);
    voxels.forEach((_, n) => {
      planes[n] = bytes[2 * n] as number;
      planes[8 + n] = bytes[2 * n + 1] as number;
    });
    expect(new Int16Array(joinBytePlanes(planes.buffer))).toEqual(voxels);
    expect(() => joinBytePlanes(new ArrayBuffer(3))).toThrow(RangeError);
  });

  it("are read in displayed units, or as null before their slab is here", () => {
    const volume = new ImageVolume(INFO);
    volume.putSlab(2, Int16Array.from([1, 2, 3, 4, 5, -6]).buffer);
    expect(volume.readDisplayed(2, 1, 4)).toEqual([-22]);
    expect(volume.readDisplayed(2, 1, 3)).toBeNull();
    expect(volume.slabsLoaded).toBe(1);
  });

  it("of a colour image are three values", () => {
    const volume = new ImageVolume({ ...INFO, channels: 3, nz: 1 });
    volume.putSlab(0, Uint8Array.from({ length: 18 }, (_, n) => n).buffer);
    expect(volume.readDisplayed(1, 1, 0)).toEqual([4, 10, 16]);
  });

  it("are refused when the slab has another length", () => {
    expect(() => new ImageVolume(INFO).putSlab(2, new ArrayBuffer(24))).toThrow("Slab 2 has 24 bytes instead of 12");
  });
});

describe("the slab loader", () => {
  const load = async (count: number, focus: number, port: Partial<SlabPort<number>>) => {
    const arrived: number[] = [];
    const failed: string[] = [];
    const loader = new SlabLoader<number>(
      {
        fetch: async (slab) => new ArrayBuffer(slab),
        decode: async (bytes) => bytes.byteLength,
        wait: async () => undefined,
        ...port,
      },
      {
        arrived: (slab, decoded) => {
          expect(decoded).toBe(slab);
          arrived.push(slab);
        },
        failed: (slab, reason) => failed.push(`${slab} ${reason}`),
      },
      count,
      focus,
    );
    await loader.run();
    return { arrived, failed };
  };

  it("begins in the middle and works outwards", async () => {
    const order: number[] = [];
    await load(7, 3, {
      fetch: async (slab) => {
        order.push(slab);
        return new ArrayBuffer(slab);
      },
    });
    const distances = order.map((slab) => Math.abs(slab - 3));
    expect(distances).toEqual([...distances].sort((a, b) => a - b));
    expect(order).toHaveLength(7);
  });

  it("tries again, and goes on without a slab that stays away", async () => {
    const attempts = new Map<number, number>();
    const { arrived, failed } = await load(4, 0, {
      fetch: async (slab) => {
        const attempt = (attempts.get(slab) ?? 0) + 1;
        attempts.set(slab, attempt);
        if (slab === 2 || (slab === 1 && attempt < 3)) throw new Error("no route to host");
        return new ArrayBuffer(slab);
      },
    });
    expect([...arrived].sort()).toEqual([0, 1, 3]);
    expect(failed).toEqual(["2 no route to host"]);
    expect(attempts.get(2)).toBe(3);
  });
});
