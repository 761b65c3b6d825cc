/** Views, plain values and layouts of one header's structs, as TypeScript. */
import type { Definition, FieldDefinition } from "../../src/uapi/layout.js";
import { parseType, scalarSize, type FieldFact, type Struct32Fact, type StructFact } from "./facts.js";
import { isText, plainName, printHint, standsFor, viewName } from "./names.js";

/** DataView method stem, TypeScript type. */
const SCALARS: Readonly<Record<string, readonly [stem: string, type: "number" | "bigint"]>> = {
  u8: ["Uint8", "number"],
  s8: ["Int8", "number"],
  char: ["Uint8", "number"],
  u16: ["Uint16", "number"],
  s16: ["Int16", "number"],
  u32: ["Uint32", "number"],
  s32: ["Int32", "number"],
  u64: ["BigUint64", "bigint"],
  s64: ["BigInt64", "bigint"],
  ptr: ["BigUint64", "bigint"],
};

/** Members that every view has, so no field may be called like one. */
const TAKEN = new Set(["bytes", "constructor", "SIZE"]);

interface Member {
  readonly name: string;
  readonly doc: string;
  /** Private cache of what the getter returns, if it is an object. */
  readonly cache?: readonly [type: string, make: string];
  readonly getter: readonly [type: string, expression: string];
  readonly setter?: readonly [type: string, statement: string];
}

export class StructEmitter {
  readonly #structs: ReadonlyMap<string, StructFact>;
  /** Runtime names that the emitted code uses. */
  readonly runtime = new Set<string>();
  /** Structs of other headers that the emitted code uses, by C name; views and plain types. */
  readonly usedViews = new Set<string>();
  readonly usedPlain = new Set<string>();

  constructor(structs: ReadonlyMap<string, StructFact>) {
    this.#structs = structs;
  }

  #struct(name: string): StructFact {
    const struct = this.#structs.get(name);
    if (struct === undefined) throw new Error(`no struct ${name}`);
    return struct;
  }

  #stands(union: StructFact): string | undefined {
    return union.kind === "union" && /\.<\d+>$/.test(union.name) ? standsFor(union, scalarSize) : undefined;
  }

  /** An unnamed member is part of its parent; only a union that plain values keep as bytes also gets a view. */
  hasView(struct: StructFact): boolean {
    if (!/\.<\d+>$/.test(struct.name)) return true;
    return struct.kind === "union" && this.#stands(struct) === undefined;
  }

  /** These and the structs that are members of them. */
  withMembers(names: readonly string[]): ReadonlySet<string> {
    const found = new Set<string>();
    const visit = (name: string): void => {
      if (found.has(name)) return;
      found.add(name);
      for (const [, , type] of this.#struct(name).fields) {
        const { aggregate, base } = parseType(type);
        if (aggregate) visit(base);
      }
    };
    names.forEach(visit);
    return found;
  }

  // -- layouts

  /** One entry of a layout table. */
  definition(struct: StructFact): Definition {
    const fields = struct.fields.map((field): FieldDefinition => {
      const [name, offset, type] = field;
      const { base, dims } = parseType(type);
      const kind = isText(field) ? "str" : base === "char" ? "u8" : base;
      const hint = printHint(struct.name.replace(/\.<\d+>$/, ""), field);
      if (hint !== "") return [name, offset, kind, dims, hint];
      return dims.length > 0 ? [name, offset, kind, dims] : [name, offset, kind];
    });
    if (struct.kind === "struct") return { size: struct.size, fields };
    return { size: struct.size, union: this.#stands(struct) ?? true, fields };
  }

  /** The same of a 32-bit program's struct. */
  definition32({ name, size, fields }: Struct32Fact): Definition {
    const { kind } = this.#struct(name);
    const list = fields.map(([field, offset, type]): FieldDefinition => {
      const { base, dims } = parseType(type);
      const scalar = isText([field, offset, type]) ? "str" : base === "char" ? "u8" : base;
      return dims.length > 0 ? [field, offset, scalar, dims] : [field, offset, scalar];
    });
    return kind === "struct" ? { size, fields: list } : { size, union: true, fields: list };
  }

  // -- views

  view(struct: StructFact): string {
    const name = viewName(struct.name);
    const display = `${struct.kind} ${struct.name}`;
    const members = this.#members(struct, 0);
    const caches = members.flatMap(({ name: field, cache }) =>
      cache === undefined ? [] : [`  #${field}: ${cache[0]} | undefined;`],
    );
    const lines = [
      `/** View over \`${display}\`: ${struct.size} bytes. Validates length only, never content. */`,
      `export class ${name} {`,
      `  static readonly SIZE = ${struct.size};`,
      ...(members.some((member) => `${member.getter[1]}${member.cache?.[1] ?? ""}`.includes("this.#view"))
        ? ["  readonly #view: DataView;"]
        : []),
      ...caches,
      "",
      `  /** @throws {RangeError} \`bytes\` is shorter than {@link ${name}.SIZE}. */`,
      `  constructor(readonly bytes: Uint8Array) {`,
      `    if (bytes.byteLength < ${name}.SIZE) {`,
      `      throw new RangeError(\`${display} needs \${${name}.SIZE} bytes, got \${bytes.byteLength}\`);`,
      `    }`,
    ];
    if (lines.includes("  readonly #view: DataView;")) {
      lines.push(`    this.#view = new DataView(bytes.buffer, bytes.byteOffset, ${name}.SIZE);`);
    }
    lines.push("  }");
    for (const { name: field, doc, cache, getter, setter } of members) {
      if (TAKEN.has(field)) throw new Error(`${struct.name}.${field} hides a member of every view`);
      lines.push("", `  /** ${doc} */`);
      const [type, expression] =
        cache === undefined ? getter : [getter[0], `(this.#${field} ??= ${cache[1]})`];
      lines.push(`  get ${field}(): ${type} { return ${expression}; }`);
      if (setter !== undefined) lines.push(`  set ${field}(${setter[0]}) { ${setter[1]}; }`);
    }
    lines.push("}");
    return lines.join("\n");
  }

  /** All accessors, those of unnamed members included. */
  #members(struct: StructFact, base: number): Member[] {
    return struct.fields.flatMap((field): Member[] => {
      const [name, offset, type] = field;
      const parsed = parseType(type);
      if (name === "") return this.#members(this.#struct(parsed.base), base + offset);
      if (parsed.dims[0] === 0) return [];
      return parsed.aggregate ? [this.#aggregate(field, base + offset)] : this.#scalar(field, base + offset);
    });
  }

  #aggregate([name, , type]: FieldFact, at: number): Member {
    const { base, dims } = parseType(type);
    const { size } = this.#struct(base);
    this.usedViews.add(base);
    const view = viewName(base);
    const doc = `\`${type}\` at ${at}.`;
    if (dims.length === 0) {
      return {
        name,
        doc,
        cache: [view, `new ${view}(this.bytes.subarray(${at}, ${at + size}))`],
        getter: [view, ""],
      };
    }
    this.runtime.add("StructArray");
    const count = dims.reduce((product, dim) => product * dim, 1);
    const array = `StructArray<${view}>`;
    return {
      name,
      doc,
      cache: [array, `new StructArray(this.bytes, ${at}, ${view}, ${count})`],
      getter: [array, ""],
    };
  }

  #scalar(field: FieldFact, at: number): Member[] {
    const [name, , type] = field;
    const { base, dims } = parseType(type);
    const scalar = SCALARS[base];
    if (scalar === undefined) throw new Error(`${name}: no scalar ${base}`);
    const [stem, tsType] = scalar;
    const width = scalarSize(base);
    const doc = `\`${type}\` at ${at}.`;
    if (dims.length === 0) {
      const order = width === 1 ? "" : ", true";
      return [
        {
          name,
          doc,
          getter: [tsType, `this.#view.get${stem}(${at}${order})`],
          setter: [`value: ${tsType}`, `this.#view.set${stem}(${at}, value${order})`],
        },
      ];
    }
    const count = dims.reduce((product, dim) => product * dim, 1);
    const raw: Member = {
      name,
      doc: `${doc} Live bytes; assigning fewer zeroes the rest.`,
      getter: ["Uint8Array", `this.bytes.subarray(${at}, ${at + count})`],
      setter: ["values: ArrayLike<number>", `writeBytes(this.bytes, ${at}, ${count}, values)`],
    };
    if (isText(field)) {
      for (const used of ["readCString", "writeCString", "writeBytes"]) this.runtime.add(used);
      const text: Member = {
        name,
        doc: `\`${type}\` at ${at}: text.`,
        getter: ["string", `readCString(this.bytes, ${at}, ${count})`],
        setter: ["text: string", `writeCString(this.bytes, ${at}, ${count}, text)`],
      };
      return [text, { ...raw, name: `${name}_bytes` }];
    }
    if (width === 1 && base !== "s8") {
      this.runtime.add("writeBytes");
      return [raw];
    }
    const array = tsType === "bigint" ? "BigIntArray" : "NumberArray";
    this.runtime.add(array);
    return [
      {
        name,
        doc: `${doc} Assigning fewer zeroes the rest.`,
        cache: [array, `new ${array}(this.#view, ${at}, "${base}", ${count})`],
        getter: [array, ""],
        setter: [`values: ArrayLike<${tsType}>`, `this.${name}.assign(values)`],
      },
    ];
  }

  // -- plain values

  /** The interface. Unions have none: only the struct around one knows which member is valid. */
  plain(struct: StructFact): string {
    const fields = this.#plainFields(struct);
    const names = fields
      .map((line) => /readonly (\w+):/.exec(line)?.[1])
      .filter((field) => field !== undefined);
    if (new Set(names).size < names.length)
      throw new Error(`${struct.name}: two members of one name in its plain value`);
    return [
      `/** \`struct ${struct.name}\` as a value of its own. */`,
      `export interface ${plainName(struct.name)} {`,
      ...fields,
      "}",
    ].join("\n");
  }

  #plainFields(struct: StructFact): string[] {
    return struct.fields.flatMap((field): string[] => {
      const [name, , type] = field;
      const { base, aggregate, dims } = parseType(type);
      if (name === "") {
        const inner = this.#struct(base);
        if (inner.kind === "struct") return this.#plainFields(inner);
        const stands = this.#stands(inner);
        if (stands === undefined)
          return ["  /** The bytes of the unnamed union. */", "  readonly anon: Uint8Array;"];
        return this.#plainFields({ ...inner, fields: inner.fields.filter(([member]) => member === stands) });
      }
      if (dims[0] === 0) return [];
      if (isText(field)) return [`  readonly ${name}: string;`];
      if (aggregate && this.#struct(base).kind === "union") {
        return ["  /** The union's bytes. */", `  readonly ${name}: Uint8Array;`];
      }
      if (aggregate) this.usedPlain.add(base);
      const element = aggregate ? plainName(base) : (SCALARS[base]?.[1] ?? "never");
      const array = dims.reduce(
        (inner) => (inner.startsWith("readonly ") ? `readonly (${inner})[]` : `readonly ${inner}[]`),
        element,
      );
      return [`  readonly ${name}: ${array};`];
    });
  }
}
