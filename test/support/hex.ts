/** Bytes written as a specification: hexadecimal digits, spaces and line breaks as you like, `#` starts a comment. */
export function hex(parts: TemplateStringsArray, ...values: readonly unknown[]): Uint8Array {
  const text = String.raw({ raw: parts.raw }, ...values);
  const digits = text.replace(/#.*$/gm, "").replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hexadecimal bytes: ${digits}`);
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

/** The digits of bytes, in groups of four bytes, for messages of failed tests. */
export function digits(bytes: Uint8Array): string {
  return (
    Buffer.from(bytes)
      .toString("hex")
      .match(/.{1,8}/g) ?? []
  ).join(" ");
}
