import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AudioView,
  BufferView,
  ControlView,
  CropcapView,
  DbgChipInfoView,
  DbgRegisterView,
  DecoderCmdView,
  DvTimingsCapView,
  DvTimingsView,
  EventView,
  FormatView,
  FrmivalenumView,
  FrmsizeenumView,
  InputView,
  QueryctrlView,
  StandardView,
  StreamparmView,
  TunerView,
} from "../../../src/v4l2/gen/index.js";
import { ioctlTable, subdevIoctlTable } from "../../../src/v4l2/ioctl/ioctl-table.js";
import { escapeText, fourccText } from "../../../src/v4l2/values/names.js";
import { ArgWriter } from "../../../src/v4l2/ioctl/arg-writer.js";
import { describeIoctl } from "../../../src/v4l2/ioctl/traced-ioctl.js";
import { hex } from "../support/bytes.js";
import { argumentOf, parseDebugLog } from "../support/dev-debug.js";
import { argOf } from "../support/fakes.js";
import type { IoctlName } from "../../../src/v4l2/device.js";

const textOf = (name: IoctlName, arg: Uint8Array, array?: Uint8Array): string =>
  describeIoctl(new ArgWriter(), ioctlTable.byName(name), { arg, array }).text;

describe("lines of a real kernel", () => {
  const log = readFileSync(new URL("data/dev-debug.txt", import.meta.url), "utf8");
  const entries = parseDebugLog(log).map((entry, index) => ({ ...entry, index }));

  it.each(entries)("$index $name", (entry) => {
    const { arg, array } = argumentOf(entry);
    const refused = entry.errno === 0 ? "" : `error -${entry.errno}: `;
    expect(`${entry.name}: ${refused}${textOf(entry.name, arg, array)}`).toBe(entry.text);
  });
});

/** Form and order of the fields are those of the kernel's print functions (v4l2-ioctl.c). */
describe("further forms", () => {
  it("G_FMT of a single-planar queue", () => {
    const arg = argOf("VIDIOC_G_FMT");
    const view = new FormatView(arg);
    view.type = 1;
    Object.assign(view.fmt.pix, { width: 640, height: 480, pixelformat: 0x56595559, field: 1 });
    Object.assign(view.fmt.pix, { bytesperline: 1280, sizeimage: 614400, colorspace: 8 });
    expect(textOf("VIDIOC_G_FMT", arg)).toBe(
      "type=vid-cap, width=640, height=480, pixelformat=YUYV little-endian (0x56595559), field=none, " +
        "bytesperline=1280, sizeimage=614400, colorspace=8, flags=0x0, ycbcr_enc=0, quantization=0, xfer_func=0",
    );
  });

  it("G_FMT of vbi, overlay, sdr, meta", () => {
    const arg = argOf("VIDIOC_G_FMT");
    const view = new FormatView(arg);
    const forms: string[] = [];
    for (const type of [4, 3, 11, 13]) {
      view.type = type;
      forms.push(textOf("VIDIOC_G_FMT", arg));
    }
    expect(forms).toEqual([
      "type=vbi-cap, sampling_rate=0, offset=0, samples_per_line=0, sample_format=.... little-endian (0x00000000), " +
        "start=0,0, count=0,0",
      "type=vid-overlay, wxh=0x0, x,y=0,0, field=any, chromakey=0x00000000, global_alpha=0x00",
      "type=sdr-cap, pixelformat=.... little-endian (0x00000000)",
      "type=meta-cap, dataformat=.... little-endian (0x00000000), buffersize=0, width=0, height=0, bytesperline=0",
    ]);
  });

  it("a type that does not exist", () => {
    expect(textOf("VIDIOC_G_FMT", argOf("VIDIOC_G_FMT").fill(0xff))).toBe("type=unknown");
    expect(textOf("VIDIOC_STREAMON", hex`00000000`)).toBe("type=0");
  });

  it("a negative timestamp as printf's %02d and %06ld have it", () => {
    const arg = argOf("VIDIOC_QBUF");
    Object.assign(new BufferView(arg).timestamp, { tv_sec: -45_245n, tv_usec: -5n });
    expect(textOf("VIDIOC_QBUF", arg)).toMatch(/^-12:-34:-5\.-00005 index=0,/);
  });

  it("user bits of a timecode as a little-endian number", () => {
    const arg = argOf("VIDIOC_QBUF");
    new BufferView(arg).timecode.userbits = [1, 2, 3, 0xfe];
    expect(textOf("VIDIOC_QBUF", arg)).toMatch(/, userbits=0xfe030201$/);
  });

  it("services of sliced VBI by the lines of both fields", () => {
    const arg = argOf("VIDIOC_G_FMT");
    const view = new FormatView(arg);
    view.type = 6;
    view.fmt.sliced.service_lines.set(7, 0x0001);
    view.fmt.sliced.service_lines.set(24 + 21, 0x1000);
    const text = textOf("VIDIOC_G_FMT", arg);
    expect(text).toContain("line[07]=0x0001, 0x0000");
    expect(text).toContain("line[21]=0x0000, 0x1000");
  });

  it("REQBUFS with memory 0, as the kernel prints a hole", () => {
    expect(textOf("VIDIOC_REQBUFS", argOf("VIDIOC_REQBUFS"))).toBe("count=0, type=0, memory=(null)");
  });

  it("ENUMINPUT, G_TUNER, ENUMSTD", () => {
    const input = argOf("VIDIOC_ENUMINPUT");
    Object.assign(new InputView(input), { name: "HDMI 0", type: 2, std: 0xffn, capabilities: 2 });
    expect(textOf("VIDIOC_ENUMINPUT", input)).toBe(
      "index=0, name=HDMI 0, type=2, audioset=0x0, tuner=0, std=0x000000ff, status=0x0, capabilities=0x2",
    );
    const tuner = argOf("VIDIOC_G_TUNER");
    Object.assign(new TunerView(tuner), { name: "FM", type: 1, capability: 0x433, rangehigh: 108, afc: -1 });
    expect(textOf("VIDIOC_G_TUNER", tuner)).toBe(
      "index=0, name=FM, type=1, capability=0x433, rangelow=0, rangehigh=108, signal=0, afc=-1, rxsubchans=0x0, audmode=0",
    );
    const standard = argOf("VIDIOC_ENUMSTD");
    const view = new StandardView(standard);
    Object.assign(view, { id: 0xffn, name: "PAL", framelines: 625 });
    Object.assign(view.frameperiod, { numerator: 1, denominator: 25 });
    expect(textOf("VIDIOC_ENUMSTD", standard)).toBe("index=0, id=0xff, name=PAL, fps=1/25, framelines=625");
  });

  it("only what is told to the driver, for ioctls that only write", () => {
    const audio = argOf("VIDIOC_S_AUDIO");
    Object.assign(new AudioView(audio), { index: 1, mode: 1, name: "hidden" });
    expect(textOf("VIDIOC_S_AUDIO", audio)).toBe("index=1, mode=0x1");
    expect(textOf("VIDIOC_S_TUNER", argOf("VIDIOC_S_TUNER"))).toBe("index=0, audmode=0");
    expect(textOf("VIDIOC_S_MODULATOR", argOf("VIDIOC_S_MODULATOR"))).toBe("index=0, txsubchans=0x0");
    expect(textOf("VIDIOC_S_AUDOUT", argOf("VIDIOC_S_AUDOUT"))).toBe("index=0");
  });

  it("controls by name, negative values", () => {
    const control = argOf("VIDIOC_S_CTRL");
    Object.assign(new ControlView(control), { id: 0x980900, value: -3 });
    expect(textOf("VIDIOC_S_CTRL", control)).toBe("name=Brightness, id=0x980900, value=-3");
    const query = argOf("VIDIOC_QUERYCTRL");
    Object.assign(new QueryctrlView(query), { id: 0x980900, type: 1, name: "Brightness" });
    Object.assign(new QueryctrlView(query), { minimum: -128, maximum: 127, step: 1, flags: 0x20 });
    expect(textOf("VIDIOC_QUERYCTRL", query)).toBe(
      "id=0x980900, type=1, name=Brightness, min/max=-128/127, step=1, default=0, flags=0x00000020",
    );
  });

  it("G_PARM of both directions", () => {
    const arg = argOf("VIDIOC_G_PARM");
    const view = new StreamparmView(arg);
    view.type = 1;
    view.parm.capture.capability = 0x1000;
    Object.assign(view.parm.capture.timeperframe, { numerator: 1, denominator: 30 });
    expect(textOf("VIDIOC_G_PARM", arg)).toBe(
      "type=vid-cap, capability=0x1000, capturemode=0x0, timeperframe=1/30, extendedmode=0, readbuffers=0",
    );
    view.type = 10;
    expect(textOf("VIDIOC_G_PARM", arg)).toContain(
      "outputmode=0x0, timeperframe=1/30, extendedmode=0, writebuffers=0",
    );
  });

  it("frame sizes and intervals", () => {
    const size = argOf("VIDIOC_ENUM_FRAMESIZES");
    const sizes = new FrmsizeenumView(size);
    sizes.type = 1;
    Object.assign(sizes.discrete, { width: 640, height: 480 });
    expect(textOf("VIDIOC_ENUM_FRAMESIZES", size)).toContain("type=1, wxh=640x480");
    sizes.type = 3;
    Object.assign(sizes.stepwise, { min_width: 1, max_width: 2, step_width: 3 });
    Object.assign(sizes.stepwise, { min_height: 4, max_height: 5, step_height: 6 });
    expect(textOf("VIDIOC_ENUM_FRAMESIZES", size)).toContain("type=3, min=1x4, max=2x5, step=3x6");
    // A continuous range is not printed, as in the kernel.
    sizes.type = 2;
    expect(textOf("VIDIOC_ENUM_FRAMESIZES", size)).toMatch(/type=2$/);
    const interval = argOf("VIDIOC_ENUM_FRAMEINTERVALS");
    const intervals = new FrmivalenumView(interval);
    Object.assign(intervals, { type: 1, width: 640, height: 480 });
    Object.assign(intervals.discrete, { numerator: 1, denominator: 30 });
    expect(textOf("VIDIOC_ENUM_FRAMEINTERVALS", interval)).toContain("wxh=640x480, type=1, fps=1/30");
    intervals.type = 3;
    Object.assign(intervals.stepwise.max, { numerator: 1, denominator: 5 });
    Object.assign(intervals.stepwise.step, { numerator: 2, denominator: 7 });
    expect(textOf("VIDIOC_ENUM_FRAMEINTERVALS", interval)).toContain("type=3, min=1/30, max=1/5, step=2/7");
    intervals.type = 2;
    expect(textOf("VIDIOC_ENUM_FRAMEINTERVALS", interval)).toMatch(/type=2$/);
  });

  it("CROPCAP", () => {
    const arg = argOf("VIDIOC_CROPCAP");
    const view = new CropcapView(arg);
    view.type = 1;
    Object.assign(view.bounds, { left: -1, top: 2, width: 3, height: 4 });
    Object.assign(view.pixelaspect, { numerator: 11, denominator: 10 });
    expect(textOf("VIDIOC_CROPCAP", arg)).toBe(
      "type=vid-cap, bounds wxh=3x4, x,y=-1,2, defrect wxh=0x0, x,y=0,0, pixelaspect 11/10",
    );
  });

  it("timings, their capabilities, and a type that does not exist", () => {
    const timings = argOf("VIDIOC_G_DV_TIMINGS");
    Object.assign(new DvTimingsView(timings).bt, { width: 1920, height: 1080, pixelclock: 148500000n });
    expect(textOf("VIDIOC_G_DV_TIMINGS", timings)).toMatch(
      /^type=bt-656\/1120, interlaced=0, pixelclock=148500000, width=1920, height=1080, polarities=0x0, hfront/,
    );
    new DvTimingsView(timings).type = 0xffffffff;
    expect(textOf("VIDIOC_G_DV_TIMINGS", timings)).toBe("type=-1");
    const cap = argOf("VIDIOC_DV_TIMINGS_CAP");
    Object.assign(new DvTimingsCapView(cap).bt, { max_width: 1920, max_pixelclock: 148500000n });
    expect(textOf("VIDIOC_DV_TIMINGS_CAP", cap)).toBe(
      "type=bt-656/1120, width=0-1920, height=0-0, pixelclock=0-148500000, standards=0x0, capabilities=0x0",
    );
    new DvTimingsCapView(cap).type = 1;
    expect(textOf("VIDIOC_DV_TIMINGS_CAP", cap)).toBe("type=1");
  });

  it("decoder commands with what belongs to them", () => {
    const arg = argOf("VIDIOC_DECODER_CMD");
    const view = new DecoderCmdView(arg);
    view.start.speed = -1000;
    expect(textOf("VIDIOC_DECODER_CMD", arg)).toBe("cmd=0, flags=0x0\nspeed=-1000, format=0");
    view.cmd = 1;
    view.stop.pts = 90000n;
    expect(textOf("VIDIOC_DECODER_CMD", arg)).toBe("cmd=1, flags=0x0\npts=90000");
  });

  it("events with their payload", () => {
    const arg = argOf("VIDIOC_DQEVENT");
    const view = new EventView(arg);
    Object.assign(view, { type: 3, id: 0x980900, sequence: 4 });
    Object.assign(view.timestamp, { tv_sec: 12n, tv_nsec: 345n });
    Object.assign(view.u.ctrl, { changes: 1, type: 1, value64: -5n, minimum: -128, maximum: 127, step: 1 });
    expect(textOf("VIDIOC_DQEVENT", arg)).toBe(
      "type=0x3, pending=0, sequence=4, id=9963776, timestamp=12.000000345\n" +
        "changes=0x1, type=1, value=-5, flags=0x0, minimum=-128, maximum=127, step=1, default_value=0",
    );
  });

  it("events of other kinds, and 64-bit controls", () => {
    const arg = argOf("VIDIOC_DQEVENT");
    const view = new EventView(arg);
    const payload = (): string | undefined => textOf("VIDIOC_DQEVENT", arg).split("\n")[1];
    view.type = 1;
    view.u.vsync.field = 2;
    expect(payload()).toBe("field=top");
    view.type = 4;
    view.u.frame_sync.frame_sequence = 77;
    expect(payload()).toBe("frame_sequence=77");
    view.type = 3;
    Object.assign(view.u.ctrl, { type: 5, value64: -5_000_000_000n });
    expect(payload()).toContain("type=5, value64=-5000000000, flags");
    view.type = 2;
    expect(payload()).toBeUndefined();
  });

  it("frame intervals by steps; continuous ranges have no more to say, as in the kernel", () => {
    const arg = argOf("VIDIOC_ENUM_FRAMEINTERVALS");
    const view = new FrmivalenumView(arg);
    view.type = 3;
    Object.assign(view.stepwise.min, { numerator: 1, denominator: 60 });
    Object.assign(view.stepwise.max, { numerator: 1, denominator: 5 });
    Object.assign(view.stepwise.step, { numerator: 1, denominator: 100 });
    expect(textOf("VIDIOC_ENUM_FRAMEINTERVALS", arg)).toMatch(/type=3, min=1\/60, max=1\/5, step=1\/100$/);
    view.type = 2;
    expect(textOf("VIDIOC_ENUM_FRAMEINTERVALS", arg)).toMatch(/type=2$/);
    const size = argOf("VIDIOC_ENUM_FRAMESIZES");
    new FrmsizeenumView(size).type = 2;
    expect(textOf("VIDIOC_ENUM_FRAMESIZES", size)).toMatch(/type=2$/);
  });

  it("G_PARM of a queue without pictures says its type only", () => {
    const arg = argOf("VIDIOC_G_PARM");
    new StreamparmView(arg).type = 4;
    expect(textOf("VIDIOC_G_PARM", arg)).toBe("type=vbi-cap");
  });

  it("outputs, modulators, bands and searches", () => {
    expect(textOf("VIDIOC_ENUMOUTPUT", argOf("VIDIOC_ENUMOUTPUT"))).toBe(
      "index=0, name=, type=0, audioset=0x0, modulator=0, std=0x00000000, capabilities=0x0",
    );
    expect(textOf("VIDIOC_G_MODULATOR", argOf("VIDIOC_G_MODULATOR"))).toBe(
      "index=0, name=, capability=0x0, rangelow=0, rangehigh=0, txsubchans=0x0",
    );
    expect(textOf("VIDIOC_ENUM_FREQ_BANDS", argOf("VIDIOC_ENUM_FREQ_BANDS"))).toBe(
      "tuner=0, type=0, index=0, capability=0x0, rangelow=0, rangehigh=0, modulation=0x0",
    );
    expect(textOf("VIDIOC_S_HW_FREQ_SEEK", argOf("VIDIOC_S_HW_FREQ_SEEK"))).toBe(
      "tuner=0, type=0, seek_upward=0, wrap_around=0, spacing=0, rangelow=0, rangehigh=0",
    );
  });

  it("a buffer's time code is in the object where it counts", () => {
    const arg = argOf("VIDIOC_QUERYBUF");
    const view = new BufferView(arg);
    view.type = 1;
    const object = (): object =>
      describeIoctl(new ArgWriter(), ioctlTable.byName("VIDIOC_QUERYBUF"), { arg, array: undefined }).object;
    expect(object()).not.toHaveProperty("timecode");
    view.flags = 0x100;
    view.timecode.hours = 3;
    expect(object()).toMatchObject({ timecode: { hours: 3 } });
  });

  it("sliced VBI has two fields of 24 lines", () => {
    const arg = argOf("VIDIOC_G_SLICED_VBI_CAP");
    const lines = textOf("VIDIOC_G_SLICED_VBI_CAP", arg).split("\n");
    expect(lines.filter((line) => line.startsWith("line["))).toHaveLength(24);
    expect(lines.at(-1)).toBe("line[23]=0x0000, 0x0000");
  });

  it("debugging ioctls", () => {
    const register = argOf("VIDIOC_DBG_G_REGISTER");
    Object.assign(new DbgRegisterView(register), { reg: 0x10n, val: 0xffn });
    expect(textOf("VIDIOC_DBG_G_REGISTER", register)).toBe("type=0, addr=0, reg=0x10, val=0xff");
    const chip = argOf("VIDIOC_DBG_G_CHIP_INFO");
    const view = new DbgChipInfoView(chip);
    view.match.type = 1;
    view.match.name = "saa7115";
    view.name = "bridge";
    expect(textOf("VIDIOC_DBG_G_CHIP_INFO", chip)).toBe("type=1, name=saa7115, name=bridge");
  });

  it("a driver's own ioctl", () => {
    expect(describeIoctl(new ArgWriter(), undefined, { arg: hex`00000000`, array: undefined }).text).toBe(
      "driver-specific ioctl",
    );
  });
});

describe("the writer of arguments", () => {
  it("shows numbers as unsigned or signed, short or long, and groups them", () => {
    const out = new ArgWriter();
    out.int("a", 0xffffffff).uint("b", -1).hex("c", -1).hex("d", 255n, 4).hex("e", -1n).big("f", -2n);
    expect(out.text).toBe("a=-1, b=4294967295, c=0xffffffff, d=0x00ff, e=0xffffffffffffffff, f=-2");
    expect(out.object).toEqual({ a: -1, b: 4294967295, c: 4294967295, d: 255n, e: -1n, f: -2n });
  });

  it("a rectangle without a name is `rect`, one with a name is that", () => {
    const rect = { left: -1, top: 2, width: 3, height: 4 };
    const out = new ArgWriter().rect("", rect).rect("bounds", rect);
    expect(out.text).toBe("wxh=3x4, x,y=-1,2, bounds wxh=3x4, x,y=-1,2");
    expect(out.object).toEqual({ rect, bounds: rect });
  });

  it("an enumeration is its word, and its number where it has none", () => {
    const table = [undefined, "one"];
    const out = new ArgWriter().word("a", 1, table).word("b", 0, table).word("c", 2, table);
    expect(out.text).toBe("a=one, b=(null), c=unknown");
    expect(out.object).toEqual({ a: "one", b: 0, c: 2 });
  });

  it("an observer sees each value with its path, and may replace it", () => {
    const seen: string[] = [];
    const out = new ArgWriter((path, value, key) => {
      seen.push(`${path}|${value}|${key}`);
      return key === "size=" ? "many" : value;
    });
    out.uint("count", 1).list("planes", 2, (writer, index) => void writer.uint("size", index));
    out
      .group("g", (writer) => void writer.uint("x", 9))
      .item("plain")
      .uint("last", 2);
    expect(out.text).toBe("count=1, size=many, size=many, x=9, plain, last=2");
    expect(seen).toEqual([
      "count=|1|count=",
      "planes[0].size=|0|size=",
      "planes[1].size=|1|size=",
      "g.x=|9|x=",
      "last=|2|last=",
    ]);
    expect(out.object).toEqual({ count: 1, planes: [{ size: 0 }, { size: 1 }], g: { x: 9 }, last: 2 });
  });
});

describe("hostile arguments", () => {
  it.each([...ioctlTable.all, ...subdevIoctlTable.all])(
    "$name: no bytes make the printer throw or print control characters",
    (definition) => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: definition.size, maxLength: definition.size }),
          fc.option(fc.uint8Array({ maxLength: 600 }), { nil: undefined }),
          fc.integer({ min: 0, max: 20 }),
          (arg, array, type) => {
            if (arg.byteLength > 4) arg[0] = type;
            const { text, object } = describeIoctl(new ArgWriter(), definition, { arg, array });
            // eslint-disable-next-line no-control-regex -- looking for them
            expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
            expect(Object.keys(object).length > 0).toBe(definition.size > 0);
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it("names of clients and drivers are escaped", () => {
    expect(escapeText("a\n\x1b[31mb\u202e\u00e4")).toBe("a\\x0a\\x1b[31mb\\u{202e}\u00e4");
  });

  it("four-character codes print what can be printed", () => {
    expect(fourccText(0x3231564e)).toBe("NV12 little-endian (0x3231564e)");
    expect(fourccText(0xb6315241)).toBe("AR16 big-endian (0xb6315241)");
    expect(fourccText(0xffffffff)).toBe(".... big-endian (0xffffffff)");
    expect(fourccText(0x20303659)).toBe("Y60  little-endian (0x20303659)");
  });
});
