/** H.264's parameter sets as controls: how they differ, and which other values could be meant. */
import { h264 } from "../../codec/index.js";
import type { Alternative } from "./blame.js";
import type { ExpectedControl, FieldPlace } from "./compare.js";
import type { PpsControl, SpsControl } from "./h264-expected.js";
import { alternativesOf, asBefore, type EarlierSets as EarlierSetsOf, type SetFields } from "./set-fields.js";

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

/** Slice headers are read with these fields. */
const spsFields: SetFields<SpsControl> = {
  control: "H264_SPS",
  ranges: [
    ["log2_max_frame_num_minus4", 0, 12],
    ["pic_order_cnt_type", 0, 2],
    ["log2_max_pic_order_cnt_lsb_minus4", 0, 12],
    ["chroma_format_idc", 0, 3],
    ["bit_depth_luma_minus8", 0, 6],
  ],
  sizes: ["pic_width_in_mbs_minus1", "pic_height_in_map_units_minus1"],
  flags: spsFlags,
};

const ppsFields: SetFields<PpsControl> = {
  control: "H264_PPS",
  ranges: [
    ["num_ref_idx_l0_default_active_minus1", 0, 31],
    ["num_ref_idx_l1_default_active_minus1", 0, 31],
    ["weighted_bipred_idc", 0, 2],
    ["pic_init_qp_minus26", -62, 25],
    ["pic_init_qs_minus26", -26, 25],
  ],
  sizes: [],
  flags: {
    ENTROPY_CODING_MODE: PpsFlag.EntropyCodingMode,
    BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT: PpsFlag.BottomFieldPicOrderInFramePresent,
    WEIGHTED_PRED: PpsFlag.WeightedPred,
    DEBLOCKING_FILTER_CONTROL_PRESENT: PpsFlag.DeblockingFilterControlPresent,
    REDUNDANT_PIC_CNT_PRESENT: PpsFlag.RedundantPicCntPresent,
  },
};

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
export function expectedSps(sps: SpsControl): ExpectedControl {
  return asBefore("H264_SPS", { ...sps }, spsFlags);
}

export type EarlierSets = EarlierSetsOf<SpsControl, PpsControl>;

/** Sets with another value of one field: first those of an earlier request, then any others. */
export const alternatives = (
  sets: SetsOfControls,
  earlier: EarlierSets,
  onlyEarlier: boolean,
): Generator<Alternative<SetsOfControls>> =>
  alternativesOf(
    {
      table: spsFields,
      submitted: sets.spsControl,
      setsWith: (spsControl: SpsControl) => setsOf(spsControl, sets.ppsControl),
    },
    {
      table: ppsFields,
      submitted: sets.ppsControl,
      setsWith: (ppsControl: PpsControl) => ({ ...sets, ppsControl, pps: h264.ppsOfControl(ppsControl) }),
    },
    earlier,
    onlyEarlier,
  );
