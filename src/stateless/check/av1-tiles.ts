/** The tiles behind a frame header, and what an OUTPUT buffer of AV1 holds: OBUs, or only the payload of some. */
import { av1, CodecError, type Coder, type ControlValues } from "../../codec/index.js";

export type TileEntries = NonNullable<ControlValues["StatelessAv1TileGroupEntry"]>;

/** Where a tile is; the size of the last one of a tile group is known only if no other group follows. */
export interface ExpectedTile {
  readonly tile_offset: number;
  readonly tile_size: number | undefined;
  readonly tile_row: number;
  readonly tile_col: number;
}

/** No temporal unit has more OBUs, and a buffer that is all headers ends here. */
const MAX_OBUS = 4096;

/**
 * The tiles of a frame whose groups follow one another without their OBU headers.
 * @param submitted - Tells where a group ends that others follow.
 * @throws {CodecError} They do not fill the buffer.
 */
export function tilesOf(
  c: Coder,
  header: av1.FrameHeader,
  submitted: () => TileEntries,
  end: number,
): ExpectedTile[] {
  const { tileCols, tileRows, tileSizeBytes } = header;
  const count = tileCols * tileRows;
  const tiles: ExpectedTile[] = [];
  const group: av1.TileGroupHeader = { tile_start_and_end_present_flag: false, tg_start: 0, tg_end: 0 };
  while (tiles.length < count) {
    av1.tileGroupHeader(c, header, tiles.length, group);
    for (let number = group.tg_start; number <= group.tg_end; number += 1) {
      const isCoded = number < group.tg_end;
      const isLast = number === count - 1;
      const coded = isCoded ? c.le("tile_size_minus_1", tileSizeBytes, undefined, number) + 1 : undefined;
      const tile_offset = c.position / 8;
      const size = coded ?? (isLast ? end - tile_offset : (submitted()[number]?.tile_size ?? 0));
      if (size <= 0) throw c.error(`tile ${number} is empty`);
      c.bytes("tile_data", size, undefined);
      const tile_row = Math.floor(number / tileCols);
      tiles.push({
        tile_offset,
        tile_size: isCoded || isLast ? size : undefined,
        tile_row,
        tile_col: number % tileCols,
      });
    }
  }
  return tiles;
}

/** A header as far as tile groups depend on it, from the control. */
export function headerOfTiles(
  info: NonNullable<ControlValues["StatelessAv1Frame"]>["tile_info"],
): av1.FrameHeader {
  const log2 = (count: number): number => (count > 1 ? 32 - Math.clz32(count - 1) : 0);
  return {
    ...av1.emptyFrameHeader(),
    tileCols: info.tile_cols,
    tileRows: info.tile_rows,
    tileColsLog2: log2(info.tile_cols),
    tileRowsLog2: log2(info.tile_rows),
    tileSizeBytes: info.tile_size_bytes,
  };
}

/** The OBUs of a buffer that holds whole ones with tiles among them; undefined: it starts with the payload of one. */
export function obusIn(bitstream: Uint8Array): readonly av1.Obu[] | undefined {
  const obus: av1.Obu[] = [];
  const { Frame, TileGroup, Padding } = av1.ObuType;
  try {
    for (const obu of av1.obusOf(bitstream, "low_overhead")) {
      const { obu_type: type, obu_has_size_field: hasSize } = obu.header;
      if (type === 0 || (type > 8 && type !== Padding) || !hasSize || obus.length >= MAX_OBUS)
        return undefined;
      obus.push(obu);
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return undefined;
  }
  const hasTiles = obus.some(({ header }) => header.obu_type === Frame || header.obu_type === TileGroup);
  return hasTiles ? obus : undefined;
}
