/** The check of H.264's controls: silent on correct requests, and exact about each field that was changed. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { h264 } from "../../../src/codec/index.js";
import { describeDisagreement } from "../../../src/stateless/check/compare.js";
import { checkH264, type H264Submitted } from "../../../src/stateless/check/h264.js";
import { vectors } from "../../codec/support/vectors.js";

interface Request {
  readonly controls: H264Submitted;
  readonly payload: Uint8Array;
}

const clip = fileURLToPath(new URL("../../gstreamer/data/h264_main_b.h264", import.meta.url));
const streams = [clip, ...vectors("h264", [".h264", ".264", ".avc"])];

function requestsOf(path: string, decodeMode: "slice" | "frame"): Request[] {
  return [...h264.frameControls(readFileSync(path), { decodeMode })].flatMap(({ requests }) => requests);
}

/** Fields that a slice header determines, in every stream. */
const determined = {
  StatelessH264DecodeParams: [
    "nal_ref_idc",
    "frame_num",
    "idr_pic_id",
    "pic_order_cnt_lsb",
    "delta_pic_order_cnt_bottom",
    "delta_pic_order_cnt0",
    "delta_pic_order_cnt1",
    "dec_ref_pic_marking_bit_size",
    "pic_order_cnt_bit_size",
  ],
  StatelessH264SliceParams: [
    "header_bit_size",
    "first_mb_in_slice",
    "slice_type",
    "colour_plane_id",
    "redundant_pic_cnt",
    "cabac_init_idc",
    "slice_qp_delta",
    "slice_qs_delta",
    "disable_deblocking_filter_idc",
    "slice_alpha_c0_offset_div2",
    "slice_beta_offset_div2",
  ],
} as const;

const flagsOf = {
  StatelessH264DecodeParams: [1, 2, 4],
  StatelessH264SliceParams: [1, 2],
} as const;

interface Mutation {
  readonly controls: H264Submitted;
  readonly control: string;
  readonly field: string;
}

function* mutationsOf({ controls }: Request): Generator<Mutation> {
  for (const name of ["StatelessH264DecodeParams", "StatelessH264SliceParams"] as const) {
    const value: Readonly<Record<string, unknown>> = { ...controls[name] };
    const control = name === "StatelessH264DecodeParams" ? "H264_DECODE_PARAMS" : "H264_SLICE_PARAMS";
    for (const field of determined[name]) {
      const changed = { ...value, [field]: Number(value[field]) + 1 };
      yield { controls: { ...controls, [name]: changed }, control, field };
    }
    for (const mask of flagsOf[name]) {
      const changed = { ...value, flags: Number(value["flags"]) ^ mask };
      yield { controls: { ...controls, [name]: changed }, control, field: "flags" };
    }
  }
}

describe("the check of H.264", () => {
  it.each(streams)("has nothing to say about correct requests of %s", (path) => {
    for (const decodeMode of ["slice", "frame"] as const) {
      const requests = requestsOf(path, decodeMode);
      expect(requests.length).toBeGreaterThan(0);
      for (const [i, { controls, payload }] of requests.entries()) {
        const { disagreements, problem } = checkH264(controls, payload);
        expect([...disagreements.map(describeDisagreement), problem, i]).toEqual([undefined, i]);
      }
    }
  });

  it.each(streams)("names exactly the field that was changed in a request of %s", (path) => {
    let all = 0;
    const wrong: string[] = [];
    for (const request of requestsOf(path, "slice").slice(0, 20)) {
      for (const { controls, control, field } of mutationsOf(request)) {
        all += 1;
        const { disagreements, problem } = checkH264(controls, request.payload);
        const named = disagreements.map((found) => `${found.control}.${found.field.split(" ")[0] ?? ""}`);
        if (problem === undefined && named.length === 1 && named[0] === `${control}.${field}`) continue;
        wrong.push(`${control}.${field}: ${named.join(", ")} ${problem ?? ""}`);
      }
    }
    expect(all).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });

  it("says where in the stream the right value is", () => {
    const [, second] = requestsOf(clip, "slice");
    const decode = second?.controls.StatelessH264DecodeParams;
    if (second === undefined || decode === undefined) throw new Error("the clip has one frame");
    const controls = { ...second.controls, StatelessH264DecodeParams: { ...decode, frame_num: 9 } };
    const { disagreements } = checkH264(controls, second.payload);
    expect(disagreements.map(describeDisagreement)).toEqual([
      expect.stringMatching(
        /^H264_DECODE_PARAMS\.frame_num is 9, the bitstream says 1 \(frame_num, bit \d+, section 7\.3\.3\)$/,
      ),
    ]);
  });

  it("says that a slice header no longer parses", () => {
    const [first] = requestsOf(clip, "slice");
    const sps = first?.controls.StatelessH264Sps;
    if (first === undefined || sps === undefined) throw new Error("the clip is empty");
    const { problem } = checkH264(first.controls, first.payload.subarray(0, 6));
    expect(problem).toContain("cannot be parsed");
    expect(checkH264(first.controls, new Uint8Array(0)).problem).toContain("no slice");
  });

  it("never throws, whatever bytes and controls say", () => {
    const [first] = requestsOf(clip, "slice");
    if (first === undefined) throw new Error("the clip is empty");
    for (let i = 0; i < 400; i += 1) {
      const payload = first.payload.slice(0, 64);
      payload[i % 64] = (i * 151) & 255;
      expect(() => checkH264(first.controls, payload)).not.toThrow();
    }
    const sps = first.controls.StatelessH264Sps;
    const pps = first.controls.StatelessH264Pps;
    if (sps === undefined || pps === undefined) throw new Error("the clip has no parameter sets");
    for (const value of [-1, 127, 255, 65535]) {
      for (const name of Object.keys(sps)) {
        if (typeof Reflect.get(sps, name) !== "number") continue;
        const controls = { ...first.controls, StatelessH264Sps: { ...sps, [name]: value } };
        expect(() => checkH264(controls, first.payload)).not.toThrow();
      }
      for (const name of Object.keys(pps)) {
        const controls = { ...first.controls, StatelessH264Pps: { ...pps, [name]: value } };
        expect(() => checkH264(controls, first.payload)).not.toThrow();
      }
    }
  });
});
