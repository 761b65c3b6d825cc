/** What a codec's check gets of each request, and what it says about it. */
import type { ControlValues } from "../../codec/index.js";
import type { ExpectedFlag } from "./compare.js";
import type { CheckResult } from "./h264.js";

/** A request whose controls are in effect. */
export interface CheckedRequest {
  /** Of the codec, as far as the device has them. */
  readonly controls: ControlValues;
  /** The OUTPUT buffer: a copy, which no client can change. */
  readonly bitstream: Uint8Array;
  /** Of the OUTPUT buffer: later requests refer to the picture by it. */
  readonly timestampNs: bigint;
}

/** Checks the requests of one open file in their order: what one establishes holds for those that follow. */
export interface StreamCheck {
  /** Never throws, whatever the request holds. */
  check(request: CheckedRequest): CheckResult;
}

/** A flag: its name, the syntax element, and the clause that gives it a value where the element is absent. */
export type FlagName = readonly [name: string, element: string, section?: string];

/**
 * What is expected of a word of flags.
 * @param names - Of bit 0 and those above it.
 * @param bits - The word as it should be.
 * @param ignored - Bits that mean nothing in this frame.
 */
export function expectedFlags(
  names: readonly FlagName[],
  bits: number | bigint,
  ignored = 0,
  word?: readonly string[],
): ExpectedFlag[] {
  return names.flatMap(([name, element, section], bit) => {
    const mask = 2 ** bit;
    if ((ignored & mask) !== 0) return [];
    const isSet = (Number(bits) & mask) !== 0;
    return { name, mask, isSet, element, ...(section && { section }), ...(word && { word }) };
  });
}
