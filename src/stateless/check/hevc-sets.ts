/** HEVC's parameter sets as controls: how they differ, and which other values could be meant. */
import { hevc, type ControlValues } from "../../codec/index.js";
import type { Alternative } from "./blame.js";
import {
  compareFields,
  isSame,
  FieldPlaces,
  type Disagreement,
  type ExpectedControl,
  type FieldPlace,
} from "./compare.js";
import { alternativesOf, asBefore, type EarlierSets as EarlierSetsOf, type SetFields } from "./set-fields.js";

const { PpsFlag, SpsFlag } = hevc;

export type SpsControl = NonNullable<ControlValues["StatelessHevcSps"]>;
export type PpsControl = NonNullable<ControlValues["StatelessHevcPps"]>;
type StRpsControl = NonNullable<ControlValues["StatelessHevcExtSpsStRps"]>[number];
type LtRpsControl = NonNullable<ControlValues["StatelessHevcExtSpsLtRps"]>[number];

/** The sets that a slice header is read with, and the controls that they are of. */
export interface SetsOfControls extends hevc.ActiveSets {
  readonly spsControl: SpsControl;
  readonly ppsControl: PpsControl;
  readonly stRps: readonly StRpsControl[];
  readonly ltRps: readonly LtRpsControl[];
  /** Stands for each short-term set of the SPS where the client does not submit those. */
  readonly pictureSet: hevc.ShortTermRps | undefined;
  /** Pictures of the set that the slice header's own one is predicted from, where nothing else is known of it. */
  readonly predictedFrom: number;
  readonly extensions: Extensions;
}

/** Of the extensions of SPS and PPS, which no control has, those with which slice headers are read. */
export interface Extensions {
  readonly high_precision_offsets_enabled_flag: boolean;
  readonly chroma_qp_offset_list_enabled_flag: boolean;
  readonly motion_vector_resolution_control_idc: number;
  readonly pps_slice_act_qp_offsets_present_flag: boolean;
}

export const noExtensions: Extensions = {
  high_precision_offsets_enabled_flag: false,
  chroma_qp_offset_list_enabled_flag: false,
  motion_vector_resolution_control_idc: 0,
  pps_slice_act_qp_offsets_present_flag: false,
};

/** All that may be meant; two of them only with 4:4:4. */
export function* possibleExtensions({ chroma_format_idc }: SpsControl): Generator<Extensions> {
  const is444 = chroma_format_idc === 3;
  const booleans = [false, true];
  for (const pps_slice_act_qp_offsets_present_flag of is444 ? booleans : [false]) {
    for (const chroma_qp_offset_list_enabled_flag of is444 ? booleans : [false]) {
      for (const high_precision_offsets_enabled_flag of booleans) {
        for (const motion_vector_resolution_control_idc of [0, 1, 2]) {
          yield {
            high_precision_offsets_enabled_flag,
            chroma_qp_offset_list_enabled_flag,
            motion_vector_resolution_control_idc,
            pps_slice_act_qp_offsets_present_flag,
          };
        }
      }
    }
  }
}

export function ppsOf(control: PpsControl, extensions: Extensions): hevc.Pps {
  const pps = hevc.ppsOfControl(control);
  const { chroma_qp_offset_list_enabled_flag, pps_slice_act_qp_offsets_present_flag } = extensions;
  pps.range.chroma_qp_offset_list_enabled_flag = chroma_qp_offset_list_enabled_flag;
  pps.scc.pps_slice_act_qp_offsets_present_flag = pps_slice_act_qp_offsets_present_flag;
  return pps;
}

export function setsOf(controls: Omit<SetsOfControls, "sps" | "pps">): SetsOfControls {
  const { spsControl, ppsControl, stRps, ltRps, pictureSet, predictedFrom, extensions } = controls;
  const count = Math.min(spsControl.num_short_term_ref_pic_sets, 64);
  const shortTerm =
    pictureSet === undefined
      ? hevc.shortTermSetsOfControls(stRps)
      : Array.from({ length: count }, () => (predictedFrom > 0 ? setOfLength(predictedFrom) : pictureSet));
  const sps = hevc.spsOfControl(spsControl, shortTerm, ltRps);
  sps.range.high_precision_offsets_enabled_flag = extensions.high_precision_offsets_enabled_flag;
  sps.scc.motion_vector_resolution_control_idc = extensions.motion_vector_resolution_control_idc;
  return { ...controls, sps, pps: ppsOf(ppsControl, extensions) };
}

/** Any pictures: only their number decides how a slice header reads. */
function setOfLength(length: number): hevc.ShortTermRps {
  const deltas = Array.from({ length: Math.min(length, 16) }, (_, i) => -1 - i);
  return { ...hevc.emptyShortTermRps(), DeltaPocS0: deltas, UsedByCurrPicS0: deltas.map(() => true) };
}

const spsFlags = {
  SEPARATE_COLOUR_PLANE: SpsFlag.SeparateColourPlane,
  SCALING_LIST_ENABLED: SpsFlag.ScalingListEnabled,
  AMP_ENABLED: SpsFlag.AmpEnabled,
  SAMPLE_ADAPTIVE_OFFSET: SpsFlag.SampleAdaptiveOffset,
  PCM_ENABLED: SpsFlag.PcmEnabled,
  PCM_LOOP_FILTER_DISABLED: SpsFlag.PcmLoopFilterDisabled,
  LONG_TERM_REF_PICS_PRESENT: SpsFlag.LongTermRefPicsPresent,
  SPS_TEMPORAL_MVP_ENABLED: SpsFlag.SpsTemporalMvpEnabled,
  STRONG_INTRA_SMOOTHING_ENABLED: SpsFlag.StrongIntraSmoothingEnabled,
} as const;

/** Slice headers are read with these fields. */
const spsFields: SetFields<SpsControl> = {
  control: "HEVC_SPS",
  ranges: [
    ["log2_max_pic_order_cnt_lsb_minus4", 0, 12],
    ["num_short_term_ref_pic_sets", 0, 64],
    ["num_long_term_ref_pics_sps", 0, 32],
    ["chroma_format_idc", 0, 3],
    ["sps_max_dec_pic_buffering_minus1", 0, 15],
    ["log2_min_luma_coding_block_size_minus3", 0, 3],
    ["log2_diff_max_min_luma_coding_block_size", 0, 3],
  ],
  sizes: ["pic_width_in_luma_samples", "pic_height_in_luma_samples"],
  flags: {
    SEPARATE_COLOUR_PLANE: SpsFlag.SeparateColourPlane,
    SAMPLE_ADAPTIVE_OFFSET: SpsFlag.SampleAdaptiveOffset,
    LONG_TERM_REF_PICS_PRESENT: SpsFlag.LongTermRefPicsPresent,
    SPS_TEMPORAL_MVP_ENABLED: SpsFlag.SpsTemporalMvpEnabled,
  },
};

const readingPpsFlags = {
  DEPENDENT_SLICE_SEGMENT_ENABLED: PpsFlag.DependentSliceSegmentEnabled,
  OUTPUT_FLAG_PRESENT: PpsFlag.OutputFlagPresent,
  CABAC_INIT_PRESENT: PpsFlag.CabacInitPresent,
  PPS_SLICE_CHROMA_QP_OFFSETS_PRESENT: PpsFlag.PpsSliceChromaQpOffsetsPresent,
  WEIGHTED_PRED: PpsFlag.WeightedPred,
  WEIGHTED_BIPRED: PpsFlag.WeightedBipred,
  TILES_ENABLED: PpsFlag.TilesEnabled,
  ENTROPY_CODING_SYNC_ENABLED: PpsFlag.EntropyCodingSyncEnabled,
  PPS_LOOP_FILTER_ACROSS_SLICES_ENABLED: PpsFlag.PpsLoopFilterAcrossSlicesEnabled,
  DEBLOCKING_FILTER_OVERRIDE_ENABLED: PpsFlag.DeblockingFilterOverrideEnabled,
  PPS_DISABLE_DEBLOCKING_FILTER: PpsFlag.PpsDisableDeblockingFilter,
  LISTS_MODIFICATION_PRESENT: PpsFlag.ListsModificationPresent,
  SLICE_SEGMENT_HEADER_EXTENSION_PRESENT: PpsFlag.SliceSegmentHeaderExtensionPresent,
} as const;

const allPpsFlags = {
  ...readingPpsFlags,
  SIGN_DATA_HIDING_ENABLED: PpsFlag.SignDataHidingEnabled,
  CONSTRAINED_INTRA_PRED: PpsFlag.ConstrainedIntraPred,
  TRANSFORM_SKIP_ENABLED: PpsFlag.TransformSkipEnabled,
  CU_QP_DELTA_ENABLED: PpsFlag.CuQpDeltaEnabled,
  TRANSQUANT_BYPASS_ENABLED: PpsFlag.TransquantBypassEnabled,
  LOOP_FILTER_ACROSS_TILES_ENABLED: PpsFlag.LoopFilterAcrossTilesEnabled,
  DEBLOCKING_FILTER_CONTROL_PRESENT: PpsFlag.DeblockingFilterControlPresent,
  UNIFORM_SPACING: PpsFlag.UniformSpacing,
} as const;

const ppsFields: SetFields<PpsControl> = {
  control: "HEVC_PPS",
  ranges: [
    ["num_extra_slice_header_bits", 0, 7],
    ["num_ref_idx_l0_default_active_minus1", 0, 14],
    ["num_ref_idx_l1_default_active_minus1", 0, 14],
    ["init_qp_minus26", -74, 25],
    ["num_tile_columns_minus1", 0, 19],
    ["num_tile_rows_minus1", 0, 21],
    ["pps_beta_offset_div2", -6, 6],
    ["pps_tc_offset_div2", -6, 6],
  ],
  sizes: [],
  flags: readingPpsFlags,
};

/** What to say of an SPS that differs from the one before. */
export const sameSps: FieldPlace = {
  element: "the SPS cannot change within a coded video sequence",
  section: "7.4.2.4.2",
};

const samePps: FieldPlace = { element: "the PPS is the same in all slices of a picture", section: "7.4.7.1" };

/** What to say of a field of a set that a slice header contradicts. */
export const readsWith: FieldPlace = {
  element: "with it the slice header says what the other controls say",
  section: "7.3.6.1",
};

/** The SPS of the pictures before. */
function expectedSps(sps: SpsControl): ExpectedControl {
  const { reserved: _reserved, ...fields } = sps;
  return asBefore("HEVC_SPS", fields, spsFlags);
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
      setsWith: (spsControl: SpsControl) => setsOf({ ...sets, spsControl }),
    },
    {
      table: ppsFields,
      submitted: sets.ppsControl,
      setsWith: (ppsControl: PpsControl) => ({
        ...sets,
        ppsControl,
        pps: ppsOf(ppsControl, sets.extensions),
      }),
    },
    earlier,
    onlyEarlier,
  );

/** Of the SPS that is in effect and the one that was submitted. */
export function differencesOfSps(
  sets: SetsOfControls,
  submitted: Omit<SetsOfControls, "sps" | "pps">,
): Disagreement[] {
  const found: Disagreement[] = [];
  const compare = (expected: ExpectedControl, value: object | undefined): void => {
    if (value !== undefined) found.push(...compareFields(expected, value, new FieldPlaces()));
  };
  if (!isSame(sets.spsControl, submitted.spsControl))
    compare(expectedSps(sets.spsControl), submitted.spsControl);
  if (!isSame(sets.stRps, submitted.stRps)) {
    const control = "HEVC_EXT_SPS_ST_RPS";
    compare({ control, fields: { length: sets.stRps.length } }, { length: submitted.stRps.length });
    for (const [i, set] of sets.stRps.entries()) {
      compare(
        { ...asBefore(control, { ...set }, { INTER_REF_PIC_SET_PRED: 1 }), prefix: `[${i}]` },
        submitted.stRps[i],
      );
    }
  }
  if (!isSame(sets.ltRps, submitted.ltRps)) {
    const control = "HEVC_EXT_SPS_LT_RPS";
    compare({ control, fields: { length: sets.ltRps.length } }, { length: submitted.ltRps.length });
    for (const [i, set] of sets.ltRps.entries()) {
      compare({ ...asBefore(control, { ...set }, { USED_LT: 1 }), prefix: `[${i}]` }, submitted.ltRps[i]);
    }
  }
  return found.map((difference) => ({ ...difference, place: sameSps }));
}

/** Of the PPS of the picture and the one that was submitted for a later slice of it. */
export function differencesOfPps(
  sets: SetsOfControls,
  submitted: Pick<SetsOfControls, "ppsControl">,
): Disagreement[] {
  if (isSame(sets.ppsControl, submitted.ppsControl)) return [];
  const { reserved: _reserved, ...fields } = sets.ppsControl;
  const expected = asBefore("HEVC_PPS", fields, allPpsFlags);
  return compareFields(expected, submitted.ppsControl, new FieldPlaces()).map((difference) => {
    return { ...difference, place: samePps };
  });
}
