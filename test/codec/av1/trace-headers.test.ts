/** Every element of every OBU against ffmpeg's reading: name, subscripts, position, length and value. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseUnits } from "../../../src/codec/av1/index.js";
import type { Field, ParsedUnit } from "../../../src/codec/index.js";
import { hasTraceHeaders, traceHeaders, type TracedField } from "../support/trace-headers.js";
import { vectors } from "../support/vectors.js";
import { clip, clipNames } from "./clips.js";
import { layeredStreamFile } from "./layered-stream.js";

interface Element {
  readonly name: string;
  readonly position: number;
  length: number;
  value: number;
}

/** ffmpeg's names of what the specification calls otherwise. */
const renamed = new Map([
  ["golden_frame_idx", "gold_frame_idx"],
  ["tile_size_bytes_minus1", "tile_size_bytes_minus_1"],
]);
const deltaNames = ["delta_q_y_dc", "delta_q_u_dc", "delta_q_u_ac", "delta_q_v_dc", "delta_q_v_ac"];

/**
 * ffmpeg's reading in the words of the specification. Elements without bits are what it derived or inferred.
 * @param large - Superblocks of 128x128, for which ffmpeg prints the lr_unit_shift that follows from the bit.
 */
function theirs(fields: readonly TracedField[], large: boolean): Element[] {
  const result: Element[] = [];
  const sizes: TracedField[] = [];
  for (const field of fields) {
    const { name, position, length, value } = field;
    if (name.startsWith("leb128_byte")) {
      sizes.push(field);
    } else if (sizes.length > 0) {
      // The value of leb128() comes after its bytes, without bits.
      result.push({ name, position: sizes[0]?.position ?? 0, length: 8 * sizes.length, value });
      sizes.length = 0;
    } else if (length > 0) {
      const [first = "", second] = name.split(".");
      const delta = deltaNames.indexOf(first);
      if (delta >= 0) result.push({ name: `${second ?? ""}[${delta}]`, position, length, value });
      else if (large && name === "lr_unit_shift") result.push({ name, position, length, value: value - 1 });
      else if (first === "tx_mode")
        result.push({ name: "tx_mode_select", position, length, value: value - 1 });
      else
        result.push({
          name: renamed.get(name) ?? name.replace("delta_frame_id_minus1", "delta_frame_id_minus_1"),
          position,
          length,
          value,
        });
    }
  }
  return result;
}

/** Ours as ffmpeg prints it: without tile sizes and tiles, and unary codes as one element. */
function ours(unit: ParsedUnit): Element[] {
  const result: Element[] = [];
  for (const item of unit.items) {
    if (!("field" in item)) continue;
    const { name, subscripts, bitPosition: position, bitLength: length, value } = item.field;
    if (name === "tile_size_minus_1" || name === "tile_data" || length === 0) continue;
    const log2 = /^increment_(tile_(?:cols|rows)_log2)$/.exec(name)?.[1];
    const last = result.at(-1);
    if (name === "lr_unit_extra_shift" && last !== undefined) {
      last.length += 1;
      last.value += Number(value);
    } else if (last !== undefined && (log2 ?? (name === "subexp_more_bits" ? name : "")) === last.name) {
      last.length += 1;
      last.value += Number(value);
    } else if (value instanceof Uint8Array) {
      result.push(...bytesOf(item.field, value));
    } else {
      const full = log2 ?? `${name}${subscripts.map((i) => `[${i}]`).join("")}`;
      result.push({ name: full, position, length, value: Number(value) });
    }
  }
  return result;
}

function bytesOf({ name, bitPosition }: Field, bytes: Uint8Array): Element[] {
  return Array.from(bytes, (value, i) => ({
    name: `${name}[${i}]`,
    position: bitPosition + 8 * i,
    length: 8,
    value,
  }));
}

/** The number of elements that agree, and the first that do not. */
function compare(file: string, format?: string): { units: number; elements: number } {
  const traced: TracedField[][] = [];
  for (const { fields } of traceHeaders(file, format)) {
    for (const field of fields) {
      if (field.name === "obu_forbidden_bit") traced.push([]);
      traced.at(-1)?.push(field);
    }
  }
  const units = [...parseUnits(new Uint8Array(readFileSync(file)))];
  let elements = 0;
  let large = false;
  for (const [i, unit] of units.entries()) {
    expect(unit.error, `${unit.name}, OBU ${i}`).toBeUndefined();
    const found = ours(unit);
    large =
      found.find(({ name }) => name === "use_128x128_superblock")?.value === 1 ||
      (large && i > 0 && !found.some(({ name }) => name === "seq_profile"));
    expect(found, `${unit.name}, OBU ${i}`).toEqual(theirs(traced[i] ?? [], large));
    elements += found.length;
  }
  expect(traced.length).toBe(units.length);
  return { units: units.length, elements };
}

const data = fileURLToPath(new URL("../../gstreamer/data/av1.ivf", import.meta.url));

describe.skipIf(!hasTraceHeaders())("AV1 headers as ffmpeg reads them", () => {
  it.each([data, ...vectors("av1", [".ivf", ".obu"])])("%s", (file) => {
    expect(compare(file).elements).toBeGreaterThan(800);
  });

  // ffmpeg turns Annex B into the other format before it shows it: see parse.test.ts.
  it.each(clipNames.filter((name) => name !== "annex-b"))(
    "of the clip %s",
    (name) => {
      const file = clip(name);
      if (file === undefined) return;
      const { units, elements } = compare(file, file.endsWith(".obu") ? "obu" : undefined);
      console.info(`${name}: ${units} OBUs, ${elements} elements`);
      expect(elements).toBeGreaterThan(40);
    },
    120_000,
  );

  it("of spatial layers, a decoder model, metadata, intra-only frames and short signalling, which no encoder here writes", () => {
    expect(compare(layeredStreamFile()).elements).toBeGreaterThan(500);
  });
});
