/** How a frame is cut into tiles, and tile groups: 5.9.15 and 5.11.1. */
import type { Coder } from "../bits/index.js";
import type { FrameHeader } from "./frame-header.js";
import type { SequenceHeader } from "./syntax-sequence.js";

const MAX_TILE_WIDTH = 4096;
const MAX_TILE_AREA = 4096 * 2304;
const MAX_TILE_COLS = 64;
const MAX_TILE_ROWS = 64;

/** `tile_log2()`: the smallest k for which `size << k` is at least `target`. */
function tileLog2(size: number, target: number): number {
  let k = 0;
  while (size * 2 ** k < target) k += 1;
  return k;
}

export function tileInfo(c: Coder, seq: SequenceHeader, frame: FrameHeader): void {
  c.structure("tile_info", "5.9.15");
  const sbShift = seq.use_128x128_superblock ? 5 : 4;
  const sbCols = (frame.miCols + (1 << sbShift) - 1) >> sbShift;
  const sbRows = (frame.miRows + (1 << sbShift) - 1) >> sbShift;
  const sbSize = sbShift + 2;
  const maxWidthSb = MAX_TILE_WIDTH >> sbSize;
  const minLog2Cols = tileLog2(maxWidthSb, sbCols);
  const minLog2Tiles = Math.max(minLog2Cols, tileLog2(MAX_TILE_AREA >> (2 * sbSize), sbRows * sbCols));
  frame.uniform_tile_spacing_flag = c.flag("uniform_tile_spacing_flag", frame.uniform_tile_spacing_flag);
  if (frame.uniform_tile_spacing_flag) {
    const maxLog2Cols = tileLog2(1, Math.min(sbCols, MAX_TILE_COLS));
    const maxLog2Rows = tileLog2(1, Math.min(sbRows, MAX_TILE_ROWS));
    frame.tileColsLog2 = increments(
      c,
      "increment_tile_cols_log2",
      minLog2Cols,
      maxLog2Cols,
      frame.tileColsLog2,
    );
    frame.tileCols = evenly(frame.width_in_sbs_minus_1, sbCols, frame.tileColsLog2);
    const minLog2Rows = Math.max(minLog2Tiles - frame.tileColsLog2, 0);
    frame.tileRowsLog2 = increments(
      c,
      "increment_tile_rows_log2",
      minLog2Rows,
      maxLog2Rows,
      frame.tileRowsLog2,
    );
    frame.tileRows = evenly(frame.height_in_sbs_minus_1, sbRows, frame.tileRowsLog2);
  } else {
    frame.tileCols = spans(c, "width_in_sbs_minus_1", frame.width_in_sbs_minus_1, sbCols, maxWidthSb);
    const widest = Math.max(...frame.width_in_sbs_minus_1.subarray(0, frame.tileCols)) + 1;
    const area = minLog2Tiles > 0 ? (sbRows * sbCols) >> (minLog2Tiles + 1) : sbRows * sbCols;
    const maxHeightSb = Math.max(Math.floor(area / widest), 1);
    frame.tileRows = spans(c, "height_in_sbs_minus_1", frame.height_in_sbs_minus_1, sbRows, maxHeightSb);
    frame.tileColsLog2 = tileLog2(1, frame.tileCols);
    frame.tileRowsLog2 = tileLog2(1, frame.tileRows);
  }
  starts(frame.miColStarts, frame.width_in_sbs_minus_1, frame.tileCols, sbShift, frame.miCols);
  starts(frame.miRowStarts, frame.height_in_sbs_minus_1, frame.tileRows, sbShift, frame.miRows);
  const bits = frame.tileColsLog2 + frame.tileRowsLog2;
  if (bits > 0) {
    const last = frame.tileCols * frame.tileRows - 1;
    frame.context_update_tile_id = c.uRange(
      "context_update_tile_id",
      bits,
      frame.context_update_tile_id,
      0,
      last,
    );
    frame.tileSizeBytes = c.u("tile_size_bytes_minus_1", 2, frame.tileSizeBytes - 1) + 1;
  } else {
    frame.context_update_tile_id = 0;
    frame.tileSizeBytes = 0;
  }
}

function increments(c: Coder, name: string, min: number, max: number, wanted: number): number {
  let log2 = min;
  while (log2 < max && c.flag(name, wanted > log2)) log2 += 1;
  return log2;
}

/** Fills in the sizes of tiles that are all equal but the last. @returns Their number. */
function evenly(sizes: Uint32Array, superblocks: number, log2: number): number {
  const size = (superblocks + (1 << log2) - 1) >> log2;
  let count = 0;
  sizes.fill(0);
  for (let start = 0; start < superblocks; start += size) {
    sizes[count] = Math.min(size, superblocks - start) - 1;
    count += 1;
  }
  return count;
}

/** Sizes that are coded. @returns Their number. */
function spans(c: Coder, name: string, sizes: Uint32Array, superblocks: number, most: number): number {
  let count = 0;
  for (let start = 0; start < superblocks; count += 1) {
    if (count === sizes.length) throw c.error(`there are more than ${sizes.length} tiles in a row or column`);
    const size = c.ns(name, Math.min(superblocks - start, most), sizes[count], count);
    sizes[count] = size;
    start += size + 1;
  }
  return count;
}

function starts(target: Uint32Array, sizes: Uint32Array, count: number, sbShift: number, end: number): void {
  let start = 0;
  for (let i = 0; i < count; i += 1) {
    target[i] = start << sbShift;
    start += (sizes[i] ?? 0) + 1;
  }
  target[count] = end;
}

/** What a tile group says before its tiles. */
export interface TileGroupHeader {
  tile_start_and_end_present_flag: boolean;
  tg_start: number;
  tg_end: number;
}

/** `tile_group_obu()` up to the first tile. @param next - `TileNum`: the tile that is to come. */
export function tileGroupHeader(c: Coder, frame: FrameHeader, next: number, group: TileGroupHeader): void {
  c.structure("tile_group_obu", "5.11.1");
  const count = frame.tileCols * frame.tileRows;
  group.tile_start_and_end_present_flag =
    count > 1 && c.flag("tile_start_and_end_present_flag", group.tile_start_and_end_present_flag);
  if (group.tile_start_and_end_present_flag) {
    const bits = frame.tileColsLog2 + frame.tileRowsLog2;
    group.tg_start = c.uRange("tg_start", bits, group.tg_start, next, next);
    group.tg_end = c.uRange("tg_end", bits, group.tg_end, next, count - 1);
  } else {
    if (next !== 0) throw c.error(`a tile group with all tiles follows one that ends before tile ${next}`);
    group.tg_start = 0;
    group.tg_end = count - 1;
  }
  c.alignWith("zero_bit", 0);
}

/** One tile of a frame. */
export interface Tile {
  readonly row: number;
  readonly col: number;
  /** From the start of the OBU, in bytes. */
  readonly offset: number;
  readonly size: number;
}
