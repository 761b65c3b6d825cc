/** FWHT, the codec of vicodec: one control describes a frame, which refers to at most one. */
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import { compound, defineCodec, hasFlag } from "../codec.js";
import { dec, event, flagsOf } from "../trace/event.js";

type FwhtParams = StandardValue<typeof Cid.StatelessFwhtParams>;

// Trace events, under the names of the kernel's visl

export const params = event<FwhtParams>(
  "fwht",
  "v4l2_ctrl_fwht_params",
  [
    ["backward_ref_ts", dec],
    ["version", dec],
    ["width", dec],
    ["height", dec],
    [
      "flags",
      flagsOf(
        [0x1, "IS_INTERLACED"],
        [0x2, "IS_BOTTOM_FIRST"],
        [0x4, "IS_ALTERNATE"],
        [0x8, "IS_BOTTOM_FIELD"],
        [0x10, "LUMA_IS_UNCOMPRESSED"],
        [0x20, "CB_IS_UNCOMPRESSED"],
        [0x40, "CR_IS_UNCOMPRESSED"],
        [0x200, "ALPHA_IS_UNCOMPRESSED"],
        [0x400, "I_FRAME"],
        [0x180000, "PIXENC_HSV"],
        [0x100000, "PIXENC_RGB"],
        [0x80000, "PIXENC_YUV"],
      ),
    ],
    ["colorspace", dec],
    ["xfer_func", dec],
    ["ycbcr_enc", dec],
    ["quantization", dec],
  ],
  { start: "", between: " " },
);

/** `V4L2_FWHT_FL_I_FRAME` */
const I_FRAME = 0x400;

export const fwht = defineCodec({
  name: "fwht",
  fourcc: "SFWH",
  sizes: { min: [640, 360], max: [4096, 2160] },
  controls: [compound(Cid.StatelessFwhtParams)],
  required: [Cid.StatelessFwhtParams],
  values: (read) => ({ params: read.of(Cid.StatelessFwhtParams) }),
  references: (values) => [{ name: "backwards_ref_ts", timestampNs: values.params.backward_ref_ts }],
  usedReferences: (values) => (hasFlag(values.params.flags, I_FRAME) ? [] : [values.params.backward_ref_ts]),
  events: [params],
  trace: (values, emit) => {
    emit(params, values.params);
  },
});
