/** Quantisation, segmentation and the deltas of both: 5.9.12 to 5.9.14, 5.9.17 and 5.9.18. */
import type { Coder } from "../bits/index.js";
import {
  MAX_SEGMENTS,
  PRIMARY_REF_NONE,
  SEG_LVL_MAX,
  summarizeFeatures,
  type FrameHeader,
} from "./frame-header.js";
import type { SequenceHeader } from "./syntax-sequence.js";

/** `Segmentation_Feature_Bits`, `_Signed` and `_Max`. */
const features = [
  { bits: 8, signed: true, max: 255 },
  { bits: 6, signed: true, max: 63 },
  { bits: 6, signed: true, max: 63 },
  { bits: 6, signed: true, max: 63 },
  { bits: 6, signed: true, max: 63 },
  { bits: 3, signed: false, max: 7 },
  { bits: 0, signed: false, max: 0 },
  { bits: 0, signed: false, max: 0 },
] as const;

/** Indices of {@link FrameHeader.deltaQ}. */
export const DeltaQ = { YDc: 0, UDc: 1, UAc: 2, VDc: 3, VAc: 4 } as const;

export function quantizationParams(c: Coder, seq: SequenceHeader, frame: FrameHeader): void {
  c.structure("quantization_params", "5.9.12");
  frame.base_q_idx = c.u("base_q_idx", 8, frame.base_q_idx);
  deltaQ(c, frame, DeltaQ.YDc);
  if (seq.numPlanes > 1) {
    frame.diff_uv_delta = seq.separate_uv_delta_q && c.flag("diff_uv_delta", frame.diff_uv_delta);
    deltaQ(c, frame, DeltaQ.UDc);
    deltaQ(c, frame, DeltaQ.UAc);
    if (frame.diff_uv_delta) {
      deltaQ(c, frame, DeltaQ.VDc);
      deltaQ(c, frame, DeltaQ.VAc);
    } else {
      frame.deltaQ.copyWithin(DeltaQ.VDc, DeltaQ.UDc, DeltaQ.VDc);
    }
  } else {
    frame.diff_uv_delta = false;
    frame.deltaQ.fill(0, DeltaQ.UDc);
  }
  frame.using_qmatrix = c.flag("using_qmatrix", frame.using_qmatrix);
  if (frame.using_qmatrix) {
    frame.qm_y = c.u("qm_y", 4, frame.qm_y);
    frame.qm_u = c.u("qm_u", 4, frame.qm_u);
    frame.qm_v = seq.separate_uv_delta_q ? c.u("qm_v", 4, frame.qm_v) : frame.qm_u;
  } else {
    frame.qm_y = 0;
    frame.qm_u = 0;
    frame.qm_v = 0;
  }
}

/** `read_delta_q()`. */
function deltaQ(c: Coder, frame: FrameHeader, index: number): void {
  const coded = c.flag("delta_coded", frame.deltaQCoded[index] === 1, index);
  frame.deltaQCoded[index] = coded ? 1 : 0;
  frame.deltaQ[index] = coded ? c.i("delta_q", 7, frame.deltaQ[index], index) : 0;
}

/** @param previous - The primary reference frame, whose features stay where this frame says nothing. */
export function segmentationParams(c: Coder, frame: FrameHeader, previous: FrameHeader | undefined): void {
  c.structure("segmentation_params", "5.9.14");
  frame.segmentation_enabled = c.flag("segmentation_enabled", frame.segmentation_enabled);
  if (!frame.segmentation_enabled) {
    frame.segmentation_update_map = false;
    frame.segmentation_temporal_update = false;
    frame.segmentation_update_data = false;
    frame.featureEnabled.fill(0);
    frame.featureData.fill(0);
    summarizeFeatures(frame);
    return;
  }
  if (frame.primary_ref_frame === PRIMARY_REF_NONE) {
    frame.segmentation_update_map = true;
    frame.segmentation_temporal_update = false;
    frame.segmentation_update_data = true;
  } else {
    frame.segmentation_update_map = c.flag("segmentation_update_map", frame.segmentation_update_map);
    frame.segmentation_temporal_update =
      frame.segmentation_update_map &&
      c.flag("segmentation_temporal_update", frame.segmentation_temporal_update);
    frame.segmentation_update_data = c.flag("segmentation_update_data", frame.segmentation_update_data);
  }
  if (frame.segmentation_update_data) {
    for (let i = 0; i < MAX_SEGMENTS; i += 1) segmentFeatures(c, frame, i);
  } else if (previous !== undefined) {
    frame.featureEnabled.set(previous.featureEnabled);
    frame.featureData.set(previous.featureData);
  }
  summarizeFeatures(frame);
}

function segmentFeatures(c: Coder, frame: FrameHeader, segment: number): void {
  for (const [j, { bits, signed, max }] of features.entries()) {
    const at = segment * SEG_LVL_MAX + j;
    const enabled = c.flag("feature_enabled", frame.featureEnabled[at] === 1, segment, j);
    frame.featureEnabled[at] = enabled ? 1 : 0;
    let value = 0;
    if (enabled) {
      value = signed
        ? c.i("feature_value", bits + 1, frame.feature_value[at], segment, j)
        : c.u("feature_value", bits, frame.feature_value[at], segment, j);
    }
    frame.feature_value[at] = value;
    frame.featureData[at] = Math.min(Math.max(value, -max), max);
  }
}

/** `delta_q_params()` and `delta_lf_params()`. */
export function deltaParams(c: Coder, frame: FrameHeader): void {
  c.structure("delta_q_params", "5.9.17");
  frame.delta_q_present = frame.base_q_idx > 0 && c.flag("delta_q_present", frame.delta_q_present);
  frame.delta_q_res = frame.delta_q_present ? c.u("delta_q_res", 2, frame.delta_q_res) : 0;
  c.structure("delta_lf_params", "5.9.18");
  frame.delta_lf_present =
    frame.delta_q_present && !frame.allow_intrabc && c.flag("delta_lf_present", frame.delta_lf_present);
  frame.delta_lf_res = frame.delta_lf_present ? c.u("delta_lf_res", 2, frame.delta_lf_res) : 0;
  frame.delta_lf_multi = frame.delta_lf_present && c.flag("delta_lf_multi", frame.delta_lf_multi);
}

/** `CodedLossless` and `AllLossless`. */
export function losslessness(frame: FrameHeader): void {
  let lossless = frame.deltaQ.every((delta) => delta === 0);
  for (let i = 0; i < MAX_SEGMENTS && lossless; i += 1) {
    // get_qindex(1, i) of 7.12.2: SEG_LVL_ALT_Q is the first feature.
    const at = i * SEG_LVL_MAX;
    const altered = frame.segmentation_enabled && frame.featureEnabled[at] === 1;
    const index = frame.base_q_idx + (altered ? (frame.featureData[at] ?? 0) : 0);
    if (index > 0) lossless = false;
  }
  frame.codedLossless = lossless;
  frame.allLossless = lossless && frame.frameWidth === frame.upscaledWidth;
}
