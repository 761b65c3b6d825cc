import { describe, expect, it } from "vitest";
import {
  SessionFacts,
  TracerError,
  TracerFile,
  parseTracerFile,
  tracerSteps,
} from "../../src/replay/index.js";
import { structFromJson, structToJson } from "../../src/replay/tracer-structs.js";
import { IOCTLS, layouts } from "../../src/v4l2/gen/index.js";
import { bufferBytes, ioctl } from "../events/support/events.js";

const structs = ["v4l2_capability", "v4l2_fmtdesc", "v4l2_requestbuffers", "v4l2_query_ext_ctrl"];
const controls = [
  "v4l2_ctrl_vp8_frame",
  "v4l2_ctrl_h264_sps",
  "v4l2_ctrl_h264_decode_params",
  "v4l2_ctrl_hevc_pps",
  "v4l2_ctrl_av1_sequence",
  "v4l2_ctrl_av1_frame",
  "v4l2_ctrl_av1_film_grain",
];

const head = { package_version: "1.32.0" };
const steps = (...objects: object[]): unknown[] => [
  ...tracerSteps(parseTracerFile(JSON.stringify([head, ...objects]), "x.json")),
];

describe("structs in the words of v4l2-tracer", () => {
  it.each([...structs, ...controls])("%s comes back from its JSON", (name) => {
    const bytes = new Uint8Array(layouts.get(name).size).map((_, at) => (at * 7) % 0x70);
    const json = structToJson(name, bytes);
    const back = new Uint8Array(bytes.byteLength);
    structFromJson(name, json, back);
    expect(structToJson(name, back)).toEqual(json);
  });

  it("flags of AV1 are words, and so is the mask of refreshed frames, as v4l2-tracer has it", () => {
    const layout = layouts.get("v4l2_ctrl_av1_frame");
    const bytes = new Uint8Array(layout.size);
    const at = (name: string): number => layout.fields.find((field) => field.name === name)?.offset ?? 0;
    new DataView(bytes.buffer).setUint32(at("flags"), 5, true);
    bytes[at("refresh_frame_flags")] = 2;
    expect(structToJson("v4l2_ctrl_av1_frame", bytes)).toMatchObject({
      flags: "V4L2_AV1_FRAME_FLAG_SHOW_FRAME|V4L2_AV1_FRAME_FLAG_ERROR_RESILIENT_MODE",
      refresh_frame_flags: "V4L2_AV1_FRAME_FLAG_SHOWABLE_FRAME",
      v4l2_av1_quantization: { flags: "" },
    });
  });

  it("members that are of another kind than they should be are zero, and nothing is thrown", () => {
    const bytes = new Uint8Array(layouts.get("v4l2_capability").size);
    structFromJson(
      "v4l2_capability",
      { driver: 7, version: [], capabilities: { a: 1 }, device_caps: "x|0x2" },
      bytes,
    );
    expect(structToJson("v4l2_capability", bytes)).toMatchObject({ driver: "", version: "0.0.0" });
  });
});

describe("a file of v4l2-tracer", () => {
  it("that is none is refused in one sentence", () => {
    for (const text of ["", "[", "{}", "[]", "[1]", '[{"fd":1}]'])
      expect(() => parseTracerFile(text, "x.json"), text).toThrow(TracerError);
  });

  it("with an ioctl that the uAPI does not know is refused", () => {
    expect(() => steps({ fd: 3, ioctl: "VIDIOC_TOSTRING" })).toThrow("no ioctl of the uAPI");
    expect(() => steps({ fd: 3, ioctl: "__proto__" })).toThrow("no ioctl of the uAPI");
  });

  it("with bytes that are none is refused", () => {
    expect(() => steps({ mem_dump: "V4L2_BUF_TYPE_VIDEO_OUTPUT", fd: 3, mem_array: ["zz"] })).toThrow(
      TracerError,
    );
  });

  it("gives the calls that a recording was exported with", () => {
    const pieces: string[] = [];
    const file = new TracerFile((text) => pieces.push(text), { facts: new SessionFacts() });
    const event = ioctl({ bytes: { ...ioctl().bytes, asked: bufferBytes() } });
    file.take(event);
    file.take(ioctl({ name: "VIDIOC_OVERLAY", cmd: 1 }));
    file.end();
    const found = [...tracerSteps(parseTracerFile(pieces.join(""), "x.json"))];
    expect(found).toMatchObject([
      { kind: "open", node: "video", flags: 2 },
      { kind: "ioctl", name: "VIDIOC_QBUF", cmd: IOCTLS.VIDIOC_QBUF.number, errno: undefined },
    ]);
    const call = found[1];
    if (call?.kind !== "ioctl") throw new Error("no call");
    expect(Buffer.from(call.asked.arg)).toEqual(Buffer.from(bufferBytes()));
    expect([...file.leftOut]).toEqual([["VIDIOC_OVERLAY", 1]]);
  });
});
