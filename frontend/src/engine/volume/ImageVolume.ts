/**
 * The voxels of one image, slab by slab in one ArrayBuffer that is never copied.
 *
 * Usually there is a place for every slab, so the buffer is the volume, x fastest. Where a tab has no room for that, a few
 * places are shared: slices through k can be read while their slab is here, other planes never (`isWhole`).
 * Grey: int16. RGB: three uint8 volumes after one another (all R, all G, all B), as the slabs carry three planes.
 * Voxels of a slab that is not here read as null; views leave them black.
 */
import type { ImageInfo } from "../types";
import { SlabSlots } from "./SlabSlots";

export class ImageVolume {
  readonly slabCount: number;
  /** grey voxels as table indices (stored & 0xFFFF); empty for RGB */
  readonly grey: Uint16Array<ArrayBuffer>;
  /** R, G, B volumes one after the other, `voxelsHeld` each; empty for grey */
  readonly rgb: Uint8Array<ArrayBuffer>;
  readonly voxelsHeld: number;
  private readonly signed: Int16Array<ArrayBuffer>;
  private readonly hasArrived: Uint8Array;
  private readonly slots: SlabSlots | null;
  private readonly fullSlabVoxels: number;
  private loaded = 0;

  /** `places`: how many slabs are held at once. Throws RangeError when the tab cannot allocate them. */
  constructor(
    readonly info: ImageInfo,
    places = Number.POSITIVE_INFINITY,
  ) {
    const { nx, ny, nz, slabDepth, channels } = info;
    this.fullSlabVoxels = nx * ny * slabDepth;
    this.slabCount = Math.ceil(nz / slabDepth);
    this.slots = places < this.slabCount ? new SlabSlots(places) : null;
    this.voxelsHeld = this.slots === null ? nx * ny * nz : places * this.fullSlabVoxels;
    this.hasArrived = new Uint8Array(this.slabCount);
    this.grey = new Uint16Array(channels === 1 ? this.voxelsHeld : 0);
    this.signed = new Int16Array(this.grey.buffer);
    this.rgb = new Uint8Array(channels === 3 ? 3 * this.voxelsHeld : 0);
  }

  /** Whether there is a place for every slab: only then can other planes than the acquisition's be shown. */
  get isWhole(): boolean {
    return this.slots === null;
  }

  /** Slabs that have arrived; where places are shared, one that came again counts again. */
  get slabsLoaded(): number {
    return this.loaded;
  }

  get isComplete(): boolean {
    return this.isWhole && this.loaded === this.slabCount;
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
    const start = (this.slots?.take(slab) ?? slab) * this.fullSlabVoxels;
    if (this.info.channels === 1) {
      this.signed.set(new Int16Array(bytes), start);
    } else {
      for (let channel = 0; channel < 3; channel++) {
        this.rgb.set(new Uint8Array(bytes, channel * voxels, voxels), channel * this.voxelsHeld + start);
      }
    }
    if (this.hasArrived[slab] === 0 || this.slots !== null) this.loaded += 1;
    this.hasArrived[slab] = 1;
  }

  hasSlab(slab: number): boolean {
    return this.slots === null ? this.hasArrived[slab] === 1 : this.slots.find(slab) !== undefined;
  }

  hasSlice(k: number): boolean {
    return this.hasSlab(Math.floor(k / this.info.slabDepth));
  }

  /** Whether all of a slice across voxel axis 0, 1 or 2 is here. */
  hasAllOf(slice: number, axis: number): boolean {
    return axis === 2 ? this.hasSlice(slice) : this.isComplete;
  }

  /** The reader looks at it or near it: it is the last to lose its place. */
  useSlab(slab: number): void {
    this.slots?.use(slab);
  }

  /** How far slice k lies in the arrays from where it lies in the volume, in voxels. Its slab must be here. */
  shiftOf(k: number): number {
    if (this.slots === null) return 0;
    const slab = Math.floor(k / this.info.slabDepth);
    return ((this.slots.find(slab) ?? 0) - slab) * this.fullSlabVoxels;
  }

  /** Stored int16 of a grey voxel whose slab is here. */
  readStored(index: number): number {
    if (this.slots === null) return this.signed[index] as number;
    return this.signed[index + this.shiftOf(Math.floor(index / (this.info.nx * this.info.ny)))] as number;
  }

  /** Displayed value (grey, slope and intercept applied) or R, G, B; null while the slab is not here. */
  readDisplayed(i: number, j: number, k: number): readonly number[] | null {
    const { nx, ny, slope, intercept, channels } = this.info;
    if (!this.hasSlice(k)) return null;
    const index = i + nx * (j + ny * k) + this.shiftOf(k);
    if (channels === 1) return [(this.signed[index] as number) * slope + intercept];
    return [0, 1, 2].map((channel) => this.rgb[channel * this.voxelsHeld + index] as number);
  }
}
