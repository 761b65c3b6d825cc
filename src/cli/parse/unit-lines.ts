/** Explained units as text that people read, or as JSON. */
import type { Field, ParsedUnit } from "../../codec/index.js";
import { jsonText, type Lines } from "./control-lines.js";

/** Bytes of a value that are shown; opaque data can be as long as the file. */
const SHOWN_BYTES = 16;
const POSITION_WIDTH = 8;
const NAME_WIDTH = 48;

/** A title for each unit, and one line for each syntax element; or one JSON object for each unit. */
export function* unitLines(units: Iterable<ParsedUnit>, json: boolean): Lines {
  for (const unit of units) {
    const violated = unit.error !== undefined;
    if (json) yield { text: jsonText(unitJson(unit)), violated };
    else yield* unitText(unit);
  }
}

function* unitText({ name, offset, length, items, error }: ParsedUnit): Lines {
  yield { text: `${name}: ${length} bytes at ${offset}` };
  for (const item of items) {
    if ("heading" in item) {
      const { structure, section } = item.heading;
      yield { text: `  ${structure}()${section === undefined ? "" : `, ${section}`}` };
      continue;
    }
    const { field } = item;
    const position = String(field.bitPosition).padStart(POSITION_WIDTH);
    const label = fieldName(field).padEnd(NAME_WIDTH);
    yield { text: `${position} ${label} ${valueText(field.value)} (${field.bitLength} bits)` };
  }
  if (error !== undefined) yield { text: `  error: ${error.message}`, violated: true };
}

function unitJson({ name, offset, length, items, error }: ParsedUnit): unknown {
  const fields = [];
  let place: { readonly structure?: string; readonly section?: string | undefined } = {};
  for (const item of items) {
    if ("heading" in item) {
      const { structure, section } = item.heading;
      place = { structure, section };
      continue;
    }
    const { name: element, subscripts, bitPosition, bitLength, value } = item.field;
    fields.push({
      ...place,
      name: element,
      ...(subscripts.length > 0 && { subscripts }),
      bitPosition,
      bitLength,
      value: value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
    });
  }
  return { name, offset, length, fields, ...(error && { error: error.message }) };
}

function fieldName({ name, subscripts }: Field): string {
  return name + subscripts.map((subscript) => `[${subscript}]`).join("");
}

function valueText(value: Field["value"]): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (!(value instanceof Uint8Array)) return value.toString();
  const shown = Buffer.from(value.subarray(0, SHOWN_BYTES)).toString("hex");
  return value.byteLength > SHOWN_BYTES ? `${shown}... (${value.byteLength} bytes)` : shown;
}
