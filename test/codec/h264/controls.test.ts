import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CodecValues } from "../../stateless/trace-text.js";
import * as uapi from "../../../src/v4l2/gen/index.js";
import { frameControls, NO_REFERENCE } from "../../../src/codec/h264/index.js";
import { DecodeParamFlag, DpbEntryFlag, PpsFlag, SliceFlag, SpsFlag } from "../../../src/codec/h264/flags.js";
import { Structure } from "../../../src/codec/h264/dpb.js";
import { scalingMatrix } from "../../../src/codec/h264/scaling.js";
import { emptyPps, emptySps, type ScalingList } from "../../../src/codec/h264/index.js";
import type { ControlValues, RequestControls } from "../../../src/codec/index.js";
import { compareWithGStreamer } from "../support/golden-controls.js";
import { clips, conformance } from "./streams.js";

const mainB = readFileSync(clips[0]?.path ?? "");

function defined<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("a control is missing");
  return value;
}

/** A control that was never set: all zeros. */
function noWeights(): CodecValues["h264"]["predWeights"] {
  const bytes = new Uint8Array(uapi.layouts.struct("v4l2_ctrl_h264_pred_weights").size);
  return uapi.layouts.read("v4l2_ctrl_h264_pred_weights", bytes);
}

/** The bytes of a value, which must fit its struct. */
function written<Name extends keyof uapi.StructValues>(name: Name, value: uapi.StructValues[Name]): void {
  uapi.layouts.write(name, new Uint8Array(uapi.layouts.struct(name).size), value);
}

function job({ controls }: { controls: ControlValues }): CodecValues["h264"] {
  return {
    sps: defined(controls.StatelessH264Sps),
    pps: defined(controls.StatelessH264Pps),
    scalingMatrix: defined(controls.StatelessH264ScalingMatrix),
    slice: defined(controls.StatelessH264SliceParams),
    decode: defined(controls.StatelessH264DecodeParams),
    predWeights: controls.StatelessH264PredWeights ?? noWeights(),
  };
}

function requests(stream: Uint8Array, decodeMode: "slice" | "frame" = "slice"): RequestControls[] {
  return [...frameControls(stream, { decodeMode })].flatMap((frame) => frame.requests);
}

describe("the controls of h264_main_b.h264", () => {
  it("are those that GStreamer gives the kernel's visl, field by field", () => {
    // List entries without a picture: GStreamer leaves 0xff in both members, of which `fields` has no meaning.
    const noPicture = (_event: string, ours: string, theirs: string) =>
      ours.endsWith(`index ${NO_REFERENCE}`) && theirs.endsWith(`index ${NO_REFERENCE}`);
    const result = compareWithGStreamer("h264", "h264_main_b.h264", requests(mainB).map(job), noPicture);
    expect(result.differences).toEqual([]);
    expect(result).toMatchObject({ jobs: 10, compared: 1239 });
  });

  it("come with the slice behind a start code, and the next picture's time stamp is 1000 ns later", () => {
    const frames = [...frameControls(mainB)];
    expect(frames.map(({ timestampNs }) => timestampNs)).toEqual(frames.map((_, i) => BigInt(i) * 1000n));
    for (const { requests: all, streamOffset } of frames) {
      for (const { payload } of all) {
        expect(Buffer.from(payload.subarray(0, 4)).toString("hex")).toBe("00000001");
        expect(mainB.indexOf(payload.subarray(4))).toBeGreaterThanOrEqual(streamOffset);
      }
    }
  });

  it("have no slices in frame mode, and no start codes where none are wanted", () => {
    const frames = [...frameControls(mainB, { decodeMode: "frame", startCode: "none" })];
    for (const { requests: all } of frames) {
      expect(all).toHaveLength(1);
      expect(all[0]?.controls.StatelessH264SliceParams).toBeUndefined();
      expect((all[0]?.payload[0] ?? 0) & 0x80).toBe(0);
    }
  });
});

describe.each(conformance)("the controls of $name", ({ path }) => {
  const stream = readFileSync(path);

  it("hold the CAPTURE buffer until the last request of a frame", () => {
    for (const mode of ["slice", "frame"] as const) {
      for (const { requests: all } of frameControls(stream, { decodeMode: mode })) {
        expect(all.map(({ holdCapture }) => holdCapture)).toEqual(all.map((_, i) => i < all.length - 1));
      }
    }
  });

  it("refer to pictures that were decoded before, by fields that are references", () => {
    const seen = new Set<bigint>();
    for (const frame of frameControls(stream)) {
      for (const request of frame.requests) {
        const { slice, decode } = job(request);
        const isField = (decode.flags & DecodeParamFlag.FieldPic) !== 0;
        for (const { fields, index } of [...slice.ref_pic_list0, ...slice.ref_pic_list1]) {
          if (index === NO_REFERENCE) continue;
          const entry = defined(decode.dpb[index]);
          expect(entry.flags & DpbEntryFlag.Active).not.toBe(0);
          expect(seen.has(entry.reference_ts) || entry.reference_ts === frame.timestampNs).toBe(true);
          expect(entry.fields & fields).toBe(fields);
          expect(fields === Structure.Frame).toBe(!isField);
        }
      }
      seen.add(frame.timestampNs);
    }
    expect(seen.size).toBeGreaterThan(2);
  });

  it("are values that the kernel's control framework takes", () => {
    for (const request of requests(stream)) {
      const { sps, pps, slice, decode, predWeights } = job(request);
      written("v4l2_ctrl_h264_sps", sps);
      written("v4l2_ctrl_h264_pps", pps);
      written("v4l2_ctrl_h264_slice_params", slice);
      written("v4l2_ctrl_h264_decode_params", decode);
      written("v4l2_ctrl_h264_pred_weights", predWeights);
      expect(slice.num_ref_idx_l0_active_minus1).toBeLessThan(uapi.V4L2_H264_REF_LIST_LEN);
    }
  });
});

describe("scaling matrices", () => {
  const coded = (value: number, size: number): ScalingList => ({
    present: true,
    useDefault: false,
    delta_scale: [],
    values: new Array<number>(size).fill(value),
  });
  const absent: ScalingList = { present: false, useDefault: false, delta_scale: [], values: [] };
  const firsts = (lists: readonly (readonly number[])[]) => lists.map((list) => list[0]);

  it("are flat where no parameter set has any", () => {
    const matrix = scalingMatrix(emptySps(), emptyPps());
    expect(new Set([...matrix.scaling_list_4x4, ...matrix.scaling_list_8x8].flat())).toEqual(new Set([16]));
  });

  it("fall back to the default lists and the list before, in the SPS (rule A)", () => {
    const lists = [absent, coded(50, 16), absent, absent, absent, coded(51, 16), absent, coded(52, 64)];
    const sps = { ...emptySps(), seq_scaling_matrix_present_flag: true, seq_scaling_list: lists };
    const matrix = scalingMatrix(sps, emptyPps());
    expect(firsts(matrix.scaling_list_4x4)).toEqual([6, 50, 50, 10, 10, 51]);
    expect(firsts(matrix.scaling_list_8x8)).toEqual([6, 52, 6, 52, 6, 52]);
  });

  it("fall back to the lists of the SPS in the PPS (rule B)", () => {
    const sps = {
      ...emptySps(),
      seq_scaling_matrix_present_flag: true,
      seq_scaling_list: [40, 41, 42, 43, 44, 45].map((value) => coded(value, 16)),
    };
    const lists = [absent, absent, coded(50, 16), absent, coded(51, 16), absent];
    const pps = { ...emptyPps(), pic_scaling_matrix_present_flag: true, pic_scaling_list: lists };
    expect(firsts(scalingMatrix(sps, pps).scaling_list_4x4)).toEqual([40, 40, 50, 43, 51, 51]);
    // Without lists in the SPS, rule A applies to the PPS.
    expect(firsts(scalingMatrix(emptySps(), pps).scaling_list_4x4)).toEqual([6, 6, 50, 10, 51, 51]);
  });

  it("are in raster order", () => {
    const values = Array.from({ length: 16 }, (_, i) => i + 1);
    const list = { ...absent, present: true, values };
    const sps = { ...emptySps(), seq_scaling_matrix_present_flag: true, seq_scaling_list: [list] };
    expect(scalingMatrix(sps, emptyPps()).scaling_list_4x4[0]).toEqual([
      1, 2, 6, 7, 3, 5, 8, 13, 4, 9, 12, 14, 10, 11, 15, 16,
    ]);
  });
});

describe("flags", () => {
  const generated: Readonly<Record<string, unknown>> = { ...uapi };
  const spelled = (name: string) =>
    name.replace(/([a-z0-9])([A-Z])|([a-z])(?=8x8)/g, "$1$3_$2").toUpperCase();

  it.each([
    ["SPS_FLAG", SpsFlag],
    ["PPS_FLAG", PpsFlag],
    ["SLICE_FLAG", SliceFlag],
    ["DPB_ENTRY_FLAG", DpbEntryFlag],
    ["DECODE_PARAM_FLAG", DecodeParamFlag],
  ])("V4L2_H264_%s_* are those of the header", (group, flags) => {
    const aliases: Readonly<Record<string, string>> = {
      P_FRAME: "PFRAME",
      B_FRAME: "BFRAME",
      QPPRIME_YZERO_TRANSFORM_BYPASS: "QPPRIME_Y_ZERO_TRANSFORM_BYPASS",
    };
    for (const [name, value] of Object.entries(flags)) {
      const header = aliases[spelled(name)] ?? spelled(name);
      expect([header, generated[`V4L2_H264_${group}_${header}`]]).toEqual([header, value]);
    }
  });
});
