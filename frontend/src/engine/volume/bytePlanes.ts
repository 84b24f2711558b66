/** Slab bytes → int16 voxels: the wire carries all low bytes, then all high bytes (they compress better apart). */

/** Joins a slab's two byte planes, little-endian. Throws RangeError on an odd length. */
export function joinBytePlanes(planes: ArrayBuffer): ArrayBuffer {
  if (planes.byteLength % 2 !== 0) throw new RangeError(`A slab of ${planes.byteLength} bytes has no two byte planes.`);
  const count = planes.byteLength / 2;
  const low = new Uint8Array(planes, 0, count);
  const high = new Uint8Array(planes, count, count);
  const joined = new Uint16Array(count);
  for (let n = 0; n < count; n++) joined[n] = (low[n] as number) | ((high[n] as number) << 8);
  return joined.buffer;
}
