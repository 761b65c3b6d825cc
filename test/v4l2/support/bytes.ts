/** Bytes as a test reads best. */
export { hex } from "../../support/hex.js";

/** `bytes` followed by zeroes (or `fill`) up to `size`. */
export function padded(size: number, bytes: Uint8Array, fill = 0): Uint8Array {
  if (bytes.byteLength > size) throw new Error(`${bytes.byteLength} bytes do not fit into ${size}`);
  const all = new Uint8Array(size).fill(fill);
  all.set(bytes);
  return all;
}

/** Text as a NUL-padded field, in hex. */
export function text(size: number, value: string): string {
  return Buffer.from(padded(size, new TextEncoder().encode(value))).toString("hex");
}
