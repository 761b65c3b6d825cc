/**
 * AV1: a temporal delimiter, the sequence header and a Frame OBU from the controls, with the client's tiles in it.
 * Clients differ in what else they put into the buffer, so nothing but the tiles is taken from it.
 */
import { av1, CodecError, SyntaxWriter } from "../../codec/index.js";
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import type { Piece } from "../protocol.js";
import type { FrameControl } from "./av1-headers.js";
import { frameOf, sequenceOf } from "./av1-headers.js";
import type { Packet, PacketSource, PacketWriter, References } from "./packet.js";
import { reader, SentHeaders } from "./packet.js";

type TileEntry = StandardValue<typeof Cid.StatelessAv1TileGroupEntry>;

const { FrameType, NUM_REF_FRAMES, ObuType } = av1;

const NO_FRAME = -1n;

export class Av1Packets implements PacketWriter {
  readonly #sequences = new SentHeaders();
  /** What the decoder holds, and the time stamps of the frames in it. */
  readonly #slots = av1.emptyReferenceSlots();
  readonly #timestamps = new Array<bigint>(NUM_REF_FRAMES).fill(NO_FRAME);
  readonly #references: References;

  constructor(references: References) {
    this.#references = references;
  }

  packet(source: PacketSource): Packet {
    const read = reader(source);
    const control = read.of(Cid.StatelessAv1Frame)();
    const seq = sequenceOf(read.of(Cid.StatelessAv1Sequence)());
    const pieces: Piece[] = [obu(ObuType.TemporalDelimiter)];
    const header = obu(ObuType.SequenceHeader, (c) => {
      av1.sequenceHeader(c, seq);
      av1.trailingBits(c, 8 - (c.position % 8));
    });
    if (this.#sequences.changes(0, header)) pieces.push(header);
    if (control.frame_type !== FrameType.Key) pieces.push(...this.#shownKeyFrame(control, seq));

    const indices = this.#referencesOf(control);
    const frame = frameOf(control, read.of(Cid.StatelessAv1FilmGrain)(), seq, this.#slots, indices);
    const c = new SyntaxWriter("AV1");
    av1.uncompressedHeader(c, { seq, slots: this.#slots, temporalId: 0, spatialId: 0 }, frame);
    c.alignWith("zero_bit", 0);
    const count = frame.tileCols * frame.tileRows;
    const group = { tile_start_and_end_present_flag: false, tg_start: 0, tg_end: count - 1 };
    av1.tileGroupHeader(c, frame, 0, group);
    const tiles = tilePieces(tilesOf(source, frame), frame.tileSizeBytes);
    const size = tiles.reduce((sum, piece) => sum + sizeOf(piece), 0);
    const start = c.finish();
    pieces.push(obuStart(ObuType.Frame, start.byteLength + size), start, ...tiles);
    this.#store(frame, source.timestampNs);
    return { pieces };
  }

  #store(frame: av1.FrameHeader, timestampNs: bigint): void {
    av1.updateReferences(this.#slots, frame);
    for (let slot = 0; slot < NUM_REF_FRAMES; slot += 1) {
      if (((frame.refresh_frame_flags >> slot) & 1) === 1) this.#timestamps[slot] = timestampNs;
    }
  }

  /**
   * A key frame that was hidden takes all slots when it is shown (7.21). Clients do not submit that, but their slots
   * tell it.
   */
  #shownKeyFrame(control: FrameControl, seq: av1.SequenceHeader): Piece[] {
    const [timestamp = NO_FRAME] = control.reference_frame_ts;
    const isOne = control.reference_frame_ts.every((other) => other === timestamp);
    if (!isOne || this.#timestamps.every((own) => own === timestamp)) return [];
    const slot = this.#timestamps.indexOf(timestamp);
    const key = slot < 0 ? undefined : this.#slots.frames[slot];
    if (key?.frame_type !== FrameType.Key || !key.showable_frame) return [];
    const shown = { ...av1.emptyFrameHeader(), show_existing_frame: true, frame_to_show_map_idx: slot };
    const header = obu(ObuType.FrameHeader, (c) => {
      av1.uncompressedHeader(c, { seq, slots: this.#slots, temporalId: 0, spatialId: 0 }, shown);
      av1.trailingBits(c, 8 - (c.position % 8));
    });
    av1.showExisting(this.#slots, shown);
    this.#timestamps.fill(timestamp);
    return [header, obu(ObuType.TemporalDelimiter)];
  }

  /** The slots in which the decoder has what the frame is decoded from; the bitstream's, where they hold the same. */
  #referencesOf({ ref_frame_idx, reference_frame_ts: timestamps }: FrameControl): number[] {
    const indices = [...ref_frame_idx];
    if (this.#references === "bitstream") return indices;
    return indices.map((index) => {
      const timestamp = timestamps[index];
      if (timestamp === undefined || this.#timestamps[index] === timestamp) return index;
      const other = this.#timestamps.indexOf(timestamp);
      return other < 0 ? index : other;
    });
  }
}

/** A whole OBU. @param write - Its payload. */
function obu(obu_type: number, write?: (c: SyntaxWriter) => void): Uint8Array {
  const payload = new SyntaxWriter("AV1");
  write?.(payload);
  const bytes = payload.finish();
  return new Uint8Array(Buffer.concat([obuStart(obu_type, bytes.byteLength), bytes]));
}

function obuStart(obu_type: number, obu_size: number): Uint8Array {
  const c = new SyntaxWriter("AV1");
  av1.obuHeader(c, { ...av1.emptyObuHeader(), obu_type, obu_size }, 0);
  return c.finish();
}

/** The tiles in the order of the stream. @throws {CodecError} One is missing, or not in the buffer. */
function tilesOf({ controls, bitstream }: PacketSource, frame: av1.FrameHeader): readonly TileEntry[] {
  const given = controls.find(Cid.StatelessAv1TileGroupEntry)?.value;
  const entries: readonly TileEntry[] = Array.isArray(given) ? given : [];
  const byPlace = new Map(entries.map((entry) => [entry.tile_row * frame.tileCols + entry.tile_col, entry]));
  return Array.from({ length: frame.tileCols * frame.tileRows }, (_, number) => {
    const entry = byPlace.get(number);
    if (entry === undefined)
      throw new CodecError(`AV1_TILE_GROUP_ENTRY lacks tile ${number}`, { codec: "AV1" });
    const { tile_offset: offset, tile_size: size } = entry;
    if (size === 0 || offset + size > bitstream.byteLength) {
      const text = `tile ${number} has ${size} bytes at ${offset}, the OUTPUT buffer has ${bitstream.byteLength}`;
      throw new CodecError(text, { codec: "AV1" });
    }
    return entry;
  });
}

/** `tile_size_minus_1` stands in front of each but the last. */
function tilePieces(tiles: readonly TileEntry[], sizeBytes: number): Piece[] {
  return tiles.flatMap(({ tile_offset: offset, tile_size: size }, i) => {
    const piece = { offset, size };
    if (i === tiles.length - 1) return [piece];
    const c = new SyntaxWriter("AV1");
    c.writeLe(size - 1, sizeBytes);
    return [c.finish(), piece];
  });
}

const sizeOf = (piece: Piece): number => (piece instanceof Uint8Array ? piece.byteLength : piece.size);
