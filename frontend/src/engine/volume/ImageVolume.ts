/**
 * The voxels of one image, x fastest, in one ArrayBuffer that is filled slab by slab and never copied.
 *
 * Grey: int16. RGB: three uint8 volumes after one another (all R, all G, all B), as the slabs carry three planes.
 * Voxels of a slab that is not here yet read as null; views leave them black.
 */
import type { ImageInfo } from "../types";

export class ImageVolume {
  readonly voxelCount: number;
  readonly slabCount: number;
  /** grey voxels as table indices (stored & 0xFFFF); empty for RGB */
  readonly grey: Uint16Array<ArrayBuffer>;
  /** R, G, B volumes one after the other; empty for grey */
  readonly rgb: Uint8Array<ArrayBuffer>;
  private readonly signed: Int16Array<ArrayBuffer>;
  private readonly hasSlab: Uint8Array;
  private loaded = 0;

  constructor(readonly info: ImageInfo) {
    this.voxelCount = info.nx * info.ny * info.nz;
    this.slabCount = Math.ceil(info.nz / info.slabDepth);
    this.hasSlab = new Uint8Array(this.slabCount);
    this.grey = new Uint16Array(info.channels === 1 ? this.voxelCount : 0);
    this.signed = new Int16Array(this.grey.buffer);
    this.rgb = new Uint8Array(info.channels === 3 ? 3 * this.voxelCount : 0);
  }

  get slabsLoaded(): number {
    return this.loaded;
  }

  get isComplete(): boolean {
    return this.loaded === this.slabCount;
  }

  /** Voxels in slab k; the last slab may be thinner. */
  slabVoxels(slab: number): number {
    const depth = Math.min(this.info.slabDepth, this.info.nz - slab * this.info.slabDepth);
    return this.info.nx * this.info.ny * depth;
  }

  /** Grey: int16 voxels. RGB: R plane, G plane, B plane. Throws RangeError when the length is not the slab's. */
  putSlab(slab: number, bytes: ArrayBuffer): void {
    const voxels = this.slabVoxels(slab);
    const expected = voxels * (this.info.channels === 1 ? 2 : 3);
    if (bytes.byteLength !== expected) {
      throw new RangeError(`Slab ${slab} has ${bytes.byteLength} bytes instead of ${expected}.`);
    }
    const start = slab * this.info.slabDepth * this.info.nx * this.info.ny;
    if (this.info.channels === 1) {
      this.signed.set(new Int16Array(bytes), start);
    } else {
      for (let channel = 0; channel < 3; channel++) {
        this.rgb.set(new Uint8Array(bytes, channel * voxels, voxels), channel * this.voxelCount + start);
      }
    }
    if (this.hasSlab[slab] === 0) this.loaded += 1;
    this.hasSlab[slab] = 1;
  }

  hasSlice(k: number): boolean {
    return this.hasSlab[Math.floor(k / this.info.slabDepth)] === 1;
  }

  /** Stored int16 of a grey voxel. */
  readStored(index: number): number {
    return this.signed[index] as number;
  }

  /** Displayed value (grey, slope and intercept applied) or R, G, B; null while the slab is not here. */
  readDisplayed(i: number, j: number, k: number): readonly number[] | null {
    const { nx, ny, slope, intercept, channels } = this.info;
    if (!this.hasSlice(k)) return null;
    const index = i + nx * (j + ny * k);
    if (channels === 1) return [(this.signed[index] as number) * slope + intercept];
    return [0, 1, 2].map((channel) => this.rgb[channel * this.voxelCount + index] as number);
  }
}
