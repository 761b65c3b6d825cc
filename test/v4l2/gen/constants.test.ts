/** Constants and tables: gcc says what each is worth; a few well-known ones are spelled out. */
import { beforeAll, describe, expect, it } from "vitest";
import { probeConstants } from "../../../scripts/uapi/probe.js";
import { grows } from "../../../scripts/uapi/compare.js";
import { viewName } from "../../../scripts/uapi/names.js";
import * as fuse from "../../../src/cuse/gen/fuse.js";
import * as v4l2 from "../../../src/v4l2/gen/index.js";
import { DOWNLOAD_TIMEOUT_MS, facts, generated, headers, layoutOf, modules } from "./support.js";

const NUMERIC = ["number", "bigint"];

/** Exports that look like C constants. */
const constantNames = (): string[] =>
  modules.flatMap((module) =>
    Object.keys(module).filter(
      (name) => /^[A-Z][A-Za-z0-9]*_\w+$/.test(name) && NUMERIC.includes(typeof module[name]),
    ),
  );

/** The C program printed 64 bits; a flag in the sign bit of an int is unsigned here. */
function sameValue(ours: unknown, theirs: bigint): boolean {
  if (typeof ours !== "number" && typeof ours !== "bigint") return false;
  const value = BigInt(ours);
  return value === theirs || (typeof ours === "number" && value === BigInt.asUintN(32, theirs));
}

describe("constants", () => {
  let compiled: Map<string, bigint>;
  let exact: boolean;

  beforeAll(() => {
    const found = headers();
    exact = found.exact;
    compiled = probeConstants(constantNames(), found.root);
  }, DOWNLOAD_TIMEOUT_MS);

  it("have the values that a compiled C program prints", () => {
    const names = constantNames().filter((name) => exact || !grows(name));
    expect(names.filter((name) => !sameValue(generated(name), compiled.get(name) ?? -1n))).toEqual([]);
    expect(names.length).toBeGreaterThan(2300);
  });

  it("are all there", () => {
    const recorded = [
      ...Object.values(facts.constants).flatMap((list) => list.map(([name]) => name)),
      ...facts.enums.flatMap(({ values }) => values.map(([name]) => name)),
      ...facts.ioctls.map(({ name }) => name),
    ];
    expect(recorded.filter((name) => generated(name) === undefined)).toEqual([]);
    expect(constantNames().filter((name) => !recorded.includes(name))).toEqual([]);
  });

  it("are numbers up to 32 bits, bigints for 64-bit types", () => {
    expect(v4l2.V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE).toBe(10);
    expect(v4l2.V4L2_CAP_DEVICE_CAPS).toBe(0x80000000);
    expect(v4l2.V4L2_CTRL_FLAG_NEXT_CTRL).toBe(0x80000000);
    expect(v4l2.V4L2_PIX_FMT_H264_SLICE).toBe(0x34363253);
    expect(v4l2.V4L2_PIX_FMT_Y16_BE).toBe(0xa0363159);
    expect(v4l2.V4L2_STD_PAL_B).toBe(1n);
    expect(v4l2.V4L2_HEVC_PPS_FLAG_UNIFORM_SPACING).toBe(1n << 20n);
    expect(v4l2.MEDIA_LNK_FL_LINK_TYPE).toBe(0xf0000000);
    expect(v4l2.MEDIA_ENT_F_PROC_VIDEO_DECODER).toBe(0x4008);
    expect(v4l2.V4L2_MPEG_VBI_IVTV_MAGIC0).toBe("itv0");
    expect(fuse.CUSE_INIT).toBe(4096);
    expect(fuse.FUSE_PASSTHROUGH).toBe(1n << 37n);
    expect(fuse.FUSE_UNIQUE_RESEND).toBe(1n << 63n);
    expect(fuse.FUSE_INVALID_UIDGID).toBe(0xffffffff);
  });
});

describe("IOCTLS", () => {
  it("spells out the numbers that STYLE.md quotes and clients send", () => {
    expect(v4l2.VIDIOC_QUERYCAP).toBe(0x80685600);
    expect(v4l2.VIDIOC_REQBUFS).toBe(0xc0145608);
    expect(v4l2.MEDIA_IOC_REQUEST_ALLOC).toBe(0x80047c05);
    expect(v4l2.MEDIA_REQUEST_IOC_QUEUE).toBe(0x7c80);
    expect(v4l2.IOCTLS.VIDIOC_REQBUFS).toEqual({
      name: "VIDIOC_REQBUFS",
      number: 0xc0145608,
      dir: "readwrite",
      type: "V",
      nr: 8,
      size: 20,
      arg: "struct v4l2_requestbuffers",
      view: v4l2.RequestbuffersView,
    });
  });

  it.each(Object.values(v4l2.IOCTLS) as v4l2.IoctlEntry[])("$name is made of its parts", (entry) => {
    const direction = { none: 0, write: 1, read: 2, readwrite: 3 }[entry.dir];
    const number =
      ((direction << 30) | (entry.size << 16) | (entry.type.charCodeAt(0) << 8) | entry.nr) >>> 0;
    expect(entry.number).toBe(number);
    expect(generated(entry.name)).toBe(number);
    const [, struct] = /^struct (\w+)$/.exec(entry.arg) ?? [];
    if (struct !== undefined) {
      expect(entry.view).toBe(generated(viewName(struct)));
      expect(entry.size).toBe(entry.view?.SIZE);
    } else {
      expect(entry.view).toBeUndefined();
      expect(entry.size).toBe({ "": 0, v4l2_std_id: 8 }[entry.arg] ?? 4);
    }
  });

  it("knows the numbers of 32-bit callers", () => {
    expect(v4l2.IOCTLS.VIDIOC_QBUF.number32).toBe(0xc044560f);
    expect(v4l2.IOCTLS.VIDIOC_QBUF.number32Time64).toBe(0xc04c560f);
    expect(v4l2.IOCTLS.VIDIOC_G_FMT.number32).toBe(0xc0cc5604);
    expect("number32" in v4l2.IOCTLS.VIDIOC_QUERYCAP).toBe(false);
  });
});

describe("CONTROL_IDS", () => {
  it("has every control of the headers, bases behind the controls that share their number", () => {
    expect(v4l2.CONTROL_IDS["V4L2_CID_BRIGHTNESS"]).toBe(v4l2.V4L2_CID_BRIGHTNESS);
    expect(v4l2.CONTROL_IDS["V4L2_CID_STATELESS_H264_SPS"]).toBe(0x00a40902);
    const first = Object.entries(v4l2.CONTROL_IDS).find(([, id]) => id === v4l2.V4L2_CID_BASE);
    expect(first?.[0]).toBe("V4L2_CID_BRIGHTNESS");
    for (const [name, id] of Object.entries(v4l2.CONTROL_IDS)) expect(generated(name)).toBe(id);
    expect(Object.keys(v4l2.CONTROL_IDS).length).toBeGreaterThan(480);
  });
});

describe("FOURCCS", () => {
  it("maps names to values", () => {
    expect(v4l2.FOURCCS["V4L2_PIX_FMT_NV12"]).toBe(v4l2.V4L2_PIX_FMT_NV12);
    expect(v4l2.FOURCCS["V4L2_META_FMT_UVC"]).toBe(v4l2.V4L2_META_FMT_UVC);
    expect(Object.keys(v4l2.FOURCCS)).not.toContain("V4L2_PIX_FMT_PRIV_MAGIC");
    expect(Object.keys(v4l2.FOURCCS).filter((name) => name.includes("_FLAG_"))).toEqual([]);
  });
});

describe("COMPOUND_TYPES", () => {
  it("has a payload for every compound control type of enum v4l2_ctrl_type", () => {
    const scalars = [
      "V4L2_CTRL_COMPOUND_TYPES",
      "V4L2_CTRL_TYPE_U8",
      "V4L2_CTRL_TYPE_U16",
      "V4L2_CTRL_TYPE_U32",
    ];
    const compounds = Object.entries(v4l2.ENUMS.v4l2_ctrl_type)
      .filter(([name, value]) => value >= v4l2.V4L2_CTRL_COMPOUND_TYPES && !scalars.includes(name))
      .map(([name]) => name);
    expect(Object.keys(v4l2.COMPOUND_TYPES).sort()).toEqual(compounds.sort());
  });

  it("has the payload that struct v4l2_ext_control points to by the same name", () => {
    expect(v4l2.COMPOUND_TYPES.V4L2_CTRL_TYPE_H264_SPS).toMatchObject({
      struct: "v4l2_ctrl_h264_sps",
      size: 1048,
    });
    expect(v4l2.COMPOUND_TYPES.V4L2_CTRL_TYPE_HEVC_SPS).toMatchObject({ struct: "v4l2_ctrl_hevc_sps" });
    expect(v4l2.COMPOUND_TYPES.V4L2_CTRL_TYPE_AREA).toMatchObject({ struct: "v4l2_area", size: 8 });
  });

  it.each(Object.values(v4l2.COMPOUND_TYPES))(
    "$name has neither pointers nor unions, so a plain value is complete",
    ({ struct }) => {
      const visit = (name: string): void => {
        const layout = layoutOf(name);
        expect(layout.kind).toBe("struct");
        for (const field of layout.fields) {
          expect(field.type).not.toBe("ptr");
          if (/^(?:v4l2|media)_/.test(field.type)) visit(field.type);
        }
      };
      visit(struct);
    },
  );
});

describe("enum names", () => {
  it("are found by value, the first of several", () => {
    expect(v4l2.layouts.enumName("v4l2_buf_type", 9)).toBe("V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE");
    expect(v4l2.layouts.enumName("v4l2_buf_type", 99)).toBeUndefined();
    expect(fuse.layouts.enumName("fuse_opcode", 39)).toBe("FUSE_IOCTL");
  });
});
