import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { joinNalUnits, startCodeUnits } from "../../../src/codec/files/index.js";
import {
  codedPictures,
  emptyPps,
  frameControls,
  isIrap,
  isRasl,
  nalTypeOf,
  NalType,
  NO_REFERENCE,
  SliceType,
  type CodedPicture,
  type Notice,
} from "../../../src/codec/hevc/index.js";
import { temporaryFolder } from "../support/encode.js";
import { hasTraceHeaders } from "../support/trace-headers.js";
import { clips, conformance, encodedClips } from "./streams.js";
import { rpsOf, spsOf, streamOf, type Segment } from "./synthetic.js";

const streams = [...clips, ...conformance, ...encodedClips(temporaryFolder())];
const withOracle = hasTraceHeaders();

/** Order counts of the pictures that ffmpeg's own decoder decodes, in decoding order. */
function ffmpegOrderCounts(path: string): number[] {
  const { stderr } = spawnSync(
    "ffmpeg",
    ["-hide_banner", "-nostats", "-v", "debug", "-threads", "1", "-f", "hevc", "-i", path, "-f", "null", "-"],
    { encoding: "utf8", maxBuffer: 2 ** 28, timeout: 120_000 },
  );
  // Only the decoder that runs to the end, not the one that probes the stream.
  const lines = [...stderr.matchAll(/\[hevc @ (0x[0-9a-f]+)\] Decoded frame with POC (-?\d+)/g)];
  const decoder = lines.at(-1)?.[1];
  return lines.filter((line) => line[1] === decoder).map((line) => Number(line[2]));
}

describe.each(streams)("$name", ({ path }) => {
  it.runIf(withOracle)("has the pictures that ffmpeg decodes, with the same order counts", () => {
    const ours = [...codedPictures(readFileSync(path))].map(({ poc }) => poc);
    expect(ours).toEqual(ffmpegOrderCounts(path));
  });
});

function pictures(stream: Uint8Array): { pictures: CodedPicture[]; notices: Notice[] } {
  const notices: Notice[] = [];
  return {
    pictures: [...codedPictures(stream, { onNotice: (notice) => void notices.push(notice) })],
    notices,
  };
}

/** A P picture that refers to all pictures of its set. */
function trail(lsb: number, before: readonly number[], change: Partial<Segment["slice"]> = {}): Segment {
  const slice = {
    slice_type: SliceType.P,
    slice_pic_order_cnt_lsb: lsb,
    st_ref_pic_set: rpsOf(before),
    num_ref_idx_active_override_flag: true,
    num_ref_idx_l0_active_minus1: Math.max(before.length - 1, 0),
    ...change,
  };
  return { type: NalType.TRAIL_R, slice };
}

const idr: Segment = { type: NalType.IDR_W_RADL };

describe("pictures behind a random access point", () => {
  const open = streams.find(({ name }) => name.startsWith("open gop, leading"));

  it.runIf(open !== undefined)("are left out when they are RASL and the stream starts at a CRA", () => {
    const units = [...startCodeUnits(readFileSync(open?.path ?? ""))].map(({ data }) => data);
    const sets = units.filter((unit) => nalTypeOf(unit) >= 32 && nalTypeOf(unit) <= 34);
    const second = units.findIndex((unit) => nalTypeOf(unit) === NalType.CRA);
    expect(second).toBeGreaterThan(3);
    const rest = units.slice(second).filter((unit) => nalTypeOf(unit) < 32);
    const leading = rest.findIndex((unit, i) => i > 0 && !isRasl(nalTypeOf(unit)));
    expect(leading).toBeGreaterThan(1);
    const { pictures: decoded, notices } = pictures(joinNalUnits([...sets, ...rest]));
    expect(notices.filter(({ kind }) => kind === "skipped")).toHaveLength(leading - 1);
    expect(notices.filter(({ kind }) => kind === "missing")).toEqual([]);
    expect(decoded).toHaveLength(rest.length - leading + 1);
  });

  it.runIf(open !== undefined)("are decoded when they are RASL and the pictures before are there", () => {
    const { pictures: decoded, notices } = pictures(readFileSync(open?.path ?? ""));
    expect(notices).toEqual([]);
    expect(decoded.some(({ nal }) => isRasl(nal.nal_unit_type))).toBe(true);
  });

  it("are waited for: nothing is decoded before the first one", () => {
    const { pictures: decoded, notices } = pictures(
      streamOf(spsOf(), emptyPps(), [trail(3, [-1]), idr, trail(1, [-1])]),
    );
    expect(decoded.map(({ nal }) => isIrap(nal.nal_unit_type))).toEqual([true, false]);
    expect(notices.map(({ sentence }) => sentence)).toEqual([
      "picture 3 is not decoded: before a random access point",
    ]);
  });
});

describe("a reference that is not there", () => {
  const stream = streamOf(spsOf(), emptyPps(), [idr, trail(1, [-1]), trail(3, [-1, -2]), trail(4, [-1])]);

  it("is said, and leaves its place empty in the lists", () => {
    const { notices } = pictures(stream);
    expect(notices).toMatchObject([
      { kind: "missing", poc: 3, missing: [{ poc: 2, longTerm: false, used: true }] },
    ]);
    const frame = [...frameControls(stream)][2];
    const controls = frame?.requests[0]?.controls;
    expect(frame?.missing).toHaveLength(1);
    expect(controls?.StatelessHevcDecodeParams).toMatchObject({
      num_active_dpb_entries: 1,
      num_poc_st_curr_before: 2,
    });
    expect(controls?.StatelessHevcDecodeParams?.poc_st_curr_before.slice(0, 3)).toEqual([
      NO_REFERENCE,
      0,
      NO_REFERENCE,
    ]);
    expect(controls?.StatelessHevcSliceParams?.[0]?.ref_idx_l0.slice(0, 3)).toEqual([
      NO_REFERENCE,
      0,
      NO_REFERENCE,
    ]);
  });
});

describe("order counts", () => {
  it("go on when their least significant bits wrap around, in both directions", () => {
    // 4 bits: -2 is 14 behind 1, and 17 is 1 behind 14.
    const sps = spsOf({ log2_max_pic_order_cnt_lsb_minus4: 0 });
    const segments = [idr, trail(6, [-6]), trail(12, [-6]), trail(1, [-5]), trail(15, [])].map((one) =>
      one.slice?.slice_pic_order_cnt_lsb === 15
        ? { ...one, slice: { ...one.slice, slice_type: SliceType.I } }
        : one,
    );
    const { pictures: decoded, notices } = pictures(streamOf(sps, emptyPps(), segments));
    expect(decoded.map(({ poc }) => poc)).toEqual([0, 6, 12, 17, 15]);
    expect(notices).toEqual([]);
  });
});

describe("long-term references", () => {
  const sps = spsOf({ long_term_ref_pics_present_flag: true, log2_max_pic_order_cnt_lsb_minus4: 0 });
  const lt = (lsb: number, cycle?: number) => ({
    num_long_term_pics: 1,
    poc_lsb_lt: [lsb],
    used_by_curr_pic_lt_flag: [true],
    delta_poc_msb_present_flag: [cycle !== undefined],
    delta_poc_msb_cycle_lt: [cycle ?? 0],
  });
  const stream = streamOf(sps, emptyPps(), [
    idr,
    trail(5, [-5]),
    trail(10, [-5], { ...lt(0), num_ref_idx_l0_active_minus1: 1 }),
    // 18, whose least significant bits are 2; 0 lies one cycle before.
    trail(2, [-8], { ...lt(0, 1), num_ref_idx_l0_active_minus1: 1 }),
    trail(3, [-1], { ...lt(0, 0), num_ref_idx_l0_active_minus1: 1 }),
  ]);

  it("are found by least significant bits, or by the whole count, and stay long-term", () => {
    const { pictures: decoded, notices } = pictures(stream);
    expect(decoded.map(({ poc }) => poc)).toEqual([0, 5, 10, 18, 19]);
    // The last one asks for 16, which nobody decoded.
    expect(notices).toMatchObject([
      { kind: "missing", poc: 19, missing: [{ poc: 16, longTerm: true, used: true }] },
    ]);
    const params = [...frameControls(stream)].map(
      ({ requests }) => requests[0]?.controls.StatelessHevcDecodeParams,
    );
    // The next picture makes it long-term; for this one it is not.
    expect(params[1]?.dpb[0]).toMatchObject({ pic_order_cnt_val: 0, flags: 0 });
    // ue(1), poc_lsb_lt of 4 bits, two flags.
    expect(params[2]).toMatchObject({
      num_active_dpb_entries: 2,
      num_poc_lt_curr: 1,
      long_term_ref_pic_set_size: 3 + 4 + 1 + 1,
    });
    expect(params[2]?.dpb.slice(0, 2)).toMatchObject([
      { pic_order_cnt_val: 0, flags: 1, timestamp: 0n },
      { pic_order_cnt_val: 5, flags: 0, timestamp: 1000n },
    ]);
    expect(params[3]?.poc_lt_curr[0]).toBe(0);
    expect(params[3]?.dpb.slice(0, 2)).toMatchObject([{ flags: 1 }, { flags: 0, pic_order_cnt_val: 10 }]);
    expect(params[4]?.num_active_dpb_entries).toBe(1);
    expect(params[4]?.poc_lt_curr[0]).toBe(NO_REFERENCE);
  });
});

describe("slice segments", () => {
  const second = { first_slice_segment_in_pic_flag: false, slice_segment_address: 7 };

  it("are refused without the first one of their picture, and out of order", () => {
    const { type } = idr;
    const lost = streamOf(spsOf(), emptyPps(), [{ type, segment: second }]);
    expect(() => [...codedPictures(lost)]).toThrow(/without the first one of its picture/);
    const twice = streamOf(spsOf(), emptyPps(), [idr, { type, segment: second }, { type, segment: second }]);
    expect(() => [...codedPictures(twice)]).toThrow(/slice_segment_address 7 is not in order/);
  });

  it("of one picture are one frame with a request each", () => {
    const stream = streamOf(spsOf(), emptyPps(), [idr, { type: idr.type, segment: second }]);
    const frames = [...frameControls(stream)];
    expect(frames.map(({ requests }) => requests.map(({ holdCapture }) => holdCapture))).toEqual([
      [true, false],
    ]);
  });
});
