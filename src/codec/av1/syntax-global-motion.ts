/** Global motion: 5.9.24 and 5.9.25, and whether the warps can be used: 7.11.3.6. */
import { signedSubexpWithRef, type Coder } from "../bits/index.js";
import { identityWarp, WarpModel, type FrameHeader } from "./frame-header.js";

const WARPEDMODEL_PREC_BITS = 16;
const GM_ABS_ALPHA_BITS = 12;
const GM_ALPHA_PREC_BITS = 15;
const GM_ABS_TRANS_ONLY_BITS = 9;
const GM_TRANS_ONLY_PREC_BITS = 3;
const GM_ABS_TRANS_BITS = 12;
const GM_TRANS_PREC_BITS = 6;

const ONE = 1 << WARPEDMODEL_PREC_BITS;

/** @param previous - `PrevGmParams`. */
export function globalMotionParams(c: Coder, frame: FrameHeader, previous: Int32Array): void {
  c.structure("global_motion_params", "5.9.24");
  if (frame.frameIsIntra) {
    frame.gmType.fill(WarpModel.Identity);
    frame.gmParams.set(identityWarp);
    return;
  }
  for (let ref = 1; ref <= 7; ref += 1) {
    const type = warpModel(c, frame.gmType[ref] ?? 0, ref);
    frame.gmType[ref] = type;
    const at = ref * 6;
    const params = frame.gmParams;
    const { Identity, Translation, RotZoom, Affine } = WarpModel;
    if (type < RotZoom) params.set(identityWarp.subarray(2, 6), at + 2);
    if (type === Identity) params.fill(0, at, at + 2);
    if (type >= RotZoom) {
      globalParam(c, frame, previous, type, at, 2);
      globalParam(c, frame, previous, type, at, 3);
      if (type === Affine) {
        globalParam(c, frame, previous, type, at, 4);
        globalParam(c, frame, previous, type, at, 5);
      } else {
        params[at + 4] = -(params[at + 3] ?? 0);
        params[at + 5] = params[at + 2] ?? 0;
      }
    }
    if (type >= Translation) {
      globalParam(c, frame, previous, type, at, 0);
      globalParam(c, frame, previous, type, at, 1);
    }
  }
}

function warpModel(c: Coder, type: number, ref: number): number {
  if (!c.flag("is_global", type !== WarpModel.Identity, ref)) return WarpModel.Identity;
  if (c.flag("is_rot_zoom", type === WarpModel.RotZoom, ref)) return WarpModel.RotZoom;
  return c.flag("is_translation", type === WarpModel.Translation, ref)
    ? WarpModel.Translation
    : WarpModel.Affine;
}

/** `read_global_param()`. @param at - Of the reference's first parameter. */
function globalParam(
  c: Coder,
  frame: FrameHeader,
  previous: Int32Array,
  type: number,
  at: number,
  index: number,
): void {
  let bits = GM_ABS_ALPHA_BITS;
  let precision = GM_ALPHA_PREC_BITS;
  if (index < 2) {
    const coarse = frame.allow_high_precision_mv ? 0 : 1;
    const only = type === WarpModel.Translation;
    bits = only ? GM_ABS_TRANS_ONLY_BITS - coarse : GM_ABS_TRANS_BITS;
    precision = only ? GM_TRANS_ONLY_PREC_BITS - coarse : GM_TRANS_PREC_BITS;
  }
  const shift = WARPEDMODEL_PREC_BITS - precision;
  const round = index % 3 === 2 ? ONE : 0;
  const most = 1 << bits;
  const reference = ((previous[at + index] ?? 0) >> shift) - (round >> shift);
  const wanted = ((frame.gmParams[at + index] ?? 0) - round) >> shift;
  frame.gmParams[at + index] =
    signedSubexpWithRef(c, -most, most + 1, reference, wanted) * (1 << shift) + round;
}

/** `Round2Signed()` for what needs more than 32 bits. */
function round2Signed(value: bigint, bits: number): number {
  const half = bits === 0 ? 0n : 1n << BigInt(bits - 1);
  const magnitude = ((value < 0n ? -value : value) + half) >> BigInt(bits);
  return Number(value < 0n ? -magnitude : magnitude);
}

function clampTo16Bits(value: number): number {
  return Math.min(Math.max(value, -32768), 32767);
}

/** Drops the bits that the warp filter does not have: `WARP_PARAM_REDUCE_BITS`. */
function reduce(value: number): number {
  const rounded = (Math.abs(value) + 32) >> 6;
  return (value < 0 ? -rounded : rounded) * 64;
}

/** `warpValid` of the setup shear process. @param at - Of the first of six parameters. */
export function isWarpValid(params: Int32Array, at = 0): boolean {
  const a = params[at + 2] ?? ONE;
  const b = params[at + 3] ?? 0;
  const c = params[at + 4] ?? 0;
  const d = params[at + 5] ?? ONE;
  if (a <= 0) return false;
  // Most references do not move. The numbers below need more bits than plain ones have.
  if (a === ONE && b === 0 && c === 0 && d === ONE) return true;
  // resolve_divisor(), 7.11.3.7: 1 / a as a factor of 14 bits and a shift.
  const log2 = 31 - Math.clz32(a);
  const rest = a - 2 ** log2;
  const entry = log2 > 8 ? (rest + (1 << (log2 - 9))) >> (log2 - 8) : rest << (8 - log2);
  const factor = BigInt(Math.round(2 ** 22 / (256 + entry)));
  const shift = log2 + 14;
  const alpha = reduce(clampTo16Bits(a - ONE));
  const beta = reduce(clampTo16Bits(b));
  const gamma = reduce(clampTo16Bits(round2Signed(BigInt(c) * BigInt(ONE) * factor, shift)));
  const product = round2Signed(BigInt(b) * BigInt(c) * factor, shift);
  const delta = reduce(clampTo16Bits(d - product - ONE));
  return 4 * Math.abs(alpha) + 7 * Math.abs(beta) < ONE && 4 * Math.abs(gamma) + 4 * Math.abs(delta) < ONE;
}
