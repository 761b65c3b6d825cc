/** Parses OBUs one after the other, with the state that they depend on: the sequence, the slots, the current frame. */
import { CodecError, RecordingReader, SyntaxReader } from "../bits/index.js";
import { ivfFrames, isIvf } from "../files/index.js";
import type { ParsedUnit, UnitItem, UnitParser } from "../unit.js";
import { emptyExistingFrameHeader, emptyFrameHeader, type FrameHeader } from "./frame-header.js";
import { guessObuFormat, obuHeader, obuName, obusOf, ObuType, trailingBits, type Obu } from "./obu.js";
import { emptyReferenceSlots, showExisting, updateReferences, type ReferenceSlots } from "./references.js";
import { uncompressedHeader, type FrameContext } from "./syntax-frame.js";
import { metadata, metadataName } from "./syntax-metadata.js";
import { emptySequenceHeader, sequenceHeader, type SequenceHeader } from "./syntax-sequence.js";
import { tileGroupHeader, type Tile, type TileGroupHeader } from "./syntax-tiles.js";

/** A coded frame that is complete, or one that is shown again. */
export interface Av1Frame {
  readonly seq: SequenceHeader;
  readonly header: FrameHeader;
  /** The frame that `show_existing_frame` shows. */
  readonly shown: FrameHeader | undefined;
  readonly temporalId: number;
  readonly spatialId: number;
  /** The OBUs with its tiles, in order. */
  readonly tileGroups: readonly { readonly obu: Obu; readonly tiles: readonly Tile[] }[];
  /** Of its first OBU. */
  readonly offset: number;
}

/** What one OBU turned out to be. */
export interface ParsedObu {
  readonly name: string;
  /** Not part of the operating point, so it was not parsed. */
  readonly dropped: boolean;
  /** The frame that ends with this OBU. */
  readonly frame: Av1Frame | undefined;
}

/** Where a frame stands between its header and its last tile. */
interface OpenFrame {
  readonly seq: SequenceHeader;
  readonly header: FrameHeader;
  /** The header's bits, for its copies. */
  readonly bits: Uint8Array;
  readonly bitLength: number;
  readonly temporalId: number;
  readonly spatialId: number;
  readonly offset: number;
  readonly tileGroups: { obu: Obu; tiles: Tile[] }[];
  nextTile: number;
}

export class Av1Parser {
  readonly slots: ReferenceSlots = emptyReferenceSlots();
  seq: SequenceHeader | undefined;
  #operatingPointIdc = 0;
  #open: OpenFrame | undefined;
  readonly #reader = new SyntaxReader("AV1");

  /** @param operatingPoint - `choose_operating_point()`. 0 is the one of best quality. */
  constructor(readonly operatingPoint = 0) {}

  /** `OperatingPointIdc`. */
  get operatingPointIdc(): number {
    return this.#operatingPointIdc;
  }

  /** Is a frame begun and not complete? */
  get midFrame(): boolean {
    return this.#open !== undefined;
  }

  /** Forgets a frame that is not complete. */
  abandonFrame(): void {
    this.#open = undefined;
  }

  /**
   * Parses an OBU, and changes the state as it says.
   * @param reader - Takes the OBU's bytes; the parser's own if nobody wants to know the fields.
   * @throws {CodecError} The state stays as it was before the OBU, but a frame that was begun is given up.
   */
  parse(obu: Obu, reader: SyntaxReader = this.#reader): ParsedObu {
    try {
      return this.#parse(obu, reader);
    } catch (error) {
      this.#open = undefined;
      throw error;
    }
  }

  #parse(obu: Obu, c: SyntaxReader): ParsedObu {
    const type = obu.header.obu_type;
    const explaining = c !== this.#reader;
    const result = { name: obuName(type), dropped: false, frame: undefined };
    // Many small OBUs that say nothing must cost little.
    if (!explaining && this.#open === undefined && !hasSyntax(type)) return result;
    c.load(obu.bytes);
    if (explaining) obuHeader(c, { ...obu.header }, obu.bytes.byteLength);
    else c.seek(obu.payloadOffset * 8);
    if (this.#isDropped(obu)) return { ...result, dropped: true };
    switch (type) {
      case ObuType.SequenceHeader:
        this.#sequence(c);
        break;
      case ObuType.TemporalDelimiter:
        if (this.#open !== undefined) throw c.error("a temporal unit ends inside a frame");
        break;
      case ObuType.FrameHeader:
      case ObuType.RedundantFrameHeader:
        return { ...result, frame: this.#frameHeader(c, obu) };
      case ObuType.Frame:
        if (this.#open !== undefined) throw c.error("a frame starts inside another one");
        if (this.#frameHeader(c, obu) !== undefined) throw c.error("a Frame OBU has show_existing_frame");
        c.alignWith("zero_bit", 0);
        return { ...result, frame: this.#tileGroup(c, obu) };
      case ObuType.TileGroup:
        return { ...result, frame: this.#tileGroup(c, obu) };
      case ObuType.Metadata: {
        // A decoder may ignore it, so what is wrong in it stops only who wants to have it explained.
        if (!explaining) return result;
        const kind = metadata(c, contentBits(obu) - c.position);
        // The payload of ITU-T T.35 and of unknown types may end in any way.
        if (kind >= 1 && kind <= 5) this.#trailing(c);
        return { ...result, name: `${result.name} (${metadataName(kind)})` };
      }
      case ObuType.Padding:
        if (!explaining || obu.header.obu_size === 0) return result;
        c.bytes("obu_padding_byte", Math.max(contentBits(obu) - c.position, 0) >> 3, undefined);
        this.#trailing(c);
        break;
      default:
        // Tile lists are for large scale tile decoding (7.3.3), which no V4L2 decoder has; the others mean nothing.
        return result;
    }
    if (type === ObuType.SequenceHeader) this.#trailing(c);
    return result;
  }

  #trailing(c: SyntaxReader): void {
    trailingBits(c, c.remaining);
  }

  /** `drop_obu()` of 5.3.1. */
  #isDropped({ header }: Obu): boolean {
    const idc = this.#operatingPointIdc;
    const type = header.obu_type;
    if (type === ObuType.SequenceHeader || type === ObuType.TemporalDelimiter) return false;
    if (idc === 0 || !header.obu_extension_flag) return false;
    return ((idc >> header.temporal_id) & 1) === 0 || ((idc >> (header.spatial_id + 8)) & 1) === 0;
  }

  #sequence(c: SyntaxReader): void {
    const seq = emptySequenceHeader();
    sequenceHeader(c, seq);
    const point = seq.operatingPoints[this.operatingPoint] ?? seq.operatingPoints[0];
    this.seq = seq;
    this.#operatingPointIdc = point?.operating_point_idc ?? 0;
  }

  /** `frame_header_obu()`. @returns A frame that is shown again; others end with their last tile. */
  #frameHeader(c: SyntaxReader, obu: Obu): Av1Frame | undefined {
    c.structure("frame_header_obu", "5.9.1");
    const { temporal_id: temporalId, spatial_id: spatialId, obu_type: type } = obu.header;
    if (this.#open !== undefined) {
      this.#headerCopy(c, this.#open);
      return undefined;
    }
    if (type === ObuType.RedundantFrameHeader)
      throw c.error("a redundant frame header follows no frame header");
    const { seq, slots } = this;
    if (seq === undefined) throw c.error("a frame comes before the first sequence header");
    // show_existing_frame is the first bit.
    const existing = !seq.reduced_still_picture_header && (obu.bytes[obu.payloadOffset] ?? 0) >= 0x80;
    const header = existing ? emptyExistingFrameHeader() : emptyFrameHeader();
    const start = c.position;
    const context: FrameContext = { seq, slots, temporalId, spatialId };
    uncompressedHeader(c, context, header);
    const bitLength = c.position - start;
    if (type !== ObuType.Frame) this.#trailing(c);
    const frame = { seq, header, temporalId, spatialId, tileGroups: [], offset: obu.offset };
    if (header.show_existing_frame) return { ...frame, shown: showExisting(slots, header) };
    const bits = obu.bytes.subarray(obu.payloadOffset);
    this.#open = { ...frame, bits, bitLength, nextTile: 0 };
    return undefined;
  }

  /** `frame_header_copy()`: the bits of the frame header once more. */
  #headerCopy(c: SyntaxReader, open: OpenFrame): void {
    const original = new SyntaxReader("AV1", open.bits);
    for (let i = 0; i * 8 < open.bitLength; i += 1) {
      const bits = Math.min(open.bitLength - i * 8, 8);
      if (c.u("frame_header_copy", bits, undefined, i) !== original.readU(bits))
        throw c.error("a copy of the frame header differs from it");
    }
    this.#trailing(c);
  }

  /** `tile_group_obu()`. @returns The frame, after its last tile. */
  #tileGroup(c: SyntaxReader, obu: Obu): Av1Frame | undefined {
    const open = this.#open;
    if (open === undefined) throw c.error("a tile group follows no frame header");
    const { header } = open;
    const group: TileGroupHeader = { tile_start_and_end_present_flag: false, tg_start: 0, tg_end: 0 };
    tileGroupHeader(c, header, open.nextTile, group);
    const tiles: Tile[] = [];
    for (let number = group.tg_start; number <= group.tg_end; number += 1) {
      const size =
        number === group.tg_end
          ? c.remaining / 8
          : c.le("tile_size_minus_1", header.tileSizeBytes, undefined, number) + 1;
      if (size === 0) throw c.error(`tile ${number} is empty`);
      const { tileCols } = header;
      const offset = c.position / 8;
      tiles.push({ row: Math.floor(number / tileCols), col: number % tileCols, offset, size });
      c.bytes("tile_data", size, undefined);
    }
    open.tileGroups.push({ obu, tiles });
    open.nextTile = group.tg_end + 1;
    if (open.nextTile < header.tileCols * header.tileRows) return undefined;
    this.#open = undefined;
    updateReferences(this.slots, header);
    const { seq, temporalId, spatialId, tileGroups, offset } = open;
    return { seq, header, shown: undefined, temporalId, spatialId, tileGroups, offset };
  }
}

/** Does a type tell a decoder anything but where a temporal unit starts? */
function hasSyntax(type: number): boolean {
  return (
    type === ObuType.SequenceHeader ||
    (type >= ObuType.FrameHeader && type <= ObuType.RedundantFrameHeader && type !== ObuType.Metadata)
  );
}

/** Bits of the OBU before its `trailing_bits()`: up to the last bit that is 1. */
function contentBits({ bytes, payloadOffset }: Obu): number {
  let last = bytes.byteLength - 1;
  while (last >= payloadOffset && bytes[last] === 0) last -= 1;
  if (last < payloadOffset) return payloadOffset * 8;
  return last * 8 + Math.clz32((bytes[last] ?? 0) & -(bytes[last] ?? 0)) - 24;
}

/** The OBUs of a stream: IVF, or a bare one of either format. @throws {CodecError} A length does not fit. */
export function* streamObus(stream: Uint8Array): Generator<Obu> {
  if (!isIvf(stream)) {
    yield* obusOf(stream, guessObuFormat(stream));
    return;
  }
  for (const { data, dataOffset } of ivfFrames(stream)) yield* obusOf(data, "low_overhead", dataOffset);
}

/** Explains every OBU. */
export const parseUnits: UnitParser = function* (stream) {
  const parser = new Av1Parser();
  const obus = streamObus(stream);
  let end = 0;
  for (;;) {
    let next: IteratorResult<Obu>;
    try {
      next = obus.next();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      yield {
        name: "What follows is no OBU",
        offset: end,
        length: stream.byteLength - end,
        items: [],
        error,
      };
      return;
    }
    if (next.done === true) return;
    end = next.value.offset + next.value.bytes.byteLength;
    yield explain(parser, next.value);
  }
};

function explain(parser: Av1Parser, obu: Obu): ParsedUnit {
  const items: UnitItem[] = [];
  const reader = new RecordingReader("AV1", {
    field: (field) => items.push({ field }),
    heading: (heading) => items.push({ heading }),
  });
  const unit = { offset: obu.offset, length: obu.bytes.byteLength, items };
  try {
    const { name, dropped } = parser.parse(obu, reader);
    return { ...unit, name: dropped ? `${name}, not in the operating point` : name };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { ...unit, name: obuName(obu.header.obu_type), error };
  }
}
