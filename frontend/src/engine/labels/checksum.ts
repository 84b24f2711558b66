/** CRC-32 as zlib computes it (polynomial 0xEDB88320, reflected), so that browser and server can compare slices. */

const TABLE = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  TABLE[n] = crc;
}

/** Unsigned 32-bit. The empty input gives 0. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let n = 0; n < bytes.length; n++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[n] as number)) & 255] as number);
  return (crc ^ 0xffffffff) >>> 0;
}
