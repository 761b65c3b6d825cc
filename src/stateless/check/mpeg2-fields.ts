/** MPEG-2's control fields: the syntax elements that they come from. */
import type { FieldElements } from "./compare.js";
import type { FlagName } from "./flags.js";

export const sequenceFlags: readonly FlagName[] = [["PROGRESSIVE", "progressive_sequence"]];

export const pictureFlags: readonly FlagName[] = [
  ["TOP_FIELD_FIRST", "top_field_first"],
  ["FRAME_PRED_DCT", "frame_pred_frame_dct"],
  ["CONCEALMENT_MV", "concealment_motion_vectors"],
  ["Q_SCALE_TYPE", "q_scale_type"],
  ["INTRA_VLC", "intra_vlc_format"],
  ["ALT_SCAN", "alternate_scan"],
  ["REPEAT_FIRST", "repeat_first_field"],
  ["PROGRESSIVE", "progressive_frame"],
];

export const elements = {
  "MPEG2_SEQUENCE.horizontal_size": "horizontal_size_value",
  "MPEG2_SEQUENCE.vertical_size": "vertical_size_value",
  "MPEG2_SEQUENCE.vbv_buffer_size": "vbv_buffer_size_value",
  "MPEG2_PICTURE.forward_ref_ts": {
    element: "reference frame as earlier requests left it",
    section: "7.6.2",
  },
  "MPEG2_PICTURE.backward_ref_ts": {
    element: "reference frame as earlier requests left it",
    section: "7.6.2",
  },
  "MPEG2_QUANTISATION.intra_quantiser_matrix[]": ["intra_quantiser_matrix", "6.3.11"],
  "MPEG2_QUANTISATION.non_intra_quantiser_matrix[]": ["non_intra_quantiser_matrix", "6.3.11"],
  "MPEG2_QUANTISATION.chroma_intra_quantiser_matrix[]": ["chroma_intra_quantiser_matrix", "6.3.11"],
  "MPEG2_QUANTISATION.chroma_non_intra_quantiser_matrix[]": ["chroma_non_intra_quantiser_matrix", "6.3.11"],
} as const satisfies FieldElements;

/** A sequence header comes with an intra picture, and says the same as those before it in its sequence. */
export const sameSequence = { element: "sequence of the requests before", section: "6.1.1.6" };
