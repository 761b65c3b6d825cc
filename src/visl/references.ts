/** The frames that a job refers to, as each codec names them. Time stamps are of CAPTURE buffers, in nanoseconds. */
import type { CodecValues } from "./codec-values.js";
import type { Codec } from "./formats.js";

export interface Reference {
  /** What the original calls it in the text on the frame. */
  readonly name: string;
  readonly timestampNs: bigint;
}

type Lists = { readonly [C in Codec]: (values: CodecValues[C]) => Reference[] };

const vpx = (frame: {
  readonly last_frame_ts: bigint;
  readonly golden_frame_ts: bigint;
  readonly alt_frame_ts: bigint;
}): Reference[] => [
  { name: "last_ref_ts", timestampNs: frame.last_frame_ts },
  { name: "golden_ref_ts", timestampNs: frame.golden_frame_ts },
  { name: "alt_ref_ts", timestampNs: frame.alt_frame_ts },
];

/** The references of AV1, in the order of `ref_frame_idx`. */
const av1Names = ["last", "last2", "last3", "golden", "bwd", "alt2", "alt"];

/**
 * `reference_frame_ts[index]`, read as C reads it: clients say -1 for "none", and the eight bytes before the array
 * are the last two order hints.
 */
function av1Timestamp(frame: CodecValues["av1"]["frame"], index: number): bigint {
  if (index >= 0) return frame.reference_frame_ts[index] ?? 0n;
  const { order_hints: hints } = frame;
  const at = hints.length + 2 * index;
  return BigInt(hints[at] ?? 0) | (BigInt(hints[at + 1] ?? 0) << 32n);
}

const lists: Lists = {
  fwht: ({ params }) => [{ name: "backwards_ref_ts", timestampNs: params.backward_ref_ts }],
  mpeg2: ({ picture }) => [
    { name: "backward_ref_ts", timestampNs: picture.backward_ref_ts },
    { name: "forward_ref_ts", timestampNs: picture.forward_ref_ts },
  ],
  vp8: ({ frame }) => vpx(frame),
  vp9: ({ frame }) => vpx(frame),
  h264: ({ decode }) =>
    decode.dpb.map((entry, index) => ({ name: `dpb[${index}]`, timestampNs: entry.reference_ts })),
  hevc: ({ decode }) =>
    decode.dpb.map((entry, index) => ({ name: `dpb[${index}]`, timestampNs: entry.timestamp })),
  av1: ({ frame }) =>
    av1Names.map((name, index) => ({
      name: `ref_${name}_ts`,
      timestampNs: av1Timestamp(frame, frame.ref_frame_idx[index] ?? 0),
    })),
};

/** In the order in which they are drawn. */
export function referencesOf<C extends Codec>(codec: C, values: CodecValues[C]): Reference[] {
  return lists[codec](values);
}

type UsedLists = { readonly [C in Codec]: (values: CodecValues[C]) => bigint[] };

const I_FRAME = { fwht: 0x400, vpxKey: 0x1, vp9IntraOnly: 0x8, h264Idr: 0x1, hevcIrap: 0x1 } as const;
const H264_DPB_ACTIVE = 0x2;
/** `picture_coding_type` of MPEG-2. */
const MPEG2 = { P: 2, B: 3 } as const;
/** `frame_type` of AV1 frames that refer to others. */
const AV1_INTER: readonly number[] = [1, 3];

const has = (flags: number | bigint, bit: number): boolean => (BigInt(flags) & BigInt(bit)) !== 0n;
const vpxUsed = (frame: Parameters<typeof vpx>[0]): bigint[] =>
  vpx(frame).map(({ timestampNs }) => timestampNs);

const usedLists: UsedLists = {
  fwht: ({ params }) => (has(params.flags, I_FRAME.fwht) ? [] : [params.backward_ref_ts]),
  mpeg2: ({ picture }) => {
    if (picture.picture_coding_type === MPEG2.P) return [picture.forward_ref_ts];
    return picture.picture_coding_type === MPEG2.B ? [picture.forward_ref_ts, picture.backward_ref_ts] : [];
  },
  vp8: ({ frame }) => (has(frame.flags, I_FRAME.vpxKey) ? [] : vpxUsed(frame)),
  vp9: ({ frame }) => (has(frame.flags, I_FRAME.vpxKey | I_FRAME.vp9IntraOnly) ? [] : vpxUsed(frame)),
  h264: ({ decode }) =>
    has(decode.flags, I_FRAME.h264Idr)
      ? []
      : decode.dpb.filter(({ flags }) => has(flags, H264_DPB_ACTIVE)).map(({ reference_ts: ts }) => ts),
  hevc: ({ decode }) => {
    if (has(decode.flags, I_FRAME.hevcIrap)) return [];
    const indices = [
      ...decode.poc_st_curr_before.slice(0, decode.num_poc_st_curr_before),
      ...decode.poc_st_curr_after.slice(0, decode.num_poc_st_curr_after),
      ...decode.poc_lt_curr.slice(0, decode.num_poc_lt_curr),
    ];
    return indices.flatMap((index) => decode.dpb[index]?.timestamp ?? []);
  },
  av1: ({ frame }) =>
    AV1_INTER.includes(frame.frame_type)
      ? frame.ref_frame_idx.flatMap((index) => frame.reference_frame_ts[index] ?? [])
      : [],
};

/** The frames without which this one cannot be decoded; the others are only named. */
export function usedReferences<C extends Codec>(codec: C, values: CodecValues[C]): bigint[] {
  return usedLists[codec](values);
}
