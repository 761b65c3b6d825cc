/** AV1's codes that are relative to a reference (5.9.26 to 5.9.28), composed of elements of a {@link Coder}. */
import type { Coder } from "./coder.js";

/** `inverse_recenter()`. */
function inverseRecenter(reference: number, value: number): number {
  if (value > 2 * reference) return value;
  return value % 2 === 1 ? reference - (value + 1) / 2 : reference + value / 2;
}

function recenter(reference: number, value: number): number {
  if (value > 2 * reference) return value;
  return value >= reference ? 2 * (value - reference) : 2 * (reference - value) - 1;
}

/** `decode_subexp()`: 0 to `count` - 1. */
function subexp(c: Coder, count: number, value: number | undefined): number {
  const k = 3;
  let offset = 0;
  for (let i = 0; ; i += 1) {
    const bits = i === 0 ? k : k + i - 1;
    const step = 2 ** bits;
    const rest = value === undefined ? undefined : value - offset;
    if (count <= offset + 3 * step) return offset + c.ns("subexp_final_bits", count - offset, rest);
    if (!c.flag("subexp_more_bits", rest === undefined ? undefined : rest >= step)) {
      return offset + c.u("subexp_bits", bits, rest);
    }
    offset += step;
  }
}

/** `decode_unsigned_subexp_with_ref()`: 0 to `count` - 1. */
export function unsignedSubexpWithRef(
  c: Coder,
  count: number,
  reference: number,
  value: number | undefined,
): number {
  if (2 * reference <= count) {
    const coded = value === undefined ? undefined : recenter(reference, value);
    return inverseRecenter(reference, subexp(c, count, coded));
  }
  const mirrored = count - 1 - reference;
  const coded = value === undefined ? undefined : recenter(mirrored, count - 1 - value);
  return count - 1 - inverseRecenter(mirrored, subexp(c, count, coded));
}

/** `decode_signed_subexp_with_ref()`: `low` to `high` - 1. */
export function signedSubexpWithRef(
  c: Coder,
  low: number,
  high: number,
  reference: number,
  value: number | undefined,
): number {
  const coded = value === undefined ? undefined : value - low;
  return low + unsignedSubexpWithRef(c, high - low, reference - low, coded);
}
