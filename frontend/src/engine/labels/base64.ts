/** Base64 (RFC 4648, padded, strict) without `atob`: the engine runs without the DOM library. */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUE_OF = new Int8Array(128).fill(-1);
for (let n = 0; n < 64; n++) VALUE_OF[ALPHABET.charCodeAt(n)] = n;

export function encodeBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let n = 0; n < bytes.length; n += 3) {
    const [a, b, c] = [bytes[n] as number, bytes[n + 1], bytes[n + 2]];
    const word = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    parts.push(
      ALPHABET.charAt(word >> 18) +
        ALPHABET.charAt((word >> 12) & 63) +
        (b === undefined ? "=" : ALPHABET.charAt((word >> 6) & 63)) +
        (c === undefined ? "=" : ALPHABET.charAt(word & 63)),
    );
  }
  return parts.join("");
}

/** Throws RangeError on anything but canonical base64: other letters, wrong length, stray bits before the padding. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0) throw new RangeError("Base64 text has a length that is no multiple of 4.");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const letters = text.length - padding;
  let bits = 0;
  let word = 0;
  let out = 0;
  for (let n = 0; n < letters; n++) {
    const code = text.charCodeAt(n);
    const value = code < 128 ? (VALUE_OF[code] as number) : -1;
    if (value < 0) throw new RangeError(`Base64 text has a foreign letter at place ${n}.`);
    word = ((word << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[out++] = (word >> bits) & 255;
    }
  }
  if ((word & ((1 << bits) - 1)) !== 0) throw new RangeError("Base64 text ends with stray bits.");
  return bytes;
}
