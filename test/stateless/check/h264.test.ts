/** What the check of H.264 says in single cases; `mutations.test.ts` has the measure of all fields. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { h264, type ControlValues } from "../../../src/codec/index.js";
import { describeDisagreement } from "../../../src/stateless/check/compare.js";
import { H264Check } from "../../../src/stateless/check/h264.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";

const clip = fileURLToPath(new URL("../../gstreamer/data/h264_main_b.h264", import.meta.url));

function requestsOf(path: string, options: h264.H264ControlsOptions): CheckedRequest[] {
  return [...h264.frameControls(readFileSync(path), options)].flatMap(({ timestampNs, requests }) =>
    requests.map(({ controls, payload, holdCapture }) => {
      return { controls, bitstream: payload, timestampNs, holdCapture };
    }),
  );
}

/** What is said of a request after those before it. */
function said(requests: readonly CheckedRequest[], index: number, change: Partial<CheckedRequest>): string[] {
  const check = new H264Check();
  for (const request of requests.slice(0, index)) check.check(request);
  const request = requests[index];
  if (request === undefined) throw new Error("the clip is shorter");
  const { disagreements, problem } = check.check({ ...request, ...change });
  return [...disagreements.map(describeDisagreement), ...(problem === undefined ? [] : [problem])];
}

const requests = requestsOf(clip, { decodeMode: "slice" });
const [first, second] = requests;
if (first === undefined || second === undefined) throw new Error("the clip has two frames");

type H264Name = "StatelessH264Sps" | "StatelessH264Pps" | "StatelessH264DecodeParams";

function changed<Name extends H264Name>(
  { controls }: CheckedRequest,
  name: Name,
  change: Partial<NonNullable<ControlValues[Name]>>,
): Partial<CheckedRequest> {
  return { controls: { ...controls, [name]: { ...controls[name], ...change } } };
}

describe("the check of H.264", () => {
  it("says where in the stream the right value is", () => {
    expect(said(requests, 1, changed(second, "StatelessH264DecodeParams", { frame_num: 9 }))).toEqual([
      expect.stringMatching(
        /^H264_DECODE_PARAMS\.frame_num is 9, the bitstream says 1 \(frame_num, bit \d+, section 7\.3\.3\)$/,
      ),
    ]);
  });

  it("says what a reference's entry should hold, and by which section", () => {
    const dpb = second.controls.StatelessH264DecodeParams?.dpb.map((entry, i) =>
      i === 0 ? { ...entry, reference_ts: 77n } : entry,
    );
    if (dpb === undefined) throw new Error("there is no DPB");
    expect(said(requests, 1, changed(second, "StatelessH264DecodeParams", { dpb }))).toEqual([
      "H264_DECODE_PARAMS.dpb[0].reference_ts is 77, the bitstream says 0 (the marking of the pictures before, derived, section 8.2.5)",
    ]);
  });

  it("has nothing to say about references in another order", () => {
    const decode = requests[3]?.controls.StatelessH264DecodeParams;
    const frames = requestsOf(clip, { decodeMode: "frame" });
    if (decode === undefined) throw new Error("the clip is shorter");
    const turned = {
      ...frames[3]?.controls,
      StatelessH264DecodeParams: { ...decode, dpb: [...decode.dpb].reverse() },
    };
    expect(said(frames, 3, { controls: turned })).toEqual([]);
  });

  it("blames an SPS that changes within a sequence, and reads on with the one before", () => {
    const change = changed(second, "StatelessH264Sps", { log2_max_frame_num_minus4: 9 });
    expect(said(requests, 1, change)).toEqual([
      "H264_SPS.log2_max_frame_num_minus4 is 9, the bitstream says 0 (the SPS cannot change before the next IDR picture, derived, section 7.4.1.2.1)",
    ]);
  });

  it("blames a parameter set for a slice header that reads wrongly", () => {
    const change = changed(first, "StatelessH264Sps", { log2_max_frame_num_minus4: 1 });
    expect(said(requests, 0, change)).toEqual([
      "H264_SPS.log2_max_frame_num_minus4 is 1, the bitstream says 0 (with it the slice header says what the other controls say, derived, section 7.3.3)",
    ]);
  });

  it("follows buffers without start codes", () => {
    const raw = requestsOf(clip, { decodeMode: "slice", startCode: "none" });
    const check = new H264Check();
    for (const request of raw) expect(check.check(request).disagreements).toEqual([]);
  });

  it("says that a slice header no longer parses", () => {
    expect(said(requests, 0, { bitstream: first.bitstream.subarray(0, 6) })).toEqual([
      expect.stringContaining("cannot be read"),
    ]);
    expect(said(requests, 0, { bitstream: new Uint8Array(0) })).toEqual([
      expect.stringContaining("no slice"),
    ]);
  });

  it("never throws, whatever bytes and controls say", () => {
    const check = new H264Check();
    for (let i = 0; i < 400; i += 1) {
      const bitstream = first.bitstream.slice(0, 64);
      bitstream[i % 64] = (i * 151) & 255;
      expect(() => check.check({ ...first, bitstream })).not.toThrow();
    }
    const { StatelessH264Sps: sps, StatelessH264Pps: pps } = first.controls;
    if (sps === undefined || pps === undefined) throw new Error("the clip has no parameter sets");
    for (const value of [-1, 127, 255, 65535]) {
      for (const request of [first, second]) {
        for (const name of Object.keys(sps).filter((key) => typeof Reflect.get(sps, key) === "number")) {
          const change = changed(request, "StatelessH264Sps", { [name]: value });
          expect(() => check.check({ ...request, ...change })).not.toThrow();
        }
        for (const name of Object.keys(pps)) {
          const change = changed(request, "StatelessH264Pps", { [name]: value });
          expect(() => check.check({ ...request, ...change })).not.toThrow();
        }
      }
    }
  });
});
