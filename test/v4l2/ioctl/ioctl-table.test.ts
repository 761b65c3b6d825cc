import { describe, expect, it } from "vitest";
import { defineIoctl, endOfField } from "../../../src/v4l2/ioctl/define-ioctl.js";
import { IOCTLS, RequestbuffersView } from "../../../src/v4l2/gen/index.js";
import { ioctlName, IoctlTable, ioctlTable, subdevIoctlTable } from "../../../src/v4l2/ioctl/ioctl-table.js";
import { IntView } from "../../../src/v4l2/ioctl/scalar-views.js";
import { allOps, deviceKinds } from "../support/all-ops.js";
import { argOf, errnoOf, fakeDevice, Harness } from "../support/fakes.js";
import type { DeviceParts } from "../support/fakes.js";
import { Cap } from "../../../src/v4l2/values/types.js";
import type { IoctlName } from "../../../src/v4l2/device.js";

const names = Object.keys(IOCTLS).filter((name): name is IoctlName => name.startsWith("VIDIOC_"));
const subdevNames = names.filter((name) => name.startsWith("VIDIOC_SUBDEV_"));
const videoNames = names.filter((name) => !subdevNames.includes(name));
/** Of whichever kind of node. */
const definitionOf = (name: IoctlName) =>
  (subdevNames.includes(name) ? subdevIoctlTable : ioctlTable).byName(name);

/** Ioctls that change the device: the kernel's INFO_FL_PRIO. */
const prio: readonly string[] = `
  S_FMT REQBUFS S_FBUF OVERLAY STREAMON STREAMOFF S_PARM S_STD S_CTRL S_TUNER S_AUDIO S_INPUT S_EDID S_OUTPUT
  S_AUDOUT S_MODULATOR S_FREQUENCY S_CROP S_SELECTION S_JPEGCOMP S_PRIORITY S_EXT_CTRLS ENCODER_CMD DECODER_CMD
  S_HW_FREQ_SEEK S_DV_TIMINGS CREATE_BUFS REMOVE_BUFS`
  .trim()
  .split(/\s+/);

/** Bytes that a client's values are kept of, where the rest is cleared: the kernel's INFO_FL_CLEAR. */
const keepBytes: Readonly<Record<string, number>> = {
  QUERYBUF: 76,
  EXPBUF: 16,
  G_PARM: 4,
  ENUMSTD: 4,
  ENUMINPUT: 4,
  G_CTRL: 4,
  G_TUNER: 4,
  QUERYCTRL: 4,
  QUERYMENU: 8,
  ENUMOUTPUT: 4,
  G_MODULATOR: 4,
  G_FREQUENCY: 4,
  CROPCAP: 4,
  G_CROP: 4,
  G_SELECTION: 28,
  S_SELECTION: 28,
  ENUMAUDIO: 4,
  ENUMAUDOUT: 4,
  G_SLICED_VBI_CAP: 104,
  ENUM_FRAMESIZES: 8,
  ENUM_FRAMEINTERVALS: 16,
  ENCODER_CMD: 8,
  TRY_ENCODER_CMD: 8,
  S_DV_TIMINGS: 72,
  ENUM_DV_TIMINGS: 8,
  DV_TIMINGS_CAP: 8,
  DBG_G_CHIP_INFO: 36,
  QUERY_EXT_CTRL: 4,
  REMOVE_BUFS: 12,
};

describe("the table of ioctls", () => {
  it("has every ioctl of videodev2.h", () => {
    expect(ioctlTable.all.map(({ name }) => name).sort()).toEqual([...videoNames].sort());
  });

  it("has every ioctl of v4l2-subdev.h in another, with what sub-devices and video devices have in common", () => {
    const common = subdevIoctlTable.all.map(({ name }) => name).filter((name) => !subdevNames.includes(name));
    expect(subdevIoctlTable.all).toHaveLength(common.length + subdevNames.length);
    for (const name of common) expect(subdevIoctlTable.byName(name)).toBe(ioctlTable.byName(name));
  });

  it.each(names)("%s: number, prio, clearing and copying are the kernel's", (name) => {
    const definition = definitionOf(name);
    const short = name.slice("VIDIOC_".length);
    expect(definition.number).toBe(IOCTLS[name].number);
    expect(definition.prio).toBe(prio.includes(short));
    // _IOC_READ and _IOC_WRITE, seen from the client.
    const number = IOCTLS[name].number;
    expect([definition.reads, definition.writes]).toEqual([
      (number & 0x8000_0000) !== 0,
      (number & 0x4000_0000) !== 0,
    ]);
    expect(definition.keepBytes).toBe(keepBytes[short] ?? IOCTLS[name].size);
    expect(definition.alwaysCopy).toBe(/^(G|S)_EDID$|_EXT_CTRLS$/.test(short));
    expect(definition.ctrl).toBe(/^(QUERY(CTRL|MENU|_EXT_CTRL)|(G|S)_CTRL|(G|S|TRY)_EXT_CTRLS)$/.test(short));
  });

  it("a client's controls are part of its question where it sets them", () => {
    const asks = (["VIDIOC_G_EXT_CTRLS", "VIDIOC_S_EXT_CTRLS", "VIDIOC_TRY_EXT_CTRLS"] as const).map((name) =>
      definitionOf(name).asks?.includes("controls"),
    );
    expect(asks).toEqual([false, true, true]);
  });

  it("finds an ioctl by its whole number only", () => {
    expect(ioctlTable.find(IOCTLS.VIDIOC_QBUF.number)?.name).toBe("VIDIOC_QBUF");
    // Of 32-bit programs.
    expect(ioctlTable.find(0xc044560f)).toBeUndefined();
    expect(ioctlTable.find(IOCTLS.VIDIOC_QBUF.number ^ 0x80000000)).toBeUndefined();
    expect(ioctlTable.find(IOCTLS.VIDIOC_QBUF.number + 0x10000)).toBeUndefined();
    expect(ioctlTable.find(0)).toBeUndefined();
  });

  it("names numbers as the kernel does", () => {
    expect(ioctlName(IOCTLS.VIDIOC_S_FMT.number)).toBe("VIDIOC_S_FMT");
    expect(ioctlName(0xc00456c0)).toBe("v4l2 ioctl 'V', dir=rw, #192 (0xc00456c0)");
    expect(ioctlName(0x00005401)).toBe("unknown ioctl 'T', dir=--, #1 (0x00005401)");
    expect(ioctlName(0x80086441)).toBe("v4l2_int ioctl 'd', dir=r-, #65 (0x80086441)");
    expect(ioctlName(0x00007e01)).toBe("unknown ioctl '~', dir=--, #1 (0x00007e01)");
    expect(ioctlName(0x00002001)).toBe("unknown ioctl ' ', dir=--, #1 (0x00002001)");
    expect(ioctlName(0x00007f01)).toBe("unknown ioctl '.', dir=--, #1 (0x00007f01)");
    expect(ioctlName(IOCTLS.VIDIOC_SUBDEV_G_FMT.number)).toBe("VIDIOC_SUBDEV_G_FMT");
    expect(ioctlName(0x40040001)).toBe("unknown ioctl '.', dir=-w, #1 (0x40040001)");
  });

  const reqbufs = defineIoctl({
    name: "VIDIOC_REQBUFS",
    arg: RequestbuffersView,
    run: () => undefined,
    describe: () => undefined,
  });

  it("refuses two entries of one number at load", () => {
    expect(() => new IoctlTable([reqbufs, reqbufs])).toThrow("its number is taken");
  });

  it("refuses a view of another size at load", () => {
    expect(() => new IoctlTable([{ ...reqbufs, arg: IntView }])).toThrow("the number says 20 bytes");
  });

  it("refuses an entry that clears behind its end at load", () => {
    expect(() => new IoctlTable([{ ...reqbufs, keepBytes: 21 }])).toThrow("clears behind its end");
    expect(new IoctlTable([{ ...reqbufs, keepBytes: 20 }]).all).toHaveLength(1);
  });

  it("has no row for a name of another table", () => {
    expect(() => new IoctlTable([reqbufs]).byName("VIDIOC_QBUF")).toThrow("VIDIOC_QBUF has no definition");
  });

  it("finds the end of nested fields", () => {
    expect(endOfField("v4l2_dv_timings", "bt.flags")).toBe(4 + 68);
    expect(endOfField("v4l2_requestbuffers", "flags")).toBe(17);
    expect(() => endOfField("v4l2_plane", "nonsense")).toThrow("no field nonsense");
  });
});

describe("which ioctls a device has", () => {
  const needsNothing = new Set(["VIDIOC_QUERYCAP", "VIDIOC_G_PRIORITY", "VIDIOC_S_PRIORITY"]);
  const subdevNeedsNothing = new Set([
    "VIDIOC_SUBDEV_QUERYCAP",
    "VIDIOC_SUBDEV_G_CLIENT_CAP",
    "VIDIOC_SUBDEV_S_CLIENT_CAP",
  ]);

  it.each(names.filter((name) => !needsNothing.has(name) && !subdevNeedsNothing.has(name)))(
    "%s is ENOTTY without op",
    async (name) => {
      for (const kind of deviceKinds) {
        const harness = new Harness(kind);
        expect(await errnoOf(() => harness.ioctl(name))).toBe("ENOTTY");
      }
    },
  );

  it("each ioctl belongs to some kind of device, given all ops and controls", () => {
    const devices = deviceKinds.map((kind) => fakeDevice({ ...kind, ops: allOps }));
    const missing = names.filter((name) => !devices.some((device) => device.accepts(name)));
    expect(missing.filter((name) => !definitionOf(name).ctrl)).toEqual([]);
  });

  describe("with all ops: v4l2-dev.c, determine_valid_ioctls", () => {
    const always = `QUERYCAP G_PRIORITY S_PRIORITY LOG_STATUS DBG_G_CHIP_INFO DBG_G_REGISTER DBG_S_REGISTER DQEVENT
      SUBSCRIBE_EVENT UNSUBSCRIBE_EVENT ENUM_FREQ_BANDS`;
    const frequency = "G_FREQUENCY S_FREQUENCY";
    const streaming =
      "REQBUFS QUERYBUF QBUF EXPBUF DQBUF CREATE_BUFS PREPARE_BUF STREAMON STREAMOFF REMOVE_BUFS";
    const format = "G_FMT S_FMT TRY_FMT";
    const formats = `ENUM_FMT ${format}`;
    const frames = "ENUM_FRAMESIZES ENUM_FRAMEINTERVALS";
    const picture = `${formats} ${frames} OVERLAY G_FBUF S_FBUF G_JPEGCOMP S_JPEGCOMP G_ENC_INDEX ENCODER_CMD
      TRY_ENCODER_CMD DECODER_CMD TRY_DECODER_CMD G_CROP CROPCAP S_CROP G_SELECTION S_SELECTION`;
    const parm = "G_PARM S_PARM";
    /** Of video, VBI and metadata. */
    const signal = `ENUMSTD S_STD G_STD ${parm} S_DV_TIMINGS G_DV_TIMINGS ENUM_DV_TIMINGS DV_TIMINGS_CAP G_EDID`;
    const input = "ENUMINPUT G_INPUT S_INPUT";
    const received = `${signal} QUERYSTD ${input} ENUMAUDIO G_AUDIO S_AUDIO QUERY_DV_TIMINGS S_EDID`;
    const output = "ENUMOUTPUT G_OUTPUT S_OUTPUT";
    const sent = `${signal} ${output} ENUMAUDOUT G_AUDOUT S_AUDOUT`;
    const tuner = "G_TUNER S_TUNER S_HW_FREQ_SEEK";
    const modulator = "G_MODULATOR S_MODULATOR";
    const { Streaming } = Cap;

    it.each([
      ["a camera", Cap.VideoCapture | Streaming, [frequency, streaming, picture, received, tuner]],
      ["a camera that is only read", Cap.VideoCapture, [frequency, picture, received, tuner]],
      ["a display", Cap.VideoOutput | Streaming, [frequency, streaming, picture, sent]],
      ["mem2mem", Cap.VideoM2m | Streaming, [frequency, streaming, picture, received, sent, tuner]],
      [
        "a VBI receiver",
        Cap.VbiCapture | Streaming,
        [frequency, streaming, format, "G_SLICED_VBI_CAP", received, tuner],
      ],
      [
        "a VBI inserter",
        Cap.SlicedVbiOutput | Streaming,
        [frequency, streaming, format, "G_SLICED_VBI_CAP", sent],
      ],
      ["a metadata receiver", Cap.MetaCapture | Streaming, [frequency, streaming, formats, received, tuner]],
      ["a metadata sender", Cap.MetaOutput | Streaming, [frequency, streaming, formats, sent]],
      ["a radio", Cap.Tuner | Cap.Radio, [frequency, tuner]],
      ["a radio transmitter", Cap.Modulator | Cap.Radio, [frequency, modulator]],
      ["a radio receiver by software", Cap.SdrCapture | Streaming, [frequency, streaming, formats, tuner]],
      ["a transmitter by software", Cap.SdrOutput | Streaming, [frequency, streaming, formats, modulator]],
      ["a touch pad", Cap.VideoCapture | Cap.Touch | Streaming, [streaming, formats, frames, input, parm]],
      ["a port with an EDID", Cap.Edid, [frequency, input, "G_EDID S_EDID", tuner]],
    ] as const)("%s", (_what, deviceCaps, groups) => {
      const device = fakeDevice({ deviceCaps, ops: allOps });
      const accepted = ioctlTable.all.map(({ name }) => name).filter((name) => device.accepts(name));
      const expected = new Set([always, ...groups].join(" ").split(/\s+/));
      expect(accepted.map((name) => name.slice("VIDIOC_".length)).sort()).toEqual([...expected].sort());
    });

    it("a sender's port has an EDID to read, and outputs", () => {
      const device = fakeDevice({ deviceCaps: Cap.Edid, direction: "tx", ops: allOps });
      const edid = (["VIDIOC_G_EDID", "VIDIOC_S_EDID", "VIDIOC_G_OUTPUT", "VIDIOC_G_INPUT"] as const).map(
        (name) => device.accepts(name),
      );
      expect(edid).toEqual([true, false, true, false]);
    });

    it.each([
      ["Fmt", [true, false, false, false, true, false]],
      ["FmtOverlay", [true, false, false, false, false, false]],
      ["FmtVbi", [false, true, false, false, false, false]],
      ["FmtSlicedVbi", [false, true, false, false, false, false]],
      ["FmtSdr", [false, false, true, false, false, false]],
      ["FmtMeta", [false, false, false, true, false, false]],
    ] as const)("one format op is enough where its formats are: %s", (format_, expected) => {
      const caps = [Cap.VideoCapture, Cap.VbiCapture, Cap.SdrCapture, Cap.MetaCapture];
      const kinds = [...caps, Cap.VideoCapture | Cap.Touch, Cap.Tuner | Cap.Radio];
      for (const [verb, name] of [
        ["g", "VIDIOC_G_FMT"],
        ["s", "VIDIOC_S_FMT"],
        ["try", "VIDIOC_TRY_FMT"],
      ] as const) {
        const op = `${verb}${format_}` as const;
        const accepted = kinds.map((deviceCaps) =>
          fakeDevice({ deviceCaps, ops: { [op]: allOps[op] } }).accepts(name),
        );
        expect(accepted).toEqual(expected);
      }
    });

    it("REMOVE_BUFS needs CREATE_BUFS, G_PARM is made of the standard but for touch pads", () => {
      const { removeBufs, createBufs, gStd } = allOps;
      const accepts = (ops: DeviceParts["ops"], name: IoctlName, deviceCaps?: number): boolean =>
        fakeDevice({ ...(deviceCaps !== undefined && { deviceCaps }), ops: ops ?? {} }).accepts(name);
      expect(accepts({ removeBufs }, "VIDIOC_REMOVE_BUFS")).toBe(false);
      expect(accepts({ removeBufs, createBufs }, "VIDIOC_REMOVE_BUFS")).toBe(true);
      expect(accepts({ gStd }, "VIDIOC_G_PARM")).toBe(true);
      expect(accepts({ gStd }, "VIDIOC_G_PARM", Cap.VideoCapture | Cap.Touch)).toBe(false);
    });
  });

  it("a disabled ioctl is ENOTTY although there is an op", async () => {
    const harness = new Harness({ ops: allOps, disabled: ["VIDIOC_REQBUFS"] });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_REQBUFS", argOf("VIDIOC_REQBUFS")))).toBe("ENOTTY");
    expect(harness.device.accepts("VIDIOC_QUERYBUF")).toBe(true);
  });

  it("the crop ioctls go with the selection ioctls that they are made of", () => {
    const accepted = (...disabled: ("VIDIOC_G_SELECTION" | "VIDIOC_S_SELECTION")[]): string[] => {
      const { device } = new Harness({ ops: allOps, disabled });
      return (["VIDIOC_G_CROP", "VIDIOC_S_CROP", "VIDIOC_CROPCAP"] as const).filter((name) =>
        device.accepts(name),
      );
    };
    expect(accepted()).toEqual(["VIDIOC_G_CROP", "VIDIOC_S_CROP", "VIDIOC_CROPCAP"]);
    expect(accepted("VIDIOC_G_SELECTION")).toEqual(["VIDIOC_S_CROP"]);
    expect(accepted("VIDIOC_S_SELECTION")).toEqual(["VIDIOC_G_CROP", "VIDIOC_CROPCAP"]);
  });
});
