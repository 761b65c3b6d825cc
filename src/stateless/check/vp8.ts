/** What a VP8 frame in an OUTPUT buffer, and the frames before it, say of the FRAME control. */
import { CodecError, vp8 } from "../../codec/index.js";
import type { ControlValues } from "../../codec/index.js";
import {
  compareFields,
  ExpectedTable,
  type Disagreement,
  type ExpectedControl,
  type FieldElements,
} from "./compare.js";
import { expectedFlags, placesOnDemand, type FlagName } from "./flags.js";
import { noDisagreement, type CheckedRequest, type CheckResult, type StreamCheck } from "./stream-check.js";
import { isFrameControl } from "./vp8-bytes.js";

type FrameControl = NonNullable<ControlValues["StatelessVp8Frame"]>;

/** Block types, bands, contexts and nodes of coefficient probabilities. */
const COEFFICIENTS = [4, 8, 3, 11];
/** Rows and columns, and their probabilities. */
const MOTION = [2, 19];

const frameFlags: readonly FlagName[] = [
  ["KEY_FRAME", "key_frame"],
  ["EXPERIMENTAL", "version"],
  ["SHOW_FRAME", "show_frame"],
  ["MB_NO_SKIP_COEFF", "mb_no_skip_coeff"],
  ["SIGN_BIAS_GOLDEN", "sign_bias_golden"],
  ["SIGN_BIAS_ALT", "sign_bias_alternate"],
];
const SIGN_BIASES = 0x30;

const segmentFlags: readonly FlagName[] = [
  ["ENABLED", "segmentation_enabled"],
  ["UPDATE_MAP", "update_mb_segmentation_map", "9.3"],
  ["UPDATE_FEATURE_DATA", "update_segment_feature_data", "9.3"],
  ["DELTA_VALUE_MODE", "segment_feature_mode", "9.3"],
];
const ALL_BUT_ENABLED = 0xe;

const filterFlags: readonly FlagName[] = [
  ["ADJ_ENABLE", "loop_filter_adj_enable"],
  ["DELTA_UPDATE", "mode_ref_lf_delta_update", "9.6"],
  ["FILTER_TYPE_SIMPLE", "filter_type"],
];
const DELTA_UPDATE = 0x2;

/** Syntax elements of the fields, and where the RFC says what holds when they are absent. */
const elements = {
  "VP8_FRAME.segment.quant_update[]": ["quantizer_update_value", "9.3"],
  "VP8_FRAME.segment.lf_update[]": ["lf_update_value", "9.3"],
  "VP8_FRAME.segment.segment_probs[]": ["segment_prob", "9.3"],
  "VP8_FRAME.lf.ref_frm_delta[]": ["delta_magnitude", "9.6"],
  "VP8_FRAME.lf.mb_mode_delta[]": ["delta_magnitude", "9.6"],
  "VP8_FRAME.lf.sharpness_level": "sharpness_level",
  "VP8_FRAME.lf.level": "loop_filter_level",
  "VP8_FRAME.quant.y_ac_qi": "y_ac_qi",
  "VP8_FRAME.quant.y_dc_delta": ["y_dc_delta_magnitude", "9.6"],
  "VP8_FRAME.quant.y2_dc_delta": ["y2_dc_delta_magnitude", "9.6"],
  "VP8_FRAME.quant.y2_ac_delta": ["y2_ac_delta_magnitude", "9.6"],
  "VP8_FRAME.quant.uv_dc_delta": ["uv_dc_delta_magnitude", "9.6"],
  "VP8_FRAME.quant.uv_ac_delta": ["uv_ac_delta_magnitude", "9.6"],
  "VP8_FRAME.entropy.coeff_probs[][][][]": ["coeff_prob", "13.4"],
  "VP8_FRAME.entropy.y_mode_probs[]": ["intra_16x16_prob", "16.2"],
  "VP8_FRAME.entropy.uv_mode_probs[]": ["intra_chroma_prob", "16.2"],
  "VP8_FRAME.entropy.mv_probs[][]": ["mv_prob", "17.2"],
  "VP8_FRAME.coder_state.range": ["range of the boolean decoder behind the header", "7.3"],
  "VP8_FRAME.coder_state.value": ["value of the boolean decoder behind the header", "7.3"],
  "VP8_FRAME.coder_state.bit_count": ["bits that the boolean decoder has loaded", "7.3"],
  "VP8_FRAME.width": ["width[7:0]", "9.1"],
  "VP8_FRAME.height": ["height[7:0]", "9.1"],
  "VP8_FRAME.horizontal_scale": ["horizontal_scale", "9.1"],
  "VP8_FRAME.vertical_scale": ["vertical_scale", "9.1"],
  "VP8_FRAME.num_dct_parts": "log2_nbr_of_dct_partitions",
  "VP8_FRAME.first_part_size": "first_part_size[2:0]",
  "VP8_FRAME.first_part_header_bits": ["length of the frame header", "9.2"],
  "VP8_FRAME.dct_part_sizes[]": ["partition_size", "9.5"],
  "VP8_FRAME.last_frame_ts": ["last frame as earlier requests left it", "9.7"],
  "VP8_FRAME.golden_frame_ts": ["golden frame as earlier requests left it", "9.7"],
  "VP8_FRAME.alt_frame_ts": ["alternate reference frame as earlier requests left it", "9.7"],
} as const satisfies FieldElements;

export class Vp8Check implements StreamCheck {
  #state = new vp8.Vp8State();
  /** A frame could not be read: what it established is not known until the next key frame. */
  #isLost = false;

  clone(): Vp8Check {
    const copy = new Vp8Check();
    copy.#state = this.#state.clone();
    copy.#isLost = this.#isLost;
    return copy;
  }

  check({ controls, bitstream, timestampNs, bytesOf }: CheckedRequest): CheckResult {
    const bytes = bytesOf?.("StatelessVp8Frame");
    if (bytes === undefined && controls.StatelessVp8Frame === undefined) return noDisagreement;
    try {
      const frame = vp8.parseFrame(bitstream);
      if (this.#isLost && frame.key === undefined) return noDisagreement;
      this.#state.apply(frame);
      this.#isLost = false;
      const disagreements =
        bytes !== undefined && isFrameControl(bytes, frame, this.#state)
          ? []
          : this.#compare(frame, controls.StatelessVp8Frame, bitstream);
      this.#state.finish(frame, timestampNs);
      return { disagreements };
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#state = new vp8.Vp8State();
      this.#isLost = true;
      return { disagreements: [], problem: `the frame cannot be parsed: ${error.message}` };
    }
  }

  #compare(
    frame: vp8.Vp8Frame,
    submitted: FrameControl | undefined,
    bitstream: Uint8Array,
  ): readonly Disagreement[] {
    if (submitted === undefined) return [];
    const places = placesOnDemand(elements, (sink) => vp8.parseFrame(bitstream, sink));
    return compareFields(expectedFrame(frame, this.#state, submitted), submitted, places);
  }
}

/** Without the fields that mean nothing in the frame: decoders ignore them, and clients leave there what they like. */
function expectedFrame(frame: vp8.Vp8Frame, state: vp8.Vp8State, submitted: FrameControl): ExpectedControl {
  const control = vp8.frameFields(frame, state);
  const { header } = frame;
  const isKey = frame.key !== undefined;
  const { segmentation_enabled: hasSegments, update_mb_segmentation_map: hasMap } = header.segmentation;
  const { loop_filter_adj_enable: hasDeltas } = header.deltas;
  const inInterFrames = <Value>(value: Value): Value | undefined => (isKey ? undefined : value);
  const { segment, lf, coder_state } = control;
  const { entropy } = state;
  return {
    control: "VP8_FRAME",
    fields: {
      segment: {
        quant_update: hasSegments ? segment.quant_update : undefined,
        lf_update: hasSegments ? segment.lf_update : undefined,
        segment_probs: hasMap ? segment.segment_probs : undefined,
      },
      lf: {
        ref_frm_delta: hasDeltas ? lf.ref_frm_delta : undefined,
        mb_mode_delta: hasDeltas ? lf.mb_mode_delta : undefined,
        sharpness_level: lf.sharpness_level,
        level: lf.level,
      },
      quant: { ...control.quant, padding: undefined },
      entropy: {
        coeff_probs: new ExpectedTable(entropy.coeff, COEFFICIENTS),
        ...vp8.modeProbs(entropy, isKey),
        mv_probs: new ExpectedTable(entropy.mv, MOTION),
      },
      coder_state: { ...coder_state, padding: undefined },
      width: control.width,
      height: control.height,
      horizontal_scale: control.horizontal_scale,
      vertical_scale: control.vertical_scale,
      version: control.version,
      prob_skip_false: header.mb_no_skip_coeff ? control.prob_skip_false : undefined,
      prob_intra: inInterFrames(control.prob_intra),
      prob_last: inInterFrames(control.prob_last),
      prob_gf: inInterFrames(control.prob_gf),
      num_dct_parts: control.num_dct_parts,
      first_part_size: control.first_part_size,
      first_part_header_bits: control.first_part_header_bits,
      dct_part_sizes: control.dct_part_sizes.slice(0, control.num_dct_parts),
      last_frame_ts: inInterFrames(control.last_frame_ts),
      golden_frame_ts: inInterFrames(control.golden_frame_ts),
      alt_frame_ts: inInterFrames(control.alt_frame_ts),
    },
    flags: [
      ...expectedFlags(
        segmentFlags,
        segment.flags,
        submitted.segment.flags,
        hasSegments ? 0 : ALL_BUT_ENABLED,
        "segment.flags",
      ),
      ...expectedFlags(filterFlags, lf.flags, submitted.lf.flags, hasDeltas ? 0 : DELTA_UPDATE, "lf.flags"),
      ...expectedFlags(frameFlags, control.flags, submitted.flags, isKey ? SIGN_BIASES : 0),
    ],
  };
}
