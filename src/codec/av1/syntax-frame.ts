/** The frame header: 5.9. What concerns single tools is in the other `syntax-*.ts`. */
import type { Coder } from "../bits/index.js";
import {
  FrameType,
  identityWarp,
  NUM_REF_FRAMES,
  PRIMARY_REF_NONE,
  REFS_PER_FRAME,
  type FrameHeader,
} from "./frame-header.js";
import {
  markRefFrames,
  refOrderHint,
  relativeDistance,
  setFrameRefs,
  skipModeFrames,
  type ReferenceSlots,
} from "./references.js";
import { cdefParams, loopFilterParams, lrParams } from "./syntax-filters.js";
import { filmGrainParams, loadFilmGrain } from "./syntax-film-grain.js";
import { globalMotionParams } from "./syntax-global-motion.js";
import { deltaParams, losslessness, quantizationParams, segmentationParams } from "./syntax-quantization.js";
import {
  frameIdLength,
  SELECT_INTEGER_MV,
  SELECT_SCREEN_CONTENT_TOOLS,
  type SequenceHeader,
} from "./syntax-sequence.js";
import { tileInfo } from "./syntax-tiles.js";

/** What a frame header depends on. It changes nothing of this: `references.ts` does, when the frame is complete. */
export interface FrameContext {
  readonly seq: SequenceHeader;
  readonly slots: ReferenceSlots;
  /** Of the OBU header. */
  readonly temporalId: number;
  readonly spatialId: number;
}

const ALL_FRAMES = 0xff;

/** `uncompressed_header()`. */
export function uncompressedHeader(c: Coder, context: FrameContext, frame: FrameHeader): void {
  const { seq, slots } = context;
  c.structure("uncompressed_header", "5.9.2");
  if (frameKind(c, context, frame)) return;
  frame.bitDepth = seq.bitDepth;
  frame.subsampling = (seq.mono_chrome ? 4 : 0) | (seq.subsampling_x ? 2 : 0) | (seq.subsampling_y ? 1 : 0);
  frame.refValid = isShownKey(frame) ? 0 : slots.valid;
  frameFlags(c, context, frame);
  refreshFlags(c, context, frame);
  if (frame.frameIsIntra) {
    frame.ref_frame_idx.fill(-1);
    frame.foundRef = REFS_PER_FRAME;
    frameSize(c, seq, frame);
    renderSize(c, frame);
    frame.allow_intrabc =
      frame.allow_screen_content_tools &&
      frame.upscaledWidth === frame.frameWidth &&
      c.flag("allow_intrabc", frame.allow_intrabc);
  } else {
    interFrame(c, context, frame);
  }
  frame.disable_frame_end_update_cdf =
    seq.reduced_still_picture_header ||
    frame.disable_cdf_update ||
    c.flag("disable_frame_end_update_cdf", frame.disable_frame_end_update_cdf);
  const previous = primaryReference(slots, frame);
  tileInfo(c, seq, frame);
  quantizationParams(c, seq, frame);
  segmentationParams(c, frame, previous);
  deltaParams(c, frame);
  losslessness(frame);
  loopFilterParams(c, seq, frame, previous);
  cdefParams(c, seq, frame);
  lrParams(c, seq, frame);
  modes(c, context, frame);
  globalMotionParams(c, frame, previous?.gmParams ?? identityWarp);
  filmGrainParams(c, seq, slots, frame);
}

function isShownKey(frame: FrameHeader): boolean {
  return frame.frame_type === FrameType.Key && frame.show_frame;
}

/** Up to `error_resilient_mode`. @returns Does the header end here, with a frame that is shown again? */
function frameKind(c: Coder, context: FrameContext, frame: FrameHeader): boolean {
  const { seq } = context;
  const timed = seq.decoder_model_info_present_flag && !seq.equal_picture_interval;
  if (seq.reduced_still_picture_header) {
    frame.show_existing_frame = false;
    frame.frame_type = FrameType.Key;
    frame.frameIsIntra = true;
    frame.show_frame = true;
    frame.showable_frame = false;
    // The specification's syntax leaves it open; its semantics for such a key frame do not.
    frame.error_resilient_mode = true;
    return false;
  }
  frame.show_existing_frame = c.flag("show_existing_frame", frame.show_existing_frame);
  if (frame.show_existing_frame) {
    existingFrame(c, context, frame, timed);
    return true;
  }
  frame.frame_type = c.u("frame_type", 2, frame.frame_type);
  frame.frameIsIntra = frame.frame_type === FrameType.IntraOnly || frame.frame_type === FrameType.Key;
  frame.show_frame = c.flag("show_frame", frame.show_frame);
  if (frame.show_frame && timed) temporalPointInfo(c, seq, frame);
  frame.showable_frame = frame.show_frame
    ? frame.frame_type !== FrameType.Key
    : c.flag("showable_frame", frame.showable_frame);
  frame.error_resilient_mode =
    frame.frame_type === FrameType.Switch ||
    isShownKey(frame) ||
    c.flag("error_resilient_mode", frame.error_resilient_mode);
  return false;
}

function temporalPointInfo(c: Coder, seq: SequenceHeader, frame: FrameHeader): void {
  const bits = seq.frame_presentation_time_length_minus_1 + 1;
  c.structure("temporal_point_info", "5.9.31");
  frame.frame_presentation_time = c.u("frame_presentation_time", bits, frame.frame_presentation_time);
  c.structure("uncompressed_header", "5.9.2");
}

function existingFrame(c: Coder, { seq, slots }: FrameContext, frame: FrameHeader, timed: boolean): void {
  const index = c.u("frame_to_show_map_idx", 3, frame.frame_to_show_map_idx);
  frame.frame_to_show_map_idx = index;
  const shown = slots.frames[index];
  if (shown === undefined || ((slots.valid >> index) & 1) === 0)
    throw c.error(`frame_to_show_map_idx is ${index}, and that slot holds no frame`);
  if (!shown.showable_frame)
    throw c.error(`frame_to_show_map_idx is ${index}, and the frame in that slot is not showable`);
  if (timed) temporalPointInfo(c, seq, frame);
  frame.show_frame = true;
  if (seq.frame_id_numbers_present_flag) {
    frame.display_frame_id = c.u("display_frame_id", frameIdLength(seq), frame.display_frame_id);
    if (frame.display_frame_id !== shown.current_frame_id)
      throw c.error(`display_frame_id is ${frame.display_frame_id} instead of ${shown.current_frame_id}`);
  }
  frame.frame_type = shown.frame_type;
  frame.frameIsIntra = shown.frameIsIntra;
  frame.refresh_frame_flags = shown.frame_type === FrameType.Key ? ALL_FRAMES : 0;
  if (seq.film_grain_params_present) loadFilmGrain(frame, shown.filmGrain);
}

/** From `disable_cdf_update` to `buffer_removal_time`. */
function frameFlags(c: Coder, context: FrameContext, frame: FrameHeader): void {
  const { seq, slots } = context;
  frame.disable_cdf_update = c.flag("disable_cdf_update", frame.disable_cdf_update);
  frame.allow_screen_content_tools =
    seq.seq_force_screen_content_tools === SELECT_SCREEN_CONTENT_TOOLS
      ? c.flag("allow_screen_content_tools", frame.allow_screen_content_tools)
      : seq.seq_force_screen_content_tools === 1;
  if (frame.allow_screen_content_tools) {
    frame.force_integer_mv =
      seq.seq_force_integer_mv === SELECT_INTEGER_MV
        ? c.flag("force_integer_mv", frame.force_integer_mv)
        : seq.seq_force_integer_mv === 1;
  } else {
    frame.force_integer_mv = false;
  }
  frame.forceIntegerMv = frame.frameIsIntra || frame.force_integer_mv;
  if (seq.frame_id_numbers_present_flag) {
    const bits = frameIdLength(seq);
    frame.current_frame_id = c.u("current_frame_id", bits, frame.current_frame_id);
    markRefFrames(seq, slots, frame, bits);
  } else {
    frame.current_frame_id = 0;
  }
  if (frame.frame_type === FrameType.Switch) frame.frame_size_override_flag = true;
  else if (seq.reduced_still_picture_header) frame.frame_size_override_flag = false;
  else frame.frame_size_override_flag = c.flag("frame_size_override_flag", frame.frame_size_override_flag);
  frame.order_hint = c.u("order_hint", seq.orderHintBits, frame.order_hint);
  frame.primary_ref_frame =
    frame.frameIsIntra || frame.error_resilient_mode
      ? PRIMARY_REF_NONE
      : c.u("primary_ref_frame", 3, frame.primary_ref_frame);
  if (seq.decoder_model_info_present_flag) bufferRemovalTimes(c, context, frame);
}

function bufferRemovalTimes(c: Coder, context: FrameContext, frame: FrameHeader): void {
  const { seq, temporalId, spatialId } = context;
  frame.buffer_removal_time_present_flag = c.flag(
    "buffer_removal_time_present_flag",
    frame.buffer_removal_time_present_flag,
  );
  if (!frame.buffer_removal_time_present_flag) return;
  const bits = seq.buffer_removal_time_length_minus_1 + 1;
  for (const [i, point] of seq.operatingPoints.entries()) {
    if (!point.decoder_model_present_for_this_op) continue;
    const idc = point.operating_point_idc;
    const inLayers = ((idc >> temporalId) & 1) === 1 && ((idc >> (spatialId + 8)) & 1) === 1;
    if (idc !== 0 && !inLayers) continue;
    frame.buffer_removal_time[i] = c.u("buffer_removal_time", bits, frame.buffer_removal_time[i], i);
  }
}

/** `refresh_frame_flags` and `ref_order_hint`. */
function refreshFlags(c: Coder, { seq, slots }: FrameContext, frame: FrameHeader): void {
  const most = frame.frame_type === FrameType.IntraOnly ? ALL_FRAMES - 1 : ALL_FRAMES;
  frame.refresh_frame_flags =
    frame.frame_type === FrameType.Switch || isShownKey(frame)
      ? ALL_FRAMES
      : c.uRange("refresh_frame_flags", 8, frame.refresh_frame_flags, 0, most);
  if (frame.frameIsIntra && frame.refresh_frame_flags === ALL_FRAMES) return;
  if (!frame.error_resilient_mode || !seq.enable_order_hint) return;
  for (let i = 0; i < NUM_REF_FRAMES; i += 1) {
    frame.ref_order_hint[i] = c.u("ref_order_hint", seq.orderHintBits, frame.ref_order_hint[i], i);
    if (frame.ref_order_hint[i] !== refOrderHint(slots, i)) frame.refValid &= ~(1 << i);
  }
}

function interFrame(c: Coder, context: FrameContext, frame: FrameHeader): void {
  const { seq, slots } = context;
  references(c, context, frame);
  if (frame.frame_size_override_flag && !frame.error_resilient_mode) {
    frameSizeWithRefs(c, context, frame);
  } else {
    frame.foundRef = REFS_PER_FRAME;
    frameSize(c, seq, frame);
    renderSize(c, frame);
  }
  frame.allow_intrabc = false;
  frame.allow_high_precision_mv =
    !frame.forceIntegerMv && c.flag("allow_high_precision_mv", frame.allow_high_precision_mv);
  frame.is_filter_switchable = c.flag("is_filter_switchable", frame.is_filter_switchable);
  frame.interpolation_filter = frame.is_filter_switchable
    ? 4
    : c.u("interpolation_filter", 2, frame.interpolation_filter);
  frame.is_motion_mode_switchable = c.flag("is_motion_mode_switchable", frame.is_motion_mode_switchable);
  frame.use_ref_frame_mvs =
    !frame.error_resilient_mode &&
    seq.enable_ref_frame_mvs &&
    c.flag("use_ref_frame_mvs", frame.use_ref_frame_mvs);
  for (let i = 0; i < REFS_PER_FRAME; i += 1) {
    const hint = refOrderHint(slots, frame.ref_frame_idx[i] ?? 0);
    frame.orderHints[i + 1] = hint;
    frame.refFrameSignBias[i + 1] = relativeDistance(seq, hint, frame.order_hint) > 0 ? 1 : 0;
  }
}

/** `ref_frame_idx` and the frame ids that belong to it. */
function references(c: Coder, { seq, slots }: FrameContext, frame: FrameHeader): void {
  frame.frame_refs_short_signaling =
    seq.enable_order_hint && c.flag("frame_refs_short_signaling", frame.frame_refs_short_signaling);
  if (frame.frame_refs_short_signaling) {
    frame.last_frame_idx = c.u("last_frame_idx", 3, frame.last_frame_idx);
    frame.gold_frame_idx = c.u("gold_frame_idx", 3, frame.gold_frame_idx);
    setFrameRefs(seq, slots, frame, (sentence) => c.error(sentence));
  }
  for (let i = 0; i < REFS_PER_FRAME; i += 1) {
    if (!frame.frame_refs_short_signaling)
      frame.ref_frame_idx[i] = c.u("ref_frame_idx", 3, frame.ref_frame_idx[i], i);
    const index = frame.ref_frame_idx[i] ?? 0;
    const reference = slots.frames[index];
    if (reference === undefined || ((frame.refValid >> index) & 1) === 0)
      throw c.error(`ref_frame_idx[${i}] is ${index}, and that slot holds no frame`);
    if (reference.bitDepth !== frame.bitDepth || reference.subsampling !== frame.subsampling)
      throw c.error(`ref_frame_idx[${i}] is ${index}, a frame of another bit depth or chroma format`);
    if (!seq.frame_id_numbers_present_flag) continue;
    const bits = seq.delta_frame_id_length_minus_2 + 2;
    frame.delta_frame_id_minus_1[i] = c.u("delta_frame_id_minus_1", bits, frame.delta_frame_id_minus_1[i], i);
    const ids = 1 << frameIdLength(seq);
    const expected = (frame.current_frame_id + ids - ((frame.delta_frame_id_minus_1[i] ?? 0) + 1)) % ids;
    if (expected !== reference.current_frame_id)
      throw c.error(`ref_frame_idx[${i}] is the frame ${reference.current_frame_id} instead of ${expected}`);
  }
}

function frameSize(c: Coder, seq: SequenceHeader, frame: FrameHeader): void {
  c.structure("frame_size", "5.9.5");
  let width = seq.max_frame_width_minus_1;
  let height = seq.max_frame_height_minus_1;
  if (frame.frame_size_override_flag) {
    const { frame_width_bits_minus_1: widthBits, frame_height_bits_minus_1: heightBits } = seq;
    width = c.uRange("frame_width_minus_1", widthBits + 1, frame.frame_width_minus_1, 0, width);
    height = c.uRange("frame_height_minus_1", heightBits + 1, frame.frame_height_minus_1, 0, height);
  }
  frame.frame_width_minus_1 = width;
  frame.frame_height_minus_1 = height;
  frame.frameHeight = height + 1;
  superresParams(c, seq, frame, width + 1);
}

/** `superres_params()` and `compute_image_size()`. */
function superresParams(c: Coder, seq: SequenceHeader, frame: FrameHeader, upscaledWidth: number): void {
  c.structure("superres_params", "5.9.8");
  frame.use_superres = seq.enable_superres && c.flag("use_superres", frame.use_superres);
  frame.superresDenom = frame.use_superres ? c.u("coded_denom", 3, frame.superresDenom - 9) + 9 : 8;
  frame.upscaledWidth = upscaledWidth;
  frame.frameWidth = Math.floor((upscaledWidth * 8 + (frame.superresDenom >> 1)) / frame.superresDenom);
  frame.miCols = 2 * ((frame.frameWidth + 7) >> 3);
  frame.miRows = 2 * ((frame.frameHeight + 7) >> 3);
  c.structure("uncompressed_header", "5.9.2");
}

function renderSize(c: Coder, frame: FrameHeader): void {
  c.structure("render_size", "5.9.6");
  frame.render_and_frame_size_different = c.flag(
    "render_and_frame_size_different",
    frame.render_and_frame_size_different,
  );
  if (frame.render_and_frame_size_different) {
    frame.renderWidth = c.u("render_width_minus_1", 16, frame.renderWidth - 1) + 1;
    frame.renderHeight = c.u("render_height_minus_1", 16, frame.renderHeight - 1) + 1;
  } else {
    frame.renderWidth = frame.upscaledWidth;
    frame.renderHeight = frame.frameHeight;
  }
  c.structure("uncompressed_header", "5.9.2");
}

function frameSizeWithRefs(c: Coder, { seq, slots }: FrameContext, frame: FrameHeader): void {
  c.structure("frame_size_with_refs", "5.9.7");
  for (let i = 0; i < REFS_PER_FRAME; i += 1) {
    if (!c.flag("found_ref", frame.foundRef === i, i)) continue;
    frame.foundRef = i;
    const reference = slots.frames[frame.ref_frame_idx[i] ?? 0];
    if (reference === undefined) throw c.error(`the slot of reference ${i} holds no frame`);
    frame.frame_width_minus_1 = reference.upscaledWidth - 1;
    frame.frame_height_minus_1 = reference.frameHeight - 1;
    frame.frameHeight = reference.frameHeight;
    frame.renderWidth = reference.renderWidth;
    frame.renderHeight = reference.renderHeight;
    superresParams(c, seq, frame, reference.upscaledWidth);
    return;
  }
  frame.foundRef = REFS_PER_FRAME;
  frameSize(c, seq, frame);
  renderSize(c, frame);
}

/** The frame from which `load_previous()` takes what this one does not say; `undefined` is `setup_past_independence()`. */
function primaryReference(slots: ReferenceSlots, frame: FrameHeader): FrameHeader | undefined {
  if (frame.primary_ref_frame === PRIMARY_REF_NONE) return undefined;
  return slots.frames[frame.ref_frame_idx[frame.primary_ref_frame] ?? 0];
}

/** From `tx_mode_select` to `reduced_tx_set`. */
function modes(c: Coder, { seq, slots }: FrameContext, frame: FrameHeader): void {
  c.structure("read_tx_mode", "5.9.21");
  frame.tx_mode_select = !frame.codedLossless && c.flag("tx_mode_select", frame.tx_mode_select);
  frame.txMode = frame.codedLossless ? 0 : frame.tx_mode_select ? 2 : 1;
  c.structure("frame_reference_mode", "5.9.23");
  frame.reference_select = !frame.frameIsIntra && c.flag("reference_select", frame.reference_select);
  c.structure("skip_mode_params", "5.9.22");
  const skip = skipModeFrames(seq, slots, frame);
  frame.skipModeAllowed = skip !== undefined;
  frame.skipModeFrame.set(skip ?? [0, 0]);
  frame.skip_mode_present = frame.skipModeAllowed && c.flag("skip_mode_present", frame.skip_mode_present);
  c.structure("uncompressed_header", "5.9.2");
  frame.allow_warped_motion =
    !frame.frameIsIntra &&
    !frame.error_resilient_mode &&
    seq.enable_warped_motion &&
    c.flag("allow_warped_motion", frame.allow_warped_motion);
  frame.reduced_tx_set = c.flag("reduced_tx_set", frame.reduced_tx_set);
}
