import { describe, expect, it } from "vitest";
import { defineIoctl, endOfField } from "../../../src/v4l2/ioctl/define-ioctl.js";
import { IOCTLS, RequestbuffersView } from "../../../src/v4l2/gen/index.js";
import { ioctlName, IoctlTable, ioctlTable, subdevIoctlTable } from "../../../src/v4l2/ioctl/ioctl-table.js";
import { IntView } from "../../../src/v4l2/ioctl/scalar-views.js";
import { allOps, deviceKinds } from "../support/all-ops.js";
import { argOf, errnoOf, fakeDevice, Harness } from "../support/fakes.js";
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
    expect(definition.keepBytes).toBe(keepBytes[short] ?? IOCTLS[name].size);
    expect(definition.alwaysCopy).toBe(/^(G|S)_EDID$|_EXT_CTRLS$/.test(short));
    expect(definition.ctrl).toBe(/^(QUERY(CTRL|MENU|_EXT_CTRL)|(G|S)_CTRL|(G|S|TRY)_EXT_CTRLS)$/.test(short));
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
