/** What a VP9 frame in an OUTPUT buffer, and the frames before it, say of the FRAME and COMPRESSED_HDR controls. */
import { CodecError, vp9 } from "../../codec/index.js";
import type { ControlValues } from "../../codec/index.js";
import { compareFields, type ExpectedControl } from "./compare.js";
import { expectedFlags, placesOnDemand } from "./flags.js";
import { noDisagreement, type CheckedRequest, type CheckResult, type StreamCheck } from "./stream-check.js";
import { isFrameControl } from "./vp9-bytes.js";
import {
  ALL_BUT_ENABLED,
  ALL_SIGN_BIASES,
  ALLOW_HIGH_PREC_MV,
  DELTA_UPDATE,
  elements,
  filterFlags,
  frameFlags,
  segmentationFlags,
  signBiases,
} from "./vp9-fields.js";
import { probabilityTables } from "./vp9-probabilities.js";

type FrameControl = NonNullable<ControlValues["StatelessVp9Frame"]>;
export class Vp9Check implements StreamCheck {
  #state = new vp9.Vp9State();
  /** A frame could not be read: what it established is not known until the next key frame. */
  #isLost = false;
  /** Of the frame that is checked. */
  readonly #compressed = vp9.emptyCompressedHeader();

  clone(): Vp9Check {
    const copy = new Vp9Check();
    copy.#state = this.#state.clone();
    copy.#isLost = this.#isLost;
    return copy;
  }

  check(request: CheckedRequest): CheckResult {
    const { controls, bytesOf } = request;
    const bytes = bytesOf?.("StatelessVp9Frame");
    if (bytes === undefined && controls.StatelessVp9Frame === undefined) return noDisagreement;
    try {
      return this.#compare(request, bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      if (this.#isLost) return noDisagreement;
      this.#state = new vp9.Vp9State();
      this.#isLost = true;
      return { disagreements: [], problem: `the frame cannot be parsed: ${error.message}` };
    }
  }

  /** @throws {CodecError} The bitstream is wrong, or needs what no request brought. */
  #compare(request: CheckedRequest, frameBytes: Uint8Array | undefined): CheckResult {
    const { controls, bitstream, timestampNs, bytesOf } = request;
    const state = this.#state;
    const data = frameOf(bitstream, controls, state);
    const frame = vp9.parseFrame(data, state, undefined, this.#compressed);
    const { header, compressed } = frame;
    if (compressed === undefined)
      throw new CodecError(
        "show_existing_frame is 1, so there is nothing to decode: show the picture again instead",
        { codec: "VP9", section: "7.2" },
      );
    const isKey = header.frame_type === vp9.FrameType.Key;
    if (this.#isLost && !isKey) return noDisagreement;
    // Positions are looked up in the state in which the header is read.
    const places = placesOnDemand(elements, (sink) => vp9.parseFrame(data, state, sink));
    state.apply(header);
    this.#isLost = false;
    const isSameFrame = frameBytes !== undefined && isFrameControl(frameBytes, frame, state);
    const submitted = isSameFrame ? undefined : controls.StatelessVp9Frame;
    const disagreements =
      submitted === undefined ? [] : compareFields(expectedFrame(frame, state, submitted), submitted, places);
    const bytes = bytesOf?.("StatelessVp9CompressedHdr");
    const isSame = bytes !== undefined && vp9.isCompressedControl(compressed, bytes);
    const probabilities = isSame ? undefined : controls.StatelessVp9CompressedHdr;
    if (probabilities !== undefined) {
      disagreements.push(...compareFields(expectedProbabilities(compressed), probabilities, places));
    }
    state.finish(header, timestampNs);
    return { disagreements };
  }
}

/**
 * The frame of a buffer. A client that passes a superframe whole means one of its frames: the one that its control is
 * most like.
 */
function frameOf(bitstream: Uint8Array, controls: ControlValues, state: vp9.Vp9State): Uint8Array {
  let frames: vp9.ChunkFrame[];
  try {
    frames = vp9.chunkFrames(bitstream);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    // Its last frame with the index behind it, which is about the frames before, too.
    return bitstream;
  }
  if (frames.length < 2) return bitstream;
  const { StatelessVp9Frame: submitted } = controls;
  if (submitted === undefined) return bitstream;
  let best = bitstream;
  let bestLikeness = -1;
  for (const { data } of frames) {
    const likeness = likenessOf(data, submitted, state);
    if (likeness <= bestLikeness) continue;
    best = data;
    bestLikeness = likeness;
  }
  return best;
}

/** How many of the fields that tell frames apart are the same; -1 for what is no frame to decode. */
function likenessOf(data: Uint8Array, submitted: FrameControl, state: vp9.Vp9State): number {
  try {
    const { header, uncompressedHeaderSize, compressed } = vp9.parseFrame(data, state);
    if (compressed === undefined) return -1;
    const same = [
      header.show_frame === ((submitted.flags & 2) !== 0),
      header.header_size_in_bytes === submitted.compressed_header_size,
      uncompressedHeaderSize === submitted.uncompressed_header_size,
      header.quantization.base_q_idx === submitted.quant.base_q_idx,
      header.loop_filter.level === submitted.lf.level,
    ];
    return same.filter(Boolean).length;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return -1;
  }
}

/** Without the fields that mean nothing in the frame: decoders ignore them, and clients leave there what they like. */
function expectedFrame(frame: vp9.Vp9Frame, state: vp9.Vp9State, submitted: FrameControl): ExpectedControl {
  const control = vp9.frameControl(frame, state);
  const { header } = frame;
  const isInter = !vp9.isIntra(header);
  const startsAnew = !isInter || header.error_resilient_mode;
  const { lf, quant, seg } = control;
  const hasDeltas = header.loop_filter.delta_enabled;
  const { enabled: hasSegments, update_map: hasMap } = header.segmentation;
  const inInterFrames = <Value>(value: Value): Value | undefined => (isInter ? value : undefined);
  return {
    control: "VP9_FRAME",
    fields: {
      lf: {
        ref_deltas: hasDeltas ? lf.ref_deltas : undefined,
        mode_deltas: hasDeltas ? lf.mode_deltas : undefined,
        level: lf.level,
        sharpness: lf.sharpness,
      },
      quant: { ...quant, reserved: undefined },
      seg: {
        feature_data: hasSegments ? enabledFeatures(seg) : undefined,
        feature_enabled: hasSegments ? seg.feature_enabled : undefined,
        tree_probs: hasMap ? seg.tree_probs : undefined,
        pred_probs: hasMap ? seg.pred_probs : undefined,
      },
      compressed_header_size: control.compressed_header_size,
      uncompressed_header_size: control.uncompressed_header_size,
      frame_width_minus_1: control.frame_width_minus_1,
      frame_height_minus_1: control.frame_height_minus_1,
      render_width_minus_1: control.render_width_minus_1,
      render_height_minus_1: control.render_height_minus_1,
      last_frame_ts: inInterFrames(control.last_frame_ts),
      golden_frame_ts: inInterFrames(control.golden_frame_ts),
      alt_frame_ts: inInterFrames(control.alt_frame_ts),
      // As one field only where it has bits that mean nothing; else each bit is named, see below.
      ref_frame_sign_bias:
        submitted.ref_frame_sign_bias > ALL_SIGN_BIASES
          ? inInterFrames(control.ref_frame_sign_bias)
          : undefined,
      // Key frames and resilient ones do not carry it, and reset all contexts anyway.
      reset_frame_context:
        header.frame_type === vp9.FrameType.Key || header.error_resilient_mode
          ? undefined
          : control.reset_frame_context,
      // 7.2 makes it 0 after the reset, and clients submit the one or the other.
      frame_context_idx:
        startsAnew && submitted.frame_context_idx === 0 ? undefined : control.frame_context_idx,
      profile: control.profile,
      bit_depth: control.bit_depth,
      interpolation_filter: inInterFrames(control.interpolation_filter),
      tile_cols_log2: control.tile_cols_log2,
      tile_rows_log2: control.tile_rows_log2,
      reference_mode: inInterFrames(control.reference_mode),
    },
    flags: [
      ...expectedFlags(filterFlags, lf.flags, submitted.lf.flags, hasDeltas ? 0 : DELTA_UPDATE, "lf.flags"),
      ...expectedFlags(
        segmentationFlags,
        seg.flags,
        submitted.seg.flags,
        hasSegments ? 0 : ALL_BUT_ENABLED,
        "seg.flags",
      ),
      ...expectedFlags(
        signBiases,
        control.ref_frame_sign_bias,
        submitted.ref_frame_sign_bias,
        isInter && submitted.ref_frame_sign_bias <= ALL_SIGN_BIASES ? 0 : ALL_SIGN_BIASES,
        "ref_frame_sign_bias",
      ),
      ...expectedFlags(frameFlags, control.flags, submitted.flags, isInter ? 0 : ALLOW_HIGH_PREC_MV),
    ],
  };
}

/** The data of features that are enabled; that of the others means nothing. */
const enabledFeatures = (seg: FrameControl["seg"]): (number | undefined)[][] =>
  seg.feature_data.map((features, segment) =>
    features.map((value, feature) =>
      (((seg.feature_enabled[segment] ?? 0) >> feature) & 1) === 1 ? value : undefined,
    ),
  );

function expectedProbabilities(header: vp9.CompressedHeader): ExpectedControl {
  return { control: "VP9_COMPRESSED_HDR", fields: probabilityTables(header) };
}
