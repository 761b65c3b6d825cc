/** Which prepared line each line of a buffer shows: scaling, flipping, fields, vertical movement, shared chroma. */
import { patternDefinition } from "./patterns.js";
import { geometryOf } from "./settings.js";
import type { TestPatternSettings } from "./settings.js";
import { Field, hasOneField, isSequential } from "./values.js";

/** Where a line of a component plane comes from. */
export interface RowSource {
  /** Line of the buffer, before it was put in its place; the same in every plane of a picture. */
  readonly bufferRow: number;
  /** A pattern line, or the mean of it and the next one. */
  readonly patternLine: number;
  readonly averaged: boolean;
  /** Taken at the instant of the second field, half a frame later. */
  readonly newer: boolean;
}

/** How far the picture has moved down in the source at the instant of each field, in lines. */
export interface VerticalShifts {
  readonly older: number;
  readonly newer: number;
}

/**
 * @param vsub - 2 for a plane of which a line stands for two.
 * @param rows - Lines of the buffer.
 * @returns one entry for each line of the plane, in the order of memory.
 */
export function rowSources(
  settings: TestPatternSettings,
  vsub: 1 | 2,
  rows: number,
  shifts: VerticalShifts,
): RowSource[] {
  const { height, field, fieldAlternate, vflip, pattern } = settings;
  const { lines, lineAt } = patternDefinition(pattern);
  const sequential = isSequential(field);
  const interlaced = isInterlaced(field);
  // tpg knows no lines to average for these two, and takes the first.
  const averages = vsub === 2 && field !== Field.Any && field !== Field.Alternate;
  const { crop } = geometryOf(settings);
  const cropRows = hasOneField(field) ? crop.height >> 1 : crop.height;
  /** The line of the picture that line `row` of a buffer shows. */
  const pictureLine = (row: number): number =>
    crop.top + frameLine(Math.floor((row * cropRows) / rows), field);
  const patternLine = (bufferRow: number, shift: number): number => {
    const line = pictureLine(bufferRow);
    const source = vflip ? height - line - 1 : line;
    return lineAt?.((source + height + shift) % height, height) ?? 0;
  };

  const result = new Array<RowSource>(Math.ceil(rows / vsub));
  for (let row = 0; row < rows; row++) {
    // The line after this one in the same field, or in the frame.
    const next = row + (sequential ? 2 : 1);
    if (vsub === 2 && (sequential ? (row & 3) >= 2 : (row & 1) === 1)) continue;
    const newer = !fieldAlternate && showsSecondField(pictureLine(row), field);
    const shift = newer ? shifts.newer : shifts.older;
    const current = patternLine(row, shift);
    let mean: number | undefined;
    if (averages && pictureLine(row) !== pictureLine(next)) {
      // tpg: interlaced frames average what the two fields show of one line, others two lines of one field.
      mean = interlaced
        ? between(patternLine(row, shifts.older), patternLine(row, shifts.newer), lines)
        : between(current, patternLine(next, shift), lines);
    }
    result[Math.floor(bufferLine(row, field, rows) / vsub)] = {
      bufferRow: row,
      patternLine: mean ?? current,
      averaged: mean !== undefined,
      newer: newer && !(interlaced && mean !== undefined),
    };
  }
  return result;
}

function isInterlaced(field: number): boolean {
  return field === Field.Interlaced || field === Field.InterlacedTb || field === Field.InterlacedBt;
}

/** The line of a whole frame that line `row` of a buffer is, which may hold one field only. */
function frameLine(row: number, field: number): number {
  if (field === Field.Top) return 2 * row;
  return field === Field.Bottom ? 2 * row + 1 : row;
}

/** Where line `row` of the frame is stored: sequential fields lie one after the other. */
function bufferLine(row: number, field: number, rows: number): number {
  if (!isSequential(field)) return row;
  const second = (row & 1) === 1;
  return (row >> 1) + (second === (field === Field.SeqTb) ? rows >> 1 : 0);
}

function showsSecondField(line: number, field: number): boolean {
  switch (field) {
    case Field.Interlaced:
    case Field.InterlacedTb:
    case Field.SeqTb:
    case Field.SeqBt:
      return (line & 1) === 1;
    case Field.InterlacedBt:
      return (line & 1) === 0;
    case Field.Bottom:
      return true;
    default:
      return false;
  }
}

/** The averaged line between two neighbouring pattern lines; undefined when they are not neighbours. */
function between(a: number, b: number, lines: number): number | undefined {
  if (a === (b + 1) % lines) return b;
  return b === (a + 1) % lines ? a : undefined;
}
