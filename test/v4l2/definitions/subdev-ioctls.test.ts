/** What a sub-device's driver is asked, and what its client is told, by ioctl; test/subdev has the sub-device itself. */
import { describe, expect, it, vi } from "vitest";
import type { SubdevTraits } from "../../../src/v4l2/device-traits.js";
import {
  SubdevCapabilityView,
  SubdevClientCapabilityView,
  SubdevCropView,
  SubdevFormatView,
  SubdevFrameIntervalEnumView,
  SubdevFrameIntervalView,
  SubdevFrameSizeEnumView,
  SubdevMbusCodeEnumView,
  SubdevRouteView,
  SubdevRoutingView,
  SubdevSelectionView,
} from "../../../src/v4l2/gen/index.js";
import { ArgWriter } from "../../../src/v4l2/ioctl/arg-writer.js";
import { subdevIoctlTable } from "../../../src/v4l2/ioctl/ioctl-table.js";
import { describeIoctl } from "../../../src/v4l2/ioctl/traced-ioctl.js";
import type { IoctlName } from "../../../src/v4l2/device.js";
import { MbusCode, SubdevFormatWhence } from "../../../src/v4l2/values/types-subdev.js";
import type { Route } from "../../../src/v4l2/values/types-subdev.js";
import { Field, SelectionTarget } from "../../../src/v4l2/values/types.js";
import { allOps, someMbusFormat } from "../support/all-ops.js";
import { argOf, errnoOf, Harness } from "../support/fakes.js";
import type { DeviceParts } from "../support/fakes.js";

const { Try, Active } = SubdevFormatWhence;
const KNOWS_STREAMS = 1n;
const KNOWS_WHICH = 2n;
const PAST_THE_END = 2;

/** A sub-device with a sink and a source pad. */
class SubdevHarness extends Harness {
  constructor(traits: Partial<SubdevTraits> = {}, ops: DeviceParts["ops"] = allOps) {
    super({ type: "subdev", deviceCaps: 0, subdev: { pads: ["sink", "source"], ...traits }, ops });
  }

  /** @returns What the client reads back. */
  knows(capabilities: bigint): bigint {
    const view = new SubdevClientCapabilityView(argOf("VIDIOC_SUBDEV_S_CLIENT_CAP"));
    view.capabilities = capabilities;
    void this.ioctl("VIDIOC_SUBDEV_S_CLIENT_CAP", view.bytes);
    return view.capabilities;
  }
}

/** The argument as a client leaves it that does not care: all reserved bytes set. */
const dirty = (name: IoctlName): Uint8Array => argOf(name).fill(0xff);

/** Every ioctl that names a pad; `which`, `pad` and `stream` are spelled alike in their views. */
const atPads = [
  ["VIDIOC_SUBDEV_ENUM_MBUS_CODE", SubdevMbusCodeEnumView, "subdevEnumMbusCode"],
  ["VIDIOC_SUBDEV_ENUM_FRAME_SIZE", SubdevFrameSizeEnumView, "subdevEnumFrameSize"],
  ["VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL", SubdevFrameIntervalEnumView, "subdevEnumFrameInterval"],
  ["VIDIOC_SUBDEV_G_FMT", SubdevFormatView, "subdevGFmt"],
  ["VIDIOC_SUBDEV_S_FMT", SubdevFormatView, "subdevSFmt"],
  ["VIDIOC_SUBDEV_G_SELECTION", SubdevSelectionView, "subdevGSelection"],
  ["VIDIOC_SUBDEV_S_SELECTION", SubdevSelectionView, "subdevSSelection"],
  ["VIDIOC_SUBDEV_G_CROP", SubdevCropView, "subdevGSelection"],
  ["VIDIOC_SUBDEV_S_CROP", SubdevCropView, "subdevSSelection"],
  ["VIDIOC_SUBDEV_G_FRAME_INTERVAL", SubdevFrameIntervalView, "subdevGFrameInterval"],
  ["VIDIOC_SUBDEV_S_FRAME_INTERVAL", SubdevFrameIntervalView, "subdevSFrameInterval"],
] as const;

const setters = atPads.filter(([name]) => name.includes("_S_"));

describe.each(atPads)("%s", (name, View, op) => {
  /** An answer that suits the op of any of them. */
  const answer = {
    ...someMbusFormat,
    ...{ left: 1, top: 2, minWidth: 1, maxWidth: 2, minHeight: 3, maxHeight: 4 },
    ...{ numerator: 1, denominator: 30 },
  };

  function asked(
    place: { which: number; pad: number; stream: number },
    traits: Partial<SubdevTraits> = {},
    known = KNOWS_STREAMS | KNOWS_WHICH,
  ): { harness: SubdevHarness; view: InstanceType<typeof View>; driver: ReturnType<typeof vi.fn> } {
    const driver = vi.fn((..._args: unknown[]) => answer);
    const harness = new SubdevHarness(traits, { ...allOps, [op]: driver });
    harness.knows(known);
    const view = new View(argOf(name));
    return { harness, view: Object.assign(view, place), driver };
  }

  it("tells the driver which pad and stream is meant", () => {
    const place = { which: Try, pad: 1, stream: 3 };
    const { harness, view, driver } = asked(place, { streams: true });
    expect(harness.ioctl(name, view.bytes)).toBe(0);
    expect(driver.mock.calls[0]?.[1]).toMatchObject(place);
  });

  it("is EINVAL for a `which` that is neither TRY nor ACTIVE", async () => {
    const { harness, view } = asked({ which: 2, pad: 0, stream: 0 });
    expect(await errnoOf(() => harness.ioctl(name, view.bytes))).toBe("EINVAL");
  });

  it("is EINVAL behind the last pad", async () => {
    const { harness, view } = asked({ which: Active, pad: PAST_THE_END, stream: 0 });
    expect(await errnoOf(() => harness.ioctl(name, view.bytes))).toBe("EINVAL");
  });

  it("is EINVAL for a stream of a sub-device without streams", async () => {
    const { harness, view } = asked({ which: Active, pad: 0, stream: 1 });
    expect(await errnoOf(() => harness.ioctl(name, view.bytes))).toBe("EINVAL");
  });

  it("means stream 0 for a client that does not know streams, which reads that back", () => {
    const { harness, view, driver } = asked({ which: Active, pad: 0, stream: 5 }, { streams: true }, 0n);
    expect(harness.ioctl(name, view.bytes)).toBe(0);
    expect(driver.mock.calls[0]?.[1]).toMatchObject({ stream: 0 });
    expect(view.stream).toBe(0);
  });

  it("leaves nothing in the reserved bytes", () => {
    const { harness } = asked({ which: Active, pad: 0, stream: 0 });
    const view = Object.assign(new View(dirty(name)), { which: Active, pad: 0, stream: 0 });
    expect(harness.ioctl(name, view.bytes)).toBe(0);
    expect(Array.from(view.reserved).every((value) => value === 0)).toBe(true);
  });
});

describe("a read-only node", () => {
  it.each(setters)("refuses %s of the active state: EPERM; trying is allowed", async (name, View) => {
    const harness = new SubdevHarness({ readOnly: true });
    harness.knows(KNOWS_WHICH);
    const view = new View(argOf(name));
    view.which = Active;
    expect(await errnoOf(() => harness.ioctl(name, view.bytes))).toBe("EPERM");
    view.which = Try;
    expect(harness.ioctl(name, view.bytes)).toBe(0);
  });

  it("refuses routes: EPERM", async () => {
    const harness = new SubdevHarness({ readOnly: true, streams: true });
    const view = new SubdevRoutingView(argOf("VIDIOC_SUBDEV_S_ROUTING"));
    view.which = Active;
    expect(await errnoOf(() => harness.ioctl("VIDIOC_SUBDEV_S_ROUTING", view.bytes))).toBe("EPERM");
  });

  it.each([
    [{}, 0],
    [{ readOnly: true }, 1],
    [{ streams: true }, 2],
    [{ readOnly: true, streams: true }, 3],
  ])("and streams are capabilities: %j is %i", (traits, capabilities) => {
    const view = new SubdevCapabilityView(dirty("VIDIOC_SUBDEV_QUERYCAP"));
    expect(new SubdevHarness(traits).ioctl("VIDIOC_SUBDEV_QUERYCAP", view.bytes)).toBe(0);
    expect(view.capabilities).toBe(capabilities);
    expect(view.version).toBe(0x00060c00);
    expect(Array.from(view.reserved).every((value) => value === 0)).toBe(true);
  });
});

describe("enumerations", () => {
  it("give the driver the index and what it belongs to, and end with EINVAL", async () => {
    const subdevEnumMbusCode = vi.fn(() => ({ code: 0x2006 }));
    const subdevEnumFrameSize = vi.fn(() => ({
      ...{ minWidth: 16, maxWidth: 1920 },
      ...{ minHeight: 8, maxHeight: 1080 },
    }));
    const subdevEnumFrameInterval = vi.fn(() => ({ numerator: 1, denominator: 25 }));
    const ops = { ...allOps, subdevEnumMbusCode, subdevEnumFrameSize, subdevEnumFrameInterval };
    const harness = new SubdevHarness({}, ops);

    const code = new SubdevMbusCodeEnumView(argOf("VIDIOC_SUBDEV_ENUM_MBUS_CODE"));
    Object.assign(code, { which: Try, pad: 1, index: 4, flags: 0xff });
    expect(harness.ioctl("VIDIOC_SUBDEV_ENUM_MBUS_CODE", code.bytes)).toBe(0);
    expect(subdevEnumMbusCode.mock.calls[0]).toEqual([
      harness.file,
      { which: Try, pad: 1, stream: 0, index: 4 },
      harness.call,
    ]);
    expect([code.code, code.flags]).toEqual([0x2006, 0]);

    const size = new SubdevFrameSizeEnumView(argOf("VIDIOC_SUBDEV_ENUM_FRAME_SIZE"));
    Object.assign(size, { which: Active, pad: 1, index: 2, code: 0x2006 });
    expect(harness.ioctl("VIDIOC_SUBDEV_ENUM_FRAME_SIZE", size.bytes)).toBe(0);
    expect(subdevEnumFrameSize.mock.calls[0]?.at(1)).toEqual({
      ...{ which: Active, pad: 1, stream: 0, index: 2 },
      code: 0x2006,
    });
    expect([size.min_width, size.max_width, size.min_height, size.max_height]).toEqual([16, 1920, 8, 1080]);

    const interval = new SubdevFrameIntervalEnumView(argOf("VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL"));
    Object.assign(interval, { which: Active, index: 1, code: 0x2006, width: 640, height: 480 });
    expect(harness.ioctl("VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL", interval.bytes)).toBe(0);
    expect(subdevEnumFrameInterval.mock.calls[0]?.at(1)).toEqual({
      ...{ which: Active, pad: 0, stream: 0, index: 1 },
      ...{ code: 0x2006, width: 640, height: 480 },
    });
    expect([interval.interval.numerator, interval.interval.denominator]).toEqual([1, 25]);

    const ended = new SubdevHarness();
    for (const name of [
      "VIDIOC_SUBDEV_ENUM_MBUS_CODE",
      "VIDIOC_SUBDEV_ENUM_FRAME_SIZE",
      "VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL",
    ] as const)
      expect(await errnoOf(() => ended.ioctl(name))).toBe("EINVAL");
  });

  it("tell which code the driver can convert to", () => {
    const subdevEnumMbusCode = (): { code: number; flags: number } => ({ code: 0x2006, flags: 3 });
    const view = new SubdevMbusCodeEnumView(argOf("VIDIOC_SUBDEV_ENUM_MBUS_CODE"));
    void new SubdevHarness({}, { ...allOps, subdevEnumMbusCode }).ioctl(
      "VIDIOC_SUBDEV_ENUM_MBUS_CODE",
      view.bytes,
    );
    expect(view.flags).toBe(3);
  });
});

describe("formats", () => {
  it("go to the driver and back without a loss", () => {
    const subdevSFmt = vi.fn(allOps.subdevSFmt);
    const harness = new SubdevHarness({}, { ...allOps, subdevSFmt });
    const view = new SubdevFormatView(dirty("VIDIOC_SUBDEV_S_FMT"));
    Object.assign(view, { which: Active, pad: 1 });
    Object.assign(view.format, { width: 1280, height: 720, code: MbusCode.UYVY8_1X16, field: Field.None });
    Object.assign(view.format, { colorspace: 3, ycbcr_enc: 2, quantization: 2, xfer_func: 1, flags: 1 });
    expect(harness.ioctl("VIDIOC_SUBDEV_S_FMT", view.bytes)).toBe(0);
    const format = {
      ...{ width: 1280, height: 720, code: MbusCode.UYVY8_1X16, field: Field.None },
      ...{ colorspace: 3, ycbcrEnc: 2, quantization: 2, xferFunc: 1, flags: 1 },
    };
    expect(subdevSFmt.mock.calls[0]?.[1]).toEqual({ which: Active, pad: 1, stream: 0, format });
    const { width, height, code, field } = view.format;
    expect({ width, height, code, field }).toEqual({ width: 1280, height: 720, code: 0x200f, field: 1 });
    const { colorspace, ycbcr_enc, quantization, xfer_func, flags } = view.format;
    expect([colorspace, ycbcr_enc, quantization, xfer_func, flags]).toEqual([3, 2, 2, 1, 1]);
    expect(Array.from(view.format.reserved).every((value) => value === 0)).toBe(true);
  });
});

describe("selections and intervals", () => {
  it("a selection has a target, flags and a rectangle", () => {
    const subdevGSelection = vi.fn(() => ({ left: -1, top: 2, width: 3, height: 4 }));
    const subdevSSelection = vi.fn(allOps.subdevSSelection);
    const harness = new SubdevHarness({}, { ...allOps, subdevGSelection, subdevSSelection });
    const view = new SubdevSelectionView(argOf("VIDIOC_SUBDEV_G_SELECTION"));
    Object.assign(view, { which: Active, target: SelectionTarget.Compose, flags: 1 });
    void harness.ioctl("VIDIOC_SUBDEV_G_SELECTION", view.bytes);
    const place = { which: Active, pad: 0, stream: 0 };
    const wish = { ...place, target: SelectionTarget.Compose, flags: 1 };
    expect(subdevGSelection.mock.calls[0]?.at(1)).toEqual(wish);
    expect([view.r.left, view.r.top, view.r.width, view.r.height]).toEqual([-1, 2, 3, 4]);
    void harness.ioctl("VIDIOC_SUBDEV_S_SELECTION", view.bytes);
    const rect = { left: -1, top: 2, width: 3, height: 4 };
    expect(subdevSSelection.mock.calls[0]?.[1]).toEqual({ ...wish, rect });
  });

  it("the crop ioctls are selections of the target Crop", () => {
    const subdevGSelection = vi.fn(() => ({ left: 0, top: 2, width: 30, height: 40 }));
    const subdevSSelection = vi.fn(allOps.subdevSSelection);
    const harness = new SubdevHarness({}, { ...allOps, subdevGSelection, subdevSSelection });
    const view = new SubdevCropView(argOf("VIDIOC_SUBDEV_G_CROP"));
    Object.assign(view, { which: Active, pad: 1 });
    void harness.ioctl("VIDIOC_SUBDEV_G_CROP", view.bytes);
    const wish = { which: Active, pad: 1, stream: 0, target: SelectionTarget.Crop, flags: 0 };
    expect(subdevGSelection.mock.calls[0]?.at(1)).toEqual(wish);
    expect([view.rect.left, view.rect.top, view.rect.width, view.rect.height]).toEqual([0, 2, 30, 40]);
    void harness.ioctl("VIDIOC_SUBDEV_S_CROP", view.bytes);
    const rect = { left: 0, top: 2, width: 30, height: 40 };
    expect(subdevSSelection.mock.calls[0]?.[1]).toEqual({ ...wish, rect });
  });

  it.each([
    ["VIDIOC_SUBDEV_G_FRAME_INTERVAL", "subdevGFrameInterval"],
    ["VIDIOC_SUBDEV_S_FRAME_INTERVAL", "subdevSFrameInterval"],
  ] as const)("%s: `which` counts for a client that says that it sets it", (name, op) => {
    const driver = vi.fn((..._args: unknown[]) => ({ numerator: 1, denominator: 50 }));
    const harness = new SubdevHarness({}, { ...allOps, [op]: driver });
    const view = Object.assign(new SubdevFrameIntervalView(argOf(name)), { which: Try });
    Object.assign(view.interval, { numerator: 2, denominator: 25 });
    void harness.ioctl(name, view.bytes);
    expect(driver.mock.calls[0]?.[1]).toMatchObject({ which: Active });
    expect(view.which).toBe(Active);
    expect([view.interval.numerator, view.interval.denominator]).toEqual([1, 50]);
    harness.knows(KNOWS_WHICH);
    view.which = Try;
    void harness.ioctl(name, view.bytes);
    expect(driver.mock.calls[1]?.[1]).toMatchObject({ which: Try });
  });

  it("the driver is told the interval that is wished", () => {
    const subdevSFrameInterval = vi.fn(allOps.subdevSFrameInterval);
    const harness = new SubdevHarness({}, { ...allOps, subdevSFrameInterval });
    const view = new SubdevFrameIntervalView(argOf("VIDIOC_SUBDEV_S_FRAME_INTERVAL"));
    Object.assign(view.interval, { numerator: 2, denominator: 25 });
    void harness.ioctl("VIDIOC_SUBDEV_S_FRAME_INTERVAL", view.bytes);
    const interval = { numerator: 2, denominator: 25 };
    expect(subdevSFrameInterval.mock.calls[0]?.[1]).toEqual({ which: Active, pad: 0, stream: 0, interval });
  });
});

describe("routes", () => {
  const ADDRESS = 0x5000n;
  const route: Route = { sinkPad: 0, sinkStream: 2, sourcePad: 1, sourceStream: 63, flags: 1 };

  interface RoutingCall {
    readonly routes?: readonly Route[];
    /** Routes that the client's array has room for. */
    readonly fits?: number;
    readonly count?: number;
    readonly which?: number;
  }

  /** A client's call with `array` at its address, and memory for `fits` routes. */
  function routing(
    harness: Harness,
    name: "VIDIOC_SUBDEV_G_ROUTING" | "VIDIOC_SUBDEV_S_ROUTING",
    { routes = [], fits = routes.length, count = routes.length, which = Active }: RoutingCall = {},
  ): { view: SubdevRoutingView; array: SubdevRouteView[]; run: () => unknown } {
    const bytes = harness.memory.map(ADDRESS, new Uint8Array(fits * SubdevRouteView.SIZE).fill(0xff));
    const at = (index: number): SubdevRouteView =>
      new SubdevRouteView(bytes.subarray(index * SubdevRouteView.SIZE, (index + 1) * SubdevRouteView.SIZE));
    const array = Array.from({ length: fits }, (_, index) => at(index));
    for (const [index, { sinkPad, sinkStream, sourcePad, sourceStream, flags }] of routes.entries()) {
      const fields = { sink_pad: sinkPad, sink_stream: sinkStream, source_pad: sourcePad, flags };
      Object.assign(at(index), fields, { source_stream: sourceStream });
    }
    const view = new SubdevRoutingView(dirty(name));
    Object.assign(view, { which, len_routes: fits, num_routes: count, routes: fits === 0 ? 0n : ADDRESS });
    return { view, array, run: () => harness.ioctl(name, view.bytes) };
  }

  it("go to the driver and back without a loss", () => {
    const subdevSRouting = vi.fn(allOps.subdevSRouting);
    const harness = new SubdevHarness({ streams: true }, { ...allOps, subdevSRouting });
    const second = { ...route, sinkStream: 63, sourceStream: 0, flags: 0 };
    const { view, array, run } = routing(harness, "VIDIOC_SUBDEV_S_ROUTING", {
      routes: [route, second],
      fits: 3,
    });
    expect(run()).toBe(0);
    expect(subdevSRouting.mock.calls[0]).toEqual([harness.file, { which: Active, routes: [route, second] }]);
    expect(view.num_routes).toBe(2);
    expect(Array.from(view.reserved).every((value) => value === 0)).toBe(true);
    const { sink_pad, sink_stream, source_pad, source_stream, flags } = array[1] ?? expect.unreachable();
    expect([sink_pad, sink_stream, source_pad, source_stream, flags]).toEqual([0, 63, 1, 0, 0]);
    expect(Array.from(array[0]?.reserved ?? [1]).every((value) => value === 0)).toBe(true);
  });

  it("that do not fit are counted", () => {
    const harness = new SubdevHarness({ streams: true }, { ...allOps, subdevGRouting: () => [route, route] });
    const { view, array, run } = routing(harness, "VIDIOC_SUBDEV_G_ROUTING", { fits: 1, count: 0 });
    expect(run()).toBe(0);
    expect(view.num_routes).toBe(2);
    expect(array[0]?.source_stream).toBe(63);
    const none = routing(harness, "VIDIOC_SUBDEV_G_ROUTING", { fits: 0, count: 0 });
    expect(none.run()).toBe(0);
    expect(none.view.num_routes).toBe(2);
  });

  it.each([
    ["a sink that is a source pad", { sinkPad: 1 }],
    ["a source that is a sink pad", { sourcePad: 0 }],
    ["a sink pad that is not there", { sinkPad: PAST_THE_END }],
    ["a source pad that is not there", { sourcePad: PAST_THE_END }],
    ["a sink stream above 63", { sinkStream: 64 }],
    ["a source stream above 63", { sourceStream: 64 }],
  ])("with %s: EINVAL", async (_what, wrong) => {
    const harness = new SubdevHarness({ streams: true });
    const { run } = routing(harness, "VIDIOC_SUBDEV_S_ROUTING", { routes: [route, { ...route, ...wrong }] });
    expect(await errnoOf(run)).toBe("EINVAL");
  });

  it("more than the array has, or another `which`: EINVAL", async () => {
    const harness = new SubdevHarness({ streams: true });
    const more = routing(harness, "VIDIOC_SUBDEV_S_ROUTING", { routes: [route], count: 2 });
    expect(await errnoOf(more.run)).toBe("EINVAL");
    for (const name of ["VIDIOC_SUBDEV_G_ROUTING", "VIDIOC_SUBDEV_S_ROUTING"] as const)
      expect(await errnoOf(routing(harness, name, { which: 2 }).run)).toBe("EINVAL");
  });

  it("are answered as they are by a driver without subdevSRouting", () => {
    const { subdevSRouting: _set, ...ops } = { ...allOps, subdevGRouting: () => [route] };
    const harness = new SubdevHarness({ streams: true }, ops);
    const wish = { ...route, sinkStream: 0 };
    const { array, run } = routing(harness, "VIDIOC_SUBDEV_S_ROUTING", { routes: [wish] });
    expect(run()).toBe(0);
    expect(array[0]?.sink_stream).toBe(2);
  });

  it("are tried on a read-only node", () => {
    const harness = new SubdevHarness({ streams: true, readOnly: true });
    expect(routing(harness, "VIDIOC_SUBDEV_S_ROUTING", { routes: [route], which: Try }).run()).toBe(0);
  });
});

describe("what a client knows", () => {
  it("is kept by file, without what nobody knows", () => {
    const harness = new SubdevHarness();
    const view = new SubdevClientCapabilityView(argOf("VIDIOC_SUBDEV_G_CLIENT_CAP"));
    expect(harness.knows(0xff03n)).toBe(KNOWS_STREAMS | KNOWS_WHICH);
    void harness.ioctl("VIDIOC_SUBDEV_G_CLIENT_CAP", view.bytes);
    expect(view.capabilities).toBe(KNOWS_STREAMS | KNOWS_WHICH);
    expect(harness.knows(KNOWS_WHICH)).toBe(KNOWS_WHICH);
    void harness.ioctl("VIDIOC_SUBDEV_G_CLIENT_CAP", view.bytes);
    expect(view.capabilities).toBe(KNOWS_WHICH);
  });
});

/** In the form of the kernel's print functions, which know no sub-devices: names are those of v4l2-subdev.h. */
describe("log lines", () => {
  const textOf = (name: IoctlName, arg: Uint8Array, array?: Uint8Array): string =>
    describeIoctl(new ArgWriter(), subdevIoctlTable.byName(name), { arg, array }).text;

  it("name pad, stream and code", () => {
    const format = new SubdevFormatView(argOf("VIDIOC_SUBDEV_S_FMT"));
    Object.assign(format, { which: Active, pad: 1 });
    Object.assign(format.format, { width: 640, height: 480, code: MbusCode.UYVY8_1X16, field: 1 });
    expect(textOf("VIDIOC_SUBDEV_S_FMT", format.bytes)).toBe(
      "which=active, pad=1, wxh=640x480, code=MEDIA_BUS_FMT_UYVY8_1X16, field=none, colorspace=0, ycbcr_enc=0, quantization=0, xfer_func=0",
    );
    Object.assign(format, { which: Try, stream: 3 });
    expect(textOf("VIDIOC_SUBDEV_S_FMT", format.bytes)).toMatch(/^which=try, pad=1, stream=3, wxh=/);
  });

  it("have the routes that were fetched", () => {
    const view = new SubdevRoutingView(argOf("VIDIOC_SUBDEV_S_ROUTING"));
    Object.assign(view, { which: Active, len_routes: 2, num_routes: 2 });
    const array = new Uint8Array(2 * SubdevRouteView.SIZE);
    const second = new SubdevRouteView(array.subarray(SubdevRouteView.SIZE));
    Object.assign(second, { sink_pad: 0, sink_stream: 1, source_pad: 1, source_stream: 2, flags: 1 });
    const places = "which=active, len_routes=2, num_routes=2";
    expect(textOf("VIDIOC_SUBDEV_S_ROUTING", view.bytes, array)).toBe(`${places}, 0/0->0/0[0], 0/1->1/2[1]`);
    expect(textOf("VIDIOC_SUBDEV_S_ROUTING", view.bytes)).toBe(places);
    view.num_routes = 1;
    expect(textOf("VIDIOC_SUBDEV_S_ROUTING", view.bytes, array)).toBe(
      "which=active, len_routes=2, num_routes=1, 0/0->0/0[0]",
    );
  });
});
