/** AV1 for the mutation measure: which fields a frame determines, and why not the others. */
import { readFileSync } from "node:fs";
import { av1, ivfFrames } from "../../../src/codec/index.js";
import type { ControlValues } from "../../../src/codec/index.js";
import { Av1Check } from "../../../src/stateless/check/av1.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import * as constants from "../../../src/v4l2/gen/controls.js";
import { clip } from "../../codec/av1/clips.js";
import { vectors } from "../../codec/support/vectors.js";
import { fileURLToPath } from "node:url";
import { flagNames, type Field, type MeasuredCodec } from "./mutations.js";
import { must, requestsOf } from "./requests.js";

/** Of all clips, those with tools of their own in the controls. */
const made = [
  "two-passes-lag",
  "tile-groups",
  "tile-sizes",
  "film-grain",
  "film-grain-16",
  "superres",
  "error-resilient",
  "switch-frames",
  "ten-bit",
  "monochrome",
  "screen",
  "still",
  "resize",
  "quantizers",
  "segments-cyclic",
  "lossless",
  "global-motion",
  "no-order-hint",
  "svt-layers",
];

const streams = [
  fileURLToPath(new URL("../../gstreamer/data/av1.ivf", import.meta.url)),
  ...made.flatMap((name) => clip(name) ?? []),
  ...vectors("av1", [".ivf"]),
];

const flags = {
  "StatelessAv1Sequence.flags": flagNames(constants, "V4L2_AV1_SEQUENCE_FLAG_"),
  "StatelessAv1Frame.flags": flagNames(constants, "V4L2_AV1_FRAME_FLAG_"),
  "StatelessAv1Frame.tile_info.flags": flagNames(constants, "V4L2_AV1_TILE_INFO_FLAG_"),
  "StatelessAv1Frame.quantization.flags": flagNames(constants, "V4L2_AV1_QUANTIZATION_FLAG_"),
  "StatelessAv1Frame.segmentation.flags": flagNames(constants, "V4L2_AV1_SEGMENTATION_FLAG_"),
  "StatelessAv1Frame.loop_filter.flags": flagNames(constants, "V4L2_AV1_LOOP_FILTER_FLAG_"),
  "StatelessAv1Frame.loop_restoration.flags": flagNames(constants, "V4L2_AV1_LOOP_RESTORATION_FLAG_"),
  "StatelessAv1Frame.global_motion.flags[]": flagNames(constants, "V4L2_AV1_GLOBAL_MOTION_FLAG_"),
  "StatelessAv1FilmGrain.flags": flagNames(constants, "V4L2_AV1_FILM_GRAIN_FLAG_"),
};

/** Whole temporal units, where each is one frame, as a client may pass them. */
function* temporalUnits(path: string): Generator<CheckedRequest> {
  const stream = new Uint8Array(readFileSync(path));
  const units = [...ivfFrames(stream)];
  for (const { requests, timestampNs, streamOffset } of av1.frameControls(stream)) {
    const unit = units.find(
      ({ dataOffset, data }) => streamOffset >= dataOffset && streamOffset < dataOffset + data.byteLength,
    );
    for (const { controls, payload, holdCapture } of requests) {
      if (unit === undefined) throw new Error("a frame is in no temporal unit");
      const start = payload.byteOffset - stream.byteOffset - unit.dataOffset;
      const entries = must(controls.StatelessAv1TileGroupEntry).map((entry) => ({
        ...entry,
        tile_offset: entry.tile_offset + start,
      }));
      yield {
        controls: { ...controls, StatelessAv1TileGroupEntry: entries },
        bitstream: unit.data,
        timestampNs,
        holdCapture,
      };
    }
  }
}

/** Of inter frames. */
const INTER =
  /^(interpolation_filter|order_hints\[\]|reference_frame_ts\[\]|ref_frame_idx\[\]|flags & (ALLOW_HIGH_PRECISION_MV|IS_MOTION_MODE_SWITCHABLE|FRAME_REFS_SHORT_SIGNALING))$/;

function ofFrame({ kind, indices, value }: Field, { controls }: CheckedRequest): string | undefined {
  const frame = must(controls.StatelessAv1Frame);
  const sequence = must(controls.StatelessAv1Sequence);
  const { tile_info: info, cdef, loop_filter: filter, loop_restoration: restoration } = frame;
  const [i = 0] = indices;
  const isIntra = frame.frame_type === 0 || frame.frame_type === 2;
  const isMono = (sequence.flags & constants.V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME) !== 0;
  const usesIntrabc = (frame.flags & constants.V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC) !== 0;
  const noFilter = usesIntrabc || isLossless(frame);
  if (INTER.test(kind) && isIntra) return "intra frames refer to nothing";
  if (kind === "order_hints[]" && i === 0) return "INTRA_FRAME has none";
  if (kind === "reference_frame_ts[]" && value === 0n) return "the slot may be empty";
  if (kind.startsWith("global_motion.")) {
    if (kind === "global_motion.invalid") return "bit 0 would be that of INTRA_FRAME";
    return i === 0 ? "INTRA_FRAME does not move" : undefined;
  }
  if (kind === "buffer_removal_time[]") return "the sequence header tells how many there are";
  if (kind === "skip_mode_frame[]")
    return (frame.flags & constants.V4L2_AV1_FRAME_FLAG_SKIP_MODE_ALLOWED) !== 0 ? undefined : "not allowed";
  if (/^tile_info\.mi_col_starts/.test(kind)) return i <= info.tile_cols ? undefined : "no such tile";
  if (/^tile_info\.mi_row_starts/.test(kind)) return i <= info.tile_rows ? undefined : "no such tile";
  if (/^tile_info\.width_in/.test(kind)) {
    if (i >= info.tile_cols) return "no such tile";
    return undefined;
  }
  if (/^tile_info\.height_in/.test(kind)) return i < info.tile_rows ? undefined : "no such tile";
  if (kind === "tile_info.tile_size_bytes")
    return info.tile_cols * info.tile_rows > 1 ? undefined : "one tile";
  if (/^quantization\.qm_/.test(kind)) return (frame.quantization.flags & 2) !== 0 ? undefined : "no matrix";
  if (/^segmentation\.flags & (UPDATE_|TEMPORAL)/.test(kind))
    return (frame.segmentation.flags & 1) !== 0 ? undefined : "there are no segments";
  if (kind === "loop_filter.level[]" && i > 1)
    return !isMono && !noFilter && ((filter.level[0] ?? 0) | (filter.level[1] ?? 0)) !== 0
      ? undefined
      : "not coded";
  if (/^loop_filter\.(sharpness|flags & DELTA_(ENABLED|UPDATE))/.test(kind)) {
    if (noFilter) return "not coded";
    return kind.endsWith("UPDATE") && (filter.flags & 1) === 0 ? "not coded" : undefined;
  }
  if (/^cdef\.uv/.test(kind) && isMono) return "no chroma";
  if (/^cdef\.\w+_strength/.test(kind)) return i < 1 << cdef.bits ? undefined : "not coded";
  if (/^loop_restoration\.(frame|loop)/.test(kind) && isMono && i > 0) return "no chroma";
  if (/^loop_restoration\.(lr_u|loop)/.test(kind))
    return (restoration.flags & 1) !== 0 ? undefined : "no loop restoration";
  return undefined;
}

/** Nothing is quantised: neither in the frame nor in a segment. */
function isLossless({
  quantization: q,
  segmentation: s,
}: NonNullable<ControlValues["StatelessAv1Frame"]>): boolean {
  const deltas = [q.delta_q_y_dc, q.delta_q_u_dc, q.delta_q_u_ac, q.delta_q_v_dc, q.delta_q_v_ac];
  if (deltas.some((delta) => delta !== 0)) return false;
  return s.feature_data.every((data, segment) => {
    const isAltered = (s.flags & 1) !== 0 && ((s.feature_enabled[segment] ?? 0) & 1) !== 0;
    return q.base_q_idx + (isAltered ? (data[0] ?? 0) : 0) <= 0;
  });
}

function ofGrain({ kind, indices }: Field, { controls }: CheckedRequest): string | undefined {
  const grain = must(controls.StatelessAv1FilmGrain);
  if ((grain.flags & 1) === 0) return undefined;
  const [i = 0] = indices;
  const luma = 2 * grain.ar_coeff_lag * (grain.ar_coeff_lag + 1);
  const chroma = luma + (grain.num_y_points > 0 ? 1 : 0);
  const fromLuma = (grain.flags & 4) !== 0;
  if (kind === "film_grain_params_ref_idx") return (grain.flags & 2) !== 0 ? "not coded" : undefined;
  if (/^point_y/.test(kind)) return i < grain.num_y_points ? undefined : "no such point";
  if (/^point_cb/.test(kind)) return i < grain.num_cb_points ? undefined : "no such point";
  if (/^point_cr/.test(kind)) return i < grain.num_cr_points ? undefined : "no such point";
  if (/^ar_coeffs_y/.test(kind)) return grain.num_y_points > 0 && i < luma ? undefined : "not coded";
  if (/^ar_coeffs_cb/.test(kind))
    return (fromLuma || grain.num_cb_points > 0) && i < chroma ? undefined : "not coded";
  if (/^ar_coeffs_cr/.test(kind))
    return (fromLuma || grain.num_cr_points > 0) && i < chroma ? undefined : "not coded";
  if (/^cb_/.test(kind)) return grain.num_cb_points > 0 ? undefined : "not coded";
  if (/^cr_/.test(kind)) return grain.num_cr_points > 0 ? undefined : "not coded";
  return undefined;
}

const isNewSequence = ({ controls }: CheckedRequest): boolean => {
  const frame = must(controls.StatelessAv1Frame);
  return frame.frame_type === 0 && (frame.flags & constants.V4L2_AV1_FRAME_FLAG_SHOW_FRAME) !== 0;
};

/** Groups of tiles whose OBU headers are not in the buffer: where one ends is known from the entries. */
const hasGroups = (path: string): boolean => path.includes("tile-groups");

function undetermined(field: Field, request: CheckedRequest, path: string): string | undefined {
  if (field.name === "StatelessAv1Sequence")
    return isNewSequence(request) ? "the sequence header is not in the buffer" : undefined;
  if (field.name === "StatelessAv1Frame") return hasGroups(path) ? "no header" : ofFrame(field, request);
  if (field.name === "StatelessAv1FilmGrain") return hasGroups(path) ? "no header" : ofGrain(field, request);
  return hasGroups(path) ? "no header" : undefined;
}

const row = { start: () => new Av1Check(), flags };

export const measuredAv1: readonly MeasuredCodec[] = [
  {
    ...row,
    name: "av1",
    streams: streams.filter((path) => !hasGroups(path)),
    requestsOf: (path) => requestsOf(av1.frameControls, path),
    undetermined: (field, request) => undetermined(field, request, ""),
  },
  {
    ...row,
    name: "av1, temporal units",
    streams: streams.filter((path) => !hasGroups(path)),
    requestsOf: temporalUnits,
    undetermined: (field, request) =>
      field.name === "StatelessAv1Sequence" ? undefined : undetermined(field, request, ""),
  },
];
