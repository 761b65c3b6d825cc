/** Sequences that cannot be decoded into any CAPTURE format: other than 4:2:0 or monochrome, of 8 or 10 bits. */
import type { StandardId, StandardValue } from "../v4l2/index.js";
import { Cid } from "../v4l2/index.js";
import type { UnsupportedValues } from "../stateless/index.js";

const isDepth = (...bits: readonly number[]): boolean =>
  bits.every((depth) => depth === bits[0]) && (bits[0] === 8 || bits[0] === 10);

/** `chroma_format_idc` of H.264, HEVC and MPEG-2: 4:2:0. */
const IS_420 = 1;

const DEPTH = "only pictures with 8 or 10 bits a sample can be decoded";
const CHROMA = "only pictures with 4:2:0 or without chroma can be decoded";

function problem(hasChroma: boolean, hasDepth: boolean): string | undefined {
  if (!hasChroma) return CHROMA;
  return hasDepth ? undefined : DEPTH;
}

const sps = (value: {
  readonly chroma_format_idc: number;
  readonly bit_depth_luma_minus8: number;
  readonly bit_depth_chroma_minus8: number;
}): string | undefined => {
  const depths = [value.bit_depth_luma_minus8 + 8, value.bit_depth_chroma_minus8 + 8];
  // Without chroma its depth says nothing.
  return problem(
    value.chroma_format_idc <= IS_420,
    isDepth(...depths.slice(0, value.chroma_format_idc === 0 ? 1 : 2)),
  );
};

const BOTH_SUBSAMPLED_VP9 = 0x180;
const MONO_CHROME_AV1 = 0x4000;
const BOTH_SUBSAMPLED_AV1 = 0x30000;
const hasAll = (flags: number, mask: number): boolean => (flags & mask) === mask;

function rule<Id extends StandardId>(
  id: Id,
  problemOf: (value: StandardValue<Id>) => string | undefined,
): readonly [number, (value: unknown) => string | undefined] {
  return [id, (value) => problemOf(value as StandardValue<Id>)];
}

export const unsupportedValues: UnsupportedValues = new Map([
  rule(Cid.StatelessH264Sps, sps),
  rule(Cid.StatelessHevcSps, sps),
  rule(Cid.StatelessMpeg2Sequence, ({ chroma_format }) => problem(chroma_format === IS_420, true)),
  rule(Cid.StatelessVp9Frame, ({ flags, bit_depth }) =>
    problem(hasAll(flags, BOTH_SUBSAMPLED_VP9), isDepth(bit_depth)),
  ),
  rule(Cid.StatelessAv1Sequence, ({ flags, bit_depth }) => {
    // Its default, which a client may set, is 4:4:4.
    const is420 = flags === 0 || hasAll(flags, MONO_CHROME_AV1) || hasAll(flags, BOTH_SUBSAMPLED_AV1);
    return problem(is420, isDepth(bit_depth));
  }),
]);
