/** H.264's parameter sets as controls: how they differ, and which other values could be meant. */
import { h264 } from "../../codec/index.js";
import type { Alternative } from "./blame.js";
import type { ExpectedControl, FieldPlace, Scalar } from "./compare.js";
import type { PpsControl, SpsControl } from "./h264-expected.js";

const { PpsFlag, SpsFlag } = h264;

/** The sets that a slice header is read with, and the controls that they are of. */
export interface SetsOfControls {
  readonly spsControl: SpsControl;
  readonly ppsControl: PpsControl;
  readonly sps: h264.Sps;
  readonly pps: h264.Pps;
}

export function setsOf(spsControl: SpsControl, ppsControl: PpsControl): SetsOfControls {
  return {
    spsControl,
    ppsControl,
    sps: h264.spsOfControl(spsControl),
    pps: h264.ppsOfControl(ppsControl),
  };
}

const spsFlags = {
  SEPARATE_COLOUR_PLANE: SpsFlag.SeparateColourPlane,
  QPPRIME_Y_ZERO_TRANSFORM_BYPASS: SpsFlag.QpprimeYZeroTransformBypass,
  DELTA_PIC_ORDER_ALWAYS_ZERO: SpsFlag.DeltaPicOrderAlwaysZero,
  GAPS_IN_FRAME_NUM_VALUE_ALLOWED: SpsFlag.GapsInFrameNumValueAllowed,
  FRAME_MBS_ONLY: SpsFlag.FrameMbsOnly,
  MB_ADAPTIVE_FRAME_FIELD: SpsFlag.MbAdaptiveFrameField,
  DIRECT_8X8_INFERENCE: SpsFlag.Direct8x8Inference,
} as const;

/** Those with which slice headers are read. */
const ppsFlags = {
  ENTROPY_CODING_MODE: PpsFlag.EntropyCodingMode,
  BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT: PpsFlag.BottomFieldPicOrderInFramePresent,
  WEIGHTED_PRED: PpsFlag.WeightedPred,
  DEBLOCKING_FILTER_CONTROL_PRESENT: PpsFlag.DeblockingFilterControlPresent,
  REDUNDANT_PIC_CNT_PRESENT: PpsFlag.RedundantPicCntPresent,
} as const;

/** What to say of an SPS that differs from the one before. */
export const sameSps: FieldPlace = {
  element: "the SPS cannot change before the next IDR picture",
  section: "7.4.1.2.1",
};

/** What to say of a field of a set that a slice header contradicts. */
export const readsWith: FieldPlace = {
  element: "with it the slice header says what the other controls say",
  section: "7.3.3",
};

/** The SPS of the pictures before. */
export function expectedSps({ flags, ...fields }: SpsControl): ExpectedControl {
  return {
    control: "H264_SPS",
    fields,
    flags: Object.entries(spsFlags).map(([name, mask]) => {
      return { name, mask, isSet: (flags & mask) !== 0, element: "the SPS before" };
    }),
  };
}

type Sets = SetsOfControls;
type NumberField<Control> = { [K in keyof Control]: Control[K] extends number ? K : never }[keyof Control] &
  string;

/** Fields of an SPS with which slice headers are read, and their smallest and largest values. */
const spsRanges: readonly (readonly [NumberField<SpsControl>, number, number])[] = [
  ["log2_max_frame_num_minus4", 0, 12],
  ["pic_order_cnt_type", 0, 2],
  ["log2_max_pic_order_cnt_lsb_minus4", 0, 12],
  ["chroma_format_idc", 0, 3],
  ["bit_depth_luma_minus8", 0, 6],
];

const ppsRanges: readonly (readonly [NumberField<PpsControl>, number, number])[] = [
  ["num_ref_idx_l0_default_active_minus1", 0, 31],
  ["num_ref_idx_l1_default_active_minus1", 0, 31],
  ["weighted_bipred_idc", 0, 2],
  ["pic_init_qp_minus26", -62, 25],
  ["pic_init_qs_minus26", -26, 25],
];

/** Fields that no range is tried of, but that an earlier request may have had another value of. */
const spsSizes: readonly NumberField<SpsControl>[] = [
  "pic_width_in_mbs_minus1",
  "pic_height_in_map_units_minus1",
];

export interface EarlierSets {
  readonly sps: SpsControl | undefined;
  /** The one with the same id. */
  readonly pps: PpsControl | undefined;
}

/** Sets with another value of one field: first those of an earlier request, then the others of its range. */
export function* alternatives(sets: Sets, earlier: EarlierSets): Generator<Alternative<Sets>> {
  yield* restored(sets, earlier);
  yield* others(sets);
}

/** Sets of which one field is as it was in an earlier request. */
export function* restored(sets: Sets, { sps, pps }: EarlierSets): Generator<Alternative<Sets>> {
  if (sps !== undefined) {
    for (const field of [...spsRanges.map(([name]) => name), ...spsSizes]) {
      if (sps[field] !== sets.spsControl[field]) yield ofSps(sets, field, sps[field], true);
    }
    yield* flagsOfSps(sets, (mask) => ((sps.flags ^ sets.spsControl.flags) & mask) !== 0, true);
  }
  if (pps === undefined) return;
  for (const [field] of ppsRanges) {
    if (pps[field] !== sets.ppsControl[field]) yield ofPps(sets, field, pps[field], true);
  }
  yield* flagsOfPps(sets, (mask) => ((pps.flags ^ sets.ppsControl.flags) & mask) !== 0, true);
}

function* others(sets: Sets): Generator<Alternative<Sets>> {
  yield* flagsOfSps(sets, () => true, false);
  yield* flagsOfPps(sets, () => true, false);
  for (const [field, min, max] of spsRanges) {
    for (const value of nearest(sets.spsControl[field], min, max)) yield ofSps(sets, field, value, false);
  }
  for (const [field, min, max] of ppsRanges) {
    for (const value of nearest(sets.ppsControl[field], min, max)) yield ofPps(sets, field, value, false);
  }
}

/** The other values of a range, the nearest first. */
export function* nearest(value: number, min: number, max: number): Generator<number> {
  for (let distance = 1; distance <= max - min || distance <= Math.abs(value - min); distance += 1) {
    if (value - distance >= min && value - distance <= max) yield value - distance;
    if (value + distance <= max && value + distance >= min) yield value + distance;
    if (distance > 1024) return;
  }
}

function ofSps(
  sets: Sets,
  field: NumberField<SpsControl>,
  value: number,
  restores: boolean,
): Alternative<Sets> {
  const spsControl = { ...sets.spsControl, [field]: value };
  return made(
    "H264_SPS",
    field,
    sets.spsControl[field],
    value,
    { ...sets, ...setsOf(spsControl, sets.ppsControl) },
    restores,
  );
}

function ofPps(
  sets: Sets,
  field: NumberField<PpsControl>,
  value: number,
  restores: boolean,
): Alternative<Sets> {
  const ppsControl = { ...sets.ppsControl, [field]: value };
  return made(
    "H264_PPS",
    field,
    sets.ppsControl[field],
    value,
    { ...sets, ppsControl, pps: h264.ppsOfControl(ppsControl) },
    restores,
  );
}

function* flagsOfSps(
  sets: Sets,
  wanted: (mask: number) => boolean,
  restores: boolean,
): Generator<Alternative<Sets>> {
  for (const [name, mask] of Object.entries(spsFlags)) {
    if (!wanted(mask)) continue;
    const { flags } = sets.spsControl;
    const isSet = (flags & mask) !== 0;
    const spsControl = { ...sets.spsControl, flags: flags ^ mask };
    yield made(
      "H264_SPS",
      `flags & ${name}`,
      isSet,
      !isSet,
      { ...sets, ...setsOf(spsControl, sets.ppsControl) },
      restores,
    );
  }
}

function* flagsOfPps(
  sets: Sets,
  wanted: (mask: number) => boolean,
  restores: boolean,
): Generator<Alternative<Sets>> {
  for (const [name, mask] of Object.entries(ppsFlags)) {
    if (!wanted(mask)) continue;
    const { flags } = sets.ppsControl;
    const isSet = (flags & mask) !== 0;
    const ppsControl = { ...sets.ppsControl, flags: flags ^ mask };
    yield made(
      "H264_PPS",
      `flags & ${name}`,
      isSet,
      !isSet,
      { ...sets, ppsControl, pps: h264.ppsOfControl(ppsControl) },
      restores,
    );
  }
}

const made = (
  control: string,
  field: string,
  submitted: Scalar,
  instead: Scalar,
  sets: Sets,
  restores: boolean,
): Alternative<Sets> => ({ control, field, submitted, instead, sets, restores });
