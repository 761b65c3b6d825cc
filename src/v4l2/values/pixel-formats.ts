/**
 * What ENUM_FMT says of each pixel format besides its code: the description that clients show, and whether it is
 * compressed. The core fills these in for every driver; the strings are part of the interface.
 */
import { present } from "../../present.js";
import { FOURCCS } from "../gen/index.js";
import { fourccText } from "./names.js";
import { BufType, FmtFlag, fourcc } from "./types.js";
import type { FormatDescription } from "./types.js";

/** Description by the name of the constant, without its prefix. At most 31 bytes each. */
type Descriptions = Readonly<Record<string, string>>;

/** `V4L2_PIX_FMT_*` that are not compressed. */
const pictures: Descriptions = {
  RGB332: "8-bit RGB 3-3-2",
  RGB444: "16-bit A/XRGB 4-4-4-4",
  ARGB444: "16-bit ARGB 4-4-4-4",
  XRGB444: "16-bit XRGB 4-4-4-4",
  RGBA444: "16-bit RGBA 4-4-4-4",
  RGBX444: "16-bit RGBX 4-4-4-4",
  ABGR444: "16-bit ABGR 4-4-4-4",
  XBGR444: "16-bit XBGR 4-4-4-4",
  BGRA444: "16-bit BGRA 4-4-4-4",
  BGRX444: "16-bit BGRX 4-4-4-4",
  RGB555: "16-bit A/XRGB 1-5-5-5",
  ARGB555: "16-bit ARGB 1-5-5-5",
  XRGB555: "16-bit XRGB 1-5-5-5",
  RGBA555: "16-bit RGBA 5-5-5-1",
  RGBX555: "16-bit RGBX 5-5-5-1",
  ABGR555: "16-bit ABGR 1-5-5-5",
  XBGR555: "16-bit XBGR 1-5-5-5",
  BGRA555: "16-bit BGRA 5-5-5-1",
  BGRX555: "16-bit BGRX 5-5-5-1",
  RGB565: "16-bit RGB 5-6-5",
  RGB555X: "16-bit A/XRGB 1-5-5-5 BE",
  ARGB555X: "16-bit ARGB 1-5-5-5 BE",
  XRGB555X: "16-bit XRGB 1-5-5-5 BE",
  RGB565X: "16-bit RGB 5-6-5 BE",
  BGR666: "18-bit BGRX 6-6-6-14",
  BGR24: "24-bit BGR 8-8-8",
  RGB24: "24-bit RGB 8-8-8",
  BGR32: "32-bit BGRA/X 8-8-8-8",
  ABGR32: "32-bit BGRA 8-8-8-8",
  XBGR32: "32-bit BGRX 8-8-8-8",
  BGRA32: "32-bit ABGR 8-8-8-8",
  BGRX32: "32-bit XBGR 8-8-8-8",
  RGB32: "32-bit A/XRGB 8-8-8-8",
  RGBA32: "32-bit RGBA 8-8-8-8",
  RGBX32: "32-bit RGBX 8-8-8-8",
  ARGB32: "32-bit ARGB 8-8-8-8",
  XRGB32: "32-bit XRGB 8-8-8-8",
  RGBX1010102: "32-bit RGBX 10-10-10-2",
  RGBA1010102: "32-bit RGBA 10-10-10-2",
  ARGB2101010: "32-bit ARGB 2-10-10-10",
  BGR48_12: "12-bit Depth BGR",
  BGR48: "48-bit BGR 16-16-16",
  RGB48: "48-bit RGB 16-16-16",
  ABGR64_12: "12-bit Depth BGRA",
  GREY: "8-bit Greyscale",
  Y4: "4-bit Greyscale",
  Y6: "6-bit Greyscale",
  Y10: "10-bit Greyscale",
  Y12: "12-bit Greyscale",
  Y012: "12-bit Greyscale (bits 15-4)",
  Y14: "14-bit Greyscale",
  Y16: "16-bit Greyscale",
  Y16_BE: "16-bit Greyscale BE",
  Y10BPACK: "10-bit Greyscale (Packed)",
  Y10P: "10-bit Greyscale (MIPI Packed)",
  IPU3_Y10: "10-bit greyscale (IPU3 Packed)",
  Y12P: "12-bit Greyscale (MIPI Packed)",
  Y14P: "14-bit Greyscale (MIPI Packed)",
  PAL8: "8-bit Palette",
  UV8: "8-bit Chrominance UV 4-4",
  YUYV: "YUYV 4:2:2",
  YYUV: "YYUV 4:2:2",
  YVYU: "YVYU 4:2:2",
  UYVY: "UYVY 4:2:2",
  VYUY: "VYUY 4:2:2",
  Y41P: "YUV 4:1:1 (Packed)",
  YUV444: "16-bit A/XYUV 4-4-4-4",
  YUV555: "16-bit A/XYUV 1-5-5-5",
  YUV565: "16-bit YUV 5-6-5",
  YUV24: "24-bit YUV 4:4:4 8-8-8",
  YUV32: "32-bit A/XYUV 8-8-8-8",
  AYUV32: "32-bit AYUV 8-8-8-8",
  XYUV32: "32-bit XYUV 8-8-8-8",
  VUYA32: "32-bit VUYA 8-8-8-8",
  VUYX32: "32-bit VUYX 8-8-8-8",
  YUVA32: "32-bit YUVA 8-8-8-8",
  YUVX32: "32-bit YUVX 8-8-8-8",
  M420: "YUV 4:2:0 (M420)",
  YUV48_12: "12-bit YUV 4:4:4 Packed",
  Y210: "10-bit YUYV Packed",
  Y212: "12-bit YUYV Packed",
  Y216: "16-bit YUYV Packed",
  NV12: "Y/UV 4:2:0",
  NV21: "Y/VU 4:2:0",
  NV15: "10-bit Y/UV 4:2:0 (Packed)",
  NV16: "Y/UV 4:2:2",
  NV61: "Y/VU 4:2:2",
  NV20: "10-bit Y/UV 4:2:2 (Packed)",
  NV24: "Y/UV 4:4:4",
  NV42: "Y/VU 4:4:4",
  P010: "10-bit Y/UV 4:2:0",
  P012: "12-bit Y/UV 4:2:0",
  NV12M: "Y/UV 4:2:0 (N-C)",
  NV21M: "Y/VU 4:2:0 (N-C)",
  NV16M: "Y/UV 4:2:2 (N-C)",
  NV61M: "Y/VU 4:2:2 (N-C)",
  P012M: "12-bit Y/UV 4:2:0 (N-C)",
  YUV410: "Planar YUV 4:1:0",
  YVU410: "Planar YVU 4:1:0",
  YUV411P: "Planar YUV 4:1:1",
  YUV420: "Planar YUV 4:2:0",
  YVU420: "Planar YVU 4:2:0",
  YUV422P: "Planar YUV 4:2:2",
  YUV420M: "Planar YUV 4:2:0 (N-C)",
  YVU420M: "Planar YVU 4:2:0 (N-C)",
  YUV422M: "Planar YUV 4:2:2 (N-C)",
  YVU422M: "Planar YVU 4:2:2 (N-C)",
  YUV444M: "Planar YUV 4:4:4 (N-C)",
  YVU444M: "Planar YVU 4:4:4 (N-C)",
  NV12_4L4: "Y/UV 4:2:0 (4x4 Linear)",
  NV12_16L16: "Y/UV 4:2:0 (16x16 Linear)",
  NV12_32L32: "Y/UV 4:2:0 (32x32 Linear)",
  NV15_4L4: "10-bit Y/UV 4:2:0 (4x4 Linear)",
  P010_4L4: "10-bit Y/UV 4:2:0 (4x4 Linear)",
  NV12_8L128: "NV12 (8x128 Linear)",
  NV12_10BE_8L128: "10-bit NV12 (8x128 Linear, BE)",
  NV12MT: "Y/UV 4:2:0 (64x32 MB, N-C)",
  NV12MT_16X16: "Y/UV 4:2:0 (16x16 MB, N-C)",
  NV12M_8L128: "NV12M (8x128 Linear)",
  NV12M_10BE_8L128: "10-bit NV12M (8x128 Linear, BE)",
  SBGGR8: "8-bit Bayer BGBG/GRGR",
  SGBRG8: "8-bit Bayer GBGB/RGRG",
  SGRBG8: "8-bit Bayer GRGR/BGBG",
  SRGGB8: "8-bit Bayer RGRG/GBGB",
  SBGGR10: "10-bit Bayer BGBG/GRGR",
  SGBRG10: "10-bit Bayer GBGB/RGRG",
  SGRBG10: "10-bit Bayer GRGR/BGBG",
  SRGGB10: "10-bit Bayer RGRG/GBGB",
  SBGGR10P: "10-bit Bayer BGBG/GRGR Packed",
  SGBRG10P: "10-bit Bayer GBGB/RGRG Packed",
  SGRBG10P: "10-bit Bayer GRGR/BGBG Packed",
  SRGGB10P: "10-bit Bayer RGRG/GBGB Packed",
  SBGGR10ALAW8: "8-bit Bayer BGBG/GRGR (A-law)",
  SGBRG10ALAW8: "8-bit Bayer GBGB/RGRG (A-law)",
  SGRBG10ALAW8: "8-bit Bayer GRGR/BGBG (A-law)",
  SRGGB10ALAW8: "8-bit Bayer RGRG/GBGB (A-law)",
  SBGGR10DPCM8: "8-bit Bayer BGBG/GRGR (DPCM)",
  SGBRG10DPCM8: "8-bit Bayer GBGB/RGRG (DPCM)",
  SGRBG10DPCM8: "8-bit Bayer GRGR/BGBG (DPCM)",
  SRGGB10DPCM8: "8-bit Bayer RGRG/GBGB (DPCM)",
  SBGGR12: "12-bit Bayer BGBG/GRGR",
  SGBRG12: "12-bit Bayer GBGB/RGRG",
  SGRBG12: "12-bit Bayer GRGR/BGBG",
  SRGGB12: "12-bit Bayer RGRG/GBGB",
  SBGGR12P: "12-bit Bayer BGBG/GRGR Packed",
  SGBRG12P: "12-bit Bayer GBGB/RGRG Packed",
  SGRBG12P: "12-bit Bayer GRGR/BGBG Packed",
  SRGGB12P: "12-bit Bayer RGRG/GBGB Packed",
  SBGGR14: "14-bit Bayer BGBG/GRGR",
  SGBRG14: "14-bit Bayer GBGB/RGRG",
  SGRBG14: "14-bit Bayer GRGR/BGBG",
  SRGGB14: "14-bit Bayer RGRG/GBGB",
  SBGGR14P: "14-bit Bayer BGBG/GRGR Packed",
  SGBRG14P: "14-bit Bayer GBGB/RGRG Packed",
  SGRBG14P: "14-bit Bayer GRGR/BGBG Packed",
  SRGGB14P: "14-bit Bayer RGRG/GBGB Packed",
  SBGGR16: "16-bit Bayer BGBG/GRGR",
  SGBRG16: "16-bit Bayer GBGB/RGRG",
  SGRBG16: "16-bit Bayer GRGR/BGBG",
  SRGGB16: "16-bit Bayer RGRG/GBGB",
  HSV24: "24-bit HSV 8-8-8",
  HSV32: "32-bit XHSV 8-8-8-8",
  SN9C20X_I420: "GSPCA SN9C20X I420",
  SPCA501: "GSPCA SPCA501",
  SPCA505: "GSPCA SPCA505",
  SPCA508: "GSPCA SPCA508",
  STV0680: "GSPCA STV0680",
  TM6000: "A/V + VBI Mux Packet",
  CIT_YYVYUY: "GSPCA CIT YYVYUY",
  KONICA420: "GSPCA KONICA420",
  Y8I: "Interleaved 8-bit Greyscale",
  Y12I: "Interleaved 12-bit Greyscale",
  Y16I: "Interleaved 16-bit Greyscale",
  Z16: "16-bit Depth",
  MM21: "Mediatek 8-bit Block Format",
  INZI: "Planar 10:16 Greyscale Depth",
  CNF4: "4-bit Depth Confidence (Packed)",
  HI240: "8-bit Dithered RGB (BTTV)",
  IPU3_SBGGR10: "10-bit bayer BGGR IPU3 Packed",
  IPU3_SGBRG10: "10-bit bayer GBRG IPU3 Packed",
  IPU3_SGRBG10: "10-bit bayer GRBG IPU3 Packed",
  IPU3_SRGGB10: "10-bit bayer RGGB IPU3 Packed",
  RAW_CRU10: "10-bit Raw CRU Packed",
  RAW_CRU12: "12-bit Raw CRU Packed",
  RAW_CRU14: "14-bit Raw CRU Packed",
  RAW_CRU20: "20-bit Raw CRU Packed",
};

/** `V4L2_PIX_FMT_*` that are. */
const compressed: Descriptions = {
  MJPEG: "Motion-JPEG",
  JPEG: "JFIF JPEG",
  DV: "1394",
  MPEG: "MPEG-1/2/4",
  H264: "H.264",
  H264_NO_SC: "H.264 (No Start Codes)",
  H264_MVC: "H.264 MVC",
  H263: "H.263",
  MPEG1: "MPEG-1 ES",
  MPEG2: "MPEG-2 ES",
  MPEG2_SLICE: "MPEG-2 Parsed Slice Data",
  MPEG4: "MPEG-4 Part 2 ES",
  XVID: "Xvid",
  VC1_ANNEX_G: "VC-1 (SMPTE 412M Annex G)",
  VC1_ANNEX_L: "VC-1 (SMPTE 412M Annex L)",
  VP8: "VP8",
  VP8_FRAME: "VP8 Frame",
  VP9: "VP9",
  VP9_FRAME: "VP9 Frame",
  HEVC: "HEVC",
  FWHT: "FWHT",
  FWHT_STATELESS: "FWHT Stateless",
  H264_SLICE: "H.264 Parsed Slice Data",
  HEVC_SLICE: "HEVC Parsed Slice Data",
  AV1_FRAME: "AV1 Frame",
  AV1: "AV1 OBU Stream",
  SPK: "Sorenson Spark",
  RV30: "RealVideo 8",
  RV40: "RealVideo 9 & 10",
  CPIA1: "GSPCA CPiA YUV",
  WNVA: "WNVA",
  SN9C10X: "GSPCA SN9C10X",
  PWC1: "Raw Philips Webcam Type (Old)",
  PWC2: "Raw Philips Webcam Type (New)",
  ET61X251: "GSPCA ET61X251",
  SPCA561: "GSPCA SPCA561",
  PAC207: "GSPCA PAC207",
  MR97310A: "GSPCA MR97310A",
  JL2005BCD: "GSPCA JL2005BCD",
  SN9C2028: "GSPCA SN9C2028",
  SQ905C: "GSPCA SQ905C",
  PJPG: "GSPCA PJPG",
  OV511: "GSPCA OV511",
  OV518: "GSPCA OV518",
  JPGL: "JPEG Lite",
  SE401: "GSPCA SE401",
  S5C_UYVY_JPG: "S5C73MX interleaved UYVY/JPEG",
  MT21C: "Mediatek Compressed Format",
  MT2110T: "Mediatek 10bit Tile Mode",
  MT2110R: "Mediatek 10bit Raster Mode",
  QC08C: "QCOM Compressed 8-bit Format",
  QC10C: "QCOM Compressed 10-bit Format",
  AJPG: "Aspeed JPEG",
  HEXTILE: "Hextile Compressed Format",
  PISP_COMP1_RGGB: "PiSP 8b RGRG/GBGB mode1 compr",
  PISP_COMP1_GRBG: "PiSP 8b GRGR/BGBG mode1 compr",
  PISP_COMP1_GBRG: "PiSP 8b GBGB/RGRG mode1 compr",
  PISP_COMP1_BGGR: "PiSP 8b BGBG/GRGR mode1 compr",
  PISP_COMP1_MONO: "PiSP 8b monochrome mode1 compr",
  PISP_COMP2_RGGB: "PiSP 8b RGRG/GBGB mode2 compr",
  PISP_COMP2_GRBG: "PiSP 8b GRGR/BGBG mode2 compr",
  PISP_COMP2_GBRG: "PiSP 8b GBGB/RGRG mode2 compr",
  PISP_COMP2_BGGR: "PiSP 8b BGBG/GRGR mode2 compr",
  PISP_COMP2_MONO: "PiSP 8b monochrome mode2 compr",
};

/** `V4L2_SDR_FMT_*`. */
const sdr: Descriptions = {
  CU8: "Complex U8",
  CU16LE: "Complex U16LE",
  CS8: "Complex S8",
  CS14LE: "Complex S14LE",
  RU12LE: "Real U12LE",
  PCU16BE: "Planar Complex U16BE",
  PCU18BE: "Planar Complex U18BE",
  PCU20BE: "Planar Complex U20BE",
};

/** `V4L2_TCH_FMT_*`. */
const touch: Descriptions = {
  DELTA_TD16: "16-bit Signed Deltas",
  DELTA_TD08: "8-bit Signed Deltas",
  TU16: "16-bit Unsigned Touch Data",
  TU08: "8-bit Unsigned Touch Data",
};

/** `V4L2_META_FMT_*`. */
const metadata: Descriptions = {
  VSP1_HGO: "R-Car VSP1 1-D Histogram",
  VSP1_HGT: "R-Car VSP1 2-D Histogram",
  UVC: "UVC Payload Header Metadata",
  D4XX: "Intel D4xx UVC Metadata",
  UVC_MSXU_1_5: "UVC MSXU Metadata",
  VIVID: "Vivid Metadata",
  RK_ISP1_PARAMS: "Rockchip ISP1 3A Parameters",
  RK_ISP1_STAT_3A: "Rockchip ISP1 3A Statistics",
  RK_ISP1_EXT_PARAMS: "Rockchip ISP1 Ext 3A Params",
  C3ISP_PARAMS: "Amlogic C3 ISP Parameters",
  C3ISP_STATS: "Amlogic C3 ISP Statistics",
  RPI_BE_CFG: "RPi PiSP BE Config format",
  RPI_FE_CFG: "RPi PiSP FE Config format",
  RPI_FE_STATS: "RPi PiSP FE Statistics format",
  MALI_C55_PARAMS: "ARM Mali-C55 ISP Parameters",
  MALI_C55_STATS: "ARM Mali-C55 ISP 3A Statistics",
};

/** Generic line based metadata, by code: the header keeps these to the kernel. */
const lineBased: ReadonlyMap<number, string> = new Map([
  [fourcc("MET8"), "8-bit Generic Metadata"],
  [fourcc("MC1A"), "8-bit Generic Meta, 10b CSI-2"],
  [fourcc("MC1C"), "8-bit Generic Meta, 12b CSI-2"],
  [fourcc("MC1E"), "8-bit Generic Meta, 14b CSI-2"],
  [fourcc("MC1G"), "8-bit Generic Meta, 16b CSI-2"],
  [fourcc("MC1K"), "8-bit Generic Meta, 20b CSI-2"],
  [fourcc("MC1O"), "8-bit Generic Meta, 24b CSI-2"],
]);

interface KnownFormat {
  readonly description: string;
  readonly compressed: boolean;
}

const known = new Map<number, KnownFormat>();

function add(prefix: string, descriptions: Descriptions, isCompressed: boolean): void {
  for (const [name, description] of Object.entries(descriptions)) {
    const code = present(FOURCCS[`${prefix}${name}`], `the bindings have ${prefix}${name}`);
    known.set(code, { description, compressed: isCompressed });
  }
}

add("V4L2_PIX_FMT_", pictures, false);
add("V4L2_PIX_FMT_", compressed, true);
add("V4L2_SDR_FMT_", sdr, false);
add("V4L2_TCH_FMT_", touch, false);
add("V4L2_META_FMT_", metadata, false);
for (const [code, description] of lineBased) known.set(code, { description, compressed: false });

/** What kernels before 6.0 called a format. */
export function oldDescription(description: string): string {
  return description.replace("Y/UV", "Y/CbCr").replace("Y/VU", "Y/CrCb");
}

/** What the core adds to a driver's answer to ENUM_FMT. An unknown format without a description shows its code. */
export function describePixelFormat(
  format: FormatDescription,
  type: BufType,
): { readonly description: string; readonly flags: number } {
  const entry = known.get(format.pixelformat);
  let flags = format.flags ?? 0;
  if (entry?.compressed === true) flags |= FmtFlag.Compressed;
  if (type === BufType.MetaCapture) {
    flags = lineBased.has(format.pixelformat)
      ? flags | FmtFlag.MetaLineBased
      : flags & ~FmtFlag.MetaLineBased;
  }
  const description = entry?.description ?? format.description ?? fourccText(format.pixelformat).slice(0, 31);
  return { description, flags };
}
