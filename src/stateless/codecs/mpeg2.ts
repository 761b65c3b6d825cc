/** MPEG-2: P pictures refer to one other, B pictures to two. */
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import { compound, defineCodec } from "../codec.js";
import { array, bits, dec, dump, event } from "../trace/event.js";

type Mpeg2Sequence = StandardValue<typeof Cid.StatelessMpeg2Sequence>;
type Mpeg2Picture = StandardValue<typeof Cid.StatelessMpeg2Picture>;
type Mpeg2Quantisation = StandardValue<typeof Cid.StatelessMpeg2Quantisation>;

// Trace events, under the names of the kernel's visl

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

/** `picture_coding_type` */
const P_PICTURE = 2;
const B_PICTURE = 3;

export const mpeg2 = defineCodec({
  name: "mpeg2",
  fourcc: "MG2S",
  sizes: { min: [16, 16], max: [1920, 1152] },
  controls: [
    compound(Cid.StatelessMpeg2Sequence),
    compound(Cid.StatelessMpeg2Picture),
    compound(Cid.StatelessMpeg2Quantisation),
  ],
  required: [Cid.StatelessMpeg2Sequence, Cid.StatelessMpeg2Picture],
  values: (read) => ({
    sequence: read.of(Cid.StatelessMpeg2Sequence),
    picture: read.of(Cid.StatelessMpeg2Picture),
    quantisation: read.of(Cid.StatelessMpeg2Quantisation),
  }),
  references: (values) => [
    { name: "backward_ref_ts", timestampNs: values.picture.backward_ref_ts },
    { name: "forward_ref_ts", timestampNs: values.picture.forward_ref_ts },
  ],
  usedReferences: (values) => {
    const { picture_coding_type: type, forward_ref_ts: forward, backward_ref_ts: backward } = values.picture;
    if (type === P_PICTURE) return [forward];
    return type === B_PICTURE ? [forward, backward] : [];
  },
  events: [sequence, picture, quantisation],
  trace: (values, emit) => {
    emit(sequence, values.sequence);
    emit(picture, values.picture);
    emit(quantisation, values.quantisation);
  },
});
