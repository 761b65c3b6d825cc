/** Constants and tables: gcc says what each is worth; a few well-known ones are spelled out. */
import { beforeAll, describe, expect, it } from "vitest";
import { probeConstants } from "../../../scripts/uapi/probe.js";
import { grows } from "../../../scripts/uapi/compare.js";
import { CID, ENUMERATIONS, enumerationMembers } from "../../../scripts/uapi/enumerations.js";
import { CONSTANT_FAMILIES, FUSE_CONSTANTS } from "../../../scripts/uapi/selection.js";
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

/** All constants of the headers that are numbers, with what the facts say of them. */
const recordedNumbers = (): [name: string, value: bigint][] => [
  ...Object.values(facts.constants).flatMap((list) =>
    list
      .filter(([, type]) => type !== "str")
      .map(([name, , value]): [string, bigint] => [name, BigInt(value)]),
  ),
  ...facts.enums.flatMap(({ values }) =>
    values.map(([name, value]): [string, bigint] => [name, BigInt(value)]),
  ),
  ...facts.ioctls.map(({ name, number }): [string, bigint] => [name, BigInt(number)]),
];

/** The C program printed 64 bits; a flag in the sign bit of an int is unsigned here. */
function sameValue(ours: unknown, theirs: bigint): boolean {
  if (typeof ours !== "number" && typeof ours !== "bigint") return false;
  const value = BigInt(ours);
  return (
    BigInt.asUintN(64, value) === theirs || (typeof ours === "number" && value === BigInt.asUintN(32, theirs))
  );
}

const enumerations = [...ENUMERATIONS, CID];

const membersOf = (name: string): Readonly<Record<string, number>> =>
  generated(name) as Readonly<Record<string, number>>;

describe("constants", () => {
  let compiled: Map<string, bigint>;
  let exact: boolean;

  beforeAll(() => {
    const found = headers();
    exact = found.exact;
    compiled = probeConstants(
      recordedNumbers().map(([name]) => name),
      found.root,
    );
  }, DOWNLOAD_TIMEOUT_MS);

  it("are recorded with the values that a compiled C program prints", () => {
    const numbers = recordedNumbers().filter(([name]) => exact || !grows(name));
    expect(numbers.filter(([name, value]) => !sameValue(value, compiled.get(name) ?? -1n))).toEqual([]);
    expect(numbers.length).toBeGreaterThan(2300);
  });

  it("have those values in the bindings", () => {
    const names = constantNames().filter((name) => exact || !grows(name));
    expect(names.filter((name) => !sameValue(generated(name), compiled.get(name) ?? -1n))).toEqual([]);
    const fourccs = Object.entries(v4l2.FOURCCS);
    expect(fourccs.filter(([name, value]) => !sameValue(value, compiled.get(name) ?? -1n))).toEqual([]);
    expect(names.length + fourccs.length).toBeGreaterThan(700);
  });

  it.each(enumerations.map((input) => [input.name, input] as const))("have them in %s too", (name, input) => {
    const members = enumerationMembers(facts, input);
    expect(Object.keys(membersOf(name))).toEqual(members.map((member) => member.name));
    for (const { name: member, cName } of members)
      expect([member, sameValue(membersOf(name)[member], compiled.get(cName) ?? -1n)]).toEqual([
        member,
        true,
      ]);
  });

  it("are all those that the generator was asked for", () => {
    const recorded = recordedNumbers().map(([name]) => name);
    const families = Object.values(CONSTANT_FAMILIES).flat();
    const wanted = recorded.filter((name) => families.some((family) => name.startsWith(family)));
    // Of several names of one number, the first.
    const ioctls = facts.ioctls
      .filter(({ header }) => header !== "linux/fuse.h")
      .filter(({ number }, index, all) => all.findIndex((other) => other.number === number) === index)
      .map(({ name }) => name);
    expect(constantNames().sort()).toEqual([...new Set([...wanted, ...FUSE_CONSTANTS, ...ioctls])].sort());
  });

  it("are numbers up to 32 bits, bigints for 64-bit types", () => {
    expect(v4l2.BufType.VideoOutputMplane).toBe(10);
    expect(v4l2.CtrlNext.Ctrl).toBe(0x80000000);
    expect(v4l2.FOURCCS["V4L2_PIX_FMT_H264_SLICE"]).toBe(0x34363253);
    expect(v4l2.FOURCCS["V4L2_PIX_FMT_Y16_BE"]).toBe(0xa0363159);
    expect(v4l2.V4L2_STD_PAL_B).toBe(1n);
    expect(v4l2.V4L2_HEVC_PPS_FLAG_UNIFORM_SPACING).toBe(1n << 20n);
    expect(v4l2.MEDIA_LNK_FL_LINK_TYPE).toBe(0xf0000000);
    expect(v4l2.MEDIA_ENT_F_PROC_VIDEO_DECODER).toBe(0x4008);
    expect(fuse.CUSE_INIT).toBe(4096);
    expect(fuse.FUSE_PASSTHROUGH).toBe(1n << 37n);
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
      expect(entry.size).toBe(layoutOf(struct).size);
    } else {
      expect(entry.size).toBe({ "": 0, v4l2_std_id: 8 }[entry.arg] ?? 4);
    }
  });

  it("knows the numbers of 32-bit callers", () => {
    const numbers = (name: string): number[] =>
      v4l2.IOCTLS_32.filter((row) => row[1] === name).map(([, , number]) => number);
    expect(numbers("VIDIOC_QBUF")).toEqual([0xc044560f, 0xc04c560f, 0xc050560f]);
    expect(numbers("VIDIOC_G_FMT")).toEqual([0xc0cc5604]);
    expect(numbers("VIDIOC_QUERYCAP")).toEqual([]);
  });
});

describe("Cid", () => {
  it("has every control of the header", () => {
    const known = new Set<number>(Object.values(v4l2.Cid));
    const isNoControl = /_BASE$|_LASTP1$|_MAX_CTRLS$/;
    const missing = recordedNumbers().filter(
      ([name, value]) =>
        name.startsWith("V4L2_CID_") &&
        !isNoControl.test(name) &&
        value >= v4l2.CtrlClass.User &&
        !known.has(Number(value)),
    );
    expect(missing).toEqual([]);
    expect(known.size).toBe(Object.keys(v4l2.Cid).length);
    expect(known.size).toBeGreaterThan(400);
  });

  it("spells names as programs do that know no underscores", () => {
    expect(v4l2.Cid.Brightness).toBe(0x00980900);
    expect(v4l2.Cid.MpegVideoH264Level).toBe(0x00990a67);
    expect(v4l2.Cid.MpegVideoH2648x8Transform).toBe(0x00990a63);
    expect(v4l2.Cid.Lock3A).toBe(0x009a091b);
    expect(v4l2.Cid.StatelessH264Sps).toBe(0x00a40902);
  });

  it("goes by ascending number", () => {
    const numbers = Object.values(v4l2.Cid);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });
});

describe("FOURCCS", () => {
  it("maps names to values", () => {
    expect(v4l2.FOURCCS["V4L2_PIX_FMT_NV12"]).toBe(0x3231564e);
    expect(v4l2.FOURCCS["V4L2_META_FMT_UVC"]).toBe(0x48435655);
    expect(Object.keys(v4l2.FOURCCS)).not.toContain("V4L2_PIX_FMT_PRIV_MAGIC");
    expect(Object.keys(v4l2.FOURCCS).filter((name) => name.includes("_FLAG_"))).toEqual([]);
  });
});

describe("COMPOUND_STRUCTS", () => {
  it("has the payload that struct v4l2_ext_control points to by the same name", () => {
    const { CtrlType, COMPOUND_STRUCTS } = v4l2;
    expect(COMPOUND_STRUCTS[CtrlType.H264Sps]).toBe("v4l2_ctrl_h264_sps");
    expect(COMPOUND_STRUCTS[CtrlType.HevcSps]).toBe("v4l2_ctrl_hevc_sps");
    expect(COMPOUND_STRUCTS[CtrlType.Area]).toBe("v4l2_area");
  });

  it.each(Object.values(v4l2.COMPOUND_STRUCTS))(
    "%s has neither pointers nor unions, so a plain value is complete",
    (struct) => {
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
    expect(v4l2.enums.nameOf("v4l2_buf_type", 9)).toBe("V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE");
    expect(v4l2.enums.nameOf("v4l2_buf_type", 99)).toBeUndefined();
    expect(fuse.enums.nameOf("fuse_opcode", 39)).toBe("FUSE_IOCTL");
  });
});
