/** The pictures of a stream in decoding order, with what each of them and its slices refer to. */
import { CodecError } from "../bits/index.js";
import { startCodeUnits } from "../files/index.js";
import { defaultTimestampOf, type TimestampOf } from "../frame-controls.js";
import {
  DecodedPictures,
  referenceLists,
  type DecodedPicture,
  type MissingReference,
  type ReferencePictureSet,
} from "./dpb.js";
import { isRasl, nalName, NalType, type NalHeader } from "./nal.js";
import { CODEC, NalReader, nalTypeOf, type ActiveSets, type NalUnit } from "./parse.js";
import type { SliceSegmentHeader } from "./syntax-slice.js";

/** One slice segment. */
export interface CodedSlice {
  readonly nal: NalHeader;
  readonly segment: SliceSegmentHeader;
  /** The NAL unit. Borrows the stream. */
  readonly data: Uint8Array;
  /** The same behind its start code 00 00 01. Borrows the stream. */
  readonly dataWithStartCode: Uint8Array;
  /** Where `slice_segment_data()` starts in `data`. */
  readonly dataByteOffset: number;
  /** `RefPicList0` and `RefPicList1`. */
  readonly lists: readonly [readonly (DecodedPicture | undefined)[], readonly (DecodedPicture | undefined)[]];
}

/** One picture: a frame, or a field of a stream of fields. */
export interface CodedPicture extends ActiveSets {
  readonly decodeIndex: number;
  readonly timestampNs: bigint;
  readonly streamOffset: number;
  /** Of the first slice segment. */
  readonly nal: NalHeader;
  /** `PicOrderCntVal`. */
  readonly poc: number;
  /** `pic_struct` of the picture timing SEI message, 0 without one. */
  readonly picStruct: number;
  /** `PicOutputFlag`. */
  readonly output: boolean;
  readonly set: ReferencePictureSet;
  /** Pictures that are kept for this one and those that follow, in decoding order: at most 15. */
  readonly references: readonly DecodedPicture[];
  readonly slices: readonly [CodedSlice, ...CodedSlice[]];
}

/** Something about a stream that does not keep it from being decoded. */
export type Notice = { readonly streamOffset: number; readonly sentence: string } & (
  | {
      /** A leading picture whose references were before the random access point, or one before the first such point. */
      readonly kind: "skipped";
      readonly poc: number;
    }
  | { readonly kind: "missing"; readonly poc: number; readonly missing: readonly MissingReference[] }
  | { readonly kind: "layer"; readonly layer: number }
  | { readonly kind: "sei"; readonly error: CodecError }
);

export interface PictureOptions {
  readonly timestampOf?: TimestampOf;
  readonly onNotice?: (notice: Notice) => void;
}

/** A picture whose slices are still coming. */
interface OpenPicture extends Omit<CodedPicture, "slices"> {
  readonly slices: [CodedSlice, ...CodedSlice[]];
}

/**
 * @param stream - Annex B.
 * @throws {CodecError} At the first thing that the specification does not allow.
 */
export function* codedPictures(stream: Uint8Array, options: PictureOptions = {}): Generator<CodedPicture> {
  const assembler = new Assembler(options);
  for (const { offset, dataOffset, data } of startCodeUnits(stream)) {
    const withStartCode = stream.subarray(dataOffset - 3, dataOffset + data.byteLength);
    const finished = assembler.unit(data, withStartCode, offset);
    if (finished !== undefined) yield finished;
  }
  const last = assembler.finish();
  if (last !== undefined) yield last;
}

/** A slice segment as it comes. */
export type SliceUnit = Pick<
  Extract<NalUnit, { kind: "slice" }>,
  "nal" | "segment" | "sets" | "dataByteOffset"
> & {
  /** The NAL unit, and the same behind its start code. */
  readonly data: Uint8Array;
  readonly dataWithStartCode: Uint8Array;
  readonly streamOffset: number;
  /** `pic_struct` of the picture that it starts. */
  readonly picStruct: number;
  /** Of that picture, where somebody else chose it. */
  readonly timestampNs?: bigint;
};

/**
 * Follows a stream from slice segment to slice segment. After a {@link CodecError} it is in no certain state; who wants
 * to go on keeps a copy.
 */
export class SliceFollower {
  #pictures = new DecodedPictures();
  readonly #timestampOf: TimestampOf;
  readonly #notice: (notice: Notice) => void;
  #open: OpenPicture | undefined;
  #decodeIndex = 0;
  /** Slices of a picture that is not decoded are left out up to the next picture. */
  #skipping = false;

  constructor({ timestampOf = defaultTimestampOf, onNotice }: PictureOptions = {}) {
    this.#timestampOf = timestampOf;
    this.#notice = onNotice ?? (() => undefined);
  }

  /** A copy in the same state, which goes its own way from now on. */
  clone(): SliceFollower {
    const copy = new SliceFollower({ timestampOf: this.#timestampOf, onNotice: this.#notice });
    copy.#pictures = this.#pictures.clone();
    copy.#open = this.#open === undefined ? undefined : { ...this.#open, slices: [...this.#open.slices] };
    copy.#decodeIndex = this.#decodeIndex;
    copy.#skipping = this.#skipping;
    return copy;
  }

  /** The picture of the last slice; undefined where that picture is not decoded. */
  get picture(): CodedPicture | undefined {
    return this.#open;
  }

  /** Pictures that are marked as used for reference. */
  get references(): readonly DecodedPicture[] {
    return this.#pictures.pictures;
  }

  /** Takes a slice segment. @returns The picture that ended in front of it. */
  slice(unit: SliceUnit): CodedPicture | undefined {
    const { segment } = unit;
    if (segment.first_slice_segment_in_pic_flag) {
      const finished = this.finish();
      this.#start(unit);
      return finished;
    }
    if (this.#skipping) return undefined;
    const open = this.#open;
    if (open === undefined) throw wrong("a slice segment without the first one of its picture");
    if (open.pps !== unit.sets.pps || open.sps !== unit.sets.sps) {
      throw wrong("the slice segments of a picture have different parameter sets");
    }
    if (open.nal.nal_unit_type !== unit.nal.nal_unit_type) {
      throw wrong("the slice segments of a picture have different NAL unit types");
    }
    const before = open.slices[open.slices.length - 1];
    if (before !== undefined && before.segment.slice_segment_address >= segment.slice_segment_address) {
      throw wrong(`slice_segment_address ${segment.slice_segment_address} is not in order`);
    }
    open.slices.push(codedSlice(unit, open.set));
    return undefined;
  }

  /** The picture that is open. */
  finish(): CodedPicture | undefined {
    const picture = this.#open;
    this.#open = undefined;
    return picture;
  }

  /** An end of sequence or end of bitstream NAL unit. */
  endSequence(): void {
    this.#pictures.endSequence();
  }

  #start(unit: SliceUnit): void {
    const { nal, segment, sets, streamOffset, picStruct } = unit;
    const header = segment.slice;
    const start = this.#pictures.startPicture(nal, header, sets.sps);
    const { poc } = start;
    this.#skipping = start.skipped;
    if (start.skipped) {
      const why = isRasl(nal.nal_unit_type)
        ? "a leading picture without its references"
        : "before a random access point";
      this.#notice({ kind: "skipped", streamOffset, poc, sentence: `picture ${poc} is not decoded: ${why}` });
      return;
    }
    if (sets.pps.scc.pps_curr_pic_ref_enabled_flag) {
      throw wrong("the current picture as a reference cannot be told by V4L2's controls");
    }
    const set = this.#pictures.referencePictureSet(nal, header, sets.sps, poc);
    // Pictures before a random access point are expected to be missing: 8.3.3.
    if (set.missing.length > 0 && !start.noRaslOutput) {
      const list = set.missing.map((reference) => reference.poc).join(", ");
      const sentence = `picture ${poc} refers to pictures that are not there: ${list}`;
      this.#notice({ kind: "missing", streamOffset, poc, missing: set.missing, sentence });
    }
    const timestampNs = unit.timestampNs ?? this.#timestampOf(this.#decodeIndex);
    this.#open = {
      sps: sets.sps,
      pps: sets.pps,
      decodeIndex: this.#decodeIndex,
      timestampNs,
      streamOffset,
      nal,
      poc,
      picStruct,
      output: header.pic_output_flag,
      set,
      references: [...this.#pictures.pictures],
      slices: [codedSlice(unit, set)],
    };
    this.#decodeIndex += 1;
    this.#pictures.add({ timestampNs, poc, picStruct, longTerm: false });
  }
}

/** Reads the NAL units of a stream. */
class Assembler {
  readonly #reader = new NalReader();
  readonly #follower: SliceFollower;
  readonly #notice: (notice: Notice) => void;
  /** Of a picture timing SEI message for the picture that follows. */
  #picStruct = 0;
  #layersSaid = 0n;

  constructor(options: PictureOptions) {
    this.#follower = new SliceFollower(options);
    this.#notice = options.onNotice ?? (() => undefined);
  }

  /** Takes one NAL unit. @returns The picture that ended in front of it. */
  unit(data: Uint8Array, dataWithStartCode: Uint8Array, streamOffset: number): CodedPicture | undefined {
    const unit = this.#read(data, streamOffset);
    if (unit === undefined) return undefined;
    if (unit.nal.nuh_layer_id > 0) {
      this.#sayLayer(unit.nal.nuh_layer_id, streamOffset);
      return undefined;
    }
    if (unit.kind === "slice") {
      const picStruct = this.#picStruct;
      if (unit.segment.first_slice_segment_in_pic_flag) this.#picStruct = 0;
      return this.#follower.slice({ ...unit, data, dataWithStartCode, streamOffset, picStruct });
    }
    const type = unit.nal.nal_unit_type;
    const finished = startsAccessUnit(type) ? this.finish() : undefined;
    if (type === NalType.EOS || type === NalType.EOB) this.#follower.endSequence();
    if (unit.kind === "sei") {
      for (const { picTiming } of unit.sei.messages)
        this.#picStruct = picTiming?.pic_struct ?? this.#picStruct;
    }
    return finished;
  }

  finish(): CodedPicture | undefined {
    return this.#follower.finish();
  }

  #read(data: Uint8Array, streamOffset: number): NalUnit | undefined {
    const type = nalTypeOf(data);
    try {
      return this.#reader.read(data);
    } catch (error) {
      const sei = type === NalType.PREFIX_SEI || type === NalType.SUFFIX_SEI;
      if (!(error instanceof CodecError && sei)) throw error;
      this.#notice({
        kind: "sei",
        streamOffset,
        error,
        sentence: `${nalName(type)} is left out: ${error.message}`,
      });
      return undefined;
    }
  }

  #sayLayer(layer: number, streamOffset: number): void {
    const bit = 1n << BigInt(layer);
    if ((this.#layersSaid & bit) !== 0n) return;
    this.#layersSaid |= bit;
    this.#notice({ kind: "layer", streamOffset, layer, sentence: `layer ${layer} is left out` });
  }
}

/** Does a unit end the access unit before it, other than by the first slice segment of the next picture? 7.4.2.4.4. */
function startsAccessUnit(type: number): boolean {
  const parameterSet = type >= NalType.VPS && type <= NalType.EOB;
  return (
    parameterSet || type === NalType.PREFIX_SEI || (type >= 41 && type <= 44) || (type >= 48 && type <= 55)
  );
}

function codedSlice(unit: SliceUnit, set: ReferencePictureSet): CodedSlice {
  const { nal, segment, dataByteOffset, data, dataWithStartCode } = unit;
  return { nal, segment, data, dataWithStartCode, dataByteOffset, lists: referenceLists(segment.slice, set) };
}

function wrong(sentence: string): CodecError {
  return new CodecError(sentence, { codec: CODEC });
}
