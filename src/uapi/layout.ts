/** What a layout is: as the generated tables give it, and with everything worked out that follows from it. */

/** How a scalar is printed when not in decimal: `x` in hex, `4cc` as four characters, or by the names of an enum. */
export type PrintHint = string;

/** A member as the generated table has it; `dims` and `hint` are left out where there are none. */
export type FieldDefinition = readonly [
  name: string,
  offset: number,
  type: string,
  dims?: readonly number[],
  hint?: PrintHint,
];

/** A struct, or a union if `union` is there, as the generated table has it. */
export interface Definition {
  readonly size: number;
  /** A union; `true`, or the member that stands for all in plain values, because all are integers of one size. */
  readonly union?: true | string;
  readonly fields: readonly FieldDefinition[];
}

export interface FieldLayout {
  /** `v4l2_plane.length`, for messages. */
  readonly label: string;
  /** Empty for an unnamed union or struct. */
  readonly name: string;
  readonly offset: number;
  /** A scalar kind, `str`, or the C name of a struct or union. */
  readonly type: string;
  /** Empty for a single value; a flexible array has the dimension 0. */
  readonly dims: readonly number[];
  /** Bytes from one element to the next, for each dimension. */
  readonly strides: readonly number[];
  readonly hint: PrintHint;
}

export interface Layout {
  readonly name: string;
  readonly kind: "struct" | "union";
  readonly size: number;
  readonly fields: readonly FieldLayout[];
  /** Union: the member that stands for all in plain values. */
  readonly stands?: string;
}

type Enums = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The names of enums' values. */
export class EnumTable {
  readonly #enums: Enums;
  readonly #names = new Map<string, ReadonlyMap<number, string>>();

  constructor(enums: Enums) {
    this.#enums = enums;
  }

  /** The first name that the enum gives to `value`; undefined if it has none. */
  nameOf(name: string, value: number): string | undefined {
    let names = this.#names.get(name);
    if (names === undefined) {
      const entries = Object.entries(this.#enums[name] ?? {});
      names = new Map(entries.reverse().map(([text, number]) => [number, text]));
      this.#names.set(name, names);
    }
    return names.get(value);
  }
}
