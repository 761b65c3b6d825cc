/** The camera made of parts, as clients in the same process see it: pads, controls, the graph, and what frames show. */
import { describe, expect, it } from "vitest";
import { EntityFunction, InterfaceType, LinkFlag, MediaGraph } from "../../src/media/index.js";
import { CameraModule } from "../../src/sample/index.js";
import type { CameraModuleOptions } from "../../src/sample/index.js";
import type { SubDevice, SubdevState } from "../../src/subdev/index.js";
import {
  BufType,
  Cid,
  Colorspace,
  Field,
  fourcc,
  MbusCode,
  Quantization,
  SelectionTarget,
  SubdevFormatWhence,
  XferFunc,
  YcbcrEnc,
} from "../../src/v4l2/index.js";
import type { FileHandle, IoctlOps, Rect, VideoFormat } from "../../src/v4l2/index.js";
import { patternNames } from "../../src/tpg/index.js";
import { checkFrame, readFrame, splitFrame } from "../support/camera-frame.js";
import type { CameraScene } from "../support/camera-frame.js";
import { errnoOf } from "../support/errno.js";
import { FakeCall, openFile } from "../v4l2/support/fakes.js";

type SubdevOps = IoctlOps<FileHandle<SubdevState>>;
type VideoOps = IoctlOps<FileHandle<undefined>>;
/** An op of a driver that never waits. */
type Op<Ops, Name extends keyof Ops> =
  Extract<Ops[Name], (...args: never[]) => unknown> extends (...args: infer Args) => infer Result
    ? (...args: Args) => Exclude<Result, Promise<unknown>>
    : never;

const SINK = 0;
const SOURCE = 1;
const sensorNode = { major: 81, minor: 1 };
const bridgeNode = { major: 81, minor: 2 };
const videoNode = { major: 81, minor: 0 };

/** One client of a sub-device; `try` is its own state. */
class PadClient {
  readonly file: FileHandle<SubdevState>;
  readonly #subDevice: SubDevice;

  constructor(subDevice: SubDevice) {
    this.#subDevice = subDevice;
    this.file = subDevice.device.open({
      id: 1n,
      client: { pid: 1, comm: "media-ctl" },
      flags: 2,
      notifyPoll: () => undefined,
    });
  }

  op<Name extends keyof SubdevOps>(name: Name): Op<SubdevOps, Name> {
    return this.#subDevice.device.ops[name] as unknown as Op<SubdevOps, Name>;
  }

  #place(pad: number, which: SubdevFormatWhence = SubdevFormatWhence.Active) {
    return { which, pad, stream: 0 };
  }

  /** What S_FMT says: `"640x360 2018"`. */
  set(
    pad: number,
    width: number,
    height: number,
    code: number = MbusCode.UYVY8_1X16,
    which?: SubdevFormatWhence,
  ) {
    const format = {
      ...{
        width,
        height,
        code,
        field: Field.Any,
        colorspace: Colorspace.Default,
        ycbcrEnc: YcbcrEnc.Default,
      },
      ...{ quantization: Quantization.Default, xferFunc: XferFunc.Default, flags: 0 },
    };
    const reply = this.op("subdevSFmt")(this.file, { ...this.#place(pad, which), format });
    return [reply.width, reply.height, reply.code];
  }

  get(pad: number, which?: SubdevFormatWhence): number[] {
    const { width, height, code } = this.op("subdevGFmt")(this.file, this.#place(pad, which));
    return [width, height, code];
  }

  codes(pad: number): number[] {
    const at = (index: number): number | undefined =>
      this.op("subdevEnumMbusCode")(this.file, { ...this.#place(pad), index })?.code;
    const found: number[] = [];
    for (let code = at(0); code !== undefined; code = at(found.length)) found.push(code);
    return found;
  }

  sizes(pad: number, code: number): unknown[] {
    const at = (index: number) =>
      this.op("subdevEnumFrameSize")(this.file, { ...this.#place(pad), index, code });
    const found: unknown[] = [];
    for (let size = at(0); size !== undefined; size = at(found.length)) found.push(size);
    return found;
  }

  selection(pad: number, target: number): Rect {
    return this.op("subdevGSelection")(this.file, { ...this.#place(pad), target, flags: 0 });
  }

  select(pad: number, target: number, rect: Rect): Rect {
    return this.op("subdevSSelection")(this.file, { ...this.#place(pad), target, flags: 0, rect });
  }

  control(id: number, value: number): number {
    return this.file.requireControls().sCtrl({ id, value }, this.file) as number;
  }

  value(id: number): number {
    return this.file.requireControls().gCtrl(id) as number;
  }

  /** `[least, most, default]`. */
  range(id: number): unknown[] {
    const { minimum, maximum, defaultValue } = this.file.requireControls().queryExtCtrl(id);
    return [minimum, maximum, defaultValue].map(Number);
  }
}

/** The camera, its graph, and a client of each node. */
class Module {
  readonly camera: CameraModule;
  readonly graph: MediaGraph;
  readonly sensor: PadClient;
  readonly bridge: PadClient;
  readonly file: FileHandle<undefined>;
  readonly call = new FakeCall();

  constructor(described = true, options: Partial<CameraModuleOptions> = { unpaced: true }) {
    this.camera = new CameraModule({
      name: "video0",
      mediaName: "media0",
      subDeviceNames: ["v4l-subdev0", "v4l-subdev1"],
      ...options,
    });
    this.graph = this.camera.media.graph;
    this.sensor = new PadClient(this.camera.sensor);
    this.bridge = new PadClient(this.camera.bridge);
    this.file = openFile(this.camera.video);
    this.file.mapping = "by-asking";
    if (described) this.camera.describe(this.graph, videoNode, [sensorNode, bridgeNode]);
  }

  op<Name extends keyof VideoOps>(name: Name): Op<VideoOps, Name> {
    return this.camera.video.ops[name] as unknown as Op<VideoOps, Name>;
  }

  format(name: "sFmt" | "tryFmt", wish: Partial<VideoFormat> & { readonly name: string }): unknown[] {
    const { name: wanted, ...rest } = wish;
    const reply = this.op(name)(this.file, {
      ...{ type: BufType.VideoCapture, pixelformat: fourcc(wanted), field: Field.Any, planes: [], flags: 0 },
      ...{ width: 640, height: 360, colorspace: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
      ...rest,
    });
    return [reply.width, reply.height, reply.pixelformat];
  }

  /** Every part set to one size. */
  sizeAll(width: number, height: number, name = "YUYV", code: number = MbusCode.UYVY8_1X16): void {
    this.sensor.set(0, width, height, code);
    this.bridge.set(SINK, width, height, code);
    this.format("sFmt", { name, width, height });
  }

  /** As STREAMON does. */
  prepare(): void {
    const { camera, call, file } = this;
    void camera.video.ops.reqbufs?.(
      file,
      { type: BufType.VideoCapture, memory: 1, count: 2, flags: 0 },
      call,
    );
    void camera.video.ops.streamon?.(file, BufType.VideoCapture, call);
  }

  unprepare(): void {
    void this.op("streamoff")(this.file, BufType.VideoCapture, this.call);
    void this.op("reqbufs")(
      this.file,
      { type: BufType.VideoCapture, memory: 1, count: 0, flags: 0 },
      this.call,
    );
  }

  /** The `count`-th frame that `read()` gives. */
  async frame(size: number, count = 1): Promise<Uint8Array> {
    let bytes: Uint8Array = new Uint8Array();
    for (let index = 0; index < count; index++)
      bytes = await this.camera.video.read(this.file, { size, offset: 0n }, this.call);
    return bytes;
  }
}

describe("the sensor", () => {
  it("has one source pad with four codes and the first as default; an unknown code becomes the first", () => {
    const { sensor } = new Module();
    const codes = [MbusCode.UYVY8_1X16, MbusCode.YUYV8_1X16, MbusCode.RGB888_1X24, MbusCode.Y8_1X8];
    expect(sensor.codes(0)).toEqual(codes);
    expect(sensor.get(0)).toEqual([1920, 1080, MbusCode.UYVY8_1X16]);
    for (const code of codes) expect(sensor.set(0, 640, 360, code)).toEqual([640, 360, code]);
    expect(sensor.set(0, 640, 360, MbusCode.SRGGB8_1X8)).toEqual([640, 360, MbusCode.UYVY8_1X16]);
  });

  it("lists its modes for codes that it has, and none for others", () => {
    const { sensor } = new Module();
    const exactly = (width: number, height: number) => ({
      ...{ minWidth: width, maxWidth: width, minHeight: height, maxHeight: height },
    });
    const modes = [exactly(1920, 1080), exactly(1280, 720), exactly(640, 360)];
    expect(sensor.sizes(0, MbusCode.Y8_1X8)).toEqual(modes);
    expect(sensor.sizes(0, MbusCode.SRGGB8_1X8)).toEqual([]);
  });

  it("takes the nearest mode; of two as near the larger, which comes first", () => {
    const { sensor } = new Module();
    expect(sensor.set(0, 1279, 721).slice(0, 2)).toEqual([1280, 720]);
    expect(sensor.set(0, 100, 100).slice(0, 2)).toEqual([640, 360]);
    expect(sensor.set(0, 4000, 4000).slice(0, 2)).toEqual([1920, 1080]);
    // As far from 1280x720 as from 640x360.
    expect(sensor.set(0, 960, 540).slice(0, 2)).toEqual([1280, 720]);
  });

  it("shows all of its array, whatever is selected; other targets are EINVAL", () => {
    const { sensor } = new Module();
    const whole = { left: 0, top: 0, width: 1920, height: 1080 };
    const targets = [
      SelectionTarget.NativeSize,
      SelectionTarget.CropBounds,
      SelectionTarget.CropDefault,
      SelectionTarget.Crop,
    ];
    for (const target of targets) expect(sensor.selection(0, target)).toEqual(whole);
    const part = { left: 2, top: 2, width: 64, height: 64 };
    expect(sensor.select(0, SelectionTarget.Crop, part)).toEqual(whole);
    expect(errnoOf(() => sensor.select(0, SelectionTarget.CropBounds, part))).toBe("EINVAL");
    expect(errnoOf(() => sensor.selection(0, SelectionTarget.Compose))).toBe("EINVAL");
  });

  it("has blankings and an exposure that follow from its mode, which begins at 30 frames a second", () => {
    const { sensor } = new Module();
    const blankings = () => [Cid.Hblank, Cid.Vblank, Cid.Exposure].map((id) => sensor.range(id));
    expect(blankings()).toEqual([
      [280, 280, 280],
      [45, 64455, 1170],
      [1, 2246, 1125],
    ]);
    expect(sensor.range(Cid.PixelRate)).toEqual([148_500_000, 148_500_000, 148_500_000]);
    expect(sensor.control(Cid.Vblank, 45)).toBe(45);
    expect(sensor.range(Cid.Exposure)).toEqual([1, 1121, 1121]);
    sensor.set(0, 640, 360);
    expect(blankings()).toEqual([
      [1560, 1560, 1560],
      [45, 65175, 1890],
      [1, 2246, 1125],
    ]);
    expect(sensor.value(Cid.Vblank)).toBe(1890);
    expect(sensor.range(Cid.AnalogueGain)).toEqual([1, 16, 1]);
  });

  it("keeps its blanking when the mode stays, and when a file only tries another", () => {
    const { sensor } = new Module();
    sensor.control(Cid.Vblank, 100);
    sensor.set(0, 1920, 1080, MbusCode.RGB888_1X24);
    expect(sensor.value(Cid.Vblank)).toBe(100);
    sensor.set(0, 640, 360, MbusCode.UYVY8_1X16, SubdevFormatWhence.Try);
    expect(sensor.get(0, SubdevFormatWhence.Try).slice(0, 2)).toEqual([640, 360]);
    expect(sensor.get(0).slice(0, 2)).toEqual([1920, 1080]);
    expect([sensor.value(Cid.Vblank), sensor.value(Cid.Hblank)]).toEqual([100, 280]);
  });
});

describe("the bridge", () => {
  it("passes on the code of what arrives, and takes any even size", () => {
    const { bridge } = new Module();
    expect(bridge.codes(SINK)).toHaveLength(4);
    expect(bridge.codes(SOURCE)).toEqual([MbusCode.UYVY8_1X16]);
    expect(bridge.set(SINK, 641, 361, MbusCode.Y8_1X8)).toEqual([640, 360, MbusCode.Y8_1X8]);
    expect(bridge.get(SOURCE)).toEqual([640, 360, MbusCode.Y8_1X8]);
    expect(bridge.codes(SOURCE)).toEqual([MbusCode.Y8_1X8]);
    expect(bridge.set(SOURCE, 1, 9999, MbusCode.UYVY8_1X16)).toEqual([16, 1080, MbusCode.Y8_1X8]);
    expect(bridge.get(SINK)).toEqual([640, 360, MbusCode.Y8_1X8]);
  });

  it("has one range of sizes for codes that a pad can have", () => {
    const { bridge } = new Module();
    const range = [{ minWidth: 16, maxWidth: 1920, minHeight: 16, maxHeight: 1080 }];
    expect(bridge.sizes(SINK, MbusCode.Y8_1X8)).toEqual(range);
    expect(bridge.sizes(SOURCE, MbusCode.UYVY8_1X16)).toEqual(range);
    expect(bridge.sizes(SOURCE, MbusCode.Y8_1X8)).toEqual([]);
  });

  it("crops what arrives: a part of it in even numbers, all of it again with the next format", () => {
    const { bridge } = new Module();
    bridge.set(SINK, 640, 360);
    const crop = (rect: Rect) => bridge.select(SINK, SelectionTarget.Crop, rect);
    expect(crop({ left: 11, top: 13, width: 101, height: 51 })).toEqual({
      ...{ left: 10, top: 12, width: 100, height: 50 },
    });
    expect(bridge.selection(SINK, SelectionTarget.Crop)).toEqual({
      ...{ left: 10, top: 12, width: 100, height: 50 },
    });
    // Not over the edges, not before them, not smaller than a frame can be.
    expect(crop({ left: 630, top: 350, width: 64, height: 32 })).toEqual({
      ...{ left: 576, top: 328, width: 64, height: 32 },
    });
    expect(crop({ left: -8, top: -8, width: 1, height: 1 })).toEqual({
      left: 0,
      top: 0,
      width: 16,
      height: 16,
    });
    expect(crop({ left: 2, top: 2, width: 9999, height: 9999 })).toEqual({
      ...{ left: 0, top: 0, width: 640, height: 360 },
    });
    crop({ left: 2, top: 2, width: 64, height: 64 });
    const whole = { left: 0, top: 0, width: 640, height: 360 };
    expect(bridge.selection(SINK, SelectionTarget.CropBounds)).toEqual(whole);
    expect(bridge.selection(SINK, SelectionTarget.CropDefault)).toEqual(whole);
    bridge.set(SINK, 320, 180);
    expect(bridge.selection(SINK, SelectionTarget.Crop)).toEqual({
      left: 0,
      top: 0,
      width: 320,
      height: 180,
    });
  });

  it("refuses other targets, and any of its source, with EINVAL", () => {
    const { bridge } = new Module();
    const part = { left: 0, top: 0, width: 64, height: 64 };
    const { Crop, CropBounds, CropDefault, Compose } = SelectionTarget;
    for (const target of [CropBounds, CropDefault, Compose])
      expect(errnoOf(() => bridge.select(SINK, target, part))).toBe("EINVAL");
    expect(errnoOf(() => bridge.select(SOURCE, Crop, part))).toBe("EINVAL");
    for (const target of [Crop, CropBounds, CropDefault])
      expect(errnoOf(() => bridge.selection(SOURCE, target))).toBe("EINVAL");
    expect(errnoOf(() => bridge.selection(SINK, Compose))).toBe("EINVAL");
  });
});

describe("the video node", () => {
  it("lists what can be made of a code, and all without one", () => {
    const module = new Module();
    const names = (mbusCode: number): string[] => {
      const at = (index: number) =>
        module.op("enumFmt")(module.file, { index, type: BufType.VideoCapture, mbusCode, all: false });
      const found: number[] = [];
      for (let format = at(0); format !== undefined; format = at(found.length))
        found.push(format.pixelformat);
      return found.map((code) => Buffer.from(Uint32Array.of(code).buffer).toString());
    };
    const yuv = ["YUYV", "UYVY", "NV12", "NV16", "YU12"];
    expect(names(MbusCode.UYVY8_1X16)).toEqual(yuv);
    expect(names(MbusCode.YUYV8_1X16)).toEqual(yuv);
    expect(names(MbusCode.RGB888_1X24)).toEqual(["RGB3", "BGR3", "XR24"]);
    expect(names(MbusCode.Y8_1X8)).toEqual(["GREY"]);
    expect(names(0)).toEqual([...yuv, "RGB3", "BGR3", "XR24", "GREY"]);
    expect(names(MbusCode.SRGGB8_1X8)).toEqual([]);
  });

  it("has one range of frame sizes for each of its formats", () => {
    const module = new Module();
    const sizes = (name: string, index: number) =>
      module.op("enumFramesizes")(module.file, { index, pixelformat: fourcc(name) });
    expect(sizes("GREY", 0)).toEqual({
      ...{ kind: "stepwise", minWidth: 16, maxWidth: 1920, stepWidth: 2 },
      ...{ minHeight: 16, maxHeight: 1080, stepHeight: 2 },
    });
    expect(sizes("GREY", 1)).toBeUndefined();
    expect(sizes("YVYU", 0)).toBeUndefined();
  });

  it("begins with all of the array; TRY_FMT changes nothing, S_FMT does, EBUSY with buffers", () => {
    const module = new Module();
    const current = () => module.op("gFmt")(module.file, BufType.VideoCapture);
    expect(current()).toMatchObject({
      width: 1920,
      height: 1080,
      pixelformat: fourcc("YUYV"),
      field: Field.None,
    });
    expect(current().colorspace).toBe(Colorspace.Srgb);
    expect(module.format("tryFmt", { name: "GREY" })).toEqual([640, 360, fourcc("GREY")]);
    expect(current().width).toBe(1920);
    expect(module.format("sFmt", { name: "NV12" })).toEqual([640, 360, fourcc("NV12")]);
    expect(current()).toMatchObject({ width: 640, pixelformat: fourcc("NV12") });
    const reqbufs = (count: number) =>
      module.op("reqbufs")(
        module.file,
        { type: BufType.VideoCapture, memory: 2, count, flags: 0 },
        module.call,
      );
    void reqbufs(2);
    expect(errnoOf(() => module.format("sFmt", { name: "YUYV" }))).toBe("EBUSY");
    void reqbufs(0);
    expect(module.format("sFmt", { name: "YUYV" })).toEqual([640, 360, fourcc("YUYV")]);
  });

  it.each([
    ["one size all along", (_module: Module) => undefined, "0"],
    ["a bridge that gets another size", ({ sensor }: Module) => sensor.set(0, 1280, 720), "EPIPE"],
    ["another code", ({ sensor }: Module) => sensor.set(0, 640, 360, MbusCode.Y8_1X8), "EPIPE"],
    [
      "another width of the node",
      (module: Module) => module.format("sFmt", { name: "YUYV", width: 320 }),
      "EPIPE",
    ],
    [
      "another height of it",
      (module: Module) => module.format("sFmt", { name: "YUYV", height: 180 }),
      "EPIPE",
    ],
    [
      "a format that the code does not give",
      (module: Module) => module.format("sFmt", { name: "GREY" }),
      "EPIPE",
    ],
  ])("streams, or not, with %s", (_title, change, errno) => {
    const module = new Module();
    module.sizeAll(640, 360);
    change(module);
    expect(errnoOf(() => module.prepare())).toBe(errno);
    // While it streams, nothing that leads to it can be changed.
    expect(errnoOf(() => module.sensor.set(0, 1280, 720))).toBe(errno === "0" ? "EBUSY" : "0");
    module.unprepare();
    expect(errnoOf(() => module.sensor.set(0, 1280, 720))).toBe("0");
  });

  it("does not stream without its graph (ENOLINK)", () => {
    const module = new Module(false);
    module.sizeAll(640, 360);
    expect(errnoOf(() => module.prepare())).toBe("ENOLINK");
  });

  it("frees its queue with the file that has it", () => {
    const module = new Module();
    module.sizeAll(640, 360);
    module.prepare();
    const other = openFile(module.camera.video);
    other.mapping = "by-asking";
    module.camera.video.release(module.file);
    expect(errnoOf(() => module.sensor.set(0, 1280, 720))).toBe("0");
    const free = { type: BufType.VideoCapture, memory: 2, count: 1, flags: 0 } as const;
    expect(errnoOf(() => module.op("reqbufs")(other, free, module.call))).toBe("0");
  });
});

describe("the graph", () => {
  it("is sensor, bridge and video node, each with a node of its own", () => {
    const { graph } = new Module();
    expect(
      graph.entities.map(({ name, function: kind, pads }) => [name, kind, pads.map(({ flags }) => flags)]),
    ).toEqual([
      ["sensor", EntityFunction.CameraSensor, [2]],
      ["bridge", EntityFunction.VideoScaler, [1 | 4, 2]],
      ["capture", EntityFunction.IoV4l, [1 | 4]],
    ]);
    expect(graph.entities.map(({ isSubDevice, devnode }) => [isSubDevice === true, devnode])).toEqual([
      [true, sensorNode],
      [true, bridgeNode],
      [false, videoNode],
    ]);
    expect(graph.interfaces.map(({ type, devnode }) => [type, devnode])).toEqual([
      [InterfaceType.SubDevice, sensorNode],
      [InterfaceType.SubDevice, bridgeNode],
      [InterfaceType.Video, videoNode],
    ]);
    const fixed = LinkFlag.Enabled | LinkFlag.Immutable;
    expect(graph.links.map((link) => link.flags & ~LinkFlag.InterfaceLink)).toEqual([
      LinkFlag.Enabled,
      ...[fixed, fixed, fixed, fixed],
    ]);
  });

  it("has no interfaces of sub-devices without nodes", () => {
    const { camera } = new Module(false);
    const graph = new MediaGraph();
    camera.describe(graph, videoNode, []);
    expect(graph.interfaces.map(({ type }) => type)).toEqual([InterfaceType.Video]);
    expect(graph.entities.map(({ devnode }) => devnode)).toEqual([undefined, undefined, videoNode]);
  });
});

describe("a frame", () => {
  const scene = { format: "YUYV", width: 320, height: 180, picture: { width: 1920, height: 1080 } };

  /** The second frame: settings made before it show. */
  async function show(change: (module: Module) => void): Promise<Uint8Array> {
    const module = new Module();
    module.sensor.set(0, 640, 360);
    module.bridge.set(SINK, 640, 360);
    module.bridge.set(SOURCE, 320, 180);
    module.format("sFmt", { name: "YUYV", width: 320, height: 180 });
    change(module);
    return module.frame(320 * 180 * 2, 2);
  }
  const check = (bytes: Uint8Array, more: Partial<CameraScene> = {}): void => {
    const seen = { ...scene, ...more };
    checkFrame(seen, splitFrame(bytes, seen));
  };

  it("shows all of the array, scaled by the bridge", async () => {
    check(await show(() => undefined), { crop: { left: 0, top: 0, width: 1920, height: 1080 } });
  });

  it("shows the part that the bridge takes, in pixels of the array", async () => {
    const bytes = await show(({ bridge }) => {
      bridge.select(SINK, SelectionTarget.Crop, { left: 40, top: 20, width: 320, height: 180 });
      bridge.set(SOURCE, 320, 180);
    });
    check(bytes, { crop: { left: 120, top: 60, width: 960, height: 540 } });
  });

  const whole = { left: 0, top: 0, width: 1920, height: 1080 };
  it.each([
    ["flipped", Cid.Hflip, 1, { hflip: true }],
    ["upside down", Cid.Vflip, 1, { vflip: true }],
    ["of another pattern", Cid.TestPattern, 1, { pattern: patternNames[1] ?? "" }],
    // Twice the light is 32 steps more, half of it as many less.
    ["brighter with twice the gain", Cid.AnalogueGain, 2, { brightness: 160 }],
    ["darker with half the exposure", Cid.Exposure, 562, { brightness: 96 }],
  ])("is %s", async (_title, id, value, more) => {
    const bytes = await show(({ sensor }) => void sensor.control(id, value));
    check(bytes, { crop: whole, ...more });
  });

  it("comes when the sensor has read its lines: width and blankings at the pixel rate", async () => {
    const module = new Module(true, {});
    module.sizeAll(640, 360);
    // 2200 pixels a line, (360 + 45) lines, 148.5 MHz: 6 ms.
    module.sensor.control(Cid.Vblank, 45);
    const seen = { format: "YUYV", width: 640, height: 360, picture: { width: 1920, height: 1080 } };
    const seconds = async (): Promise<number> => {
      const planes = splitFrame(await module.frame(640 * 360 * 2), seen);
      return Number(readFrame(seen, planes).seconds);
    };
    const times = [await seconds(), await seconds(), await seconds()];
    module.camera.video.release(module.file);
    for (const [index, time] of times.slice(1).entries()) {
      // Frames may be lost on a busy machine, but come at multiples of the interval.
      const intervals = (time - (times[index] ?? 0)) / 0.006;
      expect(Math.round(intervals)).toBeGreaterThanOrEqual(1);
      expect(Math.abs(intervals - Math.round(intervals))).toBeLessThan(0.01);
    }
  });

  it("is as bright, or as dark, as there are values for", async () => {
    const luma = async (id: number, value: number): Promise<number[]> => {
      const bytes = await show(({ sensor }) => void sensor.control(id, value));
      const values = bytes.filter((_byte, index) => index % 2 === 0);
      return [Math.min(...values), Math.max(...values)];
    };
    // 127 more than black, and 128 less than white: a step further would begin anew.
    expect((await luma(Cid.AnalogueGain, 16))[0]).toBeGreaterThanOrEqual(16 + 127 - 1);
    expect((await luma(Cid.Exposure, 1))[1]).toBeLessThanOrEqual(235 - 128 + 1);
  });
});
