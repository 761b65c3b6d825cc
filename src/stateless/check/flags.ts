/** What is expected of words of flags, from a table of their names; and places that are looked up when they are needed. */
import { CodecError, type FieldSink } from "../../codec/index.js";
import { FieldPlaces, type ExpectedFlag, type FieldElements } from "./compare.js";

/** A flag: its name, the syntax element, and the clause that gives it a value where the element is absent. */
export type FlagName = readonly [name: string, element: string, section?: string | undefined];

/** A word of flags that is not `flags` of the control itself. */
interface FlagWord {
  readonly path: string;
  /** As submitted. */
  readonly value: number | bigint;
}

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
  word?: FlagWord,
): ExpectedFlag[] {
  const flags: ExpectedFlag[] = [];
  for (const [bit, [name, element, section]] of names.entries()) {
    const mask = 2 ** bit;
    if ((ignored & mask) !== 0) continue;
    flags.push({ name, mask, isSet: (Number(bits) & mask) !== 0, element, section, ...(word && { word }) });
  }
  return flags;
}

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
