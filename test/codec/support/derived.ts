/** The controls that we derive from a stream, as values of visl's trace events; and where GStreamer 1.26 differs. */
import * as uapi from "../../../src/v4l2/gen/index.js";
import { av1, h264, hevc, mpeg2, vp8, vp9 } from "../../../src/codec/index.js";
import type { ControlValues, FrameControls, TimestampOf } from "../../../src/codec/index.js";
import type { Codec, CodecValues } from "../../stateless/trace-text.js";
import type { Ignored } from "./golden-controls.js";

function must<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("a control is missing");
  return value;
}

/** A control that was never set: all zeros. */
function noWeights(): CodecValues["h264"]["predWeights"] {
  const bytes = new Uint8Array(uapi.layouts.struct("v4l2_ctrl_h264_pred_weights").size);
  return uapi.layouts.read("v4l2_ctrl_h264_pred_weights", bytes);
}

/** The values of one request, as its job prints them. */
export const jobOf: { readonly [C in Codec]: (controls: ControlValues) => CodecValues[C] } = {
  h264: (controls) => ({
    sps: must(controls.StatelessH264Sps),
    pps: must(controls.StatelessH264Pps),
    scalingMatrix: must(controls.StatelessH264ScalingMatrix),
    slice: must(controls.StatelessH264SliceParams),
    decode: must(controls.StatelessH264DecodeParams),
    predWeights: controls.StatelessH264PredWeights ?? noWeights(),
  }),
  hevc: (controls) => ({
    sps: must(controls.StatelessHevcSps),
    pps: must(controls.StatelessHevcPps),
    slice: must(controls.StatelessHevcSliceParams?.[0]),
    scalingMatrix: must(controls.StatelessHevcScalingMatrix),
    decode: must(controls.StatelessHevcDecodeParams),
    ltRps: undefined,
    stRps: undefined,
  }),
  av1: (controls) => ({
    sequence: must(controls.StatelessAv1Sequence),
    frame: must(controls.StatelessAv1Frame),
    filmGrain: must(controls.StatelessAv1FilmGrain),
    tile: must(controls.StatelessAv1TileGroupEntry?.[0]),
  }),
  vp9: (controls) => ({
    frame: must(controls.StatelessVp9Frame),
    probabilities: must(controls.StatelessVp9CompressedHdr),
  }),
  vp8: (controls) => ({ frame: must(controls.StatelessVp8Frame) }),
  mpeg2: (controls) => ({
    sequence: must(controls.StatelessMpeg2Sequence),
    picture: must(controls.StatelessMpeg2Picture),
    quantisation: must(controls.StatelessMpeg2Quantisation),
  }),
};

type Derive = (
  stream: Uint8Array,
  options?: { readonly timestampOf?: TimestampOf },
) => Iterable<FrameControls>;

const derivers: Readonly<Record<Codec, Derive>> = {
  h264: h264.frameControls,
  hevc: hevc.frameControls,
  av1: av1.frameControls,
  vp9: vp9.frameControls,
  vp8: vp8.frameControls,
  mpeg2: mpeg2.frameControls,
};

/** All requests of a stream, with GStreamer's time stamps: they count frames that are shown again, too. */
export function derivedControls(codec: Codec, stream: Uint8Array): ControlValues[] {
  const derive = derivers[codec];
  const numbers: bigint[] = [];
  if (codec === "h264") {
    // Each of two fields has a number, and the frame has that of the first.
    let pictures = 0;
    for (const frame of h264.codedFrames(stream)) {
      numbers.push(BigInt(pictures) * 1000n);
      pictures += frame.pictures.length;
    }
  } else {
    for (const [i, { requests }] of [...derive(stream)].entries()) {
      if (requests.length > 0) numbers.push(BigInt(i) * 1000n);
    }
  }
  const timestampOf: TimestampOf = (index) => numbers[index] ?? -1n;
  return [...derive(stream, { timestampOf })].flatMap(({ requests }) =>
    requests.map(({ controls }) => controls),
  );
}

/** Differences that are known: the event, the lines, and who is right by what. Each is taken out alone. */
interface KnownDifference {
  readonly event: RegExp;
  /** What GStreamer's line becomes if this is the only difference. */
  readonly corrected: (theirs: string, ours: string) => string;
  readonly why: string;
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    event: /^v4l2_ctrl_hevc_pps$/,
    corrected: (theirs, ours) =>
      ours.replace("|LOOP_FILTER_ACROSS_TILES_ENABLED", "") === theirs ? ours : theirs,
    why: "HEVC 7.4.3.3.1: loop_filter_across_tiles_enabled_flag is inferred to be 1 without tiles",
  },
  {
    event: /^v4l2_ctrl_mpeg2_sequence$/,
    corrected: (theirs, ours) =>
      theirs.startsWith("profile_and_level_indication ") && ours.startsWith("profile_and_level_indication ")
        ? ours
        : theirs,
    why: "H.262 8.2 and 8.3: GStreamer composes profile_and_level_indication of two numbers by itself",
  },
  {
    event: /^v4l2_h264_ref_pic_list[01]$/,
    corrected: (theirs, ours) =>
      theirs.endsWith(`index ${h264.NO_REFERENCE}`) && ours.endsWith(`index ${h264.NO_REFERENCE}`)
        ? ours
        : theirs,
    why: "an entry without a picture has no fields: the API leaves the member open",
  },
  {
    event: /^v4l2_ctrl_h264_scaling_matrix$/,
    corrected: (theirs, ours) => (/^[0 ]+$/.test(theirs) ? ours : theirs),
    why: "H.264 7.4.2.1.1: only 4:4:4 has 8x8 lists 2 to 5, and GStreamer leaves zeros there",
  },
  {
    event: /^v4l2_h264_dpb_entry$/,
    corrected: (theirs, ours) => {
      const even = (line: string): string =>
        line.replace(
          /pic_num (\d+)(?=.*TOP_FIELD_REF\|BOTTOM_FIELD_REF)/,
          (_, n: string) => `pic_num ${Number(n) & ~1}`,
        );
      return even(theirs) === even(ours) ? ours : theirs;
    },
    why: "H.264 8.2.4.1: for a field, a frame has two values of PicNum, and the structure has room for one",
  },
  {
    event: /^v4l2_ctrl_hevc_pps$/,
    corrected: (theirs, ours) => {
      const [name = "", sizes = ""] = ours.split(" {");
      const numbers = (text: string): number[] => text.replace("}", "").split(",").map(Number);
      const own = numbers(sizes);
      const other = numbers(theirs.split(" {")[1] ?? "");
      const added = own.filter((size, i) => size !== other[i]);
      return /^(column_width|row_height)_minus1$/.test(name) && added.length === 1 && added[0] === 0
        ? ours
        : theirs;
    },
    why: "HEVC 7.4.3.3.1: the size of the last tile is not coded, and GStreamer fills it in",
  },
  {
    event: /^v4l2_ctrl_vp[89]_frame$/,
    corrected: (theirs, ours) => (/^(last|golden|alt)_frame_ts 0$/.test(ours) ? ours : theirs),
    why: "RFC 6386 9.7, VP9 7.2: intra frames refer to nothing, and GStreamer leaves what was there",
  },
  {
    event: /^v4l2_ctrl_mpeg2_picture$/,
    corrected: (theirs, ours) =>
      /^(forward|backward)_ref_ts 18446744073709551615$/.test(ours) ? ours : theirs,
    why: "H.262 7.6.2: I pictures refer to nothing, and GStreamer names the picture before",
  },
  {
    event: /^v4l2_ctrl_av1_frame$/,
    corrected: (theirs, ours) =>
      ours === "loop_filter.flags: DELTA_ENABLED" && theirs === "loop_filter.flags: " ? ours : theirs,
    why: "AV1 5.9.11: a lossless frame has no loop_filter_delta_enabled, and setup_past_independence() sets it",
  },
  {
    event: /^v4l2_ctrl_av1_frame$/,
    corrected: (theirs, ours) => (ours.replace("|ERROR_RESILIENT_MODE", "") === theirs ? ours : theirs),
    why: "AV1 5.9.2: with reduced_still_picture_header, error_resilient_mode is 1; GStreamer has 0",
  },
  {
    event: /^v4l2_ctrl_av1_frame$/,
    corrected: (theirs, ours) => (ours.replace("|USES_CHROMA_LR", "") === theirs ? ours : theirs),
    why: "AV1 5.9.20: usesChromaLr is 1 where a chroma plane has lr_type; GStreamer has 0",
  },
];

/** Takes out what is known, and counts it by why. */
export function ignoringKnown(counts: Map<string, number>): Ignored {
  return (event, ours, theirs) => {
    if (ours === theirs) return false;
    const known = knownDifferences.find(
      (one) => one.event.test(event) && one.corrected(theirs, ours) === ours,
    );
    if (known === undefined) return false;
    counts.set(known.why, (counts.get(known.why) ?? 0) + 1);
    return true;
  };
}
