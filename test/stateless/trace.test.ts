import { describe, expect, it } from "vitest";
import * as fwht from "../../src/stateless/codecs/fwht.js";
import * as h264 from "../../src/stateless/codecs/h264.js";
import * as hevc from "../../src/stateless/codecs/hevc.js";
import type { FieldForm, TraceEvent } from "../../src/stateless/trace/event.js";
import type { TraceHit } from "../../src/stateless/trace/tracepoints.js";
import {
  ftraceLine,
  matchEvents,
  traceEvents,
  traceJsonLine,
  Tracepoints,
} from "../../src/stateless/trace/tracepoints.js";
import { golden } from "../visl/golden.js";
import type { Codec } from "./trace-text.js";
import { readFrames, splitTrace } from "./trace-text.js";

const clips: readonly (readonly [clip: string, codec: Codec, frames: number])[] = [
  ["mpeg2_b.m2v", "mpeg2", 10],
  ["vp8.ivf", "vp8", 10],
  ["vp9.ivf", "vp9", 10],
  ["h264_main_b.h264", "h264", 10],
  ["hevc_main_b.h265", "hevc", 10],
  ["av1.ivf", "av1", 11],
];

describe.each(clips)("the trace of %s", (clip, codec, frames) => {
  const trace = golden(`${clip}/trace-controls.txt.gz`);
  const jobs = readFrames(codec, trace);

  it(`is of ${frames} jobs`, () => {
    expect(jobs).toHaveLength(frames);
  });

  it("is printed again, letter for letter", () => {
    const printed: { name: string; text: string }[] = [];
    for (const job of jobs) {
      job.trace((event, value, index) => {
        printed.push({ name: event.name, text: event.text(value, index) });
      });
    }
    expect(printed).toEqual(splitTrace(trace));
  });
});

/** The `print fmt` of each event, from `events/GROUP/EVENT/format`. */
function kernelFormats(): Map<string, { template: string; names: [number, string][][] }> {
  const parts = golden("tracing-events.txt.gz").split(/^== .*\/(visl_\w+)\/(\w+)\/format\n/m);
  const formats = new Map<string, { template: string; names: [number, string][][] }>();
  for (let at = 1; at < parts.length; at += 3) {
    const [, template = "", args = ""] = /print fmt: "([^"]*)"([^]*)/.exec(parts[at + 2] ?? "") ?? [];
    const lists = args.split(/__print_(?:flags|flags_u64|symbolic)\(/).slice(1);
    formats.set(`${parts[at]}:${parts[at + 1]}`, {
      template: template.replace(/\\n/g, "\n").replace(/\{%s\}|%[a-z]+/g, "%"),
      names: lists.map((list) =>
        [...list.matchAll(/\{([^{}"]+), "(\w+)"\}/g)].map(([, value = "", name = ""]) => [
          cNumber(value),
          name,
        ]),
      ),
    });
  }
  return formats;
}

/** `0x10`, `(1 << 4)`, `((((1UL))) << (3))`. */
function cNumber(text: string): number {
  const [value = "", shift = "0"] = text.replace(/[()]|U?L+\b|U\b/g, "").split(" << ");
  return Number(value) * 2 ** Number(shift);
}

const namesOf = (form: FieldForm): [number, string][] | undefined =>
  form.as === "flags" || form.as === "symbol"
    ? form.names.map(([value, name]) => [Number(value), name])
    : undefined;

describe("the tables", () => {
  const formats = kernelFormats();
  const events = traceEvents as readonly TraceEvent<unknown>[];

  it("have the events of the kernel, and two that are newer", () => {
    const newer = [hevc.extSpsLtRps, hevc.extSpsStRps].map(({ fullName }) => fullName);
    expect(events.map(({ fullName }) => fullName).sort()).toEqual([...formats.keys(), ...newer].sort());
  });

  it.each([...formats])("%s prints the kernel's fields and names", (fullName, { template, names }) => {
    const event = events.find((candidate) => candidate.fullName === fullName);
    expect(event).toBeDefined();
    if (event === undefined) return;
    const { start, between, end } = event.layout;
    expect(start + event.fields.map(({ label }) => `${label}%`).join(between) + end).toBe(template);
    expect(event.fields.map(({ form }) => namesOf(form)).filter((list) => list !== undefined)).toEqual(names);
  });
});

describe("forms that the clips do not show", () => {
  it("prints FWHT in one line", () => {
    const params = {
      backward_ref_ts: 2n ** 64n - 1n,
      version: 3,
      width: 640,
      height: 480,
      flags: 0x80000 | 0x400 | 0x100,
      colorspace: 3,
      xfer_func: 1,
      ycbcr_enc: 2,
      quantization: 0,
    } as unknown as Parameters<typeof fwht.params.text>[0];
    expect(fwht.params.text(params)).toBe(
      "backward_ref_ts 18446744073709551615 version 3 width 640 height 480 flags I_FRAME|PIXENC_YUV|0x100 " +
        "colorspace 3 xfer_func 1 ycbcr_enc 2 quantization 0",
    );
  });

  it("prints two signed fields of H.264 without their sign, as the kernel does", () => {
    const slice = Object.fromEntries(h264.sliceParams.fields.map(({ name }) => [name, 0]));
    const negative = { ...slice, slice_type: 9, slice_qp_delta: -5, slice_alpha_c0_offset_div2: -2 };
    const text = h264.sliceParams.text(negative as unknown as Parameters<typeof h264.sliceParams.text>[0]);
    expect(text).toContain("\nslice_type 0x9\n");
    expect(text).toContain("\nslice_qp_delta -5\n");
    expect(text).toContain("\nslice_alpha_c0_offset_div2 4294967294\n");
  });

  it("prints the newer sets of reference pictures", () => {
    const st = {
      delta_idx_minus1: 1,
      delta_rps_sign: 1,
      num_negative_pics: 2,
      num_positive_pics: 3,
      used_by_curr_pic: 0xabc,
      use_delta_flag: 0,
      abs_delta_rps_minus1: 4,
      delta_poc_s0_minus1: [1, 65535],
      delta_poc_s1_minus1: [0, 0],
      flags: 1,
    };
    expect(hevc.extSpsStRps.text(st)).toBe(
      "\nflags INTER_REF_PIC_SET_PRED\ndelta_idx_minus1: 1\ndelta_rps_sign: 1\nabs_delta_rps_minus1: 4\n" +
        "num_negative_pics: 2\nnum_positive_pics: 3\nused_by_curr_pic: 00000abc\nuse_delta_flag: 00000000\n" +
        "delta_poc_s0_minus1: {0x1,0xffff}\ndelta_poc_s1_minus1: {0x0,0x0}\n",
    );
    expect(hevc.extSpsLtRps.text({ lt_ref_pic_poc_lsb_sps: 255, flags: 0 })).toBe(
      "\nflags \nlt_ref_pic_poc_lsb_sps ff\n",
    );
  });
});

describe("tracepoints", () => {
  const [frame] = readFrames("vp8", golden("vp8.ivf/trace-controls.txt.gz"));
  /** With getters of its class, as a client's process has them. */
  const origin = new (class {
    get pid(): number {
      return 385;
    }
    get comm(): string {
      return "ivfparse0:sink";
    }
  })();

  function heard(...patterns: string[]): TraceHit[] {
    const points = new Tracepoints("video0");
    const hits: TraceHit[] = [];
    points.subscribe((hit) => hits.push(hit));
    for (const pattern of patterns) points.enable(pattern);
    if (frame !== undefined) points.job(frame, origin);
    return hits;
  }

  it("are chosen by codec, group, event, or both, with wildcards", () => {
    expect(heard("vp8")).toHaveLength(2);
    expect(heard("visl_vp8_controls")).toHaveLength(2);
    expect(heard("v4l2_ctrl_vp8_entropy").map(({ name }) => name)).toEqual(["v4l2_ctrl_vp8_entropy"]);
    expect(heard("visl_vp8_controls:*_frame").map(({ name }) => name)).toEqual(["v4l2_ctrl_vp8_frame"]);
    expect(heard("h264", "vp9")).toEqual([]);
    expect(matchEvents("all")).toHaveLength(traceEvents.length);
    expect(() => matchEvents("vp10")).toThrow(RangeError);
  });

  it("are printed like ftrace's", () => {
    const [hit] = heard("v4l2_ctrl_vp8_frame");
    if (hit === undefined) throw new Error("nothing heard");
    const [kernelLine = ""] = golden("vp8.ivf/trace-controls.txt.gz").split("\n");
    const line = ftraceLine({ ...hit, monotonicUs: 42_813_207n }).split("\n")[0];
    expect(line).toBe(kernelLine.replace(".N...", "....."));
  });

  it("are JSON lines with every field by its name", () => {
    const [hit] = heard("v4l2_ctrl_vp8_frame");
    const line = JSON.parse(hit === undefined ? "{}" : traceJsonLine(hit)) as {
      fields: Record<string, unknown>;
    };
    expect(line).toMatchObject({
      kind: "control",
      device: "video0",
      pid: 385,
      comm: "ivfparse0:sink",
      event: "v4l2_ctrl_vp8_frame",
    });
    expect(line.fields).toMatchObject({ width: 320, flags: ["KEY_FRAME", "SHOW_FRAME", "MB_NO_SKIP_COEFF"] });
  });
});
