/** The generated bindings as tables, for tests that go through all of them. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Facts } from "../../../scripts/uapi/facts.js";
import { StructEmitter } from "../../../scripts/uapi/emit-structs.js";
import { viewName } from "../../../scripts/uapi/names.js";
import type { FieldLayout, Layout } from "../../../src/uapi/layout.js";
import { LayoutTable } from "../../../src/uapi/table.js";
import * as fuse from "../../../src/cuse/gen/fuse.js";
import * as v4l2 from "../../../src/v4l2/gen/index.js";

export const repository = new URL("../../../", import.meta.url).pathname;

export const facts = JSON.parse(readFileSync(`${repository}scripts/uapi/uapi.json`, "utf8")) as Facts;

/** The unpacked headers of the facts, or newer ones where the mirror has those no longer. Downloads once. */
export function headers(): { readonly root: string; readonly exact: boolean } {
  const root = execFileSync(`${repository}scripts/gen-uapi`, ["--headers"], { encoding: "utf8" }).trim();
  return { root, exact: root.endsWith(`uapi-${facts.version}`) };
}

/** For `beforeAll` of tests that call {@link headers}. */
export const DOWNLOAD_TIMEOUT_MS = 300_000;

export type AnyView = Record<string, unknown> & { readonly bytes: Uint8Array };
export type AnyViewClass = v4l2.ViewClass<AnyView>;

export const modules: readonly Readonly<Record<string, unknown>>[] = [v4l2, fuse];

export function generated(name: string): unknown {
  return modules.map((module) => module[name]).find((value) => value !== undefined);
}

export const viewOf = (cName: string): AnyViewClass | undefined =>
  generated(viewName(cName)) as AnyViewClass | undefined;

type AnyTable = LayoutTable<Record<string, object>>;

/** The driver has no layouts of FUSE's structs, only views of some; here are those that the generator would make. */
function fuseLayouts(): AnyTable {
  const emitter = new StructEmitter(new Map(facts.structs.map((struct) => [struct.name, struct])));
  const structs = facts.structs.filter(({ header }) => header === "linux/fuse.h");
  return new LayoutTable<Record<string, object>>(
    Object.fromEntries(structs.map((struct) => [struct.name, emitter.definition(struct)])),
  );
}

const tables: readonly AnyTable[] = [v4l2.layouts, fuseLayouts()];

/** The table that knows a struct. */
export function tableOf(cName: string): AnyTable {
  const table = tables.find(({ names }) => names.includes(cName));
  if (table === undefined) throw new Error(`no layout of ${cName}`);
  return table;
}

export function layoutOf(cName: string): Layout {
  const layout = tableOf(cName).find(cName);
  if (layout === undefined) throw new Error(`no layout of ${cName}`);
  return layout;
}

/** Structs and unions that have a name in C. */
export const namedTypes = (): string[] =>
  tables.flatMap(({ names }) => names.filter((name) => !name.includes(".")));

/** Those of them that have a view. */
export const viewedTypes = (): string[] => namedTypes().filter((name) => viewOf(name) !== undefined);

const WIDTHS: Readonly<Record<string, number>> = { ...v4l2.WIDTHS, str: 1 };

export const isScalar = (type: string): boolean => type in WIDTHS;

export const sizeOfType = (type: string): number => WIDTHS[type] ?? layoutOf(type).size;

export const countOf = ({ dims }: FieldLayout): number => dims.reduce((product, dim) => product * dim, 1);

export interface Place {
  /** C path from the struct: `m.offset`. */
  readonly path: string;
  readonly offset: number;
  /** 0 for a flexible array. */
  readonly size: number;
  readonly field: FieldLayout;
}

/** All members, those of unnamed and anonymous types too, by their C path. @param find - Another table's layouts. */
export function placesOf(layout: Layout, prefix = "", base = 0, find = layoutOf): Place[] {
  return layout.fields.flatMap((field): Place[] => {
    const offset = base + field.offset;
    if (field.name === "") return placesOf(find(field.type), prefix, offset, find);
    const path = prefix + field.name;
    const width = WIDTHS[field.type] ?? find(field.type).size;
    const place = { path, offset, size: width * countOf(field), field };
    const anonymous = field.type.includes(".") && field.dims.length === 0;
    return anonymous ? [place, ...placesOf(find(field.type), `${path}.`, offset, find)] : [place];
  });
}
