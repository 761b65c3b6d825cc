import { describe, expect, it, vi } from "vitest";
import { V4l2Error } from "../../../src/v4l2/error.js";
import type { TraceEvent } from "../../../src/v4l2/trace/trace.js";
import type { JpegCompression } from "../../../src/v4l2/values/types-device.js";
import { BufType, Cap } from "../../../src/v4l2/values/types.js";
import { allOps } from "../support/all-ops.js";
import { hex, padded, text } from "../support/bytes.js";
import { argOf, errnoOf, Harness } from "../support/fakes.js";

describe("VIDIOC_QUERYCAP", () => {
  it("comes from the declaration", () => {
    const harness = new Harness({
      driver: "visl",
      card: "visl",
      busInfo: "platform:visl",
      version: 0x00060c6b,
      deviceCaps: Cap.VideoM2mMplane | Cap.Streaming,
    });
    const arg = new Uint8Array(104);
    void harness.ioctl("VIDIOC_QUERYCAP", arg);
    expect(arg).toEqual(
      padded(
        104,
        hex`
          ${text(16, "visl")} ${text(32, "visl")} ${text(32, "platform:visl")}
          6b0c0600 00402084 00402004
        `,
      ),
    );
  });

  it("is of Linux 6.12 unless the device says otherwise, and cuts long names", () => {
    const harness = new Harness({ driver: "a-very-long-driver-name", card: "c".repeat(40) });
    const arg = new Uint8Array(104);
    void harness.ioctl("VIDIOC_QUERYCAP", arg);
    expect(arg.subarray(0, 16)).toEqual(hex`${text(16, "a-very-long-dri")}`);
    expect(arg.subarray(16, 48)).toEqual(hex`${text(32, "c".repeat(31))}`);
    expect(arg.subarray(80, 84)).toEqual(hex`000c0600`);
  });
});

describe("VIDIOC_LOG_STATUS", () => {
  it("prints the driver's lines between heading and footer, to those who listen", async () => {
    const harness = new Harness({
      ops: {
        logStatus: async (_file, print) => {
          await Promise.resolve();
          print("all is well");
        },
      },
    });
    const events: TraceEvent[] = [];
    harness.device.trace.subscribe((event) => events.push(event));
    expect(await harness.ioctl("VIDIOC_LOG_STATUS")).toBe(0);
    expect(events.flatMap((event) => (event.kind === "message" ? [event.text] : []))).toEqual([
      "=================  START STATUS  =================",
      "all is well",
      "==================  END STATUS  ==================",
    ]);
  });
});

describe("registers", () => {
  const request = padded(56, hex`00000000 00000000`);

  it("EPERM without CAP_SYS_ADMIN", async () => {
    const harness = new Harness({ ops: allOps });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_DBG_G_REGISTER", request.slice()))).toBe("EPERM");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_DBG_S_REGISTER", request.slice()))).toBe("EPERM");
  });

  it("are read and written by an administrator", () => {
    const dbgSRegister = vi.fn();
    const harness = new Harness({ ops: { ...allOps, dbgSRegister } });
    harness.call.admin = true;
    const get = request.slice();
    expect(harness.ioctl("VIDIOC_DBG_G_REGISTER", get)).toBe(0);
    expect(get.subarray(36)).toEqual(hex`04000000 0000000000000000 5500000000000000`);
    const set = request.slice();
    set.set(hex`1000000000000000 ff00000000000000`, 40);
    expect(harness.ioctl("VIDIOC_DBG_S_REGISTER", set)).toBe(0);
    expect(dbgSRegister.mock.calls[0]?.[1]).toEqual({ match: { type: 0, addr: 0 }, reg: 0x10n, val: 0xffn });
  });

  it("EINVAL for sub-devices, and for other chips of a driver that has one", async () => {
    const { dbgGChipInfo: _info, ...ops } = allOps;
    const harness = new Harness({ ops });
    harness.call.admin = true;
    for (const match of [hex`04000000 00000000`, hex`00000000 01000000`]) {
      expect(await errnoOf(() => harness.ioctl("VIDIOC_DBG_G_REGISTER", padded(56, match)))).toBe("EINVAL");
    }
    expect(harness.ioctl("VIDIOC_DBG_G_REGISTER", new Uint8Array(56))).toBe(0);
    const subdev = padded(200, hex`04000000 00000000`);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_DBG_G_CHIP_INFO", subdev))).toBe("EINVAL");
    const several = new Harness({ ops: allOps });
    several.call.admin = true;
    expect(several.ioctl("VIDIOC_DBG_G_REGISTER", padded(56, hex`00000000 01000000`))).toBe(0);
  });

  it("VIDIOC_DBG_G_CHIP_INFO: a driver with several chips names them, and ends with EINVAL", async () => {
    const { dbgSRegister: _set, ...readOnly } = allOps;
    const dbgGChipInfo = vi.fn(
      (_file: unknown, { addr }: { addr: number }) => [undefined, { name: "isp", flags: 0x10 }][addr],
    );
    const harness = new Harness({ ops: { ...readOnly, dbgGChipInfo } });
    const arg = padded(200, hex`00000000 01000000`);
    expect(harness.ioctl("VIDIOC_DBG_G_CHIP_INFO", arg)).toBe(0);
    expect(dbgGChipInfo.mock.calls[0]?.[1]).toEqual({ type: 0, addr: 1 });
    expect(arg.subarray(36, 72)).toEqual(hex`${text(32, "isp")} 11000000`); // readable, not writable
    for (const match of [hex`00000000 02000000`, hex`04000000 00000000`])
      expect(await errnoOf(() => harness.ioctl("VIDIOC_DBG_G_CHIP_INFO", padded(200, match)))).toBe("EINVAL");
  });

  it.each([
    ["only read", ["dbgGRegister"], 1],
    ["only written", ["dbgSRegister"], 2],
    ["both", ["dbgGRegister", "dbgSRegister"], 3],
  ] as const)("VIDIOC_DBG_G_CHIP_INFO tells whether registers can be %s", (_what, names, flags) => {
    const harness = new Harness({ ops: Object.fromEntries(names.map((name) => [name, allOps[name]])) });
    const arg = argOf("VIDIOC_DBG_G_CHIP_INFO");
    expect(harness.ioctl("VIDIOC_DBG_G_CHIP_INFO", arg)).toBe(0);
    expect(arg[68]).toBe(flags);
  });

  it("VIDIOC_DBG_G_CHIP_INFO names the bridge to everybody", async () => {
    const { dbgGChipInfo: _info, ...ops } = allOps;
    const harness = new Harness({ ops });
    const arg = padded(200, hex`00000000 00000000`, 0xff);
    arg.fill(0, 4, 36);
    expect(harness.ioctl("VIDIOC_DBG_G_CHIP_INFO", arg)).toBe(0);
    expect(arg).toEqual(
      Uint8Array.from([...new Uint8Array(36), ...padded(164, hex`${text(32, "fake")} 03000000`)]),
    );
    expect(
      await errnoOf(() => harness.ioctl("VIDIOC_DBG_G_CHIP_INFO", padded(200, hex`00000000 01000000`))),
    ).toBe("EINVAL");
  });
});

describe("inputs", () => {
  const camera = { name: "Camera 1", type: 2, status: 1 };

  it("VIDIOC_ENUMINPUT fills what the driver leaves open", () => {
    const enuminput = (): typeof camera => camera;
    const harness = new Harness({ ops: { enuminput, sStd: () => undefined } });
    const arg = padded(80, hex`00000000`, 0xff);
    void harness.ioctl("VIDIOC_ENUMINPUT", arg);
    expect(arg).toEqual(
      padded(
        80,
        hex`
        00000000 ${text(32, "Camera 1")} 02000000 00000000 00000000
        0000000000000000 01000000 04000000
      `,
      ),
    );
  });

  it("VIDIOC_S_INPUT, VIDIOC_G_INPUT, and EINVAL behind the last", async () => {
    const sInput = vi.fn();
    const harness = new Harness({ ops: { enuminput: () => undefined, gInput: async () => 2, sInput } });
    const arg = argOf("VIDIOC_G_INPUT");
    expect(await harness.ioctl("VIDIOC_G_INPUT", arg)).toBe(0);
    expect(arg).toEqual(hex`02000000`);
    void harness.ioctl("VIDIOC_S_INPUT", hex`01000000`);
    expect(sInput).toHaveBeenCalledWith(harness.file, 1);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMINPUT"))).toBe("EINVAL");
  });

  it("a device of the media controller has one fixed input and needs no ops", async () => {
    const harness = new Harness({ deviceCaps: Cap.VideoCapture | Cap.IoMc, title: "sensor" });
    const arg = argOf("VIDIOC_ENUMINPUT");
    expect(harness.ioctl("VIDIOC_ENUMINPUT", arg)).toBe(0);
    expect(arg.subarray(4, 40)).toEqual(hex`${text(32, "sensor")} 02000000`);
    expect(harness.ioctl("VIDIOC_S_INPUT", hex`00000000`)).toBe(0);
    expect(harness.ioctl("VIDIOC_G_INPUT", hex`00000000`)).toBe(0);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_INPUT", hex`01000000`))).toBe("EINVAL");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMINPUT", padded(80, hex`01000000`)))).toBe("EINVAL");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMOUTPUT"))).toBe("ENOTTY");
  });

  it.each([
    ["a camera", Cap.VideoCapture, true, false],
    ["a display", Cap.VideoOutput, false, true],
    ["a VBI receiver", Cap.VbiCapture, true, false],
    ["a VBI inserter", Cap.VbiOutput, false, true],
    ["a metadata receiver", Cap.MetaCapture, true, false],
    ["a metadata sender", Cap.MetaOutput, false, true],
    ["a radio", Cap.Tuner | Cap.Radio, false, false],
    ["a radio transmitter", Cap.Modulator | Cap.Radio, false, false],
    ["a transmitter by software", Cap.SdrOutput, false, false],
  ])("of the media controller that need no ops: %s", (_what, caps, input, output) => {
    const { device } = new Harness({ deviceCaps: caps | Cap.IoMc });
    for (const [fixed, names] of [
      [input, ["VIDIOC_ENUMINPUT", "VIDIOC_G_INPUT", "VIDIOC_S_INPUT"]],
      [output, ["VIDIOC_ENUMOUTPUT", "VIDIOC_G_OUTPUT", "VIDIOC_S_OUTPUT"]],
    ] as const)
      expect(names.map((name) => device.accepts(name))).toEqual([fixed, fixed, fixed]);
  });

  it("receivers have inputs, transmitters outputs", async () => {
    const rx = new Harness({ deviceCaps: Cap.VideoCapture, ops: allOps });
    const tx = new Harness({ deviceCaps: Cap.VideoOutput, ops: allOps });
    expect(rx.ioctl("VIDIOC_G_INPUT")).toBe(0);
    expect(tx.ioctl("VIDIOC_G_OUTPUT")).toBe(0);
    expect(await errnoOf(() => rx.ioctl("VIDIOC_G_OUTPUT"))).toBe("ENOTTY");
    expect(await errnoOf(() => tx.ioctl("VIDIOC_G_INPUT"))).toBe("ENOTTY");
    expect(await errnoOf(() => tx.ioctl("VIDIOC_G_AUDIO"))).toBe("ENOTTY");
  });

  describe("of a transmitter", () => {
    const monitor = { name: "Monitor", type: 2 };

    it("VIDIOC_ENUMOUTPUT fills what the driver leaves open, and ends with EINVAL", async () => {
      const enumoutput = (_file: unknown, index: number): typeof monitor | undefined => [monitor][index];
      const harness = new Harness({
        deviceCaps: Cap.VideoOutput,
        ops: { enumoutput, sStd: () => undefined },
      });
      const arg = padded(72, hex`00000000`, 0xff);
      void harness.ioctl("VIDIOC_ENUMOUTPUT", arg);
      expect(arg).toEqual(
        padded(72, hex`00000000 ${text(32, "Monitor")} 02000000 00000000 00000000 0000000000000000 04000000`),
      );
      const second = padded(72, hex`01000000`);
      expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMOUTPUT", second))).toBe("EINVAL");
    });

    it("VIDIOC_ENUMOUTPUT leaves alone what the driver says", () => {
      const rich = { ...monitor, audioset: 3, modulator: 1, std: 0xffn, capabilities: 2 };
      const harness = new Harness({
        deviceCaps: Cap.VideoOutput,
        ops: { ...allOps, enumoutput: () => rich },
      });
      const arg = argOf("VIDIOC_ENUMOUTPUT");
      void harness.ioctl("VIDIOC_ENUMOUTPUT", arg);
      expect(arg.subarray(40, 60)).toEqual(hex`03000000 01000000 ff00000000000000 02000000`);
    });

    it("VIDIOC_S_OUTPUT and VIDIOC_G_OUTPUT are the driver's", () => {
      const sOutput = vi.fn();
      const harness = new Harness({
        deviceCaps: Cap.VideoOutput,
        ops: { ...allOps, gOutput: () => 3, sOutput },
      });
      const arg = argOf("VIDIOC_G_OUTPUT");
      void harness.ioctl("VIDIOC_G_OUTPUT", arg);
      expect(arg).toEqual(hex`03000000`);
      void harness.ioctl("VIDIOC_S_OUTPUT", hex`02000000`);
      expect(sOutput).toHaveBeenCalledWith(harness.file, 2);
    });

    it("of the media controller is one that cannot be changed, and needs no ops", async () => {
      const harness = new Harness({ deviceCaps: Cap.VideoOutput | Cap.IoMc, card: "writer" });
      const arg = argOf("VIDIOC_ENUMOUTPUT");
      expect(harness.ioctl("VIDIOC_ENUMOUTPUT", arg)).toBe(0);
      expect(arg.subarray(4, 60)).toEqual(padded(56, hex`${text(32, "writer")} 02000000`));
      const current = hex`ffffffff`;
      expect(harness.ioctl("VIDIOC_G_OUTPUT", current)).toBe(0);
      expect(current).toEqual(hex`00000000`);
      expect(harness.ioctl("VIDIOC_S_OUTPUT", hex`00000000`)).toBe(0);
      expect(await errnoOf(() => harness.ioctl("VIDIOC_S_OUTPUT", hex`01000000`))).toBe("EINVAL");
      const second = padded(72, hex`01000000`);
      expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMOUTPUT", second))).toBe("EINVAL");
      expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMINPUT"))).toBe("ENOTTY");
    });

    it("the media controller's does not ask the driver", () => {
      const [gOutput, sOutput] = [vi.fn(() => 7), vi.fn()];
      const ops = { ...allOps, gOutput, sOutput };
      const harness = new Harness({ deviceCaps: Cap.VideoOutput | Cap.IoMc, ops });
      const arg = argOf("VIDIOC_G_OUTPUT");
      void harness.ioctl("VIDIOC_G_OUTPUT", arg);
      void harness.ioctl("VIDIOC_S_OUTPUT", hex`00000000`);
      expect(arg).toEqual(hex`00000000`);
      expect([gOutput, sOutput].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
    });

    it("audio", async () => {
      const sAudout = vi.fn();
      const line = { index: 1, name: "Speaker", capability: 1, mode: 2 };
      const ops = { ...allOps, gAudout: () => line, sAudout };
      const harness = new Harness({ deviceCaps: Cap.VideoOutput, ops });
      const arg = argOf("VIDIOC_G_AUDOUT");
      void harness.ioctl("VIDIOC_G_AUDOUT", arg);
      expect(arg).toEqual(padded(52, hex`01000000 ${text(32, "Speaker")} 01000000 02000000`));
      void harness.ioctl("VIDIOC_S_AUDOUT", padded(52, hex`01000000 ${text(32, "")} 00000000 01000000`));
      expect(sAudout.mock.calls[0]?.[1]).toEqual({ index: 1, mode: 1 });
      const enumaudout = vi.fn((_file: unknown, index: number) => [line][index]);
      const listing = new Harness({ deviceCaps: Cap.VideoOutput, ops: { enumaudout } });
      const first = padded(52, hex`00000000`, 0xff);
      void listing.ioctl("VIDIOC_ENUMAUDOUT", first);
      expect(first.subarray(4, 36)).toEqual(hex`${text(32, "Speaker")}`);
      const second = padded(52, hex`01000000`);
      expect(await errnoOf(() => listing.ioctl("VIDIOC_ENUMAUDOUT", second))).toBe("EINVAL");
    });
  });

  it("VIDIOC_ENUMINPUT leaves alone what the driver says", () => {
    const rich = { ...camera, audioset: 3, tuner: 1, std: 0xffn, capabilities: 2 };
    const harness = new Harness({ ops: { ...allOps, enuminput: () => rich } });
    const arg = argOf("VIDIOC_ENUMINPUT");
    void harness.ioctl("VIDIOC_ENUMINPUT", arg);
    expect(arg.subarray(36, 64)).toEqual(hex`02000000 03000000 01000000 ff00000000000000 01000000 02000000`);
  });

  it("the media controller's input does not ask the driver", () => {
    const [gInput, sInput] = [vi.fn(() => 7), vi.fn()];
    const harness = new Harness({
      deviceCaps: Cap.VideoCapture | Cap.IoMc,
      ops: { ...allOps, gInput, sInput },
    });
    const arg = argOf("VIDIOC_G_INPUT");
    void harness.ioctl("VIDIOC_G_INPUT", arg);
    void harness.ioctl("VIDIOC_S_INPUT", hex`00000000`);
    expect(arg).toEqual(hex`00000000`);
    expect([gInput, sInput].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  });

  it("VIDIOC_ENUMAUDIO ends with EINVAL", async () => {
    const line = { index: 0, name: "Line", capability: 1, mode: 0 };
    const harness = new Harness({ ops: { enumaudio: (_file, index) => [line][index] } });
    const arg = padded(52, hex`00000000`, 0xff);
    void harness.ioctl("VIDIOC_ENUMAUDIO", arg);
    expect(arg).toEqual(padded(52, hex`00000000 ${text(32, "Line")} 01000000 00000000`));
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMAUDIO", padded(52, hex`01000000`)))).toBe("EINVAL");
  });

  it("audio", () => {
    const sAudio = vi.fn();
    const harness = new Harness({ ops: { ...allOps, sAudio } });
    const arg = argOf("VIDIOC_G_AUDIO");
    void harness.ioctl("VIDIOC_G_AUDIO", arg);
    expect(arg).toEqual(padded(52, hex`00000000 ${text(32, "Line")} 01000000 00000000`));
    void harness.ioctl("VIDIOC_S_AUDIO", padded(52, hex`01000000 ${text(32, "")} 00000000 01000000`));
    expect(sAudio.mock.calls[0]?.[1]).toEqual({ index: 1, mode: 1 });
  });
});

describe("cropping through selection", () => {
  const rect = { left: -1, top: 2, width: 3, height: 4 };
  const bytes = "ffffffff 02000000 03000000 04000000";

  it("VIDIOC_G_SELECTION: drivers never see multi-planar types, clients keep theirs", () => {
    const gSelection = vi.fn(() => rect);
    const harness = new Harness({ deviceCaps: Cap.VideoM2mMplane, ops: { gSelection } });
    for (const [type, seen] of [
      ["09", BufType.VideoCapture],
      ["0a", BufType.VideoOutput],
      ["01", BufType.VideoCapture],
    ] as const) {
      const arg = padded(64, hex`${type}000000 00010000 00000000`, 0xff);
      void harness.ioctl("VIDIOC_G_SELECTION", arg);
      expect(gSelection).toHaveBeenLastCalledWith(
        harness.file,
        { type: seen, target: 0x100, flags: 0 },
        harness.call,
      );
      expect(arg).toEqual(padded(64, hex`${type}000000 00010000 00000000 ${bytes}`));
    }
  });

  it("VIDIOC_S_SELECTION hands over the rectangle and returns what was set", () => {
    const sSelection = vi.fn(() => ({ ...rect, width: 30 }));
    const harness = new Harness({ ops: { sSelection } });
    const arg = padded(64, hex`01000000 00000000 01000000 ${bytes}`, 0xff);
    void harness.ioctl("VIDIOC_S_SELECTION", arg);
    expect(sSelection).toHaveBeenCalledWith(
      harness.file,
      { type: 1, target: 0, flags: 1, rect },
      harness.call,
    );
    expect(arg.subarray(20, 24)).toEqual(hex`1e000000`);
  });

  it.each([
    ["a capture queue crops", Cap.VideoCapture, "01", false, 0x000],
    ["an output queue composes", Cap.VideoOutput, "02", false, 0x100],
    ["inverted: a capture queue composes", Cap.VideoCapture, "01", true, 0x100],
    ["inverted: an output queue crops", Cap.VideoOutput, "02", true, 0x000],
  ])("VIDIOC_G_CROP and VIDIOC_S_CROP: %s", (_what, deviceCaps, type, invertedCrop, target) => {
    const gSelection = vi.fn((_file: unknown, _request: object) => rect);
    const sSelection = vi.fn((_file: unknown, _request: object) => rect);
    const harness = new Harness({ deviceCaps, invertedCrop, ops: { gSelection, sSelection } });
    const arg = padded(20, hex`${type}000000`);
    void harness.ioctl("VIDIOC_G_CROP", arg);
    expect(arg).toEqual(hex`${type}000000 ${bytes}`);
    void harness.ioctl("VIDIOC_S_CROP", arg);
    expect(gSelection.mock.calls[0]?.[1]).toMatchObject({ target });
    expect(sSelection.mock.calls[0]?.[1]).toMatchObject({ target, rect });
  });

  it("VIDIOC_CROPCAP: bounds, default, pixel aspect", async () => {
    const gSelection = vi.fn(async (_file: unknown, { target }: { target: number }) => ({
      ...rect,
      left: target,
    }));
    const harness = new Harness({
      ops: { gSelection, gPixelaspect: () => ({ numerator: 11, denominator: 10 }) },
    });
    const arg = padded(44, hex`01000000`, 0xff);
    expect(await harness.ioctl("VIDIOC_CROPCAP", arg)).toBe(0);
    expect(arg).toEqual(hex`
      01000000
      02000000 02000000 03000000 04000000  # bounds: target CROP_BOUNDS
      01000000 02000000 03000000 04000000  # default: target CROP_DEFAULT
      0b000000 0a000000
    `);
  });

  it.each([
    ["without the op", undefined],
    [
      "when the op says ENOTTY",
      () => {
        throw new V4l2Error("ENOTTY", "no");
      },
    ],
    ["when the op says ENOTTY later", async () => Promise.reject(new V4l2Error("ENOTTY", "no"))],
  ])("VIDIOC_CROPCAP: square pixels %s", async (_what, gPixelaspect) => {
    const ops = { gSelection: () => rect, ...(gPixelaspect !== undefined && { gPixelaspect }) };
    const harness = new Harness({ ops });
    const arg = padded(44, hex`01000000`);
    expect(await harness.ioctl("VIDIOC_CROPCAP", arg)).toBe(0);
    expect(arg.subarray(36)).toEqual(hex`01000000 01000000`);
  });

  it("VIDIOC_CROPCAP: any other refusal of gPixelaspect is the driver's", async () => {
    const gPixelaspect = () => {
      throw new V4l2Error("EIO", "no answer");
    };
    const harness = new Harness({ ops: { gSelection: () => rect, gPixelaspect } });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_CROPCAP", padded(44, hex`01000000`)))).toBe("EIO");
  });

  it("EINVAL for a type that does not exist", async () => {
    const harness = new Harness({ ops: allOps });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_CROPCAP", padded(44, hex`0f000000`)))).toBe("EINVAL");
  });
});

describe("codec commands", () => {
  it("VIDIOC_DECODER_CMD: only the part of the union that the command has", () => {
    const decoderCmd = vi.fn(allOps.decoderCmd);
    const harness = new Harness({ deviceCaps: Cap.VideoM2m, ops: { ...allOps, decoderCmd } });
    const start = padded(72, hex`00000000 00000000 e8030000 01000000`, 0xff);
    const stop = padded(72, hex`01000000 00000000 e803000000000000`, 0xff);
    void harness.ioctl("VIDIOC_DECODER_CMD", start);
    void harness.ioctl("VIDIOC_DECODER_CMD", stop);
    expect(decoderCmd.mock.calls.map(([, cmd]) => cmd)).toEqual([
      { cmd: 0, flags: 0, speed: 1000, format: 1, pts: 0n },
      { cmd: 1, flags: 0, speed: 0, format: 0, pts: 1000n },
    ]);
    expect(start).toEqual(padded(72, hex`00000000 00000000 e8030000 01000000`));
    expect(stop).toEqual(padded(72, hex`01000000 00000000 e803000000000000`));
  });

  it("VIDIOC_ENCODER_CMD hides the raw data", () => {
    const harness = new Harness({ deviceCaps: Cap.VideoM2m, ops: allOps });
    const arg = padded(40, hex`01000000 01000000`, 0xff);
    void harness.ioctl("VIDIOC_ENCODER_CMD", arg);
    expect(arg).toEqual(padded(40, hex`01000000 01000000`));
  });

  it("VIDIOC_G_ENC_INDEX has room for 64 entries", () => {
    const entry = { offset: 1n, pts: 2n, length: 3, flags: 4 };
    const harness = new Harness({
      deviceCaps: Cap.VideoM2m,
      ops: { gEncIndex: () => ({ entries: Array.from({ length: 70 }, () => entry), entriesCap: 70 }) },
    });
    const arg = argOf("VIDIOC_G_ENC_INDEX");
    void harness.ioctl("VIDIOC_G_ENC_INDEX", arg);
    expect(arg.subarray(0, 56)).toEqual(
      hex`40000000 46000000 ${"00".repeat(16)} 0100000000000000 0200000000000000 03000000 04000000 0000000000000000`,
    );
  });

  it("VIDIOC_S_JPEGCOMP gives the driver copies", () => {
    const sJpegcomp = vi.fn((_file: unknown, _compression: JpegCompression) => undefined);
    const harness = new Harness({ ops: { sJpegcomp } });
    const arg = padded(140, hex`55000000 01000000 02000000 aabb`);
    void harness.ioctl("VIDIOC_S_JPEGCOMP", arg);
    arg.fill(0);
    expect(sJpegcomp.mock.calls[0]?.[1]).toMatchObject({ quality: 85, appN: 1, appLen: 2, jpegMarkers: 0 });
    expect(sJpegcomp.mock.calls[0]?.[1].appData.subarray(0, 2)).toEqual(hex`aabb`);
  });
});
