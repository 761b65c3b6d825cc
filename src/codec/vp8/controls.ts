/**
 * The stateless control of each frame of a VP8 stream, as "Stateless Codec Control Reference" of the kernel's
 * documentation describes it. One request is one frame, hidden ones included.
 */
import { ivfFrames, type IvfFrame } from "../files/index.js";
import {
  defaultTimestampOf,
  flagBits,
  type ControlValues,
  type FrameControls,
  type FrameControlsOptions,
} from "../frame-controls.js";
import { parseFrame, type Vp8Frame } from "./parse.js";
import { keyUvModeProbs, keyYModeProbs, MV_PROBS } from "./probabilities.js";
import { orZero, Vp8State, type Entropy, type References } from "./state.js";

type FrameControl = NonNullable<ControlValues["StatelessVp8Frame"]>;

const DCT_PARTITIONS = 8;
const LAST_DEFINED_VERSION = 3;
/** Key frames refer to nothing; clients leave the time stamps 0. */
const noReferences: References = { last: 0n, golden: 0n, alternate: 0n };

/** The words of flags in the FRAME control, of which none has more than 32 bits. */
export const flagsOf = {
  frame: ({ tag, key, header }: Vp8Frame): number =>
    flagBits(
      key !== undefined,
      tag.version > LAST_DEFINED_VERSION,
      tag.show_frame,
      header.mb_no_skip_coeff,
      header.sign_bias_golden,
      header.sign_bias_alternate,
    ),
  segment: ({ header: { segmentation } }: Vp8Frame, state: Vp8State): number =>
    flagBits(
      segmentation.segmentation_enabled,
      segmentation.update_mb_segmentation_map,
      segmentation.update_segment_feature_data,
      state.segmentFeatureMode === 0,
    ),
  filter: ({ header }: Vp8Frame): number =>
    flagBits(
      header.deltas.loop_filter_adj_enable,
      header.deltas.mode_ref_lf_delta_update,
      header.filter_type === 1,
    ),
} as const;

/** The value of the FRAME control. @param state - After `apply()` of the frame. */
export const frameControl = (frame: Vp8Frame, state: Vp8State): FrameControl => ({
  ...frameFields(frame, state),
  entropy: entropyControl(state.entropy, frame.key !== undefined),
});

/** All of the FRAME control but its probabilities. @param state - After `apply()` of the frame. */
export function frameFields(frame: Vp8Frame, state: Vp8State): Omit<FrameControl, "entropy"> {
  const { tag, key, header, coderState, dctPartSizes } = frame;
  const { quant_indices: quant } = header;
  const references = (key === undefined ? state.references : undefined) ?? noReferences;
  return {
    segment: segmentControl(frame, state),
    lf: loopFilterControl(frame, state),
    quant: {
      y_ac_qi: quant.y_ac_qi,
      y_dc_delta: orZero(quant.y_dc_delta),
      y2_dc_delta: orZero(quant.y2_dc_delta),
      y2_ac_delta: orZero(quant.y2_ac_delta),
      uv_dc_delta: orZero(quant.uv_dc_delta),
      uv_ac_delta: orZero(quant.uv_ac_delta),
      padding: 0,
    },
    coder_state: {
      range: coderState.range,
      value: coderState.value,
      bit_count: coderState.bitCount,
      padding: 0,
    },
    width: state.size.width,
    height: state.size.height,
    horizontal_scale: state.size.horizontal_scale,
    vertical_scale: state.size.vertical_scale,
    version: tag.version,
    prob_skip_false: header.prob_skip_false,
    prob_intra: header.prob_intra,
    prob_last: header.prob_last,
    prob_gf: header.prob_gf,
    num_dct_parts: dctPartSizes.length,
    first_part_size: tag.first_part_size,
    first_part_header_bits: frame.headerBits,
    dct_part_sizes: Array.from({ length: DCT_PARTITIONS }, (_, i) => dctPartSizes[i] ?? 0),
    last_frame_ts: references.last,
    golden_frame_ts: references.golden,
    alt_frame_ts: references.alternate,
    flags: BigInt(flagsOf.frame(frame)),
  };
}

function segmentControl(frame: Vp8Frame, state: Vp8State): FrameControl["segment"] {
  return {
    quant_update: state.quantizerUpdate,
    lf_update: state.lfUpdate,
    segment_probs: state.segmentProbs,
    padding: 0,
    flags: flagsOf.segment(frame, state),
  };
}

function loopFilterControl(frame: Vp8Frame, state: Vp8State): FrameControl["lf"] {
  const { header } = frame;
  return {
    ref_frm_delta: state.refFrameDelta,
    mb_mode_delta: state.mbModeDelta,
    sharpness_level: header.sharpness_level,
    level: header.loop_filter_level,
    padding: 0,
    flags: flagsOf.filter(frame),
  };
}

/** Macroblocks of key frames have modes of their own, whose probabilities never change: 11.2. */
export const modeProbs = (
  { yMode, uvMode }: Entropy,
  isKey: boolean,
): Pick<FrameControl["entropy"], "y_mode_probs" | "uv_mode_probs"> => ({
  y_mode_probs: isKey ? keyYModeProbs : yMode,
  uv_mode_probs: isKey ? keyUvModeProbs : uvMode,
});

function entropyControl(entropy: Entropy, isKey: boolean): FrameControl["entropy"] {
  const { coeff, mv } = entropy;
  const contexts = Array.from({ length: 4 * 8 * 3 }, (_, i) => [...coeff.subarray(11 * i, 11 * i + 11)]);
  const bands = Array.from({ length: 4 * 8 }, (_, i) => contexts.slice(3 * i, 3 * i + 3));
  return {
    coeff_probs: Array.from({ length: 4 }, (_, i) => bands.slice(8 * i, 8 * i + 8)),
    ...modeProbs(entropy, isKey),
    mv_probs: [[...mv.subarray(0, MV_PROBS)], [...mv.subarray(MV_PROBS)]],
    padding: [0, 0, 0],
  };
}

/**
 * What a client submits for each frame of an IVF file.
 * @throws {CodecError} The file is not IVF, a header is violated, or the first frame is no key frame.
 */
export function frameControls(
  stream: Uint8Array,
  options: FrameControlsOptions = {},
): Generator<FrameControls> {
  return controlsOf(ivfFrames(stream), options);
}

/** As {@link frameControls}, for frames that came in another container. */
export function* controlsOf(
  frames: Iterable<Pick<IvfFrame, "data" | "dataOffset">>,
  options: FrameControlsOptions = {},
): Generator<FrameControls> {
  const timestampOf = options.timestampOf ?? defaultTimestampOf;
  const state = new Vp8State();
  let decodeIndex = 0;
  for (const { data, dataOffset } of frames) {
    const frame = parseFrame(data);
    state.apply(frame);
    const timestampNs = timestampOf(decodeIndex);
    const controls = { StatelessVp8Frame: frameControl(frame, state) };
    yield {
      decodeIndex,
      timestampNs,
      requests: [{ controls, payload: data, holdCapture: false }],
      shown: frame.tag.show_frame,
      streamOffset: dataOffset,
    };
    state.finish(frame, timestampNs);
    decodeIndex += 1;
  }
}
