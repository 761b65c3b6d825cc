/** VP8's control compared as bytes; `expectedFrame()` in `vp8.ts` compares the same fields one by one. */
import { vp8 } from "../../codec/index.js";
import { fieldOffsets, structSize } from "../../v4l2/index.js";
import { ControlBytes } from "./control-bytes.js";

const frameAt = fieldOffsets("v4l2_ctrl_vp8_frame");
const FRAME_SIZE = structSize("v4l2_ctrl_vp8_frame");
const segmentAt = fieldOffsets("v4l2_vp8_segment");
const filterAt = fieldOffsets("v4l2_vp8_loop_filter");
const quantAt = fieldOffsets("v4l2_vp8_quantization");
const entropyAt = fieldOffsets("v4l2_vp8_entropy");
const coderAt = fieldOffsets("v4l2_vp8_entropy_coder_state");

const SEGMENT_ENABLED = 0x1;
const SEGMENT_FLAGS = 0xf;
const FILTER_FLAGS = 0x7;
const DELTA_UPDATE = 0x2;
const FRAME_FLAGS = 0x3f;
const SIGN_BIASES = 0x30;

const control = new ControlBytes();

/** Is a FRAME control that of the frame? @param state - After `apply()` of the frame. */
export function isFrameControl(bytes: Uint8Array, frame: vp8.Vp8Frame, state: vp8.Vp8State): boolean {
  if (bytes.byteLength !== FRAME_SIZE) return false;
  control.load(bytes);
  const { tag, header, key, coderState: coder } = frame;
  const { size } = state;
  return (
    ((control.u32(frameAt.flags) ^ vp8.flagsOf.frame(frame)) &
      (key === undefined ? FRAME_FLAGS : FRAME_FLAGS & ~SIGN_BIASES)) ===
      0 &&
    control.u8(frameAt.coder_state + coderAt.range) === coder.range &&
    control.u8(frameAt.coder_state + coderAt.value) === coder.value &&
    control.u8(frameAt.coder_state + coderAt.bit_count) === coder.bitCount &&
    control.u16(frameAt.width) === size.width &&
    control.u16(frameAt.height) === size.height &&
    control.u8(frameAt.horizontal_scale) === size.horizontal_scale &&
    control.u8(frameAt.vertical_scale) === size.vertical_scale &&
    control.u8(frameAt.version) === tag.version &&
    (!header.mb_no_skip_coeff || control.u8(frameAt.prob_skip_false) === header.prob_skip_false) &&
    control.u8(frameAt.num_dct_parts) === frame.dctPartSizes.length &&
    control.u32(frameAt.first_part_size) === tag.first_part_size &&
    control.u32(frameAt.first_part_header_bits) === frame.headerBits &&
    control.areU32(frameAt.dct_part_sizes, frame.dctPartSizes) &&
    (key !== undefined || isInter(header, state)) &&
    isSegment(frame, state) &&
    isFilter(frame, state) &&
    isQuant(header.quant_indices) &&
    isEntropy(frame, state)
  );
}

function isInter(header: vp8.FrameHeader, { references }: vp8.Vp8State): boolean {
  return (
    references !== undefined &&
    control.u8(frameAt.prob_intra) === header.prob_intra &&
    control.u8(frameAt.prob_last) === header.prob_last &&
    control.u8(frameAt.prob_gf) === header.prob_gf &&
    control.u64(frameAt.last_frame_ts) === references.last &&
    control.u64(frameAt.golden_frame_ts) === references.golden &&
    control.u64(frameAt.alt_frame_ts) === references.alternate
  );
}

function isSegment(frame: vp8.Vp8Frame, state: vp8.Vp8State): boolean {
  const at = frameAt.segment;
  const { segmentation_enabled, update_mb_segmentation_map } = frame.header.segmentation;
  const flags = control.u32(at + segmentAt.flags) ^ vp8.flagsOf.segment(frame, state);
  if ((flags & (segmentation_enabled ? SEGMENT_FLAGS : SEGMENT_ENABLED)) !== 0) return false;
  if (update_mb_segmentation_map && !control.areU8(at + segmentAt.segment_probs, state.segmentProbs))
    return false;
  return (
    !segmentation_enabled ||
    (control.areS8(at + segmentAt.quant_update, state.quantizerUpdate) &&
      control.areS8(at + segmentAt.lf_update, state.lfUpdate))
  );
}

function isFilter(frame: vp8.Vp8Frame, state: vp8.Vp8State): boolean {
  const at = frameAt.lf;
  const { header } = frame;
  const hasDeltas = header.deltas.loop_filter_adj_enable;
  const flags = control.u32(at + filterAt.flags) ^ vp8.flagsOf.filter(frame);
  return (
    (flags & (hasDeltas ? FILTER_FLAGS : FILTER_FLAGS & ~DELTA_UPDATE)) === 0 &&
    control.u8(at + filterAt.sharpness_level) === header.sharpness_level &&
    control.u8(at + filterAt.level) === header.loop_filter_level &&
    (!hasDeltas ||
      (control.areS8(at + filterAt.ref_frm_delta, state.refFrameDelta) &&
        control.areS8(at + filterAt.mb_mode_delta, state.mbModeDelta)))
  );
}

function isQuant(quant: vp8.QuantIndices): boolean {
  const at = frameAt.quant;
  return (
    control.u8(at + quantAt.y_ac_qi) === quant.y_ac_qi &&
    isDelta(at + quantAt.y_dc_delta, quant.y_dc_delta) &&
    isDelta(at + quantAt.y2_dc_delta, quant.y2_dc_delta) &&
    isDelta(at + quantAt.y2_ac_delta, quant.y2_ac_delta) &&
    isDelta(at + quantAt.uv_dc_delta, quant.uv_dc_delta) &&
    isDelta(at + quantAt.uv_ac_delta, quant.uv_ac_delta)
  );
}

const isDelta = (at: number, delta: number | undefined): boolean => control.s8(at) === (delta ?? 0);

function isEntropy({ key }: vp8.Vp8Frame, { entropy }: vp8.Vp8State): boolean {
  const at = frameAt.entropy;
  const { y_mode_probs, uv_mode_probs } = vp8.modeProbs(entropy, key !== undefined);
  const coefficients = at + entropyAt.coeff_probs;
  return (
    control.areU8(at + entropyAt.y_mode_probs, y_mode_probs) &&
    control.areU8(at + entropyAt.uv_mode_probs, uv_mode_probs) &&
    control.areU8(at + entropyAt.mv_probs, entropy.mv) &&
    Buffer.compare(
      control.bytes.subarray(coefficients, coefficients + entropy.coeff.length),
      entropy.coeff,
    ) === 0
  );
}
