/** Bytes as a test reads best: hex with spaces and line comments. */

/** `hex\`04000000 # count\`` */
export function hex(strings: TemplateStringsArray, ...values: readonly unknown[]): Uint8Array {
  const text = String.raw({ raw: strings.raw }, ...values);
  const digits = text.replace(/#.*$/gm, "").replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new Error(`not hex: ${digits}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

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
