/** What a program that explains streams sees of any codec. */
import { CodecError, type Field, type FieldSink, type Heading } from "./bits/index.js";

/** An element of an explained unit: a syntax element or the title of the structure that follows. */
export type UnitItem = { readonly field: Field } | { readonly heading: Heading };

/** One unit of a stream: a NAL unit, an OBU, a frame, a start code and what follows it. */
export interface ParsedUnit {
  /** `Sequence Parameter Set`, as the specification calls it. */
  readonly name: string;
  /** Of the unit's first byte in the stream, after a start code; `bitPosition`s count from there, see `Rbsp`. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
  readonly items: readonly UnitItem[];
  /** Why the unit could be parsed no further than `items`. */
  readonly error?: CodecError;
}

/** Explains a stream: every codec exports one as `parseUnits`. It throws for nothing that is in the stream. */
export type UnitParser = (stream: Uint8Array) => Iterable<ParsedUnit>;

/** Runs `parse` with a sink, and keeps what it was told until the end or the first {@link CodecError}. */
export function recorded(parse: (sink: FieldSink) => void): {
  readonly items: readonly UnitItem[];
  readonly error: CodecError | undefined;
} {
  const items: UnitItem[] = [];
  try {
    parse({
      field: (field) => {
        items.push({ field });
      },
      heading: (heading) => {
        items.push({ heading });
      },
    });
    return { items, error: undefined };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { items, error };
  }
}
