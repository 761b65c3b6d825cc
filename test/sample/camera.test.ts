/** The camera as a client in the same process sees it; what it draws is held against the independent reference. */
import { afterEach, describe, expect, it } from "vitest";
import { formatSeconds } from "../../src/sample/index.js";
import {
  BufType,
  Cid,
  Colorspace,
  EventType,
  FmtFlag,
  fourcc,
  PixFmtFlag,
  Quantization,
  SelectionFlag,
  SelectionTarget,
  YcbcrEnc,
} from "../../src/v4l2/index.js";
import type {
  FormatDescription,
  FrameInterval,
  FrameSize,
  Input,
  StreamParm,
  V4l2Event,
} from "../../src/v4l2/index.js";
import { horizontalMovementNames, patternNames } from "../../src/tpg/index.js";
import { frameDifference, type CameraScene } from "../support/camera-frame.js";
import { referenceFormats } from "../support/tpg-reference.js";
import { errnoOf } from "../support/errno.js";
import { CameraClient } from "./support/client.js";
import type { Frame } from "./support/client.js";

const small = { width: 320, height: 180 };
const SENSOR = 1;
const MOVE_HORIZONTAL = 0x009f1000;

const clients: CameraClient[] = [];

function newClient(...args: ConstructorParameters<typeof CameraClient>): CameraClient {
  const client = new CameraClient(...args);
  clients.push(client);
  return client;
}

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function check(scene: CameraScene, { buffer, planes }: Frame): string | undefined {
  const { sequence, timestampNs } = buffer;
  return frameDifference(scene, planes, { sequence, seconds: formatSeconds(timestampNs) });
}

/** The first frame of each test is drawn as it is queued; what is set later shows in the one after. */
async function frames(client: CameraClient, count: number): Promise<Frame[]> {
  const all: Frame[] = [];
  for (let index = 0; index < count; index++) all.push(await client.dequeue());
  return all;
}

function formatsOf(client: CameraClient): FormatDescription[] {
  const formats: FormatDescription[] = [];
  for (;;) {
    const request = { index: formats.length, type: BufType.VideoCapture, mbusCode: 0, all: false };
    const format = client.op("enumFmt")(client.file, request) as FormatDescription | undefined;
    if (format === undefined) return formats;
    formats.push(format);
  }
}

const textOf = (code: number): string =>
  String.fromCharCode(...[0, 8, 16, 24].map((shift) => (code >> shift) & 0x7f));

describe("every format", () => {
  const names = (multiplanar: boolean) =>
    formatsOf(newClient({ multiplanar })).map(({ pixelformat }) => textOf(pixelformat));

  it("is known to the reference, and offered once", () => {
    const all = names(true);
    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual(expect.arrayContaining(names(false)));
    expect(referenceFormats).toEqual(expect.arrayContaining(all));
  });

  it.each(names(true))("%s: every pixel, also in padded lines", async (name) => {
    const client = newClient({ multiplanar: true });
    void client.op("sInput")(client.file, SENSOR);
    const size = { width: 160, height: 68 };
    const scene: CameraScene = {
      ...{ format: name, ...size, pattern: "100% Color Squares", hflip: true, vflip: true },
      picture: { width: 1920, height: 1080 },
      crop: { left: 0, top: 0, width: 1920, height: 1080 },
    };
    const tight = client.setFormat({ name, ...size });
    const padded = tight.planes.map((plane) => ({ ...plane, bytesperline: plane.bytesperline + 32 }));
    for (const planes of [tight.planes, padded]) {
      const format = client.setFormat({ name, ...size, planes });
      expect(format.planes.map((plane) => plane.bytesperline)).toEqual(
        planes.map((plane) => plane.bytesperline),
      );
      client.start();
      const [first] = await frames(client, 1);
      expect(first && check(scene, first)).toBeUndefined();
      expect(first?.buffer.planes.map((plane) => plane.bytesused)).toEqual(
        format.planes.map((plane) => plane.sizeimage),
      );
      client.stop();
    }
  });

  it("has lines of at most twice the length they need", () => {
    const client = newClient();
    const planes = [{ bytesperline: 0xffffffff, sizeimage: 0xffffffff }];
    expect(client.setFormat({ name: "GREY", ...small, planes }).planes).toEqual([
      { bytesperline: 640, sizeimage: 640 * 180 },
    ]);
  });
});

describe("sizes", () => {
  it("are a list on the first input, the nearest one counts", () => {
    const client = newClient();
    expect(client.setFormat({ width: 1, height: 1 })).toMatchObject(small);
    expect(client.setFormat({ width: 700, height: 500 })).toMatchObject({ width: 640, height: 480 });
    expect(client.setFormat({ width: 0x4000, height: 0x4000 })).toMatchObject({ width: 3840, height: 2160 });
  });

  it("are a range on the second", () => {
    const client = newClient();
    void client.op("sInput")(client.file, SENSOR);
    expect(client.setFormat({ width: 0, height: 0 })).toMatchObject({ width: 16, height: 16 });
    expect(client.setFormat({ width: 101, height: 77 })).toMatchObject({ width: 100, height: 76 });
    expect(client.setFormat({ width: 0xffffffff, height: 0xffffffff })).toMatchObject({
      width: 1920,
      height: 1080,
    });
    const request = { index: 0, pixelformat: fourcc("NV12") };
    const size = client.op("enumFramesizes")(client.file, request) as FrameSize;
    expect(size).toMatchObject({ kind: "stepwise", minWidth: 16, maxWidth: 1920, stepWidth: 2 });
  });

  it("cannot change while there are buffers", () => {
    const client = newClient();
    client.start();
    expect(errnoOf(() => client.setFormat({ ...small }))).toBe("EBUSY");
    expect(errnoOf(() => client.op("tryFmt")(client.file, client.format(small)))).toBe("0");
    client.stop();
    expect(client.setFormat({ ...small })).toMatchObject(small);
  });
});

describe("colours", () => {
  const wish = {
    ...{ name: "NV12", ...small, colorspace: Colorspace.Rec709, ycbcrEnc: YcbcrEnc.Enc709 },
    quantization: Quantization.FullRange,
  };

  it("are set by a client that says so", async () => {
    const client = newClient();
    expect(client.setFormat(wish)).toMatchObject({
      colorspace: Colorspace.Srgb,
      ycbcrEnc: 0,
      quantization: 0,
    });
    const { colorspace, ycbcrEnc, quantization } = wish;
    const set = client.setFormat({ ...wish, flags: PixFmtFlag.SetCsc });
    expect(set).toMatchObject({ colorspace, ycbcrEnc, quantization, flags: 0 });
    client.start();
    const [frame] = await frames(client, 1);
    const scene = { format: "NV12", ...small, encoding: "709", fullRange: true } as const;
    expect(frame && check(scene, frame)).toBeUndefined();
  });

  it("are offered where they mean something", () => {
    const flags = new Map(formatsOf(newClient()).map((f) => [textOf(f.pixelformat), f.flags ?? 0]));
    expect((flags.get("NV12") ?? 0) & FmtFlag.CscYcbcrEnc).not.toBe(0);
    expect((flags.get("RGB3") ?? 0) & FmtFlag.CscYcbcrEnc).toBe(0);
    expect(flags.get("GREY")).toBe(0);
    // RGB has no encoding, and encodings of other colour models are none of these formats'.
    const rgb = newClient().setFormat({ ...wish, name: "RGB3", flags: PixFmtFlag.SetCsc });
    expect(rgb).toMatchObject({ colorspace: wish.colorspace, ycbcrEnc: 0 });
    const hsv = { ...wish, ycbcrEnc: YcbcrEnc.Hsv180, flags: PixFmtFlag.SetCsc };
    expect(newClient().setFormat(hsv).ycbcrEnc).toBe(0);
    const grey = newClient().setFormat({ ...wish, name: "GREY", flags: PixFmtFlag.SetCsc });
    expect(grey).toMatchObject({ colorspace: Colorspace.Srgb, ycbcrEnc: 0, quantization: 0, xferFunc: 0 });
  });

  it.each([Colorspace.Jpeg, Colorspace.Raw, Colorspace.Bt878])("of colorspace %i are not", (colorspace) => {
    const format = newClient().setFormat({ ...wish, colorspace, flags: PixFmtFlag.SetCsc });
    expect(format.colorspace).toBe(Colorspace.Srgb);
  });
});

describe("controls", () => {
  const scene: CameraScene = { format: "YUYV", ...small };
  const cases: [string, number, number, Partial<CameraScene>][] = [
    ["brightness", Cid.Brightness, 160, { brightness: 160 }],
    ["horizontal flip", Cid.Hflip, 1, { hflip: true }],
    ["vertical flip", Cid.Vflip, 1, { vflip: true, pattern: "Horizontal 100% Colorbar" }],
    ["test pattern", Cid.TestPattern, 20, { pattern: "Gray Ramp" }],
    ["movement", MOVE_HORIZONTAL, 1, { horizontal: "Move Left" }],
  ];

  it.each(cases)("%s shows from the next frame on", async (_name, id, value, expected) => {
    const client = newClient();
    client.setFormat({ name: "YUYV", ...small });
    const { pattern } = expected;
    if (id !== Cid.TestPattern && pattern !== undefined)
      client.setControl(Cid.TestPattern, patternNames.indexOf(pattern));
    client.start(2);
    const [first, second] = await frames(client, 2);
    const before: CameraScene =
      pattern === undefined || id === Cid.TestPattern ? scene : { ...scene, pattern };
    expect(first && check(before, first)).toBeUndefined();
    expect(second && check(before, second)).toBeUndefined();
    client.setControl(id, value);
    for (const frame of [first, second]) client.queue(frame?.buffer.index ?? 0);
    const changed = await frames(client, 2);
    expect(changed.map((frame) => frame.buffer.sequence)).toEqual([2, 3]);
    expect(changed.map((frame) => check({ ...scene, ...expected }, frame))).toEqual([undefined, undefined]);
  });

  it("contrast, saturation and hue change colours and leave black alone", async () => {
    const client = newClient();
    client.setFormat({ name: "RGB3", ...small });
    client.start(1);
    const pixel = async (): Promise<readonly number[]> => {
      const { planes, buffer } = await client.dequeue();
      const [plane] = planes;
      // A yellow one, between the texts and the block.
      const at = 100 * 960 + 60 * 3;
      const rgb = [...(plane?.bytes.subarray(at, at + 3) ?? [])];
      client.queue(buffer.index);
      return rgb;
    };
    const [red = 0, green = 0, blue = 0] = await pixel();
    expect([red, green, blue]).toEqual([191, 191, 0]);
    await pixel();
    client.setControl(Cid.Saturation, 0);
    await pixel();
    const grey = await pixel();
    expect(Math.max(...grey) - Math.min(...grey)).toBeLessThan(3);
    client.setControl(Cid.Saturation, 128);
    client.setControl(Cid.Hue, -128);
    await pixel();
    const [, , turned = 0] = await pixel();
    expect(turned).toBeGreaterThan(100);
    client.setControl(Cid.Hue, 0);
    client.setControl(Cid.Contrast, 0);
    await pixel();
    const flat = await pixel();
    expect(Math.max(...flat)).toBeLessThan(40);
  });

  it("send events to other clients", () => {
    const client = newClient();
    const other = client.open();
    void client.op("subscribeEvent")(other, { type: EventType.Ctrl, id: Cid.Brightness, flags: 0 });
    client.setControl(Cid.Brightness, 99);
    const event = other.events?.dequeue(client.call) as V4l2Event;
    expect(event).toMatchObject({ id: Cid.Brightness, payload: { kind: "ctrl", value64: 99n } });
    expect(errnoOf(() => client.op("subscribeEvent")(other, { type: EventType.Eos, id: 0, flags: 0 }))).toBe(
      "EINVAL",
    );
  });

  it("are printed by LOG_STATUS, with what is set", () => {
    const client = newClient();
    const lines: string[] = [];
    void client.op("logStatus")(client.file, (line) => void lines.push(line));
    expect(lines.join("\n")).toMatch(/Input: Webcam[^]*YUYV 640x480[^]*Brightness: 128/);
  });
});

describe("inputs", () => {
  it("keep their own format, rate and pattern", () => {
    const client = newClient();
    const controls = client.file.requireControls();
    const interval = { numerator: 1, denominator: 5 };
    client.setFormat({ name: "NV12", ...small });
    void client.op("sParm")(client.file, {
      ...{ type: BufType.VideoCapture, capability: 0, mode: 0, extendedmode: 0, buffers: 0 },
      timeperframe: interval,
    });
    client.setControl(Cid.TestPattern, 7);
    void client.op("sInput")(client.file, SENSOR);
    expect(client.op("gFmt")(client.file, BufType.VideoCapture)).toMatchObject({ width: 1280, height: 720 });
    expect(controls.gCtrl(Cid.TestPattern)).toBe(patternNames.indexOf("100% Color Squares"));
    void client.op("sInput")(client.file, 0);
    expect(client.op("gFmt")(client.file, BufType.VideoCapture)).toMatchObject({
      ...small,
      pixelformat: fourcc("NV12"),
    });
    expect(controls.gCtrl(Cid.TestPattern)).toBe(7);
    expect(client.op("gParm")(client.file, BufType.VideoCapture)).toMatchObject({ timeperframe: interval });
  });

  it("deliver large frames at fewer rates, of which S_FMT keeps the nearest", () => {
    const client = newClient();
    const rates = (width: number, height: number): (number | undefined)[] => {
      const found = [];
      for (let index = 0; ; index++) {
        const request = { index, pixelformat: fourcc("YUYV"), width, height };
        const interval = client.op("enumFrameintervals")(client.file, request) as FrameInterval | undefined;
        if (interval === undefined) return found;
        found.push(interval.kind === "discrete" ? interval.interval.denominator : undefined);
      }
    };
    expect(rates(640, 480)).toEqual([60, 50, 30, 25, 15, 10, 5, 1]);
    expect(rates(3840, 2160)).toEqual([30, 15]);
    void client.op("sParm")(client.file, {
      ...{ type: BufType.VideoCapture, capability: 0, mode: 0, extendedmode: 0, buffers: 0 },
      timeperframe: { numerator: 1, denominator: 50 },
    });
    const rate = () => (client.op("gParm")(client.file, BufType.VideoCapture) as StreamParm).timeperframe;
    client.setFormat({ name: "YUYV", width: 3840, height: 2160 });
    expect(rate()).toEqual({ numerator: 1, denominator: 30 });
    client.setFormat({ name: "YUYV", ...small });
    expect(rate()).toEqual({ numerator: 1, denominator: 30 });
  });

  it("tell their rate for the queue that there is only", () => {
    const client = newClient({ multiplanar: true });
    expect(errnoOf(() => client.op("gParm")(client.file, BufType.VideoCapture))).toBe("EINVAL");
    expect(errnoOf(() => client.op("gParm")(client.file, BufType.VideoCaptureMplane))).toBe("0");
  });

  it("are not changed while there are buffers, but naming the current one is fine", () => {
    const client = newClient();
    client.start();
    expect(errnoOf(() => client.op("sInput")(client.file, SENSOR))).toBe("EBUSY");
    expect(errnoOf(() => client.op("sInput")(client.file, 0))).toBe("0");
    expect(errnoOf(() => client.op("sInput")(client.file, 2))).toBe("EINVAL");
    expect(client.op("gInput")(client.file)).toBe(0);
  });

  it("say that the sensor is upside down, and that the flips correct it", async () => {
    const client = newClient();
    const status = (index: number) => (client.op("enuminput")(client.file, index) as Input).status;
    expect([status(0), status(SENSOR)]).toEqual([0, 0x30]);
    expect(client.op("enuminput")(client.file, 2)).toBeUndefined();
    void client.op("sInput")(client.file, SENSOR);
    client.setFormat({ name: "NV12", width: 320, height: 180 });
    const scene: CameraScene = {
      ...{ format: "NV12", ...small, pattern: "100% Color Squares" },
      picture: { width: 1920, height: 1080 },
      crop: { left: 0, top: 0, width: 1920, height: 1080 },
    };
    client.start(1);
    const [rotated] = await frames(client, 1);
    expect(rotated && check({ ...scene, hflip: true, vflip: true }, rotated)).toBeUndefined();
    client.setControl(Cid.Hflip, 1);
    client.setControl(Cid.Vflip, 1);
    expect([status(0), status(SENSOR)]).toEqual([0x30, 0]);
    client.queue(0);
    const [upright] = await frames(client, 1);
    expect(upright && check(scene, upright)).toBeUndefined();
  });
});

describe("selections", () => {
  const whole = { left: 0, top: 0, width: 1920, height: 1080 };

  function onSensor(): CameraClient {
    const client = newClient();
    void client.op("sInput")(client.file, SENSOR);
    return client;
  }

  it("have the sensor as bounds, default and first crop", () => {
    const client = onSensor();
    const { Crop, CropBounds, CropDefault, NativeSize } = SelectionTarget;
    for (const target of [Crop, CropBounds, CropDefault, NativeSize])
      expect(client.selection(target)).toEqual(whole);
  });

  it.each([
    [
      "odd",
      { left: 101, top: 51, width: 501, height: 301 },
      0,
      { left: 100, top: 50, width: 500, height: 300 },
    ],
    ["no", { left: -5, top: -9, width: 0, height: 0 }, 0, { left: 0, top: 0, width: 240, height: 136 }],
    ["too large", { left: 50, top: 50, width: 0xffffffff, height: 0xffffffff }, 0, whole],
    [
      "outside",
      { left: 5000, top: 5000, width: 640, height: 480 },
      0,
      { left: 1280, top: 600, width: 640, height: 480 },
    ],
    [
      "at least",
      { left: 3, top: 3, width: 501, height: 301 },
      SelectionFlag.Ge,
      { left: 2, top: 2, width: 502, height: 302 },
    ],
    [
      "at most",
      { left: 3, top: 3, width: 501, height: 301 },
      SelectionFlag.Le,
      { left: 2, top: 2, width: 500, height: 300 },
    ],
  ])("%s: the nearest crop", (_what, rect, flags, nearest) => {
    const client = onSensor();
    expect(client.crop(rect, { flags })).toEqual(nearest);
    expect(client.selection(SelectionTarget.Crop)).toEqual(nearest);
  });

  it("are refused where they cannot be", () => {
    const client = onSensor();
    const rect = { left: 0, top: 0, width: 2000, height: 100 };
    expect(errnoOf(() => client.crop(rect, { flags: SelectionFlag.Ge }))).toBe("ERANGE");
    expect(errnoOf(() => client.crop(rect, { flags: SelectionFlag.Le }))).toBe("ERANGE");
    expect(errnoOf(() => client.crop(rect, { target: SelectionTarget.CropBounds }))).toBe("EINVAL");
    expect(errnoOf(() => client.crop(rect, { type: BufType.VideoOutput }))).toBe("EINVAL");
    expect(errnoOf(() => client.selection(SelectionTarget.Compose))).toBe("EINVAL");
    expect(client.selection(SelectionTarget.Crop)).toEqual(whole);
    void client.op("sInput")(client.file, 0);
    expect(errnoOf(() => client.selection(SelectionTarget.Crop))).toBe("ENODATA");
    expect(errnoOf(() => client.crop(rect))).toBe("ENODATA");
  });

  it.each(["YUYV", "NV12", "YU12", "RGB3"])(
    "show in the next frame: %s, enlarged, moving",
    async (format) => {
      const client = onSensor();
      client.setFormat({ name: format, ...small });
      client.setControl(Cid.Hflip, 1);
      client.setControl(Cid.Vflip, 1);
      client.setControl(MOVE_HORIZONTAL, horizontalMovementNames.indexOf("Move Left"));
      client.start(1);
      const scene: CameraScene = {
        ...{ format, ...small, pattern: "100% Color Squares", horizontal: "Move Left" },
        picture: { width: 1920, height: 1080 },
      };
      const [first] = await frames(client, 1);
      expect(first && check({ ...scene, crop: whole }, first)).toBeUndefined();
      const crop = client.crop({ left: 222, top: 100, width: 700, height: 300 });
      client.queue(0);
      const [second] = await frames(client, 1);
      expect(second && check({ ...scene, crop }, second)).toBeUndefined();
    },
  );
});

describe("the trace", () => {
  it("has the way of every buffer", async () => {
    const client = newClient();
    const steps: string[] = [];
    client.camera.device.trace.subscribe((event) => {
      if (event.kind === "buffer" && event.index === 0) steps.push(`${event.from} ${event.to}`);
    });
    client.start();
    await client.dequeue();
    expect(steps.slice(0, 5)).toEqual([
      "dequeued preparing",
      "preparing dequeued",
      "dequeued queued",
      "queued active",
      "active done",
    ]);
  });
});

describe("a frame for which there is no buffer", () => {
  it("is lost, and counted, when its time has come", async () => {
    const client = newClient({ unpaced: false });
    client.setFormat(small);
    client.start(2);
    const [first, second] = await frames(client, 2);
    expect(second?.buffer.sequence).toBe((first?.buffer.sequence ?? 0) + 1);
    await new Promise((resolve) => setTimeout(resolve, 150));
    client.queue(0);
    const [later] = await frames(client, 1);
    // 30 frames a second: four were due meanwhile.
    expect((later?.buffer.sequence ?? 0) - (second?.buffer.sequence ?? 0)).toBeGreaterThan(3);
  });

  it("is not made, and not counted, without a rate", async () => {
    const client = newClient();
    client.setFormat(small);
    client.start(2);
    const numbers: number[] = [];
    const take = async (): Promise<number> => {
      const { buffer } = await client.dequeue();
      numbers.push(buffer.sequence);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return buffer.index;
    };
    const index = await take();
    await take();
    client.queue(index);
    client.queue(await take());
    await take();
    expect(numbers).toEqual([0, 1, 2, 3]);
  });
});
