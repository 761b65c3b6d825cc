/**
 * How the kernel's trace events print values: the conversions of `print fmt` that visl's events use.
 * A value is a number, a bigint, or an array of them, nested when the C array has more than one dimension.
 */

export type Scalar = number | bigint;
export type Nested = Scalar | readonly Nested[];

/** Bytes of one array element in C. */
export type ElementSize = 1 | 2 | 4 | 8;

/** What a flag or a symbol is called; the order matters for flags of which one contains another. */
export type Names = readonly (readonly [value: Scalar, name: string])[];

export function flatten(value: Nested): Scalar[] {
  return typeof value === "object" ? value.flatMap(flatten) : [value];
}

/** `%d`, `%lld`, and `%u`, `%llu` of a type that is unsigned in C. */
export function decimal(value: Scalar): string {
  return value.toString();
}

/** `%u` of any integer of up to 32 bits: negative ones wrap. */
export function unsigned(value: Scalar): string {
  return BigInt.asUintN(32, BigInt(value)).toString();
}

/** `%x`, and with a width `%08x`. */
export function hex(value: Scalar, digits = 1): string {
  return BigInt.asUintN(32, BigInt(value)).toString(16).padStart(digits, "0");
}

/** `__print_array`: elements in hexadecimal without sign, `{0x1,0xff}`. */
export function hexArray(value: Nested, size: ElementSize): string {
  const bits = size * 8;
  const elements = flatten(value).map((element) =>
    typeof element === "number" && element >= 0
      ? `0x${element.toString(16)}`
      : `0x${BigInt.asUintN(bits, BigInt(element)).toString(16)}`,
  );
  return `{${elements.join(",")}}`;
}

const BYTES_PER_ROW = 32;

/** `__print_hex_dump` in braces: the array's memory, 32 bytes to a row. Little endian. */
export function hexDump(value: Nested, size: ElementSize): string {
  const bytes: string[] = [];
  for (const element of flatten(value)) {
    let rest = BigInt.asUintN(size * 8, BigInt(element));
    for (let byte = 0; byte < size; byte++) {
      bytes.push((rest & 0xffn).toString(16).padStart(2, "0"));
      rest >>= 8n;
    }
  }
  let text = "{\n";
  for (let start = 0; start < bytes.length; start += BYTES_PER_ROW) {
    text += `${bytes.slice(start, start + BYTES_PER_ROW).join(" ")}\n`;
  }
  return `${text}}`;
}

/** The names of the flags that are set; what no name covers last, as one hexadecimal number. */
export function flagNames(value: Scalar, names: Names): string[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const found: string[] = [];
  for (const [flag, name] of names) {
    const mask = BigInt(flag);
    if ((rest & mask) !== mask || mask === 0n) continue;
    found.push(name);
    rest &= ~mask;
  }
  if (rest !== 0n) found.push(`0x${rest.toString(16)}`);
  return found;
}

/** `__print_flags` with `|`; nothing when no flag is set. */
export function flags(value: Scalar, names: Names): string {
  return flagNames(value, names).join("|");
}

/** `__print_symbolic`: the name of the value, or the value in hexadecimal. */
export function symbol(value: Scalar, names: Names): string {
  const wanted = BigInt(value);
  return names.find(([known]) => BigInt(known) === wanted)?.[1] ?? `0x${wanted.toString(16)}`;
}
