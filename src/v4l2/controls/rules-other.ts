/** MPEG-2, FWHT, HDR10, and the small geometric types. */
import {
  AreaView,
  CtrlFwhtParamsView,
  CtrlHdr10MasteringDisplayView,
  CtrlMpeg2PictureView,
  CtrlMpeg2QuantisationView,
  CtrlMpeg2SequenceView,
  RectView,
  V4L2_FWHT_FL_COMPONENTS_NUM_OFFSET,
  V4L2_FWHT_FL_PIXENC_YUV,
  V4L2_FWHT_VERSION,
  V4L2_HDR10_MASTERING_MAX_LUMA_HIGH,
  V4L2_HDR10_MASTERING_MAX_LUMA_LOW,
  V4L2_HDR10_MASTERING_MIN_LUMA_HIGH,
  V4L2_HDR10_MASTERING_MIN_LUMA_LOW,
  V4L2_HDR10_MASTERING_PRIMARIES_X_HIGH,
  V4L2_HDR10_MASTERING_PRIMARIES_X_LOW,
  V4L2_HDR10_MASTERING_PRIMARIES_Y_HIGH,
  V4L2_HDR10_MASTERING_PRIMARIES_Y_LOW,
  V4L2_HDR10_MASTERING_WHITE_POINT_X_HIGH,
  V4L2_HDR10_MASTERING_WHITE_POINT_X_LOW,
  V4L2_HDR10_MASTERING_WHITE_POINT_Y_HIGH,
  V4L2_HDR10_MASTERING_WHITE_POINT_Y_LOW,
  V4L2_MPEG2_PIC_BOTTOM_FIELD,
  V4L2_MPEG2_PIC_CODING_TYPE_B,
  V4L2_MPEG2_PIC_CODING_TYPE_I,
  V4L2_MPEG2_PIC_CODING_TYPE_P,
  V4L2_MPEG2_PIC_FRAME,
  V4L2_MPEG2_PIC_TOP_FIELD,
} from "../gen/index.js";
import { allBetween, atMost, between, oneOf, refuse, rules } from "./rules.js";

export const mpeg2Sequence = rules(CtrlMpeg2SequenceView, {
  check(sequence) {
    between(sequence.chroma_format, 1, 3, "chroma_format");
  },
  /** 4:2:0. */
  init(sequence) {
    sequence.chroma_format = 1;
  },
});

export const mpeg2Picture = rules(CtrlMpeg2PictureView, {
  check(picture) {
    atMost(picture.intra_dc_precision, 3, "intra_dc_precision");
    oneOf(
      picture.picture_structure,
      [V4L2_MPEG2_PIC_TOP_FIELD, V4L2_MPEG2_PIC_BOTTOM_FIELD, V4L2_MPEG2_PIC_FRAME],
      "picture_structure",
    );
    oneOf(
      picture.picture_coding_type,
      [V4L2_MPEG2_PIC_CODING_TYPE_I, V4L2_MPEG2_PIC_CODING_TYPE_P, V4L2_MPEG2_PIC_CODING_TYPE_B],
      "picture_coding_type",
    );
    picture.reserved.fill(0);
  },
  init(picture) {
    picture.picture_structure = V4L2_MPEG2_PIC_TOP_FIELD;
    picture.picture_coding_type = V4L2_MPEG2_PIC_CODING_TYPE_I;
  },
});

/** Intra quantiser matrix of ISO/IEC 13818-2, 6.3.11, in zigzag order. */
// prettier-ignore
const intraMatrix = [
  8, 16, 16, 19, 16, 19, 22, 22, 22, 22, 22, 22, 26, 24, 26, 27,
  27, 27, 26, 26, 26, 26, 27, 27, 27, 29, 29, 29, 34, 34, 34, 29,
  29, 29, 27, 27, 29, 29, 32, 32, 34, 34, 37, 38, 37, 35, 35, 34,
  35, 38, 38, 40, 40, 40, 48, 48, 46, 46, 56, 56, 58, 69, 69, 83,
];

export const mpeg2Quantisation = rules(CtrlMpeg2QuantisationView, {
  init(matrices) {
    matrices.intra_quantiser_matrix.set(intraMatrix);
    matrices.non_intra_quantiser_matrix.fill(16);
  },
});

export const fwhtParams = rules(CtrlFwhtParamsView, {
  check(params) {
    if (params.version < V4L2_FWHT_VERSION)
      refuse(`version ${params.version} is older than ${V4L2_FWHT_VERSION}`);
    if (params.width === 0 || params.height === 0) refuse(`${params.width}x${params.height} is no picture`);
  },
  /** 720p with three components. */
  init(params) {
    params.version = V4L2_FWHT_VERSION;
    params.width = 1280;
    params.height = 720;
    params.flags = V4L2_FWHT_FL_PIXENC_YUV | (2 << V4L2_FWHT_FL_COMPONENTS_NUM_OFFSET);
  },
});

/** SMPTE ST 2086 with CTA 861-G: a white point of (0, 0) and luminances of 0 mean "unknown". */
export const hdr10MasteringDisplay = rules(CtrlHdr10MasteringDisplayView, {
  check(display) {
    allBetween(
      display.display_primaries_x,
      V4L2_HDR10_MASTERING_PRIMARIES_X_LOW,
      V4L2_HDR10_MASTERING_PRIMARIES_X_HIGH,
      "display_primaries_x",
    );
    allBetween(
      display.display_primaries_y,
      V4L2_HDR10_MASTERING_PRIMARIES_Y_LOW,
      V4L2_HDR10_MASTERING_PRIMARIES_Y_HIGH,
      "display_primaries_y",
    );
    const { white_point_x: whiteX, white_point_y: whiteY } = display;
    if (whiteX !== 0 || whiteY !== 0) {
      between(
        whiteX,
        V4L2_HDR10_MASTERING_WHITE_POINT_X_LOW,
        V4L2_HDR10_MASTERING_WHITE_POINT_X_HIGH,
        "white_point_x",
      );
      between(
        whiteY,
        V4L2_HDR10_MASTERING_WHITE_POINT_Y_LOW,
        V4L2_HDR10_MASTERING_WHITE_POINT_Y_HIGH,
        "white_point_y",
      );
    }
    const { max_display_mastering_luminance: max, min_display_mastering_luminance: min } = display;
    if (max !== 0) {
      between(
        max,
        V4L2_HDR10_MASTERING_MAX_LUMA_LOW,
        V4L2_HDR10_MASTERING_MAX_LUMA_HIGH,
        "max_display_mastering_luminance",
      );
    }
    if (min !== 0) {
      between(
        min,
        V4L2_HDR10_MASTERING_MIN_LUMA_LOW,
        V4L2_HDR10_MASTERING_MIN_LUMA_HIGH,
        "min_display_mastering_luminance",
      );
    }
    // ITU-T H.265 excludes the one pair of values that would be equal.
    if (max === V4L2_HDR10_MASTERING_MAX_LUMA_LOW && min === V4L2_HDR10_MASTERING_MIN_LUMA_HIGH) {
      refuse("the lowest maximum and the highest minimum luminance exclude each other");
    }
  },
});

export const area = rules(AreaView, {
  check({ width, height }) {
    if (width === 0 || height === 0) refuse(`${width}x${height} is no area`);
  },
});

export const rect = rules(RectView, {
  check({ width, height }) {
    if (width === 0 || height === 0) refuse(`${width}x${height} is no rectangle`);
  },
});
