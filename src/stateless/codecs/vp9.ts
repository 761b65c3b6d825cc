/** VP9: the uncompressed header, and the probabilities that the compressed one changes. */
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import { compound, defineCodec, hasFlag } from "../codec.js";
import { array, bits, choices, dec, dump, event, symbolOf } from "../trace/event.js";
import { vpxReferences, vpxTimestamps } from "./vpx.js";

type Vp9Frame = StandardValue<typeof Cid.StatelessVp9Frame>;
type Vp9CompressedHdr = StandardValue<typeof Cid.StatelessVp9CompressedHdr>;
type Vp9MvProbs = StandardValue<typeof Cid.StatelessVp9CompressedHdr>["mv"];

// Trace events, under the names of the kernel's visl

export const frame = event<Vp9Frame>(
  "vp9",
  "v4l2_ctrl_vp9_frame",
  [
    ["lf.ref_deltas", array(1)],
    ["lf.mode_deltas", array(1)],
    ["lf.level", dec],
    ["lf.sharpness", dec],
    ["lf.flags", bits("DELTA_ENABLED", "DELTA_UPDATE")],
    ["quant.base_q_idx", dec],
    ["quant.delta_q_y_dc", dec],
    ["quant.delta_q_uv_dc", dec],
    ["quant.delta_q_uv_ac", dec],
    ["seg.feature_data", dump(2)],
    ["seg.feature_enabled", array(1)],
    ["seg.tree_probs", array(1)],
    ["seg.pred_probs", array(1)],
    ["seg.flags", bits("ENABLED", "UPDATE_MAP", "TEMPORAL_UPDATE", "UPDATE_DATA", "ABS_OR_DELTA_UPDATE")],
    [
      "flags",
      bits(
        "KEY_FRAME",
        "SHOW_FRAME",
        "ERROR_RESILIENT",
        "INTRA_ONLY",
        "ALLOW_HIGH_PREC_MV",
        "REFRESH_FRAME_CTX",
        "PARALLEL_DEC_MODE",
        "X_SUBSAMPLING",
        "Y_SUBSAMPLING",
        "COLOR_RANGE_FULL_SWING",
      ),
    ],
    ["compressed_header_size", dec],
    ["uncompressed_header_size", dec],
    ["frame_width_minus_1", dec],
    ["frame_height_minus_1", dec],
    ["render_width_minus_1", dec],
    ["render_height_minus_1", dec],
    ["last_frame_ts", dec],
    ["golden_frame_ts", dec],
    ["alt_frame_ts", dec],
    ["ref_frame_sign_bias", symbolOf([1, "SIGN_BIAS_LAST"], [2, "SIGN_BIAS_GOLDEN"], [4, "SIGN_BIAS_ALT"])],
    ["reset_frame_context", choices("RESET_FRAME_CTX_NONE", "RESET_FRAME_CTX_SPEC", "RESET_FRAME_CTX_ALL")],
    ["frame_context_idx", dec],
    ["profile", dec],
    ["bit_depth", dec],
    [
      "interpolation_filter",
      choices(
        "INTERP_FILTER_EIGHTTAP",
        "INTERP_FILTER_EIGHTTAP_SMOOTH",
        "INTERP_FILTER_EIGHTTAP_SHARP",
        "INTERP_FILTER_BILINEAR",
        "INTERP_FILTER_SWITCHABLE",
      ),
    ],
    ["tile_cols_log2", dec],
    ["tile_rows_log2", dec, "tile_rows_log_2 "],
    [
      "reference_mode",
      choices(
        "REFERENCE_MODE_SINGLE_REFERENCE",
        "REFERENCE_MODE_COMPOUND_REFERENCE",
        "REFERENCE_MODE_SELECT",
      ),
    ],
  ],
  { end: "\n" },
);

export const compressedHdr = event<Vp9CompressedHdr>(
  "vp9",
  "v4l2_ctrl_vp9_compressed_hdr",
  [
    [
      "tx_mode",
      choices(
        "TX_MODE_ONLY_4X4",
        "TX_MODE_ALLOW_8X8",
        "TX_MODE_ALLOW_16X16",
        "TX_MODE_ALLOW_32X32",
        "TX_MODE_SELECT",
      ),
    ],
    ["tx8", dump(1)],
    ["tx16", dump(1)],
    ["tx32", dump(1)],
    ["skip", array(1)],
    ["inter_mode", dump(1)],
    ["interp_filter", dump(1)],
    ["is_inter", array(1)],
    ["comp_mode", array(1)],
    ["single_ref", dump(1)],
    ["comp_ref", array(1)],
    ["y_mode", dump(1)],
    ["uv_mode", dump(1)],
    ["partition", dump(1)],
  ],
  { end: "\n" },
);

export const compressedCoeff = event<Vp9CompressedHdr>(
  "vp9",
  "v4l2_ctrl_vp9_compressed_coeff",
  [["coef", dump(1), " coef "]],
  { between: " " },
);

export const mvProbs = event<Vp9MvProbs>(
  "vp9",
  "v4l2_vp9_mv_probs",
  [
    ["joint", array(1), " joint "],
    ["sign", array(1)],
    ["classes", dump(1)],
    ["class0_bit", array(1)],
    ["bits", dump(1)],
    ["class0_fr", dump(1)],
    ["fr", dump(1)],
    ["class0_hp", array(1)],
    ["hp", array(1)],
  ],
  { end: "\n" },
);

/** `V4L2_VP9_FRAME_FLAG_KEY_FRAME | V4L2_VP9_FRAME_FLAG_INTRA_ONLY` */
const INTRA = 0x1 | 0x8;

export const vp9 = defineCodec({
  name: "vp9",
  fourcc: "VP9F",
  sizes: { min: [64, 64], max: [8192, 4352] },
  controls: [compound(Cid.StatelessVp9Frame), compound(Cid.StatelessVp9CompressedHdr)],
  required: [Cid.StatelessVp9Frame],
  values: (read) => ({
    frame: read.of(Cid.StatelessVp9Frame),
    probabilities: read.of(Cid.StatelessVp9CompressedHdr),
  }),
  references: (values) => vpxReferences(values.frame),
  usedReferences: (values) => (hasFlag(values.frame.flags, INTRA) ? [] : vpxTimestamps(values.frame)),
  events: [frame, compressedHdr, compressedCoeff, mvProbs],
  trace: (values, emit) => {
    emit(frame, values.frame);
    emit(compressedHdr, values.probabilities);
    emit(compressedCoeff, values.probabilities);
    emit(mvProbs, values.probabilities.mv);
  },
});
