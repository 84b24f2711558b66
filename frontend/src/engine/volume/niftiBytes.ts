/**
 * The image as an uncompressed NIfTI-1 file in memory, thinned to at most so many voxels a side: for the 3D panel, which
 * only looks. The affine goes into the sform (method 3 of the NIfTI-1 specification), moved to the centre of each block.
 */
import type { ImageVolume } from "./ImageVolume";

const HEADER_BYTES = 352;
const INT16 = 4;

/** Grey images only, with every slab here; null otherwise. */
export function buildNifti(volume: ImageVolume, longestSide: number): ArrayBuffer | null {
  const { nx, ny, nz, affine, channels, slope, intercept } = volume.info;
  if (channels !== 1 || !volume.isComplete) return null;
  const step = [nx, ny, nz].map((side) => Math.max(1, Math.ceil(side / longestSide))) as [number, number, number];
  const size = [nx, ny, nz].map((side, axis) => Math.floor(side / (step[axis] as number))) as [number, number, number];
  const bytes = new ArrayBuffer(HEADER_BYTES + 2 * size[0] * size[1] * size[2]);
  const header = new DataView(bytes);
  header.setInt32(0, 348, true);
  for (const [n, dim] of [3, ...size, 1, 1, 1, 1].entries()) header.setInt16(40 + 2 * n, dim, true);
  header.setInt16(70, INT16, true);
  header.setInt16(72, 16, true);
  header.setFloat32(76, 1, true);
  for (const axis of [0, 1, 2] as const) {
    const column = [0, 4, 8].map((row) => (affine[row + axis] as number) * step[axis]);
    header.setFloat32(80 + 4 * axis, Math.hypot(...column), true);
  }
  header.setFloat32(108, HEADER_BYTES, true);
  header.setFloat32(112, slope, true);
  header.setFloat32(116, intercept, true);
  header.setUint8(123, 2); // millimetres
  header.setInt16(254, 1, true);
  for (const row of [0, 1, 2]) {
    let origin = affine[4 * row + 3] as number;
    for (const axis of [0, 1, 2] as const) {
      const along = affine[4 * row + axis] as number;
      header.setFloat32(280 + 16 * row + 4 * axis, along * step[axis], true);
      origin += (along * (step[axis] - 1)) / 2;
    }
    header.setFloat32(280 + 16 * row + 12, origin, true);
  }
  for (const [n, letter] of [0x6e, 0x2b, 0x31, 0].entries()) header.setUint8(344 + n, letter);
  const voxels = new Int16Array(bytes, HEADER_BYTES);
  let to = 0;
  for (let k = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++) {
      const row = nx * (j * step[1] + ny * k * step[2]);
      for (let i = 0; i < size[0]; i++) voxels[to++] = volume.readStored(row + i * step[0]);
    }
  return bytes;
}
