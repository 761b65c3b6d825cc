/**
 * Coded pictures in decoding order: slices gathered into pictures, fields into frames, and for each what the decoded
 * picture buffer holds when it is decoded.
 */
import { CodecError, RbspBuffer, SyntaxReader } from "../bits/index.js";
import { startCodeUnits } from "../files/index.js";
import { defaultTimestampOf, type TimestampOf } from "../frame-controls.js";
import { copyFrame, ReferenceFrames, Structure, type FrameStore } from "./dpb.js";
import { maxFrameNum } from "./limits.js";
import { CODEC, neededBytes, ParameterSets, readNalUnit } from "./parse.js";
import { PictureOrder, type OrderCounts, type PocInput } from "./poc.js";
import { referenceLists, type ReferenceList } from "./reference-lists.js";
import { NalType, type NalHeader } from "./syntax-nal.js";
import type { Pps } from "./syntax-pps.js";
import type { ActiveSets, SliceHeader } from "./syntax-slice.js";
import type { Sps } from "./syntax-sps.js";

/** A slice with its reference lists. */
export interface CodedSlice {
  readonly header: SliceHeader;
  readonly pps: Pps;
  /** The NAL unit. Borrows the stream. */
  readonly data: Uint8Array;
  readonly lists: readonly [ReferenceList, ReferenceList];
}

/** A frame or field with everything that decoding it depends on. */
export interface CodedPicture {
  readonly nal: Readonly<NalHeader>;
  readonly sps: Sps;
  readonly structure: Structure;
  readonly idr: boolean;
  readonly frame: FrameStore;
  readonly counts: OrderCounts;
  /** Reference frames while this picture is decoded, as they were marked then. */
  readonly references: readonly FrameStore[];
  readonly slices: CodedSlice[];
  /** Where its first NAL unit's start code is. */
  readonly streamOffset: number;
}

/** One frame: a coded frame, one or two fields. */
export interface CodedFrame {
  readonly store: FrameStore;
  readonly pictures: readonly CodedPicture[];
}

/** Is this the first slice of another primary coded picture? 7.4.1.2.4. */
function startsPicture(before: Slice, next: Slice): boolean {
  const [a, b] = [before.slice, next.slice];
  const idr = before.nal.nal_unit_type === NalType.IdrSlice;
  return (
    a.frame_num !== b.frame_num ||
    a.pic_parameter_set_id !== b.pic_parameter_set_id ||
    a.field_pic_flag !== b.field_pic_flag ||
    a.bottom_field_flag !== b.bottom_field_flag ||
    (before.nal.nal_ref_idc === 0) !== (next.nal.nal_ref_idc === 0) ||
    a.pic_order_cnt_lsb !== b.pic_order_cnt_lsb ||
    a.delta_pic_order_cnt_bottom !== b.delta_pic_order_cnt_bottom ||
    a.delta_pic_order_cnt[0] !== b.delta_pic_order_cnt[0] ||
    a.delta_pic_order_cnt[1] !== b.delta_pic_order_cnt[1] ||
    idr !== (next.nal.nal_unit_type === NalType.IdrSlice) ||
    (idr && a.idr_pic_id !== b.idr_pic_id)
  );
}

/** A slice as it comes. */
export interface Slice {
  readonly nal: Readonly<NalHeader>;
  readonly slice: SliceHeader;
  readonly sets: ActiveSets;
  readonly data: Uint8Array;
  readonly streamOffset: number;
  /** Of its frame, where somebody else chose it. */
  readonly timestampNs?: bigint;
}

function structureOf(slice: SliceHeader): Structure {
  if (!slice.field_pic_flag) return Structure.Frame;
  return slice.bottom_field_flag ? Structure.Bottom : Structure.Top;
}

const noDeltas: PocInput["slice"] = {
  pic_order_cnt_lsb: 0,
  delta_pic_order_cnt_bottom: 0,
  delta_pic_order_cnt: [0, 0],
};

/** NAL units that only stand in front of a primary coded picture: 7.4.1.2.3. */
function endsAccessUnit(type: number): boolean {
  return (type >= NalType.Sei && type <= NalType.EndOfStream) || (type >= 14 && type <= 18);
}

/**
 * Follows a stream from slice to slice. After a {@link CodecError} it is in no certain state; who wants to go on keeps a
 * copy.
 */
export class SliceFollower {
  #order = new PictureOrder();
  #dpb = new ReferenceFrames();
  #sps: Sps | undefined;
  #prevRefFrameNum: number | undefined;
  #decodeIndex = 0;
  /** The frame that is being gathered. */
  #pictures: CodedPicture[] = [];
  #last: Slice | undefined;
  #mustStart = false;

  constructor(readonly timestampOf: TimestampOf = defaultTimestampOf) {}

  /** The picture that the last slice belongs to; undefined when its frame is complete. */
  get picture(): CodedPicture | undefined {
    return this.#pictures.at(-1);
  }

  /** Are all frames known that pictures may refer to? See {@link ReferenceFrames.complete}. */
  get knowsReferences(): boolean {
    return this.#dpb.complete;
  }

  /** A copy in the same state, which goes its own way from now on. */
  clone(): SliceFollower {
    const gathered = this.#pictures[0]?.frame;
    const copyOfGathered = gathered === undefined ? undefined : copyFrame(gathered);
    // A frame that is being gathered may be a reference already, of its second field.
    const copyOf = (frame: FrameStore): FrameStore =>
      frame === gathered && copyOfGathered !== undefined ? copyOfGathered : copyFrame(frame);
    const copy = new SliceFollower(this.timestampOf);
    copy.#order = this.#order.clone();
    copy.#dpb = this.#dpb.clone(copyOf);
    copy.#sps = this.#sps;
    copy.#prevRefFrameNum = this.#prevRefFrameNum;
    copy.#decodeIndex = this.#decodeIndex;
    copy.#pictures = this.#pictures.map((picture) => ({
      ...picture,
      frame: copyOf(picture.frame),
      slices: [...picture.slices],
    }));
    copy.#last = this.#last;
    copy.#mustStart = this.#mustStart;
    return copy;
  }

  /** @returns A frame that this slice shows to be complete. */
  slice(slice: Slice): CodedFrame | undefined {
    const last = this.#last;
    this.#last = slice;
    const picture = this.#pictures.at(-1);
    if (last !== undefined && picture !== undefined && !this.#mustStart && !startsPicture(last, slice)) {
      this.#addSlice(picture, slice);
      return undefined;
    }
    this.#mustStart = false;
    if (picture !== undefined) this.#finishPicture(picture);
    const first = this.#pictures.length === 1 ? picture : undefined;
    const joins = first !== undefined && isSecondField(first, slice);
    const complete = joins ? undefined : this.#takeFrame();
    this.#startPicture(slice, joins ? first.frame : undefined);
    return complete;
  }

  /** Something else than a slice came. */
  otherUnit(type: number): void {
    if (this.#pictures.length > 0 && endsAccessUnit(type)) this.#mustStart = true;
  }

  /** The stream ended. */
  end(): CodedFrame | undefined {
    const picture = this.#pictures.at(-1);
    if (picture !== undefined) this.#finishPicture(picture);
    return this.#takeFrame();
  }

  #takeFrame(): CodedFrame | undefined {
    const [first] = this.#pictures;
    if (first === undefined) return undefined;
    const complete = { store: first.frame, pictures: this.#pictures };
    this.#pictures = [];
    return complete;
  }

  #startPicture(slice: Slice, firstField: FrameStore | undefined): void {
    const { nal, sets } = slice;
    const header = slice.slice;
    const idr = nal.nal_unit_type === NalType.IdrSlice;
    if (this.#sps !== undefined && this.#sps !== sets.sps && !idr) {
      throw new CodecError("another sequence parameter set becomes active without an IDR picture", {
        codec: CODEC,
        section: "7.4.1.2.1",
      });
    }
    this.#sps = sets.sps;
    if (firstField === undefined && !idr) this.#fillGap(sets.sps, header.frame_num);
    const structure = structureOf(header);
    const counts = this.#order.next(sets.sps, pocInput(slice));
    const frame = firstField ?? this.#newFrame(slice);
    if ((structure & Structure.Top) !== 0) frame.topPoc = counts.top;
    if ((structure & Structure.Bottom) !== 0) frame.bottomPoc = counts.bottom;
    if (!idr) this.#dpb.updateFrameNumWrap(header.frame_num, maxFrameNum(sets.sps));
    const references = idr ? [] : this.#dpb.frames.map(copyFrame);
    const picture: CodedPicture = {
      nal,
      sps: sets.sps,
      structure,
      idr,
      frame,
      counts,
      references,
      slices: [],
      streamOffset: slice.streamOffset,
    };
    this.#pictures.push(picture);
    this.#addSlice(picture, slice);
  }

  #newFrame({ slice: header, timestampNs }: Slice): FrameStore {
    const decodeIndex = this.#decodeIndex;
    this.#decodeIndex += 1;
    return {
      decodeIndex,
      timestampNs: timestampNs ?? this.timestampOf(decodeIndex),
      frameNum: header.frame_num,
      frameNumWrap: header.frame_num,
      longTermFrameIdx: 0,
      topPoc: 0,
      bottomPoc: 0,
      decoded: 0,
      short: 0,
      long: 0,
      codedAsFields: header.field_pic_flag,
      nonExisting: false,
    };
  }

  #addSlice(picture: CodedPicture, { nal, slice, sets, data }: Slice): void {
    if (nal.nal_unit_type === NalType.PartitionA) {
      throw new CodecError("the slice comes in data partitions, which stateless decoders cannot take", {
        codec: CODEC,
        section: "7.3.2.9",
      });
    }
    const { structure, counts } = picture;
    const field = structure !== Structure.Frame;
    const lists = referenceLists(slice, this.#dpb, {
      structure,
      currPicNum: field ? 2 * slice.frame_num + 1 : slice.frame_num,
      maxPicNum: maxFrameNum(sets.sps) * (field ? 2 : 1),
      poc: pocOf(structure, counts),
      pocType: sets.sps.pic_order_cnt_type,
    });
    picture.slices.push({ header: slice, pps: sets.pps, data, lists });
  }

  /** Marks references after a picture, and remembers what the next one's numbers depend on. */
  #finishPicture(picture: CodedPicture): void {
    const last = picture.slices.at(-1)?.header;
    const first = picture.slices[0]?.header;
    if (last === undefined || first === undefined) return;
    const { frame, structure, idr, sps } = picture;
    const reference = picture.nal.nal_ref_idc !== 0;
    let reset = false;
    if (reference) {
      reset = this.#dpb.mark(
        {
          frame,
          structure,
          idr,
          longTermReference: first.long_term_reference_flag,
          operations: first.adaptive_ref_pic_marking_mode_flag ? first.operations : undefined,
        },
        sps.max_num_ref_frames,
      );
      this.#prevRefFrameNum = first.frame_num;
    }
    frame.decoded |= structure;
    let { counts } = picture;
    if (reset) {
      this.#prevRefFrameNum = 0;
      frame.frameNum = 0;
      const base = pocOf(structure, counts);
      counts = { top: counts.top - base, bottom: counts.bottom - base };
      if ((structure & Structure.Top) !== 0) frame.topPoc = counts.top;
      if ((structure & Structure.Bottom) !== 0) frame.bottomPoc = counts.bottom;
    }
    this.#order.done({ idr, reference, frame_num: first.frame_num, structure, slice: first }, counts, reset);
  }

  /** 8.2.5.2. Only as many frames as can stay are made, however large the gap is. */
  #fillGap(sps: Sps, frameNum: number): void {
    const max = maxFrameNum(sps);
    if (this.#prevRefFrameNum === undefined) return;
    if (this.#prevRefFrameNum === frameNum) {
      throw new CodecError(`frame_num is ${frameNum}, which the reference picture before has already`, {
        codec: CODEC,
        section: "7.4.3",
      });
    }
    const expected = (this.#prevRefFrameNum + 1) % max;
    if (expected === frameNum) return;
    if (!sps.gaps_in_frame_num_value_allowed_flag) {
      throw new CodecError(
        `frame_num is ${frameNum} after ${this.#prevRefFrameNum}, and the sequence allows no gaps: frames are missing`,
        { codec: CODEC, section: "7.4.3" },
      );
    }
    const missing = (frameNum - expected + max) % max;
    // Each of the others would be removed again by those that follow; their order counts follow from frame_num alone.
    const made = Math.min(missing, 16);
    for (let i = missing - made; i < missing; i += 1) this.#addNonExisting(sps, (expected + i) % max);
  }

  #addNonExisting(sps: Sps, frameNum: number): void {
    const input: PocInput = {
      idr: false,
      reference: true,
      frame_num: frameNum,
      structure: Structure.Frame,
      slice: noDeltas,
    };
    let counts = { top: 0, bottom: 0 };
    if (sps.pic_order_cnt_type !== 0) {
      counts = this.#order.next(sps, input);
      this.#order.done(input, counts, false);
    }
    this.#dpb.updateFrameNumWrap(frameNum, maxFrameNum(sps));
    const frame: FrameStore = {
      decodeIndex: -1,
      timestampNs: 0n,
      frameNum,
      frameNumWrap: frameNum,
      longTermFrameIdx: 0,
      topPoc: counts.top,
      bottomPoc: counts.bottom,
      decoded: Structure.Frame,
      short: Structure.Frame,
      long: 0,
      codedAsFields: false,
      nonExisting: true,
    };
    this.#dpb.addNonExisting(frame, sps.max_num_ref_frames);
    this.#prevRefFrameNum = frameNum;
  }
}

function pocInput({ nal, slice }: Slice): PocInput {
  return {
    idr: nal.nal_unit_type === NalType.IdrSlice,
    reference: nal.nal_ref_idc !== 0,
    frame_num: slice.frame_num,
    structure: structureOf(slice),
    slice,
  };
}

/** `PicOrderCnt( CurrPic )`. */
function pocOf(structure: Structure, { top, bottom }: OrderCounts): number {
  if (structure === Structure.Frame) return Math.min(top, bottom);
  return structure === Structure.Top ? top : bottom;
}

/** Does the slice start the second field of the frame that `first` began? 3.30 and 3.31. */
function isSecondField(first: CodedPicture, { nal, slice }: Slice): boolean {
  if (first.structure === Structure.Frame || !slice.field_pic_flag) return false;
  // Operation 5 of the first field made its frame_num 0.
  if (structureOf(slice) === first.structure || slice.frame_num !== first.frame.frameNum) return false;
  if (nal.nal_unit_type === NalType.IdrSlice) return false;
  const reference = nal.nal_ref_idc !== 0;
  if (reference !== (first.nal.nal_ref_idc !== 0)) return false;
  return !slice.operations.some((operation) => operation.memory_management_control_operation === 5);
}

/**
 * The frames of a byte stream (Annex B) in decoding order. Redundant and auxiliary pictures are left out.
 * @throws {CodecError} At the first thing that the specification does not allow.
 */
export function* codedFrames(stream: Uint8Array, timestampOf = defaultTimestampOf): Generator<CodedFrame> {
  const buffer = new RbspBuffer();
  const reader = new SyntaxReader(CODEC);
  const sets = new ParameterSets();
  const decoder = new SliceFollower(timestampOf);
  for (const { offset, data } of startCodeUnits(stream)) {
    const unit = readNalUnit(reader, buffer.unescape(data, neededBytes(data)).bytes, sets);
    const type = unit.nal.nal_unit_type;
    if (unit.kind !== "slice") {
      decoder.otherUnit(type);
      continue;
    }
    if (type === NalType.AuxiliarySlice || unit.slice.redundant_pic_cnt > 0) continue;
    const complete = decoder.slice({ ...unit, data, streamOffset: offset });
    if (complete !== undefined) yield complete;
  }
  const rest = decoder.end();
  if (rest !== undefined) yield rest;
}
