/** Open bitstream units: their header, and the two ways in which a stream strings them together (5.2, Annex B). */
import { SyntaxReader, type Coder } from "../bits/index.js";

/** `obu_type`, table in 6.2.2. */
export const ObuType = {
  SequenceHeader: 1,
  TemporalDelimiter: 2,
  FrameHeader: 3,
  TileGroup: 4,
  Metadata: 5,
  Frame: 6,
  RedundantFrameHeader: 7,
  TileList: 8,
  Padding: 15,
} as const;

const names: readonly (string | undefined)[] = [
  undefined,
  "Sequence Header OBU",
  "Temporal Delimiter OBU",
  "Frame Header OBU",
  "Tile Group OBU",
  "Metadata OBU",
  "Frame OBU",
  "Redundant Frame Header OBU",
  "Tile List OBU",
];

/** What the specification calls a type. */
export function obuName(type: number): string {
  return type === ObuType.Padding ? "Padding OBU" : (names[type] ?? `Reserved OBU (type ${type})`);
}

export interface ObuHeader {
  obu_type: number;
  obu_extension_flag: boolean;
  obu_has_size_field: boolean;
  temporal_id: number;
  spatial_id: number;
  /** Of what follows the header, in bytes. */
  obu_size: number;
}

export function emptyObuHeader(): ObuHeader {
  return {
    obu_type: 0,
    obu_extension_flag: false,
    obu_has_size_field: true,
    temporal_id: 0,
    spatial_id: 0,
    obu_size: 0,
  };
}

/**
 * `obu_header()` and `obu_size`.
 * @param end - Of the unit, in bytes from where the coder began; it counts where `obu_size` is absent.
 */
export function obuHeader(c: Coder, header: ObuHeader, end: number): void {
  c.structure("obu_header", "5.3.2");
  c.fixed("obu_forbidden_bit", 1, 0);
  header.obu_type = c.u("obu_type", 4, header.obu_type);
  header.obu_extension_flag = c.flag("obu_extension_flag", header.obu_extension_flag);
  header.obu_has_size_field = c.flag("obu_has_size_field", header.obu_has_size_field);
  // Reserved bits: a decoder ignores them, and an encoder writes 0.
  c.u("obu_reserved_1bit", 1, 0);
  if (header.obu_extension_flag) {
    c.structure("obu_extension_header", "5.3.3");
    header.temporal_id = c.u("temporal_id", 3, header.temporal_id);
    header.spatial_id = c.u("spatial_id", 2, header.spatial_id);
    c.u("extension_header_reserved_3bits", 3, 0);
  } else {
    header.temporal_id = 0;
    header.spatial_id = 0;
  }
  if (header.obu_has_size_field) header.obu_size = c.leb128("obu_size", header.obu_size);
  else header.obu_size = end - c.position / 8;
}

/** One OBU where it was found. */
export interface Obu {
  readonly header: ObuHeader;
  /** Of the header in what was parsed, in bytes. */
  readonly offset: number;
  /** From the first byte of the header to the last of the payload. Borrows the stream. */
  readonly bytes: Uint8Array;
  /** Of the payload in `bytes`. */
  readonly payloadOffset: number;
}

/** `low_overhead`: every OBU tells its size (5.2), as in IVF, Matroska, MP4 and `.obu` files. `annex_b`: lengths in front. */
export type ObuFormat = "low_overhead" | "annex_b";

/** Splits a stream into OBUs. @throws {CodecError} A length does not fit. */
export function* obusOf(stream: Uint8Array, format: ObuFormat, offset = 0): Generator<Obu> {
  if (format === "annex_b") yield* annexBObus(stream, offset);
  else yield* lowOverheadObus(stream, offset);
}

function* lowOverheadObus(stream: Uint8Array, offset: number): Generator<Obu> {
  const reader = new SyntaxReader("AV1", stream);
  let start = 0;
  while (start < stream.byteLength) {
    const obu = readObu(reader, stream, start, stream.byteLength - start, offset);
    if (!obu.header.obu_has_size_field) {
      throw reader.error("obu_has_size_field is 0 in the low-overhead format", start * 8);
    }
    yield obu;
    start += obu.bytes.byteLength;
  }
}

/** `temporal_unit()`, `frame_unit()` and `obu_length`: B.2. */
function* annexBObus(stream: Uint8Array, offset: number): Generator<Obu> {
  const reader = new SyntaxReader("AV1", stream);
  const end = (name: string, limit: number): number => {
    const size = reader.leb128(name);
    const start = reader.position / 8;
    if (size > limit - start) throw reader.error(`${name} is ${size}, and ${limit - start} bytes are left`);
    return start + size;
  };
  while (reader.remaining > 0) {
    reader.section = "B.2";
    const unitEnd = end("temporal_unit_size", stream.byteLength);
    while (reader.position / 8 < unitEnd) {
      const frameEnd = end("frame_unit_size", unitEnd);
      while (reader.position / 8 < frameEnd) {
        const obuEnd = end("obu_length", frameEnd);
        const start = reader.position / 8;
        const obu = readObu(reader, stream, start, obuEnd - start, offset);
        yield obu;
        reader.seek(obuEnd * 8);
        reader.section = "B.2";
      }
    }
  }
}

/** Reads the header at `start`, and leaves the reader anywhere. */
function readObu(
  reader: SyntaxReader,
  stream: Uint8Array,
  start: number,
  length: number,
  offset: number,
): Obu {
  const header = emptyObuHeader();
  const end = start + length;
  reader.seek(start * 8);
  obuHeader(reader, header, end);
  const payload = reader.position / 8;
  reader.section = "5.3.1";
  const { obu_size: size } = header;
  if (size < 0 || size > end - payload)
    throw reader.error(`obu_size is ${size}, and ${Math.max(end - payload, 0)} bytes are left`, start * 8);
  const bytes = stream.subarray(start, payload + size);
  return { header, offset: offset + start, bytes, payloadOffset: payload - start };
}

/**
 * The format of a stream that is not in a container. A low-overhead stream starts with a temporal delimiter or a
 * sequence header that tells its size; Annex B with lengths that nest, of which the innermost is that of a delimiter.
 */
export function guessObuFormat(stream: Uint8Array): ObuFormat {
  const reader = new SyntaxReader("AV1", stream);
  try {
    const unit = reader.readLeb128();
    const unitStart = reader.position / 8;
    const frame = reader.readLeb128();
    const frameStart = reader.position / 8;
    const length = reader.readLeb128();
    const start = reader.position / 8;
    const type = (reader.readU(8) >>> 3) & 15;
    const nested =
      length > 0 &&
      start + length <= frameStart + frame &&
      frameStart + frame <= unitStart + unit &&
      unitStart + unit <= stream.byteLength;
    return nested && type === ObuType.TemporalDelimiter ? "annex_b" : "low_overhead";
  } catch {
    return "low_overhead";
  }
}

/** `trailing_bits()`: a one, then zeros to the end of the OBU. */
export function trailingBits(c: Coder, bits: number): void {
  c.structure("trailing_bits", "5.3.4");
  if (bits === 0) throw c.error("no room is left for trailing_bits()");
  c.fixed("trailing_one_bit", 1, 1);
  for (let left = bits - 1; left > 0; left -= 1) c.fixed("trailing_zero_bit", 1, 0);
}
