/** Which pictures to compare with the kernel's: every setting alone, and those that meet in the code together. */
import { Field, Pattern, patternNames, pixelFormats, XferFunc } from "../../../src/tpg/index.js";

const size = "64x48";

/** Of every way to pack: shared chroma in one plane, two and three, subsampled or not, plain pixels, luma. */
const typical = ["YUYV", "NV12", "NV16M", "NV24", "YUV420", "YVU422M", "RGB565", "BGR24", "XBGR32", "GREY"];

const fields = Object.values(Field);

/** tpg has no primaries for the others, and draws black. */
const colorspacesWithPrimaries = [1, 2, 3, 5, 6, 8, 9, 10, 12];

/** In these, tpg's white or black is 1/16 low with the transfer function of sRGB; see colorimetry.ts. */
const roundedDown = [1, 2, 5, 6, 12];

function* all(): Generator<string> {
  for (const { name } of pixelFormats) {
    yield `${name} ${size}`;
    yield `${name} ${size} pattern=${Pattern.Squares100} alpha=165 text=16,16`;
    yield `${name} ${size} pattern=${Pattern.RedGreenCheckers1x1} alpha=255 alphaRedOnly text=3,5 padding=16`;
    yield `${name} ${size} pattern=${Pattern.Squares100} moveHorizontal=1 moveVertical=4 advance=5 hflip vflip text=7,9`;
  }
  for (const pattern of patternNames.keys()) {
    if (pattern === Pattern.Noise) continue;
    for (const name of typical) yield `${name} ${size} pattern=${pattern} text=16,16`;
    yield `NV12 98x62 pattern=${pattern} moveHorizontal=2 moveVertical=2 advance=3 hflip`;
    yield `YUV420 98x62 pattern=${pattern} moveHorizontal=4 moveVertical=5 advance=7 vflip`;
    yield `RGB24 33x17 pattern=${pattern} moveHorizontal=0 moveVertical=6 advance=2`;
  }
  for (const field of fields) {
    for (const pattern of [Pattern.Bars75, Pattern.Squares100, Pattern.RedGreenCheckers2x2]) {
      for (const name of ["YUYV", "NV12", "NV12M", "YUV420", "RGB24"]) {
        const moving = `pattern=${pattern} field=${field} moveHorizontal=1 moveVertical=1 advance=2`;
        yield `${name} 64x96 ${moving} text=8,18`;
        yield `${name} 64x96 ${moving} text=8,18 vflip fieldAlternate`;
        yield `${name} 64x96 ${moving} text=0,0 hflip padding=32`;
      }
    }
  }
  for (let mode = 0; mode <= 6; mode++) {
    for (const flip of ["", " hflip", " vflip"]) {
      yield `YUYV 640x16 moveHorizontal=${mode} advance=3${flip}`;
      yield `NV12 1280x32 pattern=${Pattern.Squares100} moveVertical=${mode} advance=3${flip}`;
    }
  }
  yield* crops();
  yield* colors();
  for (const [x, y] of [
    [0, 0],
    [55, 31],
    [56, 31],
    [55, 32],
    [1, 1],
    [24, 30],
    [40, 0], // the last ones that fit, and the first that do not
  ] as const) {
    for (const flip of ["", " hflip", " vflip"]) {
      for (const name of ["YUYV", "NV12", "YUV420", "RGB24"]) yield `${name} ${size} text=${x},${y}${flip}`;
    }
  }
}

/** Unscaled, enlarged, reduced, and each direction by itself. */
function* crops(): Generator<string> {
  const views = [
    "crop=16,8,32x24 frame=32x24",
    "crop=16,8,32x24 frame=64x48",
    "crop=6,11,20x14 frame=66x44",
    "crop=0,0,96x64 frame=48x32",
    "crop=10,2,80x60 frame=36x44",
    "crop=40,20,56x44 frame=100x32",
  ];
  const moving = "moveHorizontal=1 moveVertical=4 advance=3";
  for (const view of views) {
    for (const name of [...typical, "YUV420M"]) {
      for (const pattern of [Pattern.Squares100, Pattern.RedGreenCheckers1x1, Pattern.Cross10]) {
        yield `${name} 96x64 pattern=${pattern} ${view} text=3,1`;
        yield `${name} 96x64 pattern=${pattern} ${view} hflip vflip`;
      }
      yield `${name} 96x64 pattern=${Pattern.Squares100} ${view} ${moving}`;
      yield `${name} 96x64 pattern=${Pattern.GrayRamp} ${view} ${moving} hflip`;
    }
    for (const field of fields) {
      for (const name of ["YUYV", "NV12"])
        yield `${name} 96x64 pattern=${Pattern.Squares100} ${view} field=${field} ${moving}`;
    }
  }
}

function* colors(): Generator<string> {
  for (let colorspace = 0; colorspace <= 12; colorspace++) {
    for (const name of ["YUYV", "RGB24", "GREY"]) yield `${name} ${size} colorspace=${colorspace} text=16,16`;
  }
  for (const colorspace of colorspacesWithPrimaries) {
    for (let xferFunc = 0; xferFunc <= 7; xferFunc++) {
      if (xferFunc === XferFunc.Srgb && roundedDown.includes(colorspace)) continue;
      yield `RGB24 ${size} pattern=${Pattern.CscBars} colorspace=${colorspace} xferFunc=${xferFunc} text=16,16`;
    }
    yield `NV12 ${size} pattern=${Pattern.CscBars} colorspace=${colorspace} text=16,16`;
  }
  const controls = [
    "",
    "brightness=200",
    "brightness=20",
    "contrast=255",
    "contrast=30",
    "saturation=255",
    "saturation=0",
    ...[-128, -100, -45, 7, 60, 100, 128].map((hue) => `hue=${hue}`),
    "brightness=90 contrast=150 saturation=180 hue=-20",
  ];
  for (const control of controls) {
    for (const name of ["YUYV", "RGB24", "GREY", "Y16"]) {
      yield `${name} ${size} pattern=${Pattern.Bars100} text=16,16 ${control}`.trim();
      yield `${name} 256x16 pattern=${Pattern.GrayRamp} ${control}`.trim();
    }
  }
  for (let ycbcrEncoding = 0; ycbcrEncoding <= 8; ycbcrEncoding++) {
    for (let quantization = 0; quantization <= 2; quantization++) {
      const encoding = `ycbcrEncoding=${ycbcrEncoding} quantization=${quantization}`;
      for (const control of ["", "contrast=200", "saturation=160 hue=33"]) {
        yield `YUYV ${size} pattern=${Pattern.Bars100} ${encoding} ${control}`.trim();
        // Constant luminance leaves red and blue unclamped; what then wraps where depends on tpg's order of shifts.
        const name = ycbcrEncoding === 7 ? "RGB24" : "RGB565";
        yield `${name} ${size} pattern=${Pattern.Bars75} ${encoding} ${control}`.trim();
      }
    }
  }
}

export const pictures: readonly string[] = [...new Set(all())];
