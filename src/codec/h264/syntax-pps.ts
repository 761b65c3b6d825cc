/** H.264 picture parameter sets: 7.3.2.2. */
import type { Coder } from "../bits/index.js";
import { ceilLog2, picSizeInMapUnits } from "./limits.js";
import { MAX_FRAME_MBS } from "./profiles.js";
import { scalingLists, type ScalingList, type Sps } from "./syntax-sps.js";

export interface Pps {
  pic_parameter_set_id: number;
  seq_parameter_set_id: number;
  entropy_coding_mode_flag: boolean;
  bottom_field_pic_order_in_frame_present_flag: boolean;
  num_slice_groups_minus1: number;
  slice_group_map_type: number;
  run_length_minus1: number[];
  top_left: number[];
  bottom_right: number[];
  slice_group_change_direction_flag: boolean;
  slice_group_change_rate_minus1: number;
  pic_size_in_map_units_minus1: number;
  slice_group_id: number[];
  num_ref_idx_l0_default_active_minus1: number;
  num_ref_idx_l1_default_active_minus1: number;
  weighted_pred_flag: boolean;
  weighted_bipred_idc: number;
  pic_init_qp_minus26: number;
  pic_init_qs_minus26: number;
  chroma_qp_index_offset: number;
  deblocking_filter_control_present_flag: boolean;
  constrained_intra_pred_flag: boolean;
  redundant_pic_cnt_present_flag: boolean;
  /** Does `transform_8x8_mode_flag` with what follows it stand in the stream? Not a syntax element: `more_rbsp_data()`. */
  extended: boolean;
  transform_8x8_mode_flag: boolean;
  pic_scaling_matrix_present_flag: boolean;
  /** Six of 4x4, then none, two or six of 8x8. */
  pic_scaling_list: ScalingList[];
  second_chroma_qp_index_offset: number;
}

export function emptyPps(): Pps {
  return {
    pic_parameter_set_id: 0,
    seq_parameter_set_id: 0,
    entropy_coding_mode_flag: false,
    bottom_field_pic_order_in_frame_present_flag: false,
    num_slice_groups_minus1: 0,
    slice_group_map_type: 0,
    run_length_minus1: [],
    top_left: [],
    bottom_right: [],
    slice_group_change_direction_flag: false,
    slice_group_change_rate_minus1: 0,
    pic_size_in_map_units_minus1: 0,
    slice_group_id: [],
    num_ref_idx_l0_default_active_minus1: 0,
    num_ref_idx_l1_default_active_minus1: 0,
    weighted_pred_flag: false,
    weighted_bipred_idc: 0,
    pic_init_qp_minus26: 0,
    pic_init_qs_minus26: 0,
    chroma_qp_index_offset: 0,
    deblocking_filter_control_present_flag: false,
    constrained_intra_pred_flag: false,
    redundant_pic_cnt_present_flag: false,
    extended: false,
    transform_8x8_mode_flag: false,
    pic_scaling_matrix_present_flag: false,
    pic_scaling_list: [],
    second_chroma_qp_index_offset: 0,
  };
}

/**
 * `pic_parameter_set_rbsp()`.
 * @param spsOf - The SPS with an id. A PPS cannot be read without: its scaling lists and ranges depend on it.
 */
export function picParameterSet(c: Coder, pps: Pps, spsOf: (id: number) => Sps | undefined): void {
  c.structure("pic_parameter_set_rbsp", "7.3.2.2");
  pps.pic_parameter_set_id = c.ue("pic_parameter_set_id", pps.pic_parameter_set_id, 0, 255);
  pps.seq_parameter_set_id = c.ue("seq_parameter_set_id", pps.seq_parameter_set_id, 0, 31);
  const sps = spsOf(pps.seq_parameter_set_id);
  if (sps === undefined) {
    throw c.error(`there was no sequence parameter set ${pps.seq_parameter_set_id}`);
  }
  pps.entropy_coding_mode_flag = c.flag("entropy_coding_mode_flag", pps.entropy_coding_mode_flag);
  pps.bottom_field_pic_order_in_frame_present_flag = c.flag(
    "bottom_field_pic_order_in_frame_present_flag",
    pps.bottom_field_pic_order_in_frame_present_flag,
  );
  pps.num_slice_groups_minus1 = c.ue("num_slice_groups_minus1", pps.num_slice_groups_minus1, 0, 7);
  if (pps.num_slice_groups_minus1 > 0) sliceGroups(c, pps, sps);
  pps.num_ref_idx_l0_default_active_minus1 = c.ue(
    "num_ref_idx_l0_default_active_minus1",
    pps.num_ref_idx_l0_default_active_minus1,
    0,
    31,
  );
  pps.num_ref_idx_l1_default_active_minus1 = c.ue(
    "num_ref_idx_l1_default_active_minus1",
    pps.num_ref_idx_l1_default_active_minus1,
    0,
    31,
  );
  pps.weighted_pred_flag = c.flag("weighted_pred_flag", pps.weighted_pred_flag);
  pps.weighted_bipred_idc = c.uRange("weighted_bipred_idc", 2, pps.weighted_bipred_idc, 0, 2);
  const lowestQp = -(26 + 6 * sps.bit_depth_luma_minus8);
  pps.pic_init_qp_minus26 = c.se("pic_init_qp_minus26", pps.pic_init_qp_minus26, lowestQp, 25);
  pps.pic_init_qs_minus26 = c.se("pic_init_qs_minus26", pps.pic_init_qs_minus26, -26, 25);
  pps.chroma_qp_index_offset = c.se("chroma_qp_index_offset", pps.chroma_qp_index_offset, -12, 12);
  pps.deblocking_filter_control_present_flag = c.flag(
    "deblocking_filter_control_present_flag",
    pps.deblocking_filter_control_present_flag,
  );
  pps.constrained_intra_pred_flag = c.flag("constrained_intra_pred_flag", pps.constrained_intra_pred_flag);
  pps.redundant_pic_cnt_present_flag = c.flag(
    "redundant_pic_cnt_present_flag",
    pps.redundant_pic_cnt_present_flag,
  );
  pps.extended = c.moreRbspData(pps.extended);
  if (pps.extended) extension(c, pps, sps);
  else pps.second_chroma_qp_index_offset = pps.chroma_qp_index_offset;
  c.rbspTrailingBits();
}

function extension(c: Coder, pps: Pps, sps: Sps): void {
  pps.transform_8x8_mode_flag = c.flag("transform_8x8_mode_flag", pps.transform_8x8_mode_flag);
  pps.pic_scaling_matrix_present_flag = c.flag(
    "pic_scaling_matrix_present_flag",
    pps.pic_scaling_matrix_present_flag,
  );
  if (pps.pic_scaling_matrix_present_flag) {
    const of8x8 = sps.chroma_format_idc !== 3 ? 2 : 6;
    const count = 6 + (pps.transform_8x8_mode_flag ? of8x8 : 0);
    scalingLists(c, "pic_scaling_list_present_flag", pps.pic_scaling_list, count);
  }
  pps.second_chroma_qp_index_offset = c.se(
    "second_chroma_qp_index_offset",
    pps.second_chroma_qp_index_offset,
    -12,
    12,
  );
}

/** Flexible macroblock ordering. */
function sliceGroups(c: Coder, pps: Pps, sps: Sps): void {
  const last = picSizeInMapUnits(sps) - 1;
  pps.slice_group_map_type = c.ue("slice_group_map_type", pps.slice_group_map_type, 0, 6);
  const type = pps.slice_group_map_type;
  if (type === 0) {
    for (let i = 0; i <= pps.num_slice_groups_minus1; i += 1) {
      pps.run_length_minus1[i] = c.ue("run_length_minus1", pps.run_length_minus1[i], 0, last, i);
    }
  } else if (type === 2) {
    for (let i = 0; i < pps.num_slice_groups_minus1; i += 1) {
      pps.top_left[i] = c.ue("top_left", pps.top_left[i], 0, last, i);
      pps.bottom_right[i] = c.ue("bottom_right", pps.bottom_right[i], 0, last, i);
    }
  } else if (type >= 3 && type <= 5) {
    pps.slice_group_change_direction_flag = c.flag(
      "slice_group_change_direction_flag",
      pps.slice_group_change_direction_flag,
    );
    pps.slice_group_change_rate_minus1 = c.ue(
      "slice_group_change_rate_minus1",
      pps.slice_group_change_rate_minus1,
      0,
      last,
    );
  } else if (type === 6) {
    const bits = ceilLog2(pps.num_slice_groups_minus1 + 1);
    pps.pic_size_in_map_units_minus1 = c.ue(
      "pic_size_in_map_units_minus1",
      pps.pic_size_in_map_units_minus1,
      0,
      MAX_FRAME_MBS - 1,
    );
    if (pps.pic_size_in_map_units_minus1 !== last) {
      throw c.error(
        `pic_size_in_map_units_minus1 is ${pps.pic_size_in_map_units_minus1}, and the picture's size needs ${last}`,
      );
    }
    for (let i = 0; i <= pps.pic_size_in_map_units_minus1; i += 1) {
      pps.slice_group_id[i] = c.uRange(
        "slice_group_id",
        bits,
        pps.slice_group_id[i],
        0,
        pps.num_slice_groups_minus1,
        i,
      );
    }
  }
}
