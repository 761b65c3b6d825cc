/** The layouts of all structs by C name, and the way from bytes to plain values and back. */
import { EnumTable, type Definition, type FieldLayout, type Layout } from "./layout.js";
import { PlainCompiler, type StructType } from "./plain.js";
import { WIDTHS, type BytesSource } from "./runtime.js";

/**
 * Layouts by C name. `Values` has the plain value of each struct; unions and unnamed structs have a layout, but no value
 * of their own. A struct is compiled when it is first used, so a table costs little to load.
 */
export class LayoutTable<Values extends object> {
  readonly #definitions: Readonly<Record<string, Definition>> & Readonly<Record<keyof Values, Definition>>;
  readonly #enums: EnumTable;
  readonly #compiler: PlainCompiler;
  readonly #layouts = new Map<string, Layout>();
  readonly #structs = new Map<string, StructType<unknown>>();

  constructor(
    definitions: Readonly<Record<string, Definition>> & Readonly<Record<keyof Values, Definition>>,
    enums: EnumTable = new EnumTable({}),
  ) {
    this.#definitions = definitions;
    this.#enums = enums;
    this.#compiler = new PlainCompiler((type) => this.#layout(type), enums);
  }

  /** All structs and unions. */
  get names(): readonly string[] {
    return Object.keys(this.#definitions);
  }

  /** The layout of a struct or union, or undefined for a name that is not in the table. */
  find(name: string): Layout | undefined {
    return Object.hasOwn(this.#definitions, name) ? this.#layout(name) : undefined;
  }

  /** The same of a struct that is there. @throws {Error} It is not. */
  get(name: string): Layout {
    return this.#layout(name);
  }

  /** The same structs, some of them laid out in another way. */
  with(others: Readonly<Record<string, Definition>>): LayoutTable<Values> {
    return new LayoutTable<Values>({ ...this.#definitions, ...others }, this.#enums);
  }

  /** What reads, writes and prints a struct; keep it where calls are many. */
  struct<Name extends keyof Values & string>(name: Name): StructType<Values[Name]> {
    let struct = this.#structs.get(name);
    if (struct === undefined) {
      struct = this.#compiler.compile(this.#layout(name));
      this.#structs.set(name, struct);
    }
    return struct as StructType<Values[Name]>;
  }

  /** Copies a struct out. @throws {RangeError} Too few bytes. */
  read<Name extends keyof Values & string>(name: Name, source: BytesSource): Values[Name] {
    return this.struct(name).read(source);
  }

  /** Writes every member. @throws {RangeError} Too few bytes, or a value that does not fit; bytes may be half written then. */
  write<Name extends keyof Values & string>(name: Name, target: BytesSource, value: Values[Name]): void {
    this.struct(name).write(target, value);
  }

  /** One line of `name=value`, for logs. */
  print<Name extends keyof Values & string>(name: Name, value: Values[Name] | BytesSource): string {
    return this.struct(name).print(value);
  }

  #layout(name: string): Layout {
    let layout = this.#layouts.get(name);
    if (layout === undefined) {
      const definition = this.#definitions[name];
      if (definition === undefined) throw new Error(`no layout of ${name}`);
      layout = this.#expand(name, definition);
      this.#layouts.set(name, layout);
    }
    return layout;
  }

  #expand(name: string, { size, union, fields }: Definition): Layout {
    const owner = name.replace(/\.<\d+>/g, "");
    return {
      name,
      kind: union === undefined ? "struct" : "union",
      size,
      ...(typeof union === "string" ? { stands: union } : {}),
      fields: fields.map(([field, offset, type, dims = [], hint = ""]): FieldLayout => {
        const element = this.#sizeOf(type);
        const strides = dims.map((_, depth) =>
          dims.slice(depth + 1).reduce((product, dim) => product * dim, element),
        );
        return { label: `${owner}.${field}`, name: field, offset, type, dims, strides, hint };
      }),
    };
  }

  #sizeOf(type: string): number {
    if (type === "str") return 1;
    return (WIDTHS as Readonly<Record<string, number>>)[type] ?? this.#layout(type).size;
  }
}
