/** What the check of HEVC says in single cases; `mutations.test.ts` has the measure of all fields. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { hevc, type ControlValues } from "../../../src/codec/index.js";
import { describeDisagreement } from "../../../src/stateless/check/compare.js";
import { HevcCheck } from "../../../src/stateless/check/hevc.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import { temporaryFolder } from "../../codec/support/encode.js";
import { syntheticStreams } from "../../codec/hevc/synthetic.js";

const clip = fileURLToPath(new URL("../../gstreamer/data/hevc_main_b.h265", import.meta.url));

function requestsOf(stream: Uint8Array, options: hevc.HevcControlsOptions): CheckedRequest[] {
  return [...hevc.frameControls(stream, options)].flatMap(({ timestampNs, requests }) =>
    requests.map(({ controls, payload, holdCapture }) => {
      return { controls, bitstream: payload, timestampNs, holdCapture };
    }),
  );
}

const textOf = ({ disagreements, problem }: ReturnType<HevcCheck["check"]>): string[] => [
  ...disagreements.map(describeDisagreement),
  ...(problem === undefined ? [] : [problem]),
];

/** What is said of a request with other controls, after those before it. */
function said(requests: readonly CheckedRequest[], index: number, change: ControlValues): string[] {
  const check = new HevcCheck();
  for (const request of requests.slice(0, index)) check.check(request);
  const request = requests[index];
  if (request === undefined) throw new Error("the clip is shorter");
  return textOf(check.check({ ...request, controls: { ...request.controls, ...change } }));
}

const requests = requestsOf(readFileSync(clip), { decodeMode: "slice" });
const controls = requests[3]?.controls;
const { StatelessHevcDecodeParams: decode, StatelessHevcSps: sps, StatelessHevcPps: pps } = controls ?? {};
const [slice] = controls?.StatelessHevcSliceParams ?? [];
if (!decode || !sps || !pps || !slice) throw new Error("the clip has no fourth request");

describe("the check of HEVC", () => {
  it("says where in the stream the right value of a slice is", () => {
    const changed = [{ ...slice, slice_qp_delta: slice.slice_qp_delta + 2 }];
    expect(said(requests, 3, { StatelessHevcSliceParams: changed })).toEqual([
      expect.stringMatching(
        /^HEVC_SLICE_PARAMS\[0\]\.slice_qp_delta is -?\d+, the bitstream says -?\d+ \(slice_qp_delta, bit \d+, section 7\.3\.6\.1\)$/,
      ),
    ]);
  });

  it("says that the slices of a request and their parameters are not as many", () => {
    expect(said(requests, 3, { StatelessHevcSliceParams: [slice, slice] })).toEqual([
      "HEVC_SLICE_PARAMS.length is 2, the bitstream says 1 (the slice segments of the OUTPUT buffer, derived, section 7.3.6.1)",
    ]);
  });

  it("names an entry of the DPB by what earlier requests say of its picture", () => {
    const dpb = decode.dpb.map((entry, i) => (i === 0 ? { ...entry, pic_order_cnt_val: 77 } : entry));
    expect(said(requests, 3, { StatelessHevcDecodeParams: { ...decode, dpb } })).toEqual([
      expect.stringMatching(
        /^HEVC_DECODE_PARAMS\.dpb\[0\]\.pic_order_cnt_val is 77, the bitstream says \d+ \(PicOrderCntVal, derived, section 8\.3\.1\)$/,
      ),
    ]);
  });

  it("blames an SPS that changes within a sequence", () => {
    const changed = { ...sps, log2_max_pic_order_cnt_lsb_minus4: 9 };
    expect(said(requests, 3, { StatelessHevcSps: changed })).toEqual([
      expect.stringMatching(
        /^HEVC_SPS\.log2_max_pic_order_cnt_lsb_minus4 is 9, the bitstream says 4 \(the SPS cannot change/,
      ),
    ]);
  });

  it("blames a PPS for slice headers that read wrongly", () => {
    const changed = { ...pps, num_extra_slice_header_bits: 2 };
    expect(said(requests, 3, { StatelessHevcPps: changed })).toEqual([
      expect.stringMatching(/^HEVC_PPS\.num_extra_slice_header_bits is 2, the bitstream says 0 \(with it/),
    ]);
  });

  it("tells two fields, and blames neither, where either explains the request", () => {
    const [first] = requests;
    const changed = { ...first?.controls.StatelessHevcPps, pps_beta_offset_div2: 3 };
    if (first === undefined) throw new Error("the clip is empty");
    const [text, ...others] = said(requests, 0, { StatelessHevcPps: { ...pps, ...changed } });
    expect(others).toEqual([]);
    expect(text).toMatch(
      /^the request contradicts itself: .*slice_beta_offset_div2 should be .*, or HEVC_PPS\.pps_beta/,
    );
  });

  it("follows buffers without start codes, in both decode modes", () => {
    for (const decodeMode of ["slice", "frame"] as const) {
      const check = new HevcCheck();
      for (const request of requestsOf(readFileSync(clip), { decodeMode, startCode: "none" })) {
        expect(textOf(check.check(request))).toEqual([]);
      }
    }
  });

  it("never throws, whatever bytes and controls say", () => {
    const check = new HevcCheck();
    for (const request of requests.slice(0, 4)) {
      for (let i = 0; i < 200; i += 1) {
        const bitstream = request.bitstream.slice(0, 64);
        bitstream[i % 64] = (i * 151) & 255;
        expect(() => check.check({ ...request, bitstream })).not.toThrow();
      }
      for (const value of [-1, 127, 255, 65535]) {
        for (const [name, control] of [
          ["StatelessHevcSps", sps] as const,
          ["StatelessHevcPps", pps] as const,
        ]) {
          for (const key of Object.keys(control).filter((k) => typeof Reflect.get(control, k) === "number")) {
            const change = { [name]: { ...control, [key]: value } };
            expect(() =>
              check.check({ ...request, controls: { ...request.controls, ...change } }),
            ).not.toThrow();
          }
        }
      }
    }
  });
});

describe("correct requests", () => {
  const streams = [{ name: "hevc_main_b.h265", path: clip }, ...syntheticStreams(temporaryFolder())];

  it.each(streams)("of $name pass", ({ path }) => {
    for (const decodeMode of ["slice", "frame"] as const) {
      const check = new HevcCheck();
      for (const request of requestsOf(readFileSync(path), { decodeMode }))
        expect(textOf(check.check(request))).toEqual([]);
    }
  });

  it.each(streams)("of $name pass from a client that knows no sets of the SPS", ({ path }) => {
    const check = new HevcCheck();
    for (const request of requestsOf(readFileSync(path), {})) {
      const { StatelessHevcExtSpsStRps: _sets, ...others } = request.controls;
      expect(textOf(check.check({ ...request, controls: others }))).toEqual([]);
    }
  });
});
