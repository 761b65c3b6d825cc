import { describe, expect, it, vi } from "vitest";
import { V4l2Error } from "../../../src/v4l2/error.js";
import { DvTimingsView, EdidView } from "../../../src/v4l2/gen/index.js";
import { listStandards } from "../../../src/v4l2/values/standards.js";
import { Cap } from "../../../src/v4l2/values/types.js";
import { allOps, someTimings } from "../support/all-ops.js";
import { hex, padded, text } from "../support/bytes.js";
import { argOf, errnoOf, Harness, refusalOf } from "../support/fakes.js";

const PAL = 0xffn;
const NTSC = 0xb000n;
const names = (set: bigint): string[] => listStandards(set).map(({ name }) => name);

describe("standards", () => {
  it("a family lists its members, a group swallows them", () => {
    expect(names(NTSC)).toEqual(["NTSC", "NTSC-M", "NTSC-M-JP", "NTSC-M-KR"]);
    expect(names(PAL)).toEqual(["PAL", "PAL-BG", "PAL-H", "PAL-I", "PAL-DK"]);
    expect(names(0x3n)).toEqual(["PAL-B", "PAL-B1"]);
    expect(names(0x32_0000n)).toEqual(["SECAM-DK"]);
    expect(names(0n)).toEqual([]);
    expect(names(0x0300_0000n)).toEqual([]); // ATSC is not analog
  });

  it("VIDIOC_ENUMSTD lists what the device declares", async () => {
    const harness = new Harness({ ops: { sStd: () => undefined }, tvnorms: PAL | NTSC });
    const arg = padded(72, hex`00000000`, 0xff);
    void harness.ioctl("VIDIOC_ENUMSTD", arg);
    expect(arg).toEqual(
      padded(
        72,
        hex`
        00000000 00000000 00b0000000000000 ${text(24, "NTSC")} e9030000 30750000 0d020000
      `,
      ),
    );
    const fourth = padded(72, hex`04000000`);
    void harness.ioctl("VIDIOC_ENUMSTD", fourth);
    expect(fourth.subarray(8)).toEqual(
      padded(64, hex`ff00000000000000 ${text(24, "PAL")} 01000000 19000000 71020000`),
    );
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMSTD", padded(72, hex`09000000`)))).toBe("EINVAL");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMSTD", padded(72, hex`ffffffff`)))).toBe("EINVAL");
  });

  it("VIDIOC_ENUMSTD of a device without standards is ENODATA", async () => {
    const harness = new Harness({ ops: { sStd: () => undefined } });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMSTD"))).toBe("ENODATA");
  });

  it("VIDIOC_S_STD passes on what the device has of it", async () => {
    const sStd = vi.fn();
    const harness = new Harness({ ops: { sStd }, tvnorms: PAL });
    expect(harness.ioctl("VIDIOC_S_STD", hex`ff10000000000000`)).toBe(0);
    expect(sStd).toHaveBeenCalledWith(harness.file, PAL, harness.call);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_STD", hex`0010000000000000`))).toBe("EINVAL");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_STD", hex`0000000000000000`))).toBe("EINVAL");
  });

  it("VIDIOC_S_STD of a device without standards asks the driver for none", () => {
    const sStd = vi.fn();
    const harness = new Harness({ ops: { sStd } });
    expect(harness.ioctl("VIDIOC_S_STD", hex`ff10000000000000`)).toBe(0);
    expect(sStd).toHaveBeenCalledWith(harness.file, 0n, harness.call);
  });

  it("VIDIOC_QUERYSTD starts from all standards", () => {
    const harness = new Harness({ ops: allOps, tvnorms: PAL });
    const arg = argOf("VIDIOC_QUERYSTD");
    void harness.ioctl("VIDIOC_QUERYSTD", arg);
    expect(arg).toEqual(hex`ff00000000000000`);
  });
});

describe("digital timings", () => {
  it("go both ways without a loss", () => {
    const harness = new Harness({ ops: allOps });
    const got = argOf("VIDIOC_G_DV_TIMINGS");
    void harness.ioctl("VIDIOC_G_DV_TIMINGS", got);
    expect(got).toEqual(
      padded(
        132,
        hex`
        00000000
        80070000 38040000 00000000 03000000 20eed90800000000
        58000000 2c000000 94000000 04000000 05000000 24000000 00000000 00000000 00000000
        01000000 10000000 10000000 09000000 10 00
      `,
      ),
    );
    const sDvTimings = vi.fn(allOps.sDvTimings);
    const other = new Harness({ ops: { ...allOps, sDvTimings } });
    void other.ioctl("VIDIOC_S_DV_TIMINGS", got.slice());
    expect(sDvTimings.mock.calls[0]?.[1]).toEqual({
      ...someTimings,
      pictureAspect: { numerator: 0, denominator: 0 }, // behind `flags`: not the client's to say
      cea861Vic: 0,
    });
  });

  it("VIDIOC_ENUM_DV_TIMINGS and VIDIOC_DV_TIMINGS_CAP", async () => {
    const harness = new Harness({
      ops: { ...allOps, enumDvTimings: (_file, { index }) => [someTimings][index] },
    });
    const arg = padded(148, hex`00000000 00000000`, 0xff);
    arg.fill(0, 4, 8);
    void harness.ioctl("VIDIOC_ENUM_DV_TIMINGS", arg);
    expect(arg.subarray(8, 16)).toEqual(hex`00000000 00000000`);
    expect(new DvTimingsView(arg.subarray(16)).bt.pixelclock).toBe(148500000n);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_DV_TIMINGS", padded(148, hex`01000000`)))).toBe(
      "EINVAL",
    );
    const cap = argOf("VIDIOC_DV_TIMINGS_CAP").fill(0xff, 4);
    void harness.ioctl("VIDIOC_DV_TIMINGS_CAP", cap);
    expect(cap.subarray(4)).toEqual(
      padded(
        140,
        hex`
        ffffffff 00000000 00000000
        80020000 80070000 e0010000 38040000 40787d0100000000 20eed90800000000 01000000 02000000
      `,
      ),
    );
  });

  it("only receivers can query", async () => {
    const harness = new Harness({ deviceCaps: Cap.VideoOutput, ops: allOps });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_QUERY_DV_TIMINGS"))).toBe("ENOTTY");
    expect(harness.ioctl("VIDIOC_G_DV_TIMINGS")).toBe(0);
  });
});

describe("EDID", () => {
  const ADDRESS = 0x5000n;
  const request = (blocks: number): Uint8Array => {
    const arg = padded(40, hex`01000000 00000000 00000000`, 0xff);
    arg.fill(0, 4, 12);
    const view = new EdidView(arg);
    view.blocks = blocks;
    view.edid = ADDRESS;
    return arg;
  };

  it("VIDIOC_G_EDID writes blocks into the client", () => {
    const gEdid = vi.fn(() => ({ blocks: 1, bytes: new Uint8Array(128).fill(5) }));
    const harness = new Harness({ ops: { gEdid } });
    const memory = harness.memory.map(ADDRESS, new Uint8Array(256).fill(0xff));
    const arg = request(2);
    expect(harness.ioctl("VIDIOC_G_EDID", arg)).toBe(0);
    expect(gEdid).toHaveBeenCalledWith(harness.file, { pad: 1, startBlock: 0, blocks: 2 }, harness.call);
    expect(memory).toEqual(
      Uint8Array.from([...new Uint8Array(128).fill(5), ...new Uint8Array(128).fill(0xff)]),
    );
    expect(arg.subarray(8, 32)).toEqual(padded(24, hex`01000000`));
  });

  it("VIDIOC_G_EDID of no blocks asks how many there are", () => {
    const gEdid = vi.fn(() => ({ blocks: 2, bytes: new Uint8Array(0) }));
    const harness = new Harness({ ops: { gEdid } });
    const arg = request(0);
    expect(harness.ioctl("VIDIOC_G_EDID", arg)).toBe(0);
    expect(new EdidView(arg).blocks).toBe(2);
    expect(harness.memory.reads + harness.memory.writes).toBe(0);
  });

  it("VIDIOC_S_EDID hands over up to 256 blocks", async () => {
    const sEdid = vi.fn((_file: unknown, { blocks }: { blocks: number }) => ({
      blocks,
      bytes: new Uint8Array(0),
    }));
    const harness = new Harness({ ops: { sEdid } });
    harness.memory.map(ADDRESS, new Uint8Array(257 * 128).fill(1));
    expect(harness.ioctl("VIDIOC_S_EDID", request(256))).toBe(0);
    expect(sEdid.mock.calls[0]?.[1]).toMatchObject({ blocks: 256, bytes: new Uint8Array(256 * 128).fill(1) });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_EDID", request(257)))).toBe("EINVAL");
    void harness.ioctl("VIDIOC_S_EDID", request(0));
    expect(sEdid.mock.calls[1]?.[1]).toMatchObject({ blocks: 0, bytes: new Uint8Array(0) });
  });
});

describe("VIDIOC_S_EDID beyond what the device holds", () => {
  it("is E2BIG, and tells how much it holds", async () => {
    const harness = new Harness({ ops: allOps, maxEdidBlocks: 2 });
    harness.memory.map(0x5000n, new Uint8Array(3 * 128));
    const arg = padded(40, hex`00000000 00000000 02000000`);
    new EdidView(arg).edid = 0x5000n;
    expect(harness.ioctl("VIDIOC_S_EDID", arg.slice())).toBe(0);
    new EdidView(arg).blocks = 3;
    const error = await refusalOf(() => harness.ioctl("VIDIOC_S_EDID", arg));
    expect(error).toMatchObject({ code: "E2BIG", copyOut: true });
    expect(new EdidView(arg).blocks).toBe(2);
  });
});

describe("tuners", () => {
  const radio = { type: "radio", deviceCaps: Cap.Tuner | Cap.Radio } as const;
  const tuner = {
    index: 0,
    name: "FM",
    type: 1,
    capability: 0x1,
    rangelow: 1400,
    rangehigh: 1728,
    rxsubchans: 3,
    audmode: 1,
    signal: 0xffff,
    afc: -1,
  };

  it("VIDIOC_G_TUNER always has frequency bands", () => {
    const harness = new Harness({ ...radio, ops: { gTuner: () => tuner } });
    const arg = padded(84, hex`00000000`, 0xff);
    void harness.ioctl("VIDIOC_G_TUNER", arg);
    expect(arg).toEqual(
      padded(
        84,
        hex`
        00000000 ${text(32, "FM")} 01000000 01040000 78050000 c0060000 03000000 01000000 ffff0000 ffffffff
      `,
      ),
    );
  });

  it("VIDIOC_S_TUNER has the device's type whatever the client says", () => {
    const sTuner = vi.fn();
    const harness = new Harness({ ...radio, ops: { sTuner } });
    void harness.ioctl("VIDIOC_S_TUNER", padded(84, hex`00000000 ${text(32, "")} 02000000`));
    expect(sTuner.mock.calls[0]?.[1]).toMatchObject({ index: 0, type: 1 });
  });

  it.each([
    ["radio", Cap.Tuner, 1, true],
    ["radio", Cap.Tuner, 2, false],
    ["video", Cap.VideoCapture, 2, true],
    ["video", Cap.VideoCapture, 1, false],
    ["sdr", Cap.SdrCapture, 4, true],
    ["sdr", Cap.SdrCapture, 5, true],
    ["sdr", Cap.SdrCapture, 1, false],
  ] as const)(
    "VIDIOC_S_FREQUENCY on %s %i with type %i: %s",
    async (type, deviceCaps, tunerType, accepted) => {
      const harness = new Harness({ type, deviceCaps, ops: { sFrequency: () => undefined } });
      const arg = padded(44, hex`00000000 0${tunerType}000000 40060000`);
      if (accepted) expect(harness.ioctl("VIDIOC_S_FREQUENCY", arg)).toBe(0);
      else expect(await errnoOf(() => harness.ioctl("VIDIOC_S_FREQUENCY", arg))).toBe("EINVAL");
    },
  );

  it("VIDIOC_ENUM_FREQ_BANDS: the tuner's range is the only band", async () => {
    const harness = new Harness({ ...radio, ops: { gTuner: () => tuner } });
    const arg = padded(64, hex`00000000 01000000 00000000`);
    void harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", arg);
    expect(arg.subarray(12, 28)).toEqual(hex`01040000 78050000 c0060000 04000000`);
    expect(
      await errnoOf(() =>
        harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", padded(64, hex`00000000 01000000 01000000`)),
      ),
    ).toBe("EINVAL");
    expect(
      await errnoOf(() =>
        harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", padded(64, hex`00000000 02000000 00000000`)),
      ),
    ).toBe("EINVAL");
  });

  it("VIDIOC_ENUM_FREQ_BANDS: a modulator's, too", () => {
    const modulator = { ...tuner, txsubchans: 1 };
    const harness = new Harness({
      type: "radio",
      deviceCaps: Cap.Modulator | Cap.Radio,
      ops: { gModulator: () => modulator },
    });
    const arg = padded(64, hex`00000000 01000000 00000000`);
    void harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", arg);
    expect(arg.subarray(12, 28)).toEqual(hex`01040000 78050000 c0060000 04000000`);
  });

  it("VIDIOC_ENUM_FREQ_BANDS: a transmitter's is its modulator's, whatever else the driver has", async () => {
    const gTuner = vi.fn(() => tuner);
    const ops = { gTuner, gModulator: () => ({ ...tuner, txsubchans: 1, rangelow: 9 }) };
    const harness = new Harness({ type: "radio", deviceCaps: Cap.Modulator | Cap.Radio, ops });
    const arg = padded(64, hex`00000000 01000000 00000000`);
    void harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", arg);
    expect(arg.subarray(16, 20)).toEqual(hex`09000000`);
    expect(gTuner).not.toHaveBeenCalled();
    const second = padded(64, hex`00000000 01000000 01000000`);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", second))).toBe("EINVAL");
  });

  it.each([
    [
      "at once",
      () => {
        throw new V4l2Error("ENOTTY", "not this tuner");
      },
    ],
    ["by promise", () => Promise.reject(new V4l2Error("ENOTTY", "not this tuner"))],
  ])(
    "VIDIOC_ENUM_FREQ_BANDS: a driver that knows no bands of a tuner says so %s",
    async (_how, enumFreqBands) => {
      const harness = new Harness({ ...radio, ops: { gTuner: () => tuner, enumFreqBands } });
      const arg = padded(64, hex`00000000 01000000 00000000`);
      await harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", arg);
      expect(arg.subarray(12, 28)).toEqual(hex`01040000 78050000 c0060000 04000000`);
    },
  );

  it("VIDIOC_ENUM_FREQ_BANDS: any other refusal is the driver's", async () => {
    const enumFreqBands = (): never => {
      throw new V4l2Error("EINVAL", "no such band");
    };
    const harness = new Harness({ ...radio, ops: { gTuner: () => tuner, enumFreqBands } });
    const arg = padded(64, hex`00000000 01000000 00000000`);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", arg))).toBe("EINVAL");
  });

  it("VIDIOC_ENUM_FREQ_BANDS: a driver's own bands go out as they are, and end with EINVAL", async () => {
    const band = { capability: 0x1, rangelow: 16, rangehigh: 32, modulation: 8 };
    const enumFreqBands = vi.fn((_file: unknown, { index }: { index: number }) => [band][index]);
    const harness = new Harness({ ...radio, ops: { gTuner: () => tuner, enumFreqBands } });
    const arg = padded(64, hex`03000000 01000000 00000000`);
    void harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", arg);
    expect(enumFreqBands.mock.calls[0]?.[1]).toEqual({ tuner: 3, type: 1, index: 0 });
    expect(arg.subarray(12, 28)).toEqual(hex`01000000 10000000 20000000 08000000`);
    const second = padded(64, hex`00000000 01000000 01000000`);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", second))).toBe("EINVAL");
  });

  it("VIDIOC_ENUM_FREQ_BANDS: television is modulated with a vestigial sideband", () => {
    const harness = new Harness({ ops: { gTuner: () => ({ ...tuner, type: 2 }) } });
    const arg = padded(64, hex`00000000 02000000 00000000`);
    void harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", arg);
    expect(arg.subarray(12, 28)).toEqual(hex`01040000 78050000 c0060000 02000000`);
  });

  it("VIDIOC_ENUM_FREQ_BANDS: a modulator has one band, for radio only", async () => {
    const modulator = { ...tuner, txsubchans: 1 };
    const transmitter = { type: "radio", deviceCaps: Cap.Modulator | Cap.Radio } as const;
    const radioSender = new Harness({ ...transmitter, ops: { gModulator: () => modulator } });
    const second = padded(64, hex`00000000 01000000 01000000`);
    expect(await errnoOf(() => radioSender.ioctl("VIDIOC_ENUM_FREQ_BANDS", second))).toBe("EINVAL");
    const sdr = new Harness({ type: "sdr", deviceCaps: Cap.SdrOutput, ops: { gModulator: () => modulator } });
    for (const type of ["04", "05"]) {
      const first = padded(64, hex`00000000 ${type}000000 00000000`);
      expect(await errnoOf(() => sdr.ioctl("VIDIOC_ENUM_FREQ_BANDS", first))).toBe("EINVAL");
    }
  });

  it("VIDIOC_ENUM_FREQ_BANDS: ENOTTY for a driver that knows no bands and has no tuner", async () => {
    const enumFreqBands = (): never => {
      throw new V4l2Error("ENOTTY", "no bands");
    };
    // A modulator is no tuner: a receiver has none.
    for (const ops of [{ enumFreqBands }, { enumFreqBands, gModulator: allOps.gModulator }]) {
      const harness = new Harness({ ...radio, ops });
      const arg = padded(64, hex`00000000 01000000 00000000`);
      expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUM_FREQ_BANDS", arg))).toBe("ENOTTY");
    }
  });

  it("VIDIOC_G_TUNER and VIDIOC_G_MODULATOR end with EINVAL", async () => {
    const receiver = new Harness({ ...radio, ops: allOps });
    expect(await errnoOf(() => receiver.ioctl("VIDIOC_G_TUNER"))).toBe("EINVAL");
    const sender = new Harness({ type: "radio", deviceCaps: Cap.Modulator | Cap.Radio, ops: allOps });
    expect(await errnoOf(() => sender.ioctl("VIDIOC_G_MODULATOR"))).toBe("EINVAL");
  });

  it("VIDIOC_G_MODULATOR always has frequency bands, VIDIOC_S_MODULATOR takes what can be chosen", () => {
    const sModulator = vi.fn();
    const { index: _index, ...range } = tuner;
    const harness = new Harness({
      type: "radio",
      deviceCaps: Cap.Modulator | Cap.Radio,
      ops: { gModulator: () => ({ ...range, index: 0, txsubchans: 0x11 }), sModulator },
    });
    const arg = padded(68, hex`00000000`, 0xff);
    void harness.ioctl("VIDIOC_G_MODULATOR", arg);
    expect(arg).toEqual(
      padded(68, hex`00000000 ${text(32, "FM")} 01040000 78050000 c0060000 11000000 01000000`),
    );
    void harness.ioctl("VIDIOC_S_MODULATOR", arg);
    expect(sModulator.mock.calls[0]?.[1]).toEqual({ index: 0, txsubchans: 0x11 });
  });

  it("VIDIOC_G_FREQUENCY tells the tuner's type", () => {
    const gFrequency = vi.fn((_file: unknown, at: number) => ({ tuner: at, type: 1, frequency: 1600 }));
    const harness = new Harness({ ...radio, ops: { gFrequency } });
    const arg = padded(44, hex`02000000`, 0xff);
    void harness.ioctl("VIDIOC_G_FREQUENCY", arg);
    expect(gFrequency.mock.calls[0]?.[1]).toBe(2);
    expect(arg).toEqual(padded(44, hex`02000000 01000000 40060000`));
  });

  it("VIDIOC_S_HW_FREQ_SEEK is not for software defined radio", async () => {
    const harness = new Harness({ type: "sdr", deviceCaps: Cap.SdrCapture, ops: allOps });
    const arg = padded(48, hex`00000000 04000000`);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_HW_FREQ_SEEK", arg))).toBe("EINVAL");
  });

  it("VIDIOC_S_HW_FREQ_SEEK", async () => {
    const sHwFreqSeek = vi.fn();
    const harness = new Harness({ ...radio, ops: { sHwFreqSeek } });
    void harness.ioctl(
      "VIDIOC_S_HW_FREQ_SEEK",
      padded(48, hex`00000000 01000000 01000000 00000000 10000000`),
    );
    expect(sHwFreqSeek.mock.calls[0]?.[1]).toMatchObject({
      seekUpward: true,
      wrapAround: false,
      spacing: 16,
    });
    expect(
      await errnoOf(() => harness.ioctl("VIDIOC_S_HW_FREQ_SEEK", padded(48, hex`00000000 02000000`))),
    ).toBe("EINVAL");
  });
});

describe("sliced VBI and overlay", () => {
  it("VIDIOC_G_SLICED_VBI_CAP takes the type only", () => {
    const serviceLines = Array.from({ length: 48 }, (_, line) => line);
    const harness = new Harness({
      type: "vbi",
      deviceCaps: Cap.SlicedVbiCapture,
      ops: { ...allOps, gSlicedVbiCap: () => ({ serviceSet: 0x4001, serviceLines }) },
    });
    const arg = argOf("VIDIOC_G_SLICED_VBI_CAP").fill(0xff);
    arg.set(hex`06000000`, 100);
    void harness.ioctl("VIDIOC_G_SLICED_VBI_CAP", arg);
    expect(arg.subarray(0, 6)).toEqual(hex`0140 0000 0100`);
    expect(arg.subarray(96)).toEqual(padded(20, hex`2f00 0000 06000000`));
  });

  it("VIDIOC_S_FBUF hides the address, VIDIOC_OVERLAY is on or off", () => {
    const sFbuf = vi.fn();
    const overlay = vi.fn();
    const harness = new Harness({ ops: { sFbuf, overlay } });
    const arg = padded(48, hex`00000000 01000000 ffffffffffffffff 40010000 f0000000`);
    void harness.ioctl("VIDIOC_S_FBUF", arg);
    expect(arg.subarray(8, 16)).toEqual(new Uint8Array(8));
    expect(sFbuf.mock.calls[0]?.[1]).toMatchObject({ flags: 1, width: 320, height: 240 });
    void harness.ioctl("VIDIOC_OVERLAY", hex`05000000`);
    void harness.ioctl("VIDIOC_OVERLAY", hex`00000000`);
    expect(overlay.mock.calls.map(([, on]) => on as boolean)).toEqual([true, false]);
  });
});
