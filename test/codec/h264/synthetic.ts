/**
 * Streams of one macroblock column that no encoder here makes: all marking operations, long-term references, gaps in
 * frame_num, fields and frames in turn, the three types of picture order count. They are legal, and any decoder decodes
 * them: IDR pictures are I_PCM, all others skip every macroblock.
 */
import { writeFileSync } from "node:fs";
import { CodecError, escapeRbsp, SyntaxWriter } from "../../../src/codec/bits/index.js";
import { joinNalUnits } from "../../../src/codec/files/index.js";
import {
  accessUnitDelimiter,
  codedFrames,
  emptyPps,
  emptySliceHeader,
  emptySps,
  NalType,
  nalUnitHeader,
  picParameterSet,
  seqParameterSet,
  sliceHeader,
  SliceType,
  type CodedPicture,
  type FrameStore,
  type ListModification,
  type MarkingOperation,
  type Pps,
  type SliceHeader,
  type Sps,
} from "../../../src/codec/h264/index.js";
import type { Stream } from "./streams.js";

interface Recipe {
  readonly pocType: 0 | 1 | 2;
  readonly fields: boolean;
  readonly gaps: boolean;
  readonly seed: number;
}

/** xorshift32: the same streams on every run. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed * 2654435761 + 1;
  }
  /** 0 to `count` - 1. */
  below(count: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % count;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.below(Math.max(items.length, 1))];
  }
}

const MAX_FRAME_NUM = 16;
const PICTURES = 70;

function spsOf({ pocType, fields, gaps }: Recipe): Sps {
  return {
    ...emptySps(),
    profile_idc: 77,
    level_idc: 40,
    pic_order_cnt_type: pocType,
    log2_max_pic_order_cnt_lsb_minus4: 4,
    offset_for_non_ref_pic: -1,
    offset_for_top_to_bottom_field: 1,
    num_ref_frames_in_pic_order_cnt_cycle: 2,
    offset_for_ref_frame: [4, 6],
    max_num_ref_frames: 4,
    gaps_in_frame_num_value_allowed_flag: gaps,
    pic_height_in_map_units_minus1: fields ? 0 : 1,
    frame_mbs_only_flag: !fields,
    direct_8x8_inference_flag: true,
    vui_parameters_present_flag: true,
    vui: {
      ...emptySps().vui,
      bitstream_restriction_flag: true,
      max_num_reorder_frames: pocType === 2 ? 0 : 4,
      max_dec_frame_buffering: 4,
    },
  };
}

function nalUnit(reference: number, type: number, payload: (c: SyntaxWriter) => void): Uint8Array {
  const writer = new SyntaxWriter("H.264");
  nalUnitHeader(writer, { nal_ref_idc: reference, nal_unit_type: type });
  payload(writer);
  return escapeRbsp(writer.finish());
}

interface Picture {
  readonly header: SliceHeader;
  readonly reference: boolean;
  readonly idr: boolean;
}

function sliceUnit({ header, reference, idr }: Picture, sps: Sps, pps: Pps): Uint8Array {
  const type = idr ? NalType.IdrSlice : NalType.Slice;
  const nal = { nal_ref_idc: reference ? 1 : 0, nal_unit_type: type };
  return nalUnit(nal.nal_ref_idc, type, (c) => {
    sliceHeader(c, header, nal, () => ({ sps, pps }));
    const macroblocks = header.field_pic_flag ? 1 : 2;
    if (header.slice_type === SliceType.I) {
      for (let i = 0; i < macroblocks; i += 1) {
        c.ue("mb_type", 25, 0, 25);
        c.alignWith("pcm_alignment_zero_bit", 0);
        c.bytes("pcm_samples", 384, new Uint8Array(384).fill(100 + header.frame_num));
      }
    } else {
      c.ue("mb_skip_run", macroblocks, 0, 2);
    }
    c.rbspTrailingBits();
  });
}

/** Tells pictures apart that have the same numbers: one with operation 5 and the next. */
const delimiter = nalUnit(0, NalType.Delimiter, (c) => accessUnitDelimiter(c, { primary_pic_type: 7 }));

const noOperation: MarkingOperation = {
  memory_management_control_operation: 0,
  difference_of_pic_nums_minus1: 0,
  long_term_pic_num: 0,
  long_term_frame_idx: 0,
  max_long_term_frame_idx_plus1: 0,
};

/** The numbers by which a picture of this kind may name the fields or the frame of a reference. */
function numbers(frame: FrameStore, kind: "short" | "long", header: SliceHeader): number[] {
  const number = kind === "short" ? frame.frameNumWrap : frame.longTermFrameIdx;
  if (!header.field_pic_flag) return frame[kind] === 3 ? [number] : [];
  const parity = header.bottom_field_flag ? 2 : 1;
  return [1, 2]
    .filter((bit) => (frame[kind] & bit) !== 0)
    .map((bit) => 2 * number + (bit === parity ? 1 : 0));
}

/** Do the lists start with nothing that was decoded? */
function lacksReferences(picture: CodedPicture | undefined): boolean {
  const entries = picture?.slices.flatMap(({ lists }) => lists.flat()) ?? [];
  return entries.some((entry) => entry === undefined || entry.frame.nonExisting);
}

class Generator {
  readonly #random: Random;
  readonly #sps: Sps;
  readonly #pps: Pps;
  readonly #units: Uint8Array[];
  #prevRefFrameNum = 0;
  #anchorPoc = 0;
  #betweenPoc = 0;
  #pictures = 0;
  #lastWasReference = true;

  constructor(readonly recipe: Recipe) {
    this.#random = new Random(recipe.seed);
    this.#sps = spsOf(recipe);
    this.#pps = { ...emptyPps(), bottom_field_pic_order_in_frame_present_flag: true };
    this.#units = [
      nalUnit(1, NalType.Sps, (c) => seqParameterSet(c, this.#sps)),
      nalUnit(1, NalType.Pps, (c) => picParameterSet(c, this.#pps, () => this.#sps)),
    ];
  }

  run(): Uint8Array {
    while (this.#pictures < PICTURES) this.#frame();
    return joinNalUnits(this.#units);
  }

  #frame(): void {
    const random = this.#random;
    const idr = this.#pictures === 0 || random.chance(4);
    const type =
      idr || random.chance(5)
        ? SliceType.I
        : this.#betweenPoc > 0 && random.chance(60)
          ? SliceType.B
          : SliceType.P;
    const reference = idr || type === SliceType.I || this.#mustRefer || random.chance(65);
    const inFields = this.recipe.fields && random.chance(60);
    // After a picture that is no reference, ffmpeg counts a gap from it; 7.4.3 counts from the last reference.
    const skipped = this.recipe.gaps && this.#lastWasReference && random.chance(15) ? 1 + random.below(3) : 0;
    const frameNum = idr ? 0 : (this.#prevRefFrameNum + 1 + skipped) % MAX_FRAME_NUM;
    const poc = this.#poc(idr, type);
    const base = { ...emptySliceHeader(), frame_num: frameNum, idr_pic_id: this.#pictures % 2 };
    const shape = { field_pic_flag: inFields, pic_order_cnt_lsb: poc % 256, delta_pic_order_cnt_bottom: 1 };
    const first = { ...base, ...shape, slice_type: type, long_term_reference_flag: idr && random.chance(30) };
    const reset = this.#add({ header: first, reference, idr }, true);
    if (inFields) {
      const second = {
        ...base,
        ...shape,
        slice_type: type === SliceType.I ? SliceType.P : type,
        bottom_field_flag: true,
      };
      if (reset) second.frame_num = 0;
      second.pic_order_cnt_lsb = (reset ? 1 : poc + 1) % 256;
      // What the first field did to itself, the second one does, too.
      const own = first.operations.filter((one) => one.memory_management_control_operation === 6);
      if (first.long_term_reference_flag)
        own.push({ ...noOperation, memory_management_control_operation: 6 });
      second.adaptive_ref_pic_marking_mode_flag = own.length > 0;
      second.operations = own;
      this.#add({ header: second, reference, idr: false }, false);
    }
    if (reset) this.#anchorPoc = 0;
    if (reset) this.#betweenPoc = 0;
    if (reference) this.#prevRefFrameNum = reset ? 0 : frameNum;
    else if (skipped > 0) this.#prevRefFrameNum = (frameNum + MAX_FRAME_NUM - 1) % MAX_FRAME_NUM;
  }

  /**
   * Without coded order counts, the second of two pictures that are no references would have the count of the first,
   * and one directly behind an IDR picture, with offset_for_non_ref_pic, a count before it.
   */
  get #mustRefer(): boolean {
    if (this.recipe.pocType === 1 && this.#prevRefFrameNum === 0) return true;
    return this.recipe.pocType !== 0 && !this.#lastWasReference;
  }

  /** Anchors are 8 apart in display, the pictures between them follow in decoding. */
  #poc(idr: boolean, type: number): number {
    if (idr) {
      this.#anchorPoc = 0;
      this.#betweenPoc = 0;
    } else if (type === SliceType.B) {
      this.#betweenPoc -= 2;
      return this.#anchorPoc - 8 + 2 * (3 - this.#betweenPoc / 2);
    } else {
      this.#anchorPoc += 8;
      this.#betweenPoc = this.recipe.pocType === 0 ? 6 : 0;
    }
    return this.#anchorPoc;
  }

  /** Adds a picture with random marking and list modifications. @returns Does it have operation 5? */
  #add(picture: Picture, free: boolean): boolean {
    const { header, reference, idr } = picture;
    this.#pictures += 1;
    let current = this.#picture(picture);
    if (lacksReferences(current)) {
      header.slice_type = SliceType.I;
      current = this.#picture(picture);
    }
    if (current === undefined) {
      throw new Error(`the picture without operations is refused: ${this.#refusal}`);
    }
    if (!idr && header.slice_type !== SliceType.I) this.#modify(header, current.references);
    if (!idr && reference && free && this.#random.chance(45)) {
      header.adaptive_ref_pic_marking_mode_flag = true;
      header.operations = this.#operations(header, current.references);
      if (this.#picture(picture) === undefined) {
        header.adaptive_ref_pic_marking_mode_flag = false;
        header.operations = [];
      }
    }
    this.#units.push(delimiter, sliceUnit(picture, this.#sps, this.#pps));
    this.#lastWasReference = reference;
    return header.operations.some((one) => one.memory_management_control_operation === 5);
  }

  /** Why `#picture` last gave nothing. */
  #refusal = "";

  /** The picture as our decoder sees it at the stream's end; undefined if something about it is not allowed. */
  #picture(picture: Picture): CodedPicture | undefined {
    try {
      const units = [...this.#units, delimiter, sliceUnit(picture, this.#sps, this.#pps)];
      return [...codedFrames(joinNalUnits(units))].at(-1)?.pictures.at(-1);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#refusal = error.message;
      return undefined;
    }
  }

  #operations(header: SliceHeader, references: readonly FrameStore[]): MarkingOperation[] {
    const random = this.#random;
    const currPicNum = header.field_pic_flag ? 2 * header.frame_num + 1 : header.frame_num;
    const operations: MarkingOperation[] = [];
    const add = (number: number, change: Partial<MarkingOperation>) =>
      operations.push({ ...noOperation, memory_management_control_operation: number, ...change });
    if (random.chance(40)) add(4, { max_long_term_frame_idx_plus1: 1 + random.below(3) });
    const frame = random.pick(references.filter((one) => !one.nonExisting));
    if (frame !== undefined) {
      const index = random.below(3);
      const makeLong = random.chance(50);
      for (const number of numbers(frame, "short", header)) {
        const difference = { difference_of_pic_nums_minus1: currPicNum - number - 1 };
        if (makeLong) add(3, { ...difference, long_term_frame_idx: index });
        else add(1, difference);
      }
      if (random.chance(30))
        for (const number of numbers(frame, "long", header)) add(2, { long_term_pic_num: number });
    }
    if (random.chance(25)) add(6, { long_term_frame_idx: random.below(3) });
    else if (random.chance(10)) return [{ ...noOperation, memory_management_control_operation: 5 }];
    return operations;
  }

  /** As many list entries as there are pictures, of which one comes to the front. */
  #modify(header: SliceHeader, references: readonly FrameStore[]): void {
    const random = this.#random;
    const usable = references.filter((one) => !one.nonExisting);
    const frame = random.pick(usable);
    if (frame === undefined || !random.chance(40)) return;
    const currPicNum = header.field_pic_flag ? 2 * header.frame_num + 1 : header.frame_num;
    const entry: ListModification = {
      modification_of_pic_nums_idc: 0,
      abs_diff_pic_num_minus1: 0,
      long_term_pic_num: 0,
    };
    const [short] = numbers(frame, "short", header);
    const [long] = numbers(frame, "long", header);
    if (short !== undefined && short < currPicNum) entry.abs_diff_pic_num_minus1 = currPicNum - short - 1;
    else if (long !== undefined)
      Object.assign(entry, { modification_of_pic_nums_idc: 2, long_term_pic_num: long });
    else return;
    header.ref_pic_list_modification_flag = [true, header.slice_type === SliceType.B];
    header.modifications = [[entry], header.slice_type === SliceType.B ? [entry] : []];
  }
}

/** Writes the streams to a folder. */
export function syntheticStreams(folder: string): Stream[] {
  const recipes: Recipe[] = [];
  for (const pocType of [0, 1, 2] as const) {
    for (const fields of [false, true]) {
      for (const gaps of [false, true]) {
        for (let seed = 1; seed <= 2; seed += 1)
          recipes.push({ pocType, fields, gaps, seed: seed + recipes.length });
      }
    }
  }
  return recipes.map((recipe) => {
    const { pocType, fields, gaps, seed } = recipe;
    const name = `synthetic: order count type ${pocType}${fields ? ", fields" : ""}${gaps ? ", gaps" : ""}, seed ${seed}`;
    const path = `${folder}/${name.replace(/\W+/g, "-")}.h264`;
    writeFileSync(path, new Generator(recipe).run());
    return { name, path };
  });
}
