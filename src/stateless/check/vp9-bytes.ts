/** VP9's FRAME control compared as bytes; `expectedFrame()` in `vp9.ts` compares the same fields one by one. */
import { vp9 } from "../../codec/index.js";
import { fieldOffsets, structSize } from "../../v4l2/index.js";
import { ControlBytes } from "./control-bytes.js";
import { ALL_BUT_ENABLED, ALLOW_HIGH_PREC_MV, DELTA_UPDATE } from "./vp9-fields.js";

const frameAt = fieldOffsets("v4l2_ctrl_vp9_frame");
const FRAME_SIZE = structSize("v4l2_ctrl_vp9_frame");
const filterAt = fieldOffsets("v4l2_vp9_loop_filter");
const quantAt = fieldOffsets("v4l2_vp9_quantization");
const segmentationAt = fieldOffsets("v4l2_vp9_segmentation");

const FRAME_FLAGS = 0x3ff;
const FILTER_FLAGS = 0x3;
const SEGMENTATION_FLAGS = 0x1f;

const control = new ControlBytes();

/** Is a FRAME control that of the frame? @param state - After `apply()` of its header. */
export function isFrameControl(bytes: Uint8Array, frame: vp9.Vp9Frame, state: vp9.Vp9State): boolean {
  if (bytes.byteLength !== FRAME_SIZE) return false;
  control.load(bytes);
  const { header, uncompressedHeaderSize } = frame;
  const { size, color } = header;
  const render = header.render_size ?? size;
  const isInter = !vp9.isIntra(header);
  const flags = control.u32(frameAt.flags) ^ vp9.flagsOf.frame(header);
  return (
    (flags & (isInter ? FRAME_FLAGS : FRAME_FLAGS & ~ALLOW_HIGH_PREC_MV)) === 0 &&
    control.u16(frameAt.compressed_header_size) === header.header_size_in_bytes &&
    control.u16(frameAt.uncompressed_header_size) === uncompressedHeaderSize &&
    control.u16(frameAt.frame_width_minus_1) === size.width - 1 &&
    control.u16(frameAt.frame_height_minus_1) === size.height - 1 &&
    control.u16(frameAt.render_width_minus_1) === render.width - 1 &&
    control.u16(frameAt.render_height_minus_1) === render.height - 1 &&
    control.u8(frameAt.profile) === header.profile &&
    control.u8(frameAt.bit_depth) === color.bit_depth &&
    control.u8(frameAt.tile_cols_log2) === header.tile_cols_log2 &&
    control.u8(frameAt.tile_rows_log2) === header.tile_rows_log2 &&
    areContexts(header, isInter) &&
    (!isInter || isInterFrame(frame, state)) &&
    isFilter(header, state) &&
    isQuant(header.quantization) &&
    isSegmentation(header, state)
  );
}

function areContexts(header: vp9.UncompressedHeader, isInter: boolean): boolean {
  const isResilient = header.error_resilient_mode;
  const resetsAll = header.frame_type === vp9.FrameType.Key || isResilient;
  const index = control.u8(frameAt.frame_context_idx);
  return (
    (resetsAll || control.u8(frameAt.reset_frame_context) === vp9.resetFrameContextOf(header)) &&
    (index === header.frame_context_idx || (index === 0 && (!isInter || isResilient)))
  );
}

function isInterFrame({ header, compressed }: vp9.Vp9Frame, state: vp9.Vp9State): boolean {
  const [last = 0, golden = 0, alternate = 0] = header.ref_frame_idx;
  return (
    control.u8(frameAt.ref_frame_sign_bias) === vp9.flagsOf.signBias(header) &&
    control.u8(frameAt.interpolation_filter) === vp9.interpolationFilterOf(header) &&
    control.u8(frameAt.reference_mode) === (compressed?.reference_mode ?? 0) &&
    control.u64(frameAt.last_frame_ts) === state.slot(last).timestampNs &&
    control.u64(frameAt.golden_frame_ts) === state.slot(golden).timestampNs &&
    control.u64(frameAt.alt_frame_ts) === state.slot(alternate).timestampNs
  );
}

function isFilter(header: vp9.UncompressedHeader, state: vp9.Vp9State): boolean {
  const at = frameAt.lf;
  const { loop_filter: filter } = header;
  const flags = control.u8(at + filterAt.flags) ^ vp9.flagsOf.filter(header);
  return (
    (flags & (filter.delta_enabled ? FILTER_FLAGS : FILTER_FLAGS & ~DELTA_UPDATE)) === 0 &&
    control.u8(at + filterAt.level) === filter.level &&
    control.u8(at + filterAt.sharpness) === filter.sharpness &&
    (!filter.delta_enabled ||
      (control.areS8(at + filterAt.ref_deltas, state.refDeltas) &&
        control.areS8(at + filterAt.mode_deltas, state.modeDeltas)))
  );
}

function isQuant(quant: vp9.Quantization): boolean {
  const at = frameAt.quant;
  return (
    control.u8(at + quantAt.base_q_idx) === quant.base_q_idx &&
    control.s8(at + quantAt.delta_q_y_dc) === (quant.delta_q_y_dc ?? 0) &&
    control.s8(at + quantAt.delta_q_uv_dc) === (quant.delta_q_uv_dc ?? 0) &&
    control.s8(at + quantAt.delta_q_uv_ac) === (quant.delta_q_uv_ac ?? 0)
  );
}

function isSegmentation(header: vp9.UncompressedHeader, state: vp9.Vp9State): boolean {
  const at = frameAt.seg;
  const { enabled, update_map } = header.segmentation;
  const flags = control.u8(at + segmentationAt.flags) ^ vp9.flagsOf.segmentation(header, state);
  if ((flags & (enabled ? SEGMENTATION_FLAGS : SEGMENTATION_FLAGS & ~ALL_BUT_ENABLED)) !== 0) return false;
  const hasMap =
    !update_map ||
    (control.areU8(at + segmentationAt.tree_probs, state.treeProbs) &&
      control.areU8(at + segmentationAt.pred_probs, state.predProbs));
  return hasMap && (!enabled || areFeatures(at, state));
}

/** The data of features that are not enabled mean nothing. */
function areFeatures(at: number, { featureData, featureEnabled }: vp9.Vp9State): boolean {
  if (!control.areU8(at + segmentationAt.feature_enabled, featureEnabled)) return false;
  for (let segment = 0; segment < vp9.SEGMENTS; segment += 1) {
    const mask = featureEnabled[segment] ?? 0;
    for (let feature = 0; feature < vp9.SEG_FEATURES; feature += 1) {
      if (((mask >> feature) & 1) === 0) continue;
      const place = at + segmentationAt.feature_data + 2 * (segment * vp9.SEG_FEATURES + feature);
      if (control.s16(place) !== (featureData[segment]?.[feature] ?? 0)) return false;
    }
  }
  return true;
}
