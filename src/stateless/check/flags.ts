/** What is expected of words of flags, from a table of their names; and places that are looked up when they are needed. */
import { CodecError, type FieldSink } from "../../codec/index.js";
import { FieldPlaces, type ExpectedFlag, type FieldElements } from "./compare.js";

/** A flag: its name, the syntax element, and the clause that gives it a value where the element is absent. */
export type FlagName = readonly [name: string, element: string, section?: string | undefined];

/**
 * What is expected of a word of flags; nothing where it is as it should be.
 * @param names - Of bit 0 and those above it.
 * @param bits - The word as it should be.
 * @param value - The word as it was submitted.
 * @param ignored - Bits that mean nothing in this frame.
 * @param path - Of the word, if it is not `flags` of the control itself.
 */
export function expectedFlags(
  names: readonly FlagName[],
  bits: number | bigint,
  value: number | bigint,
  ignored = 0,
  path?: string,
): readonly ExpectedFlag[] {
  const known = 2 ** names.length - 1;
  if (((Number(bits) ^ Number(value)) & known & ~ignored) === 0) return none;
  const word = path === undefined ? undefined : { path, value };
  const flags: ExpectedFlag[] = [];
  for (const [bit, [name, element, section]] of names.entries()) {
    const mask = 2 ** bit;
    if ((ignored & mask) !== 0) continue;
    flags.push({ name, mask, isSet: (Number(bits) & mask) !== 0, element, section, ...(word && { word }) });
  }
  return flags;
}

const none: readonly ExpectedFlag[] = [];

/** @param record - Reads the bitstream once more, when the first place is asked for, and may throw a `CodecError`. */
export function placesOnDemand(
  elements: FieldElements,
  record: (sink: FieldSink) => unknown,
): () => FieldPlaces {
  let places: FieldPlaces | undefined;
  return () => {
    if (places !== undefined) return places;
    places = new FieldPlaces(elements);
    try {
      record(places);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
    return places;
  };
}
