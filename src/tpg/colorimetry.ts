/**
 * Colour spaces: primaries and transfer functions for the CSC colour bars, and the Y'CbCr encodings.
 *
 * Everything is computed from what the standards publish (chromaticities, white points, coefficients), with tpg's
 * rounding: R'G'B' and Y'CbCr are integers in 8.4 fixed point (0 to 0xff0), coefficients are rounded once, products are
 * shifted down. test/tpg/kernel.test.ts holds the results against the kernel's own tpg.
 */
import { Colorspace, XferFunc, YcbcrEncoding } from "./values.js";

export type Triple = readonly [number, number, number];
type Matrix = readonly [Triple, Triple, Triple];

/** The largest 8.4 value, 255.0. */
export const MAX_LEVEL = 0xff0;

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

// ---- primaries ------------------------------------------------------------------------------------------------

function apply(m: Matrix, [x, y, z]: Triple): Triple {
  const row = ([a, b, c]: Triple): number => a * x + b * y + c * z;
  return [row(m[0]), row(m[1]), row(m[2])];
}

function transpose([a, b, c]: Matrix): Matrix {
  return [
    [a[0], b[0], c[0]],
    [a[1], b[1], c[1]],
    [a[2], b[2], c[2]],
  ];
}

function multiply(left: Matrix, right: Matrix): Matrix {
  const columns = transpose(right);
  return transpose([apply(left, columns[0]), apply(left, columns[1]), apply(left, columns[2])]);
}

function diagonal([x, y, z]: Triple): Matrix {
  return [
    [x, 0, 0],
    [0, y, 0],
    [0, 0, z],
  ];
}

function cross(a: Triple, b: Triple): Triple {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function inverse([a, b, c]: Matrix): Matrix {
  const adjugate = transpose([cross(b, c), cross(c, a), cross(a, b)]);
  const [x, y, z] = cross(b, c);
  const determinant = a[0] * x + a[1] * y + a[2] * z;
  const scaled = ([p, q, r]: Triple): Triple => [p / determinant, q / determinant, r / determinant];
  return [scaled(adjugate[0]), scaled(adjugate[1]), scaled(adjugate[2])];
}

interface Primaries {
  /** CIE x, y of red, green and blue. */
  readonly xy: readonly [readonly [number, number], readonly [number, number], readonly [number, number]];
  /** CIE XYZ of white, Y = 1, to five places as ASTM E308 gives them. */
  readonly white: Triple;
}

const d65: Triple = [0.95047, 1, 1.08883];
const illuminantC: Triple = [0.98074, 1, 1.18232];
const dciWhite: Triple = [0.89459, 1, 0.95442];

// prettier-ignore
const rec709: Primaries = { xy: [[0.64, 0.33], [0.3, 0.6], [0.15, 0.06]], white: d65 };
// prettier-ignore
const smpteC: Primaries = { xy: [[0.63, 0.34], [0.31, 0.595], [0.155, 0.07]], white: d65 };

// prettier-ignore
const primaries = new Map<number, Primaries>([
  [Colorspace.Smpte170m, smpteC],
  [Colorspace.Smpte240m, smpteC],
  [Colorspace.SystemM470, { xy: [[0.67, 0.33], [0.21, 0.71], [0.14, 0.08]], white: illuminantC }],
  [Colorspace.SystemBg470, { xy: [[0.64, 0.33], [0.29, 0.6], [0.15, 0.06]], white: d65 }],
  [Colorspace.Oprgb, { xy: [[0.64, 0.33], [0.21, 0.71], [0.15, 0.06]], white: d65 }],
  [Colorspace.Bt2020, { xy: [[0.708, 0.292], [0.17, 0.797], [0.131, 0.046]], white: d65 }],
  [Colorspace.DciP3, { xy: [[0.68, 0.32], [0.265, 0.69], [0.15, 0.06]], white: dciWhite }],
]);

/** Linear R'G'B' to CIE XYZ. */
function toXyz({ xy, white }: Primaries): Matrix {
  const column = ([x, y]: readonly [number, number]): Triple => [x / y, 1, (1 - x - y) / y];
  const columns = transpose([column(xy[0]), column(xy[1]), column(xy[2])]);
  return multiply(columns, diagonal(apply(inverse(columns), white)));
}

const bradford: Matrix = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
];

/** Bradford adaptation of XYZ from D65 to another white. */
function adaptation(white: Triple): Matrix {
  const from = apply(bradford, d65);
  const to = apply(bradford, white);
  const gain: Triple = [to[0] / from[0], to[1] / from[1], to[2] / from[2]];
  return multiply(inverse(bradford), multiply(diagonal(gain), bradford));
}

/** Linear Rec. 709 R'G'B' to the colorspace's; undefined for those that have the same primaries or none of their own. */
function fromRec709(colorspace: number): Matrix | undefined {
  const target = primaries.get(colorspace);
  if (target === undefined) return undefined;
  return multiply(inverse(toXyz(target)), multiply(adaptation(target.white), toXyz(rec709)));
}

// ---- transfer functions, all for 0 to 1 -----------------------------------------------------------------------

const srgbToLinear = (v: number): number => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const linearToRec709 = (v: number): number => (v < 0.018 ? v * 4.5 : 1.099 * v ** 0.45 - 0.099);
const rec709ToLinear = (v: number): number => (v < 0.081 ? v / 4.5 : ((v + 0.099) / 1.099) ** (1 / 0.45));

/** SMPTE 2084, for a picture whose 1.0 means 100 cd/m2 of the function's 10000. */
function linearToPq(v: number): number {
  const powered = (v / 100) ** (2610 / 16384);
  return ((3424 + 2413 * 32 * powered) / (4096 + 2392 * 32 * powered)) ** (2523 / 32);
}

function encodeLinear(xferFunc: number, v: number): number {
  switch (xferFunc) {
    case XferFunc.Rec709:
      return linearToRec709(v);
    case XferFunc.Srgb:
      return v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055;
    case XferFunc.Oprgb:
      return v ** (1 / 2.19921875);
    case XferFunc.Smpte240m:
      return v <= 0.0228 ? v * 4 : 1.1115 * v ** 0.45 - 0.1115;
    case XferFunc.DciP3:
      return v ** (1 / 2.6);
    case XferFunc.Smpte2084:
      return linearToPq(v);
    default:
      return v;
  }
}

/**
 * An sRGB colour (0 to 255) as it appears in another colorspace with another transfer function, in 8.4, rounded down.
 * Differs from tpg in two ways. Colorspaces without primaries of their own (default, BT878, JPEG, RAW) take Rec. 709's;
 * tpg's table has nothing there and yields black. And sRGB's white and black, which come back as what they were, do so
 * in every colorspace; in a few, tpg's table has them 1/16 lower, the error of a floating point sum.
 */
export function convertSrgb(color: Triple, colorspace: number, xferFunc: number): Triple {
  const linear: Triple = [
    srgbToLinear(color[0] / 255),
    srgbToLinear(color[1] / 255),
    srgbToLinear(color[2] / 255),
  ];
  const matrix = fromRec709(colorspace);
  const converted = matrix === undefined ? linear : apply(matrix, linear);
  const level = (v: number): number => Math.trunc(encodeLinear(xferFunc, clamp(v, 0, 1)) * MAX_LEVEL + 1e-6);
  return [level(converted[0]), level(converted[1]), level(converted[2])];
}

// ---- Y'CbCr ---------------------------------------------------------------------------------------------------

interface Encoding {
  readonly y: Triple;
  readonly cb: Triple;
  readonly cr: Triple;
  readonly crToR: number;
  readonly cbToG: number;
  readonly crToG: number;
  readonly cbToB: number;
}

/** To four places, as the V4L2 documentation prints them; the rounding shows in the pictures. */
const bt601: Encoding = {
  y: [0.299, 0.587, 0.114],
  cb: [-0.1687, -0.3313, 0.5],
  cr: [0.5, -0.4187, -0.0813],
  crToR: 1.402,
  cbToG: -0.3441,
  crToG: -0.7141,
  cbToB: 1.772,
};
const bt709: Encoding = {
  y: [0.2126, 0.7152, 0.0722],
  cb: [-0.1146, -0.3854, 0.5],
  cr: [0.5, -0.4542, -0.0458],
  crToR: 1.5748,
  cbToG: -0.1873,
  crToG: -0.4681,
  cbToB: 1.8556,
};
const smpte240m: Encoding = {
  y: [0.212, 0.701, 0.087],
  cb: [-0.116, -0.384, 0.5],
  cr: [0.5, -0.445, -0.055],
  crToR: 1.5756,
  cbToG: -0.2253,
  crToG: -0.4767,
  cbToB: 1.827,
};
const bt2020: Encoding = {
  y: [0.2627, 0.678, 0.0593],
  cb: [-0.1396, -0.3604, 0.5],
  cr: [0.5, -0.4598, -0.0402],
  crToR: 1.4746,
  cbToG: -0.1646,
  crToG: -0.5714,
  cbToB: 1.8814,
};

function encodingOf(ycbcrEncoding: number): Encoding {
  switch (ycbcrEncoding) {
    case YcbcrEncoding.Bt601:
    case YcbcrEncoding.Xv601:
      return bt601;
    case YcbcrEncoding.Bt2020:
      return bt2020;
    case YcbcrEncoding.Smpte240m:
      return smpte240m;
    default: // sYCC too, as in tpg
      return bt709;
  }
}

/** xvYCC has one range only, whatever the quantization says. */
export function isXvYcc(ycbcrEncoding: number): boolean {
  return ycbcrEncoding === YcbcrEncoding.Xv601 || ycbcrEncoding === YcbcrEncoding.Xv709;
}

/** Coefficient times range, in 16 fractional bits over 255: what turns 8.4 R'G'B' into 8.4 Y'CbCr by a shift of 16. */
const forward = (coefficient: number, range: number): number => Math.trunc(0.5 + coefficient * range * 256);

/** The same backwards; the products are shifted by 12. */
const backward = (coefficient: number, range: number): number =>
  Math.trunc(0.5 + coefficient * ((255 * 255 * 16) / range));

/** BT.2020 constant luminance: the divisors of B'-Y'c below and above 0, then of R'-Y'c. */
const constLumDivisors = { blue: [1.9404, 1.5816], red: [1.7184, 0.9936] } as const;

/** Levels of 8.4 through a transfer function, rounded. */
function through(transfer: (v: number) => number, level: number): number {
  return Math.trunc(0.5 + MAX_LEVEL * transfer(clamp(level, 0, MAX_LEVEL) / MAX_LEVEL));
}

/** R'G'B' to Y'CbCr, both 8.4; not clamped. */
export function rgbToYcbcr(rgb: Triple, ycbcrEncoding: number, fullRange: boolean): Triple {
  if (ycbcrEncoding === YcbcrEncoding.Bt2020ConstLum) return rgbToConstLum(rgb, fullRange);
  const full = fullRange && !isXvYcc(ycbcrEncoding);
  const encoding = encodingOf(ycbcrEncoding);
  const sum = (coefficients: Triple, range: number): number =>
    (forward(coefficients[0], range) * rgb[0] +
      forward(coefficients[1], range) * rgb[1] +
      forward(coefficients[2], range) * rgb[2]) >>
    16;
  const lumaRange = full ? 255 : 219;
  const chromaRange = full ? 255 : 224;
  return [
    sum(encoding.y, lumaRange) + (full ? 0 : 16 << 4),
    sum(encoding.cb, chromaRange) + (128 << 4),
    sum(encoding.cr, chromaRange) + (128 << 4),
  ];
}

function rgbToConstLum([r, g, b]: Triple, full: boolean): Triple {
  const weighted = (coefficient: number, level: number): number =>
    forward(coefficient, 255) * through(rec709ToLinear, level);
  const [kr, kg, kb] = bt2020.y;
  const yc = through(linearToRec709, (weighted(kr, r) + weighted(kg, g) + weighted(kb, b)) >> 16);
  const chroma = (level: number, [below, above]: readonly [number, number]): number => {
    const coefficient = forward(1 / (level <= yc ? below : above), full ? 255 : 224);
    return (((level - yc) * coefficient) >> 16) + (128 << 4);
  };
  const y = full ? yc : Math.trunc((yc * 219) / 255) + (16 << 4);
  return [y, chroma(b, constLumDivisors.blue), chroma(r, constLumDivisors.red)];
}

/** Y'CbCr to R'G'B', both 8.4; the result is clamped to 0 to 0xff0. */
export function ycbcrToRgb(ycbcr: Triple, ycbcrEncoding: number, fullRange: boolean): Triple {
  const full = fullRange && !isXvYcc(ycbcrEncoding);
  const lumaRange = full ? 255 : 219;
  const chromaRange = full ? 255 : 224;
  const y = ycbcr[0] - (full ? 0 : 16 << 4);
  const cb = ycbcr[1] - (128 << 4);
  const cr = ycbcr[2] - (128 << 4);
  const luma = backward(1, lumaRange) * y;
  if (ycbcrEncoding === YcbcrEncoding.Bt2020ConstLum) {
    const primary = (chroma: number, [below, above]: readonly [number, number]): number =>
      (luma + backward(chroma <= 0 ? below : above, chromaRange) * chroma) >> 12;
    const r = primary(cr, constLumDivisors.red);
    const b = primary(cb, constLumDivisors.blue);
    const [kr, kg, kb] = bt2020.y;
    const linear =
      backward(1 / kg, 255) * through(rec709ToLinear, Math.trunc((y * 255) / lumaRange)) -
      backward(kr / kg, 255) * through(rec709ToLinear, r) -
      backward(kb / kg, 255) * through(rec709ToLinear, b);
    // Red and blue stay unclamped here, as in tpg.
    return [r, through(linearToRec709, linear >> 12), b];
  }
  const { crToR, cbToG, crToG, cbToB } = encodingOf(ycbcrEncoding);
  const level = (cbPart: number, crPart: number): number =>
    clamp(
      (luma + backward(cbPart, chromaRange) * cb + backward(crPart, chromaRange) * cr) >> 12,
      0,
      MAX_LEVEL,
    );
  return [level(0, crToR), level(cbToG, crToG), level(cbToB, 0)];
}
