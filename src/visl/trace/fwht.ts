/** Trace events of FWHT, in the order in which a job emits them. */
import type { Cid, StandardValue } from "../../v4l2/index.js";
import { dec, event, flagsOf } from "./event.js";

type FwhtParams = StandardValue<typeof Cid.StatelessFwhtParams>;

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
