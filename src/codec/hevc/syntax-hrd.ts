/** `hrd_parameters()`: Annex E.2.2, E.2.3. */
import type { Coder } from "../bits/index.js";

export interface SubLayerHrd {
  bit_rate_value_minus1: number[];
  cpb_size_value_minus1: number[];
  cpb_size_du_value_minus1: number[];
  bit_rate_du_value_minus1: number[];
  cbr_flag: boolean[];
}

export interface Hrd {
  nal_hrd_parameters_present_flag: boolean;
  vcl_hrd_parameters_present_flag: boolean;
  sub_pic_hrd_params_present_flag: boolean;
  tick_divisor_minus2: number;
  du_cpb_removal_delay_increment_length_minus1: number;
  sub_pic_cpb_params_in_pic_timing_sei_flag: boolean;
  dpb_output_delay_du_length_minus1: number;
  bit_rate_scale: number;
  cpb_size_scale: number;
  cpb_size_du_scale: number;
  initial_cpb_removal_delay_length_minus1: number;
  au_cpb_removal_delay_length_minus1: number;
  dpb_output_delay_length_minus1: number;
  fixed_pic_rate_general_flag: boolean[];
  fixed_pic_rate_within_cvs_flag: boolean[];
  elemental_duration_in_tc_minus1: number[];
  low_delay_hrd_flag: boolean[];
  cpb_cnt_minus1: number[];
  nal_sub_layer_hrd_parameters: SubLayerHrd[];
  vcl_sub_layer_hrd_parameters: SubLayerHrd[];
}

export function emptyHrd(): Hrd {
  return {
    nal_hrd_parameters_present_flag: false,
    vcl_hrd_parameters_present_flag: false,
    sub_pic_hrd_params_present_flag: false,
    tick_divisor_minus2: 0,
    du_cpb_removal_delay_increment_length_minus1: 0,
    sub_pic_cpb_params_in_pic_timing_sei_flag: false,
    dpb_output_delay_du_length_minus1: 0,
    bit_rate_scale: 0,
    cpb_size_scale: 0,
    cpb_size_du_scale: 0,
    // 23 where they are not present: E.3.2.
    initial_cpb_removal_delay_length_minus1: 23,
    au_cpb_removal_delay_length_minus1: 23,
    dpb_output_delay_length_minus1: 23,
    fixed_pic_rate_general_flag: [],
    fixed_pic_rate_within_cvs_flag: [],
    elemental_duration_in_tc_minus1: [],
    low_delay_hrd_flag: [],
    cpb_cnt_minus1: [],
    nal_sub_layer_hrd_parameters: [],
    vcl_sub_layer_hrd_parameters: [],
  };
}

/** @param common - `commonInfPresentFlag`. */
export function hrdParameters(c: Coder, hrd: Hrd, common: boolean, maxSubLayersMinus1: number): void {
  c.structure("hrd_parameters", "E.2.2");
  if (common) commonInformation(c, hrd);
  for (let i = 0; i <= maxSubLayersMinus1; i += 1) {
    const general = c.flag("fixed_pic_rate_general_flag", hrd.fixed_pic_rate_general_flag[i], i);
    hrd.fixed_pic_rate_general_flag[i] = general;
    const fixed =
      general || c.flag("fixed_pic_rate_within_cvs_flag", hrd.fixed_pic_rate_within_cvs_flag[i], i);
    hrd.fixed_pic_rate_within_cvs_flag[i] = fixed;
    let lowDelay = false;
    if (fixed) {
      hrd.elemental_duration_in_tc_minus1[i] = c.ue(
        "elemental_duration_in_tc_minus1",
        hrd.elemental_duration_in_tc_minus1[i],
        0,
        2047,
        i,
      );
    } else {
      lowDelay = c.flag("low_delay_hrd_flag", hrd.low_delay_hrd_flag[i], i);
    }
    hrd.low_delay_hrd_flag[i] = lowDelay;
    hrd.cpb_cnt_minus1[i] = lowDelay ? 0 : c.ue("cpb_cnt_minus1", hrd.cpb_cnt_minus1[i], 0, 31, i);
    const count = (hrd.cpb_cnt_minus1[i] ?? 0) + 1;
    if (hrd.nal_hrd_parameters_present_flag) {
      subLayerHrd(c, (hrd.nal_sub_layer_hrd_parameters[i] ??= emptySubLayerHrd()), hrd, count);
    }
    if (hrd.vcl_hrd_parameters_present_flag) {
      subLayerHrd(c, (hrd.vcl_sub_layer_hrd_parameters[i] ??= emptySubLayerHrd()), hrd, count);
    }
  }
}

function commonInformation(c: Coder, hrd: Hrd): void {
  hrd.nal_hrd_parameters_present_flag = c.flag(
    "nal_hrd_parameters_present_flag",
    hrd.nal_hrd_parameters_present_flag,
  );
  hrd.vcl_hrd_parameters_present_flag = c.flag(
    "vcl_hrd_parameters_present_flag",
    hrd.vcl_hrd_parameters_present_flag,
  );
  if (!hrd.nal_hrd_parameters_present_flag && !hrd.vcl_hrd_parameters_present_flag) return;
  hrd.sub_pic_hrd_params_present_flag = c.flag(
    "sub_pic_hrd_params_present_flag",
    hrd.sub_pic_hrd_params_present_flag,
  );
  if (hrd.sub_pic_hrd_params_present_flag) {
    hrd.tick_divisor_minus2 = c.u("tick_divisor_minus2", 8, hrd.tick_divisor_minus2);
    hrd.du_cpb_removal_delay_increment_length_minus1 = c.u(
      "du_cpb_removal_delay_increment_length_minus1",
      5,
      hrd.du_cpb_removal_delay_increment_length_minus1,
    );
    hrd.sub_pic_cpb_params_in_pic_timing_sei_flag = c.flag(
      "sub_pic_cpb_params_in_pic_timing_sei_flag",
      hrd.sub_pic_cpb_params_in_pic_timing_sei_flag,
    );
    hrd.dpb_output_delay_du_length_minus1 = c.u(
      "dpb_output_delay_du_length_minus1",
      5,
      hrd.dpb_output_delay_du_length_minus1,
    );
  }
  hrd.bit_rate_scale = c.u("bit_rate_scale", 4, hrd.bit_rate_scale);
  hrd.cpb_size_scale = c.u("cpb_size_scale", 4, hrd.cpb_size_scale);
  if (hrd.sub_pic_hrd_params_present_flag) {
    hrd.cpb_size_du_scale = c.u("cpb_size_du_scale", 4, hrd.cpb_size_du_scale);
  }
  hrd.initial_cpb_removal_delay_length_minus1 = c.u(
    "initial_cpb_removal_delay_length_minus1",
    5,
    hrd.initial_cpb_removal_delay_length_minus1,
  );
  hrd.au_cpb_removal_delay_length_minus1 = c.u(
    "au_cpb_removal_delay_length_minus1",
    5,
    hrd.au_cpb_removal_delay_length_minus1,
  );
  hrd.dpb_output_delay_length_minus1 = c.u(
    "dpb_output_delay_length_minus1",
    5,
    hrd.dpb_output_delay_length_minus1,
  );
}

const MAX = 2 ** 32 - 2;

function subLayerHrd(c: Coder, s: SubLayerHrd, hrd: Hrd, count: number): void {
  c.structure("sub_layer_hrd_parameters", "E.2.3");
  for (let i = 0; i < count; i += 1) {
    s.bit_rate_value_minus1[i] = c.ue("bit_rate_value_minus1", s.bit_rate_value_minus1[i], 0, MAX, i);
    s.cpb_size_value_minus1[i] = c.ue("cpb_size_value_minus1", s.cpb_size_value_minus1[i], 0, MAX, i);
    if (hrd.sub_pic_hrd_params_present_flag) {
      const size = s.cpb_size_du_value_minus1[i];
      s.cpb_size_du_value_minus1[i] = c.ue("cpb_size_du_value_minus1", size, 0, MAX, i);
      const rate = s.bit_rate_du_value_minus1[i];
      s.bit_rate_du_value_minus1[i] = c.ue("bit_rate_du_value_minus1", rate, 0, MAX, i);
    }
    s.cbr_flag[i] = c.flag("cbr_flag", s.cbr_flag[i], i);
  }
}

function emptySubLayerHrd(): SubLayerHrd {
  return {
    bit_rate_value_minus1: [],
    cpb_size_value_minus1: [],
    cpb_size_du_value_minus1: [],
    bit_rate_du_value_minus1: [],
    cbr_flag: [],
  };
}
