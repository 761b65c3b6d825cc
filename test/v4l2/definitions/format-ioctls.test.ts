import { describe, expect, it, vi } from "vitest";
import { FOURCCS } from "../../../src/v4l2/gen/index.js";
import { describePixelFormat } from "../../../src/v4l2/values/pixel-formats.js";
import { BufType, Cap, Colorspace, Field, fourcc, YcbcrEnc } from "../../../src/v4l2/values/types.js";
import type { VideoFormat } from "../../../src/v4l2/values/types.js";
import { allOps, someFormat } from "../support/all-ops.js";
import { hex, padded, text } from "../support/bytes.js";
import { argOf, errnoOf, Harness } from "../support/fakes.js";
import type { DeviceParts } from "../support/fakes.js";

const mplane = { deviceCaps: Cap.VideoM2mMplane | Cap.Streaming };
const MAGIC = "fecaedfe"; // V4L2_PIX_FMT_PRIV_MAGIC

/** Runs S_FMT and shows what the driver saw. */
function seenBy(parts: DeviceParts, arg: Uint8Array): VideoFormat {
  const sFmt = vi.fn((_file: unknown, format: VideoFormat) => format);
  const harness = new Harness({ ...parts, ops: { ...allOps, sFmt } });
  expect(harness.ioctl("VIDIOC_S_FMT", arg)).toBe(0);
  const format = sFmt.mock.calls[0]?.[1];
  if (format === undefined) throw new Error("sFmt was not called");
  return format;
}

describe("VIDIOC_S_FMT, single-planar", () => {
  const pix = (priv: string, extended: string, pixelformat = "59555956", colorspace = "03000000") => hex`
    01000000 00000000  # type: VIDEO_CAPTURE, padding
    80020000 e0010000  # 640 x 480
    ${pixelformat}     # YUYV unless given
    01000000           # field: NONE
    00050000 00600900  # bytesperline: 1280, sizeimage: 614400
    ${colorspace}      # REC709 unless given
    ${priv}
    ${extended}        # flags, ycbcr_enc, quantization, xfer_func
  `;
  const request = (...parts: Parameters<typeof pix>): Uint8Array => padded(208, pix(...parts), 0xff);

  it("is one plane for the driver, with the extended fields", () => {
    expect(seenBy({}, request(MAGIC, "01000000 02000000 02000000 01000000"))).toEqual({
      type: BufType.VideoCapture,
      width: 640,
      height: 480,
      pixelformat: fourcc("YUYV"),
      field: Field.None,
      planes: [{ bytesperline: 1280, sizeimage: 614400 }],
      colorspace: Colorspace.Rec709,
      ycbcrEnc: YcbcrEnc.Enc709,
      quantization: 2,
      xferFunc: 1,
      flags: 1,
    });
  });

  it("takes extended fields without the magic for garbage", () => {
    const seen = seenBy({}, request("00000000", "01000000 02000000 02000000 01000000"));
    expect(seen).toMatchObject({ flags: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0, colorspace: 3 });
  });

  it("goes back with the magic set and everything behind cleared", () => {
    const arg = request("00000000", "ffffffff ffffffff ffffffff ffffffff");
    seenBy({}, arg);
    expect(arg).toEqual(padded(208, pix(MAGIC, "00000000 00000000 00000000 00000000")));
  });

  it.each([
    ["an unknown colorspace drops all", "0d000000", "00000000 02000000 02000000 01000000", [0, 0, 0, 0]],
    ["the default colorspace drops all", "00000000", "00000000 02000000 02000000 01000000", [0, 0, 0, 0]],
    ["an unknown encoding", "03000000", "00000000 09000000 02000000 01000000", [3, 0, 2, 1]],
    [
      "an HSV encoding of a format that is not HSV",
      "03000000",
      "00000000 80000000 02000000 01000000",
      [3, 0, 2, 1],
    ],
    ["an unknown quantization", "03000000", "00000000 02000000 03000000 01000000", [3, 2, 0, 1]],
    ["an unknown transfer function", "03000000", "00000000 02000000 02000000 08000000", [3, 2, 2, 0]],
  ])("colors: %s", (_what, colorspace, extended, [c, y, q, x]: readonly number[] | number[]) => {
    const seen = seenBy({}, request(MAGIC, extended, "59555956", colorspace));
    expect(seen).toMatchObject({ colorspace: c, ycbcrEnc: y, quantization: q, xferFunc: x });
  });

  it("colors: HSV formats have HSV encodings", () => {
    const hsv = "48535633"; // HSV3
    expect(seenBy({}, request(MAGIC, "00000000 81000000 02000000 01000000", hsv))).toMatchObject({
      ycbcrEnc: 129,
    });
    expect(seenBy({}, request(MAGIC, "00000000 02000000 02000000 01000000", hsv))).toMatchObject({
      ycbcrEnc: 0,
    });
  });

  it("an unknown field is the driver's choice", () => {
    const arg = request(MAGIC, "00000000 00000000 00000000 00000000");
    arg[20] = 0x0a;
    expect(seenBy({}, arg).field).toBe(Field.Any);
  });

  it("a touch device has no colors and no fields", () => {
    const arg = request(MAGIC, "01000000 02000000 02000000 01000000");
    seenBy({ type: "touch", deviceCaps: Cap.VideoCapture | Cap.Touch }, arg);
    expect(arg).toEqual(
      padded(208, pix(MAGIC, "00000000 00000000 00000000 00000000", "59555956", "0b000000" /* RAW */)),
    );
  });

  it("a driver that answers with two planes has a bug", () => {
    const planes = [...someFormat.planes, ...someFormat.planes];
    const harness = new Harness({ ops: { ...allOps, sFmt: () => ({ ...someFormat, planes }) } });
    expect(() => harness.ioctl("VIDIOC_S_FMT", request(MAGIC, "00"))).toThrow("one plane");
  });
});

describe("VIDIOC_S_FMT, multi-planar", () => {
  const pix = (planes: string, numPlanes: string, rest: string): Uint8Array => {
    const arg = padded(
      208,
      hex`
      0a000000 00000000  # type: VIDEO_OUTPUT_MPLANE, padding
      40010000 f0000000  # 320 x 240
      53323634           # S264
      00000000           # field: ANY
      00000000           # colorspace
      ${planes}
    `,
    );
    // num_planes, flags, ycbcr_enc, quantization, xfer_func, reserved
    arg.set(hex`${numPlanes} ${rest}`, 8 + 20 + 8 * 20);
    return arg;
  };
  const plane = "00000400 00000000 ffffffff ffffffff ffffffff"; // sizeimage 262144, bytesperline 0, reserved

  it("has as many planes for the driver as the client named, reserved bytes hidden", () => {
    const arg = pix(plane, "01", "00 00 00 00 ffffffffffffff");
    expect(seenBy(mplane, arg)).toMatchObject({
      type: BufType.VideoOutputMplane,
      width: 320,
      height: 240,
      pixelformat: fourcc("S264"),
      field: Field.Any,
      planes: [{ bytesperline: 0, sizeimage: 262144 }],
    });
    expect(arg).toEqual(pix("00000400 00000000", "01", "00 00 00 00 00000000000000"));
  });

  it("shows the first plane of a client that names none, as GStreamer does", () => {
    const sFmt = vi.fn((_file: unknown, format: VideoFormat) => ({ ...format, planes: someFormat.planes }));
    const harness = new Harness({ ...mplane, ops: { ...allOps, sFmt } });
    void harness.ioctl("VIDIOC_S_FMT", pix(plane, "00", "00"));
    expect(sFmt.mock.calls[0]?.[1]).toMatchObject({
      planes: [],
      unnamedPlane: { bytesperline: 0, sizeimage: 262144 },
    });
  });

  it.each([
    ["none", "00", 0],
    ["8", "08", 8],
    ["9 are 8", "09", 8],
    ["255 are 8", "ff", 8],
  ])("planes: %s", (_what, numPlanes, expected) => {
    const sFmt = vi.fn((_file: unknown, format: VideoFormat) => ({ ...format, planes: someFormat.planes }));
    const harness = new Harness({ ...mplane, ops: { ...allOps, sFmt } });
    void harness.ioctl("VIDIOC_S_FMT", pix(plane, numPlanes, "00"));
    expect(sFmt.mock.calls[0]?.[1].planes).toHaveLength(expected);
  });

  it.each([0, 9])("a driver that answers with %i planes has a bug", (count) => {
    const planes = Array.from({ length: count }, () => ({ bytesperline: 0, sizeimage: 1 }));
    const harness = new Harness({ ...mplane, ops: { ...allOps, sFmt: () => ({ ...someFormat, planes }) } });
    expect(() => harness.ioctl("VIDIOC_S_FMT", pix(plane, "01", "00"))).toThrow("1 to 8 planes");
  });
});

describe("VIDIOC_G_FMT and VIDIOC_TRY_FMT", () => {
  it("G_FMT shows nothing of the client's garbage", () => {
    const harness = new Harness({ ops: allOps });
    const arg = padded(208, hex`01000000`, 0xff);
    arg.set(hex`01000000`);
    void harness.ioctl("VIDIOC_G_FMT", arg);
    expect(arg.subarray(8)).toEqual(
      padded(
        200,
        hex`
        80020000 e0010000 59555956 01000000 00050000 00600900 08000000 ${MAGIC}
      `,
      ),
    );
  });

  it.each([
    ["an OUTPUT type on a capture device", { deviceCaps: Cap.VideoCapture }, "02"],
    ["a multi-planar type on a single-planar device", { deviceCaps: Cap.VideoCapture }, "09"],
    ["a single-planar type on a multi-planar device", mplane, "01"],
    ["a VBI type on a video device", { deviceCaps: Cap.VideoCapture }, "04"],
    ["a picture on a VBI device", { type: "vbi", deviceCaps: Cap.VbiCapture } as const, "01"],
    ["an overlay of an output on a capture device", { deviceCaps: Cap.VideoCapture }, "08"],
    ["type 128, PRIVATE", { deviceCaps: Cap.VideoCapture }, "80"],
  ])("EINVAL for %s", async (_what, device, type) => {
    for (const name of ["VIDIOC_G_FMT", "VIDIOC_S_FMT", "VIDIOC_TRY_FMT"] as const) {
      const harness = new Harness({ ...device, ops: allOps });
      expect(await errnoOf(() => harness.ioctl(name, padded(208, hex`${type}000000`)))).toBe("EINVAL");
    }
  });

  it.each([
    [BufType.VideoOverlay, { deviceCaps: Cap.VideoCapture | Cap.VideoOverlay }],
    [BufType.VbiCapture, { type: "vbi", deviceCaps: Cap.VbiCapture } as const],
    [BufType.SlicedVbiCapture, { type: "vbi", deviceCaps: Cap.SlicedVbiCapture } as const],
    [BufType.SdrCapture, { type: "sdr", deviceCaps: Cap.SdrCapture } as const],
    [BufType.MetaCapture, { deviceCaps: Cap.MetaCapture }],
  ])("type %i goes around unchanged: get, try, set", async (type, device) => {
    const harness = new Harness({ ...device, ops: allOps });
    const got = padded(208, hex`${type.toString(16).padStart(2, "0")}000000`);
    expect(await harness.ioctl("VIDIOC_G_FMT", got)).toBe(0);
    for (const name of ["VIDIOC_TRY_FMT", "VIDIOC_S_FMT"] as const) {
      const arg = got.slice();
      expect(await harness.ioctl(name, arg)).toBe(0);
      expect(arg).toEqual(got);
    }
  });

  it("G_FMT of sliced VBI: services, lines and size", () => {
    const serviceLines = Array.from({ length: 48 }, (_, line) => (line === 7 ? 1 : line === 47 ? 0x400 : 0));
    const gFmtSlicedVbi = () => ({
      type: BufType.SlicedVbiCapture,
      serviceSet: 0x401,
      serviceLines,
      ioSize: 64,
    });
    const harness = new Harness({ deviceCaps: Cap.SlicedVbiCapture, ops: { ...allOps, gFmtSlicedVbi } });
    const arg = padded(208, hex`06000000`);
    expect(harness.ioctl("VIDIOC_G_FMT", arg)).toBe(0);
    const lines = new Uint8Array(96);
    lines.set([1], 14);
    lines.set([0, 4], 94);
    // service_set has 16 bits; io_size stands behind the lines, at a multiple of 4.
    expect(arg.subarray(8, 112)).toEqual(Uint8Array.of(1, 4, ...lines, 0, 0, 64, 0, 0, 0));
  });

  it("TRY_FMT may wait", async () => {
    const harness = new Harness({ ops: { ...allOps, tryFmt: async () => someFormat } });
    const arg = padded(208, hex`01000000`);
    expect(await harness.ioctl("VIDIOC_TRY_FMT", arg)).toBe(0);
    expect(arg.subarray(8, 16)).toEqual(hex`80020000 e0010000`);
  });
});

describe("VIDIOC_ENUM_FMT", () => {
  const enumFmt = vi.fn(
    (_file: unknown, { index }: { index: number }) =>
      [{ pixelformat: fourcc("NV12") }, { pixelformat: fourcc("H264"), flags: 0x8 }][index],
  );
  const request = (index: string, type: string): Uint8Array =>
    padded(64, padded(16, hex`${index} ${type}000000`, 0xff), 0xff).fill(0xff, 8);

  it("adds description and compressed flag; the client's garbage is gone", () => {
    const harness = new Harness({ ops: { ...allOps, enumFmt } });
    const arg = request("01000000", "01");
    void harness.ioctl("VIDIOC_ENUM_FMT", arg);
    expect(arg).toEqual(
      padded(
        64,
        hex`
        01000000 01000000  # index, type
        09000000           # flags: COMPRESSED, DYN_RESOLUTION
        ${text(32, "H.264")}
        48323634           # pixelformat
      `,
      ),
    );
  });

  it("EINVAL behind the last", async () => {
    const harness = new Harness({ ops: { ...allOps, enumFmt } });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FMT", request("02000000", "01")))).toBe("EINVAL");
  });

  it("the media bus code counts only for devices of the media controller", () => {
    for (const [caps, expected] of [
      [Cap.VideoCapture, 0],
      [Cap.VideoCapture | Cap.IoMc, 0xffffffff],
    ] as const) {
      enumFmt.mockClear();
      const harness = new Harness({ deviceCaps: caps, ops: { ...allOps, enumFmt } });
      void harness.ioctl("VIDIOC_ENUM_FMT", request("00000000", "01"));
      expect(enumFmt.mock.calls[0]?.[1]).toMatchObject({ mbusCode: expected });
    }
  });

  it.each([
    ["VBI, which has no list", "04", Cap.VideoCapture | Cap.VbiCapture],
    ["several planes, where the device has one", "09", Cap.VideoCapture],
    ["one plane, where the device has several", "01", Cap.VideoCaptureMplane],
  ])("EINVAL for the other kinds of buffer: %s", async (_what, type, deviceCaps) => {
    enumFmt.mockClear();
    const harness = new Harness({ deviceCaps, ops: { ...allOps, enumFmt } });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FMT", request("00000000", type)))).toBe("EINVAL");
    expect(enumFmt).not.toHaveBeenCalled();
  });

  it("ENUM_ALL in the index is EINVAL for a device that does not know it", async () => {
    const harness = new Harness({ ops: { ...allOps, enumFmt } });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FMT", request("00000080", "01")))).toBe("EINVAL");
  });

  it("ENUM_ALL in the index is a question for a device that does", () => {
    enumFmt.mockClear();
    const harness = new Harness({ enumAllFormats: true, ops: { ...allOps, enumFmt } });
    const arg = request("01000080", "01");
    void harness.ioctl("VIDIOC_ENUM_FMT", arg);
    expect(enumFmt.mock.calls[0]?.[1]).toMatchObject({ index: 1, all: true });
    expect(arg.subarray(0, 4)).toEqual(hex`01000000`);
  });

  it("is ENOTTY for VBI and radio", async () => {
    for (const kind of [
      { type: "vbi", deviceCaps: Cap.VbiCapture },
      { type: "radio", deviceCaps: Cap.Tuner },
    ] as const) {
      const harness = new Harness({ ...kind, ops: allOps });
      expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FMT", argOf("VIDIOC_ENUM_FMT")))).toBe("ENOTTY");
    }
  });
});

describe("descriptions", () => {
  it.each(Object.entries(FOURCCS))("%s has one of at most 31 bytes", (_name, pixelformat) => {
    const { description } = describePixelFormat({ pixelformat }, BufType.VideoCapture);
    expect(description.length).toBeGreaterThan(0);
    expect(description.length).toBeLessThanOrEqual(31);
    expect(description).not.toContain("endian");
  });

  it("an unknown format shows the driver's words, or its code", () => {
    expect(describePixelFormat({ pixelformat: fourcc("Zzzz"), description: "Odd" }, 1).description).toBe(
      "Odd",
    );
    expect(describePixelFormat({ pixelformat: fourcc("Zzzz") }, 1).description).toBe(
      "Zzzz little-endian (0x7a7a7a5a)".slice(0, 31),
    );
  });

  it("the driver's words do not replace those of the table", () => {
    expect(describePixelFormat({ pixelformat: fourcc("NV12"), description: "Mine" }, 1).description).toBe(
      "Y/UV 4:2:0",
    );
  });

  it("a device may keep to what kernels before 6.0 called them", () => {
    const named = (pixelformat: number, oldFormatNames: boolean): string => {
      const harness = new Harness({
        oldFormatNames,
        ops: { ...allOps, enumFmt: () => ({ pixelformat }) },
      });
      const arg = argOf("VIDIOC_ENUM_FMT");
      arg[4] = BufType.VideoCapture;
      void harness.ioctl("VIDIOC_ENUM_FMT", arg);
      return Buffer.from(arg.subarray(12, 44)).toString("latin1").replace(/\0+$/, "");
    };
    expect(named(fourcc("NV12"), false)).toBe("Y/UV 4:2:0");
    expect(named(fourcc("NV12"), true)).toBe("Y/CbCr 4:2:0");
    expect(named(fourcc("NM61"), true)).toBe("Y/CrCb 4:2:2 (N-C)");
    expect(named(fourcc("YUYV"), true)).toBe("YUYV 4:2:2");
  });

  it("line based metadata is marked, other metadata is not", () => {
    expect(describePixelFormat({ pixelformat: fourcc("MET8") }, BufType.MetaCapture).flags).toBe(0x200);
    expect(
      describePixelFormat({ pixelformat: fourcc("UVCH"), flags: 0x200 }, BufType.MetaCapture).flags,
    ).toBe(0);
  });
});

describe("a queue whose op the driver lacks", () => {
  const { VideoCapture, VideoOverlay, VbiCapture, SlicedVbiCapture, MetaCapture } = Cap;

  it.each([
    ["Fmt", BufType.VideoCapture, VideoCapture | MetaCapture],
    ["FmtOverlay", BufType.VideoOverlay, VideoCapture | VideoOverlay],
    ["FmtVbi", BufType.VbiCapture, VbiCapture | SlicedVbiCapture],
    ["FmtSlicedVbi", BufType.SlicedVbiCapture, VbiCapture | SlicedVbiCapture],
    ["FmtMeta", BufType.MetaCapture, VideoCapture | MetaCapture],
  ] as const)("is EINVAL, although another queue of the device has one: %s", async (op, type, deviceCaps) => {
    for (const [verb, name] of [
      ["g", "VIDIOC_G_FMT"],
      ["s", "VIDIOC_S_FMT"],
      ["try", "VIDIOC_TRY_FMT"],
    ] as const) {
      const arg = padded(208, Uint8Array.of(type, 0, 0, 0));
      expect(new Harness({ deviceCaps, ops: allOps }).ioctl(name, arg.slice())).toBe(0);
      const lacking = new Harness({ deviceCaps, ops: { ...allOps, [`${verb}${op}`]: undefined } });
      expect(await errnoOf(() => lacking.ioctl(name, arg))).toBe("EINVAL");
    }
  });
});

describe("a driver that answers for another queue has a bug", () => {
  const deviceCaps = Cap.VideoCapture | Cap.MetaCapture;
  const meta = {
    type: BufType.MetaCapture,
    dataformat: 0,
    buffersize: 9,
    width: 0,
    height: 0,
    bytesperline: 0,
  };

  it.each([
    ["a picture queue with metadata", "01", { gFmt: () => meta as never }, "no picture format"],
    ["a metadata queue with a picture", "0d", { gFmtMeta: () => someFormat as never }, "another buffer type"],
    [
      "a metadata queue with that of an output",
      "0d",
      { gFmtMeta: () => ({ ...meta, type: BufType.MetaOutput }) as never },
      "another buffer type",
    ],
  ])("%s", (_what, type, ops, told) => {
    const harness = new Harness({ deviceCaps, ops: { ...allOps, ...ops } });
    expect(() => harness.ioctl("VIDIOC_G_FMT", padded(208, hex`${type}000000`))).toThrow(told);
  });
});

describe("frame sizes, intervals and rates", () => {
  it("VIDIOC_ENUM_FRAMESIZES", async () => {
    const sizes = [
      { kind: "discrete", width: 640, height: 480 },
      {
        kind: "stepwise",
        minWidth: 16,
        maxWidth: 32,
        stepWidth: 2,
        minHeight: 8,
        maxHeight: 9,
        stepHeight: 1,
      },
      {
        kind: "continuous",
        minWidth: 16,
        maxWidth: 32,
        stepWidth: 1,
        minHeight: 8,
        maxHeight: 9,
        stepHeight: 1,
      },
    ] as const;
    const harness = new Harness({ ops: { enumFramesizes: (_file, { index }) => sizes[index] } });
    const replies = [0, 1, 2].map((index) => {
      const arg = padded(44, hex`0${index}000000 4e563132`, 0xff);
      void harness.ioctl("VIDIOC_ENUM_FRAMESIZES", arg);
      return arg;
    });
    expect(replies).toEqual([
      padded(44, hex`00000000 4e563132 01000000 80020000 e0010000`),
      padded(44, hex`01000000 4e563132 03000000 10000000 20000000 02000000 08000000 09000000 01000000`),
      padded(44, hex`02000000 4e563132 02000000 10000000 20000000 01000000 08000000 09000000 01000000`),
    ]);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FRAMESIZES", padded(44, hex`03000000`)))).toBe(
      "EINVAL",
    );
  });

  it("VIDIOC_ENUM_FRAMEINTERVALS", async () => {
    const second = { numerator: 1, denominator: 1 };
    const intervals = [
      { kind: "discrete", interval: { numerator: 1, denominator: 30 } },
      { kind: "stepwise", min: { numerator: 1, denominator: 60 }, max: second, step: second },
      { kind: "continuous", min: { numerator: 1, denominator: 60 }, max: second, step: second },
    ] as const;
    const harness = new Harness({ ops: { enumFrameintervals: (_file, { index }) => intervals[index] } });
    const replies = [0, 1, 2].map((index) => {
      const arg = padded(52, hex`0${index}000000 4e563132 80020000 e0010000`, 0xff);
      void harness.ioctl("VIDIOC_ENUM_FRAMEINTERVALS", arg);
      return arg;
    });
    expect(replies).toEqual([
      padded(52, hex`00000000 4e563132 80020000 e0010000 01000000 01000000 1e000000`),
      padded(
        52,
        hex`
        01000000 4e563132 80020000 e0010000 03000000 01000000 3c000000 01000000 01000000 01000000 01000000
      `,
      ),
      padded(
        52,
        hex`
        02000000 4e563132 80020000 e0010000 02000000 01000000 3c000000 01000000 01000000 01000000 01000000
      `,
      ),
    ]);
    const behind = padded(52, hex`03000000`);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FRAMEINTERVALS", behind))).toBe("EINVAL");
  });

  it("VIDIOC_S_PARM hides what no driver may see and clears reserved bytes", () => {
    const sParm = vi.fn(allOps.sParm);
    const harness = new Harness({ ops: { ...allOps, sParm } });
    const arg = padded(204, hex`01000000 ffffffff ffffffff 01000000 1e000000 ffffffff 04000000`, 0xff);
    void harness.ioctl("VIDIOC_S_PARM", arg);
    expect(sParm.mock.calls[0]?.[1]).toEqual({
      type: 1,
      capability: 0xffffffff,
      mode: 1,
      timeperframe: { numerator: 1, denominator: 30 },
      extendedmode: 0,
      buffers: 4,
    });
    expect(arg.subarray(0, 44)).toEqual(
      padded(44, hex`01000000 ffffffff 01000000 01000000 1e000000 00000000 04000000`),
    );
  });

  it("VIDIOC_G_PARM without an op tells the period of the standard, and 2 buffers for read()", async () => {
    const ops = { gFmt: allOps.gFmt, gStd: () => 0x1000n };
    const harness = new Harness({ deviceCaps: Cap.VideoCapture | Cap.ReadWrite, ops });
    const arg = padded(204, hex`01000000`, 0xff);
    arg.set(hex`01000000`);
    void harness.ioctl("VIDIOC_G_PARM", arg);
    expect(arg).toEqual(padded(204, hex`01000000 00000000 00000000 e9030000 30750000 00000000 02000000`));
    const streaming = new Harness({ deviceCaps: Cap.VideoCaptureMplane | Cap.Streaming, ops });
    const none = padded(204, hex`09000000`);
    void streaming.ioctl("VIDIOC_G_PARM", none);
    expect(none).toEqual(padded(204, hex`09000000 00000000 00000000 e9030000 30750000`));
    const output = new Harness({ deviceCaps: Cap.VideoOutput, ops });
    expect(await errnoOf(() => output.ioctl("VIDIOC_G_PARM", padded(204, hex`02000000`)))).toBe("EINVAL");
  });
});
