/** H.264: parameter sets from the controls, in front of the client's slices. */
import { h264 } from "../../codec/index.js";
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import type { Piece } from "../protocol.js";
import { JobFlag } from "../protocol.js";
import type { Packet, PacketSource, PacketWriter } from "./packet.js";
import { flagReader, reader, SentHeaders, wholeBitstream } from "./packet.js";

type SpsControl = StandardValue<typeof Cid.StatelessH264Sps>;
type PpsControl = StandardValue<typeof Cid.StatelessH264Pps>;
type MatrixControl = StandardValue<typeof Cid.StatelessH264ScalingMatrix>;

const { NalType, PpsFlag, SpsFlag } = h264;

/** `V4L2_STATELESS_H264_DECODE_MODE_SLICE_BASED`, `V4L2_STATELESS_H264_START_CODE_NONE`. */
const SLICE_BASED = 0;
const NO_START_CODE = 0;

const startCode = Uint8Array.of(0, 0, 1);

export class H264Packets implements PacketWriter {
  readonly #sps = new SentHeaders();
  readonly #pps = new SentHeaders();

  packet(source: PacketSource): Packet {
    const read = reader(source);
    const spsControl = read.of(Cid.StatelessH264Sps)();
    const ppsControl = read.of(Cid.StatelessH264Pps)();
    const matrix = read.of(Cid.StatelessH264ScalingMatrix)();
    const pieces: Piece[] = [];
    const sps = spsOf(spsControl);
    const spsNal = h264.writeNalUnit(NalType.Sps, (c) => {
      h264.seqParameterSet(c, sps);
    });
    if (this.#sps.changes(sps.seq_parameter_set_id, spsNal)) {
      // A decoder drops the picture parameter sets that were for another one.
      this.#pps.clear();
      pieces.push(startCode, spsNal);
    }
    const pps = ppsOf(ppsControl, spsControl, matrix);
    const ppsNal = h264.writeNalUnit(NalType.Pps, (c) => {
      h264.picParameterSet(c, pps, () => sps);
    });
    if (this.#pps.changes(pps.pic_parameter_set_id, ppsNal)) pieces.push(startCode, ppsNal);
    if (read.of(Cid.StatelessH264StartCode)() === NO_START_CODE) pieces.push(startCode);
    pieces.push(wholeBitstream(source));
    const isSliceBased = read.of(Cid.StatelessH264DecodeMode)() === SLICE_BASED;
    return { pieces, flags: isSliceBased ? JobFlag.Slices : 0 };
  }
}

/** Without cropping and what else changes no sample. */
function spsOf(control: SpsControl): h264.Sps {
  const has = flagReader(control.flags);
  return {
    ...h264.emptySps(),
    profile_idc: control.profile_idc,
    constraint_set_flag: [0, 1, 2, 3, 4, 5].map((bit) => (control.constraint_set_flags & (1 << bit)) !== 0),
    level_idc: control.level_idc,
    seq_parameter_set_id: control.seq_parameter_set_id,
    chroma_format_idc: control.chroma_format_idc,
    separate_colour_plane_flag: has(SpsFlag.SeparateColourPlane),
    bit_depth_luma_minus8: control.bit_depth_luma_minus8,
    bit_depth_chroma_minus8: control.bit_depth_chroma_minus8,
    qpprime_y_zero_transform_bypass_flag: has(SpsFlag.QpprimeYZeroTransformBypass),
    log2_max_frame_num_minus4: control.log2_max_frame_num_minus4,
    pic_order_cnt_type: control.pic_order_cnt_type,
    log2_max_pic_order_cnt_lsb_minus4: control.log2_max_pic_order_cnt_lsb_minus4,
    delta_pic_order_always_zero_flag: has(SpsFlag.DeltaPicOrderAlwaysZero),
    offset_for_non_ref_pic: control.offset_for_non_ref_pic,
    offset_for_top_to_bottom_field: control.offset_for_top_to_bottom_field,
    num_ref_frames_in_pic_order_cnt_cycle: control.num_ref_frames_in_pic_order_cnt_cycle,
    offset_for_ref_frame: [...control.offset_for_ref_frame],
    max_num_ref_frames: control.max_num_ref_frames,
    gaps_in_frame_num_value_allowed_flag: has(SpsFlag.GapsInFrameNumValueAllowed),
    pic_width_in_mbs_minus1: control.pic_width_in_mbs_minus1,
    pic_height_in_map_units_minus1: control.pic_height_in_map_units_minus1,
    frame_mbs_only_flag: has(SpsFlag.FrameMbsOnly),
    mb_adaptive_frame_field_flag: has(SpsFlag.MbAdaptiveFrameField),
    direct_8x8_inference_flag: has(SpsFlag.Direct8x8Inference),
  };
}

function ppsOf(control: PpsControl, sps: SpsControl, matrix: MatrixControl): h264.Pps {
  const has = flagReader(control.flags);
  const hasMatrix = has(PpsFlag.ScalingMatrixPresent);
  const has8x8 = has(PpsFlag.Transform8x8Mode);
  return {
    ...h264.emptyPps(),
    pic_parameter_set_id: control.pic_parameter_set_id,
    seq_parameter_set_id: sps.seq_parameter_set_id,
    entropy_coding_mode_flag: has(PpsFlag.EntropyCodingMode),
    bottom_field_pic_order_in_frame_present_flag: has(PpsFlag.BottomFieldPicOrderInFramePresent),
    num_slice_groups_minus1: control.num_slice_groups_minus1,
    num_ref_idx_l0_default_active_minus1: control.num_ref_idx_l0_default_active_minus1,
    num_ref_idx_l1_default_active_minus1: control.num_ref_idx_l1_default_active_minus1,
    weighted_pred_flag: has(PpsFlag.WeightedPred),
    weighted_bipred_idc: control.weighted_bipred_idc,
    pic_init_qp_minus26: control.pic_init_qp_minus26,
    pic_init_qs_minus26: control.pic_init_qs_minus26,
    chroma_qp_index_offset: control.chroma_qp_index_offset,
    deblocking_filter_control_present_flag: has(PpsFlag.DeblockingFilterControlPresent),
    constrained_intra_pred_flag: has(PpsFlag.ConstrainedIntraPred),
    redundant_pic_cnt_present_flag: has(PpsFlag.RedundantPicCntPresent),
    extended: has8x8 || hasMatrix || control.second_chroma_qp_index_offset !== control.chroma_qp_index_offset,
    transform_8x8_mode_flag: has8x8,
    pic_scaling_matrix_present_flag: hasMatrix,
    pic_scaling_list: hasMatrix ? h264.codedScalingLists(matrix, sps.chroma_format_idc === 3) : [],
    second_chroma_qp_index_offset: control.second_chroma_qp_index_offset,
  };
}
