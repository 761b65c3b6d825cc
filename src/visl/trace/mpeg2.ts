/** Trace events of MPEG-2, in the order in which a job emits them. */
import type { Cid, StandardValue } from "../../v4l2/index.js";
import { array, bits, dec, dump, event } from "./event.js";

type Mpeg2Sequence = StandardValue<typeof Cid.StatelessMpeg2Sequence>;
type Mpeg2Picture = StandardValue<typeof Cid.StatelessMpeg2Picture>;
type Mpeg2Quantisation = StandardValue<typeof Cid.StatelessMpeg2Quantisation>;

export const sequence = event<Mpeg2Sequence>(
  "mpeg2",
  "v4l2_ctrl_mpeg2_sequence",
  [
    ["horizontal_size", dec],
    ["vertical_size", dec],
    ["vbv_buffer_size", dec],
    ["profile_and_level_indication", dec],
    ["chroma_format", dec],
    ["flags", bits("PROGRESSIVE")],
  ],
  { end: "\n" },
);

export const picture = event<Mpeg2Picture>(
  "mpeg2",
  "v4l2_ctrl_mpeg2_picture",
  [
    ["backward_ref_ts", dec],
    ["forward_ref_ts", dec],
    [
      "flags",
      bits(
        "TOP_FIELD_FIRST",
        "FRAME_PRED_DCT",
        "CONCEALMENT_MV",
        "Q_SCALE_TYPE",
        "INTA_VLC",
        "ALT_SCAN",
        "REPEAT_FIRST",
        "PROGRESSIVE",
      ),
    ],
    ["f_code", dump(1)],
    ["picture_coding_type", dec, "picture_coding_type: "],
    ["picture_structure", dec],
    ["intra_dc_precision", dec],
  ],
  { end: "\n" },
);

export const quantisation = event<Mpeg2Quantisation>(
  "mpeg2",
  "v4l2_ctrl_mpeg2_quantisation",
  [
    ["intra_quantiser_matrix", array(1)],
    ["non_intra_quantiser_matrix", array(1)],
    ["chroma_intra_quantiser_matrix", array(1)],
    ["chroma_non_intra_quantiser_matrix", array(1)],
  ],
  { end: "\n" },
);
