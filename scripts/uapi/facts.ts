/**
 * The facts that `scripts/gen-uapi` takes from the kernel's headers: names, offsets, sizes and values, no text.
 * They are committed as `uapi.json`, so the bindings can be regenerated without the headers.
 */

/** The headers whose structs, constants and ioctl numbers are bound, in the order in which they are read. */
export const HEADERS = [
  "linux/v4l2-common.h",
  "linux/v4l2-controls.h",
  "linux/videodev2.h",
  "linux/media.h",
  "linux/media-bus-format.h",
  "linux/v4l2-mediabus.h",
  "linux/v4l2-subdev.h",
  "linux/fuse.h",
] as const;

/** The one that has no ioctls of devices; only the driver itself reads its structs. */
export const FUSE_HEADER = "linux/fuse.h";

/** Structs of the C library that the headers use come under this name. */
export const LIBC_HEADER = "sys/time.h";

/**
 * A C type as text: a scalar (`u8` ... `s64`, `char`, `ptr`) or `struct x` / `union x`, then dimensions: `u8[6][16]`.
 * `[]` is a flexible array. Anonymous types are named after their place: `v4l2_plane.m` for a named member,
 * `v4l2_buffer.<0>` for the first unnamed one.
 */
export type TypeText = string;

/** Member name (empty: unnamed union or struct), byte offset, type, and the enum it was declared with, if any. */
export type FieldFact = readonly [name: string, offset: number, type: TypeText, enumName?: string];

export interface StructFact {
  readonly name: string;
  readonly kind: "struct" | "union";
  readonly header: string;
  readonly size: number;
  readonly fields: readonly FieldFact[];
}

/**
 * What 32-bit programs are compiled for: a processor, which says how 64-bit members are aligned (i386: by 4 bytes, arm:
 * by 8), and the size of `time_t`, which a program of either may choose.
 */
export const ABIS32 = ["i386", "i386-time64", "arm", "arm-time64"] as const;
export type Abi32 = (typeof ABIS32)[number];

/** A struct or union as 32-bit programs have it, where that is not what 64-bit programs have. Pointers are `u32` here. */
export interface Struct32Fact {
  readonly name: string;
  /** The ABIs that have this layout. */
  readonly abis: readonly Abi32[];
  readonly size: number;
  /** The same members as in the {@link StructFact}, in the same order. */
  readonly fields: readonly (readonly [name: string, offset: number, type: TypeText])[];
}

/** `s32`, `u32`, `long` and `ulong` become numbers, `s64` and `u64` bigints, `str` strings. */
export type ConstantType = "s32" | "u32" | "long" | "ulong" | "s64" | "u64" | "str";

/** Name, C type, value in decimal (or the string). */
export type ConstantFact = readonly [name: string, type: ConstantType, value: string];

export interface EnumFact {
  /** Empty for an anonymous enum. */
  readonly name: string;
  readonly header: string;
  readonly values: readonly (readonly [name: string, value: number])[];
}

export interface IoctlFact {
  readonly name: string;
  readonly header: string;
  readonly number: number;
  /** The C type of the argument, empty for `_IO`. */
  readonly arg: string;
}

export interface Facts {
  /** Debian package and version that the headers came from. */
  readonly package: string;
  readonly version: string;
  readonly kernel: string;
  readonly structs: readonly StructFact[];
  readonly structs32: readonly Struct32Fact[];
  readonly enums: readonly EnumFact[];
  readonly constants: Readonly<Record<string, readonly ConstantFact[]>>;
  readonly ioctls: readonly IoctlFact[];
  /** Object-like macros that no userspace program can evaluate. */
  readonly skipped: readonly string[];
}

/** One array or scalar type, taken apart. */
export interface ParsedType {
  /** `u8`, `ptr`, `char`, or the name of a struct or union. */
  readonly base: string;
  readonly aggregate: boolean;
  /** Empty for a scalar; 0 marks a flexible array. */
  readonly dims: readonly number[];
}

export function parseType(text: TypeText): ParsedType {
  const open = text.indexOf("[");
  const head = open < 0 ? text : text.slice(0, open);
  const dims =
    open < 0 ? [] : [...text.slice(open).matchAll(/\[(\d*)\]/g)].map((match) => Number(match[1] ?? ""));
  const aggregate = /^(?:struct|union) (.+)$/.exec(head);
  return { base: aggregate?.[1] ?? head, aggregate: aggregate !== null, dims };
}

const SCALAR_SIZES: Readonly<Record<string, number>> = {
  u8: 1,
  s8: 1,
  char: 1,
  u16: 2,
  s16: 2,
  u32: 4,
  s32: 4,
  u64: 8,
  s64: 8,
  ptr: 8,
};

export function scalarSize(base: string): number {
  const size = SCALAR_SIZES[base];
  if (size === undefined) throw new Error(`not a scalar type: ${base}`);
  return size;
}

/** One fact per line: a diff of the file reads as a diff of the uAPI. */
export function serialize(facts: Facts): string {
  const lines: string[] = ["{"];
  for (const key of ["package", "version", "kernel"] as const)
    lines.push(`  ${JSON.stringify(key)}: ${JSON.stringify(facts[key])},`);
  lines.push(`  "structs": [`);
  lines.push(
    facts.structs
      .map(({ fields, ...head }) => {
        const inner = fields.map((field) => `      ${JSON.stringify(field)}`).join(",\n");
        return `    ${JSON.stringify(head).slice(0, -1)},"fields":[\n${inner}\n    ]}`;
      })
      .join(",\n"),
  );
  lines.push("  ],", `  "structs32": [`);
  lines.push(
    facts.structs32
      .map(({ fields, ...head }) => {
        const inner = fields.map((field) => `      ${JSON.stringify(field)}`).join(",\n");
        return `    ${JSON.stringify(head).slice(0, -1)},"fields":[\n${inner}\n    ]}`;
      })
      .join(",\n"),
  );
  lines.push("  ],", `  "enums": [`);
  lines.push(
    facts.enums
      .map(({ values, ...head }) => {
        const inner = values.map((value) => `      ${JSON.stringify(value)}`).join(",\n");
        return `    ${JSON.stringify(head).slice(0, -1)},"values":[\n${inner}\n    ]}`;
      })
      .join(",\n"),
  );
  lines.push("  ],", `  "constants": {`);
  lines.push(
    Object.entries(facts.constants)
      .map(([header, list]) => {
        const inner = list.map((constant) => `      ${JSON.stringify(constant)}`).join(",\n");
        return `    ${JSON.stringify(header)}: [\n${inner}\n    ]`;
      })
      .join(",\n"),
  );
  lines.push("  },", `  "ioctls": [`);
  lines.push(facts.ioctls.map((ioctl) => `    ${JSON.stringify(ioctl)}`).join(",\n"));
  lines.push("  ],", `  "skipped": ${JSON.stringify(facts.skipped)}`, "}", "");
  return lines.join("\n");
}
