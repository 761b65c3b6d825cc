/** A sub-device as its clients see it: bytes in, bytes and errnos out. */
import { describe, expect, it, vi } from "vitest";
import { SubDevice } from "../../src/subdev/index.js";
import type { PadOps, SubDeviceOptions, SubdevState } from "../../src/subdev/index.js";
import type { FileHandle, IoctlName, MbusFormat, Route } from "../../src/v4l2/index.js";
import { MbusCode, Poll, RouteFlag, V4l2Error } from "../../src/v4l2/index.js";
import {
  IOCTLS,
  SubdevCapabilityView,
  SubdevClientCapabilityView,
  SubdevCropView,
  SubdevFormatView,
  SubdevFrameIntervalView,
  SubdevMbusCodeEnumView,
  SubdevRouteView,
  SubdevRoutingView,
  SubdevSelectionView,
} from "../../src/v4l2/gen/index.js";
import { argOf, errnoOf, FakeCall } from "../v4l2/support/fakes.js";
import { someMbusFormat } from "../v4l2/support/all-ops.js";

const TRY = 0;
const ACTIVE = 1;
const KNOWS_STREAMS = 1n;
const KNOWS_WHICH = 2n;
const whole = { left: 0, top: 0, width: 640, height: 480 };

/** Takes any size of one code; the crop of pad 0 can be set; routes of any kind. */
const someOps = {
  initState: (state) => {
    for (const pad of [0, 1])
      state.set(pad, { format: someMbusFormat, interval: { numerator: 1, denominator: 30 } });
  },
  enumMbusCode: (_state, { index }) => (index === 0 ? { code: MbusCode.UYVY8_1X16 } : undefined),
  setFmt: (state, { pad, stream, format }) =>
    (state.at(pad, stream).format = { ...format, code: MbusCode.UYVY8_1X16 }),
  getSelection: (state, { pad }) => state.at(pad).crop ?? whole,
  setSelection: (state, { pad, rect }) => (state.at(pad).crop = rect),
  setFrameInterval: (state, { pad, interval }) => (state.at(pad).interval = interval),
  setRouting: (state, routes) => {
    state.setRoutes(routes, () => ({ format: someMbusFormat }));
  },
} satisfies PadOps;

let nextFile = 1n;

/** A sub-device with a sink and a source pad, and one file of it. */
class Client {
  readonly subDevice: SubDevice;
  readonly file: FileHandle<SubdevState>;
  readonly call = new FakeCall();

  constructor(options: Partial<SubDeviceOptions> = {}, subDevice?: SubDevice) {
    this.subDevice =
      subDevice ??
      new SubDevice({
        name: "v4l-subdev0",
        driver: "fake",
        title: "scaler",
        pads: ["sink", "source"],
        ops: someOps,
        ...options,
      });
    this.file = this.subDevice.device.open({
      id: nextFile++,
      client: { pid: 1, comm: "media-ctl" },
      flags: 2,
      notifyPoll: () => undefined,
    });
  }

  ioctl(name: IoctlName, arg: Uint8Array): unknown {
    return this.subDevice.device.ioctl(this.file, IOCTLS[name].number, arg, this.call);
  }

  knows(capabilities: bigint): bigint {
    const view = new SubdevClientCapabilityView(argOf("VIDIOC_SUBDEV_S_CLIENT_CAP"));
    view.capabilities = capabilities;
    this.ioctl("VIDIOC_SUBDEV_S_CLIENT_CAP", view.bytes);
    return view.capabilities;
  }

  format(name: "VIDIOC_SUBDEV_G_FMT" | "VIDIOC_SUBDEV_S_FMT", fields: Fields): SubdevFormatView {
    const view = new SubdevFormatView(argOf(name));
    const { format, ...place } = fields;
    Object.assign(view, { which: ACTIVE, ...place });
    Object.assign(view.format, format);
    this.ioctl(name, view.bytes);
    return view;
  }
}

interface Fields {
  readonly which?: number;
  readonly pad?: number;
  readonly stream?: number;
  readonly format?: Partial<MbusFormat>;
}

describe("formats", () => {
  it("are the device's, or those that a file tries", () => {
    const client = new Client();
    const other = new Client({}, client.subDevice);
    client.format("VIDIOC_SUBDEV_S_FMT", { which: TRY, pad: 1, format: { width: 320, height: 240 } });
    client.format("VIDIOC_SUBDEV_S_FMT", { pad: 1, format: { width: 800, height: 600 } });
    const widths = (which: number) =>
      [client, other].map((who) => who.format("VIDIOC_SUBDEV_G_FMT", { which, pad: 1 }).format.width);
    expect(widths(TRY)).toEqual([320, 640]);
    expect(widths(ACTIVE)).toEqual([800, 800]);
    expect(client.format("VIDIOC_SUBDEV_G_FMT", { pad: 0 }).format.width).toBe(640);
  });

  it("what was set goes back, reserved bytes as zeroes", () => {
    const arg = argOf("VIDIOC_SUBDEV_S_FMT").fill(0xff);
    const view = new SubdevFormatView(arg);
    Object.assign(view, { which: ACTIVE, pad: 0, stream: 0xffff });
    new Client().ioctl("VIDIOC_SUBDEV_S_FMT", arg);
    expect(view.format.code).toBe(MbusCode.UYVY8_1X16);
    // Values that do not exist ask for the driver's choice.
    expect([view.format.field, view.format.colorspace, view.format.quantization]).toEqual([0, 0, 0]);
    expect(view.stream).toBe(0);
    expect([...view.reserved, ...view.format.reserved].every((value) => value === 0)).toBe(true);
  });

  it.each([
    ["which that does not exist", { which: 2 }],
    ["a pad that does not exist", { pad: 2 }],
  ])("%s: EINVAL", async (_, fields) => {
    const client = new Client();
    for (const name of ["VIDIOC_SUBDEV_G_FMT", "VIDIOC_SUBDEV_S_FMT"] as const)
      expect(await errnoOf(() => client.format(name, fields))).toBe("EINVAL");
  });

  it("cannot be set while the sub-device streams: EBUSY; trying goes on", async () => {
    const client = new Client();
    client.subDevice.streaming = true;
    expect(await errnoOf(() => client.format("VIDIOC_SUBDEV_S_FMT", {}))).toBe("EBUSY");
    expect(() => client.format("VIDIOC_SUBDEV_S_FMT", { which: TRY })).not.toThrow();
  });

  it("a read-only node refuses what changes the device: EPERM", async () => {
    const client = new Client({ readOnly: true });
    expect(await errnoOf(() => client.format("VIDIOC_SUBDEV_S_FMT", {}))).toBe("EPERM");
    expect(() => client.format("VIDIOC_SUBDEV_S_FMT", { which: TRY })).not.toThrow();
    const capability = new SubdevCapabilityView(argOf("VIDIOC_SUBDEV_QUERYCAP"));
    client.ioctl("VIDIOC_SUBDEV_QUERYCAP", capability.bytes);
    expect(capability.capabilities).toBe(1);
  });

  it("without setFmt, S_FMT answers with what is", () => {
    const client = new Client({ ops: { initState: someOps.initState } });
    expect(client.format("VIDIOC_SUBDEV_S_FMT", { format: { width: 320 } }).format.width).toBe(640);
  });

  it("an op that its driver lacks is ENOTTY, whatever the argument says", async () => {
    const client = new Client({ ops: { initState: someOps.initState } });
    for (const name of [
      "VIDIOC_SUBDEV_ENUM_MBUS_CODE",
      "VIDIOC_SUBDEV_ENUM_FRAME_SIZE",
      "VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL",
      "VIDIOC_SUBDEV_G_SELECTION",
      "VIDIOC_SUBDEV_S_CROP",
      "VIDIOC_SUBDEV_G_FRAME_INTERVAL",
      "VIDIOC_SUBDEV_G_ROUTING",
      "VIDIOC_SUBDEV_S_ROUTING",
      "VIDIOC_QUERYCTRL",
      "VIDIOC_SUBSCRIBE_EVENT",
      "VIDIOC_QUERYCAP",
      "VIDIOC_G_FMT",
      "VIDIOC_G_PRIORITY",
    ] as const)
      expect([name, await errnoOf(() => client.ioctl(name, argOf(name)))]).toEqual([name, "ENOTTY"]);
  });
});

describe("enumerations, selections, intervals", () => {
  it("end with EINVAL", async () => {
    const view = new SubdevMbusCodeEnumView(argOf("VIDIOC_SUBDEV_ENUM_MBUS_CODE"));
    const client = new Client();
    client.ioctl("VIDIOC_SUBDEV_ENUM_MBUS_CODE", view.bytes);
    expect(view.code).toBe(MbusCode.UYVY8_1X16);
    view.index = 1;
    expect(await errnoOf(() => client.ioctl("VIDIOC_SUBDEV_ENUM_MBUS_CODE", view.bytes))).toBe("EINVAL");
  });

  it("the crop ioctls are selections of the target Crop", () => {
    const client = new Client();
    const set = new SubdevCropView(argOf("VIDIOC_SUBDEV_S_CROP"));
    set.which = ACTIVE;
    Object.assign(set.rect, { left: -2, top: 4, width: 16, height: 8 });
    client.ioctl("VIDIOC_SUBDEV_S_CROP", set.bytes);
    const get = new SubdevSelectionView(argOf("VIDIOC_SUBDEV_G_SELECTION"));
    get.which = ACTIVE;
    client.ioctl("VIDIOC_SUBDEV_G_SELECTION", get.bytes);
    expect([get.r.left, get.r.top, get.r.width, get.r.height]).toEqual([-2, 4, 16, 8]);
  });

  it("which of an interval counts for clients that say that they set it", () => {
    const client = new Client();
    const set = (which: number, denominator: number): number => {
      const view = new SubdevFrameIntervalView(argOf("VIDIOC_SUBDEV_S_FRAME_INTERVAL"));
      view.which = which;
      Object.assign(view.interval, { numerator: 1, denominator });
      client.ioctl("VIDIOC_SUBDEV_S_FRAME_INTERVAL", view.bytes);
      return view.which;
    };
    expect(set(TRY, 25)).toBe(ACTIVE);
    expect(client.subDevice.active.at(0).interval?.denominator).toBe(25);
    expect(client.knows(KNOWS_WHICH | 0xff00n)).toBe(KNOWS_WHICH);
    expect(set(TRY, 50)).toBe(TRY);
    expect(client.subDevice.active.at(0).interval?.denominator).toBe(25);
    expect(client.file.state.at(0).interval?.denominator).toBe(50);
  });
});

describe("routes", () => {
  const route: Route = { sinkPad: 0, sinkStream: 3, sourcePad: 1, sourceStream: 0, flags: RouteFlag.Active };
  const ADDRESS = 0x1000n;

  /** S_ROUTING, or G_ROUTING without routes to set. */
  function routing(
    client: Client,
    routes: readonly Route[] | undefined,
    room = routes?.length ?? 0,
  ): SubdevRoutingView {
    const name = routes === undefined ? "VIDIOC_SUBDEV_G_ROUTING" : "VIDIOC_SUBDEV_S_ROUTING";
    const array = new Uint8Array(room * SubdevRouteView.SIZE);
    for (const [index, { sinkPad, sinkStream, sourcePad, sourceStream, flags }] of (routes ?? []).entries()) {
      const view = new SubdevRouteView(array.subarray(index * SubdevRouteView.SIZE));
      view.sink_pad = sinkPad;
      view.sink_stream = sinkStream;
      view.source_pad = sourcePad;
      view.source_stream = sourceStream;
      view.flags = flags;
    }
    client.call.memory.map(ADDRESS, array);
    const view = new SubdevRoutingView(argOf(name));
    Object.assign(view, {
      which: ACTIVE,
      len_routes: room,
      num_routes: routes?.length ?? 0,
      routes: ADDRESS,
    });
    client.ioctl(name, view.bytes);
    return view;
  }

  it("decide which streams pads have", async () => {
    const client = new Client({ streams: true });
    client.knows(KNOWS_STREAMS);
    expect(routing(client, [route]).num_routes).toBe(1);
    expect(() => client.format("VIDIOC_SUBDEV_G_FMT", { pad: 0, stream: 3 })).not.toThrow();
    expect(await errnoOf(() => client.format("VIDIOC_SUBDEV_G_FMT", { pad: 0, stream: 0 }))).toBe("EINVAL");
    expect(client.subDevice.active.streamsOf(1)).toEqual([0]);
  });

  it("num_routes tells how many there are, the array takes as many as fit", () => {
    const client = new Client({ streams: true });
    routing(client, [route, { ...route, sinkStream: 4, sourceStream: 1 }]);
    expect(routing(client, undefined, 1).num_routes).toBe(2);
    expect(routing(client, undefined, 0).num_routes).toBe(2);
  });

  it.each([
    ["from a source pad", [{ ...route, sinkPad: 1 }]],
    ["to a pad that is not there", [{ ...route, sourcePad: 2 }]],
    ["of stream 64", [{ ...route, sinkStream: 64 }]],
  ])("%s: EINVAL, and nothing changes", async (_, routes) => {
    const client = new Client({ streams: true });
    expect(await errnoOf(() => routing(client, routes))).toBe("EINVAL");
    expect(client.subDevice.active.routes).toEqual([]);
  });

  it("more than fit into the array, or than 256: EINVAL before any memory is read", async () => {
    const client = new Client({ streams: true });
    const view = new SubdevRoutingView(argOf("VIDIOC_SUBDEV_S_ROUTING"));
    Object.assign(view, { which: ACTIVE, len_routes: 257, num_routes: 1, routes: ADDRESS });
    expect(await errnoOf(() => client.ioctl("VIDIOC_SUBDEV_S_ROUTING", view.bytes))).toBe("EINVAL");
    expect(client.call.memory.reads).toBe(0);
    Object.assign(view, { len_routes: 0, num_routes: 1 });
    expect(await errnoOf(() => client.ioctl("VIDIOC_SUBDEV_S_ROUTING", view.bytes))).toBe("EINVAL");
  });

  it("without setRouting, S_ROUTING answers with the routes as they are", () => {
    const { initState } = someOps;
    const client = new Client({ streams: true, ops: { initState } });
    expect(routing(client, [route]).num_routes).toBe(0);
  });

  it("a client that does not know streams means stream 0", () => {
    const client = new Client({ streams: true });
    expect(client.format("VIDIOC_SUBDEV_G_FMT", { stream: 9 }).stream).toBe(0);
  });
});

describe("ops", () => {
  it("may be methods of an object", () => {
    class Ops implements PadOps {
      #code = MbusCode.Y8_1X8;
      initState(state: SubdevState): void {
        state.set(0, { format: someMbusFormat });
      }
      enumMbusCode(): { code: number } {
        return { code: this.#code };
      }
    }
    const client = new Client({ pads: ["source"], ops: new Ops() });
    const view = new SubdevMbusCodeEnumView(argOf("VIDIOC_SUBDEV_ENUM_MBUS_CODE"));
    client.ioctl("VIDIOC_SUBDEV_ENUM_MBUS_CODE", view.bytes);
    expect(view.code).toBe(MbusCode.Y8_1X8);
  });

  it("their refusals are the client's errnos", async () => {
    const setFmt = vi.fn(() => {
      throw new V4l2Error("ENOSPC", "no room");
    });
    expect(
      await errnoOf(() => new Client({ ops: { ...someOps, setFmt } }).format("VIDIOC_SUBDEV_S_FMT", {})),
    ).toBe("ENOSPC");
  });

  it("poll tells of events only, and of an error where there can be none", () => {
    const client = new Client();
    expect(client.subDevice.device.poll(client.file, Poll.In)).toBe(Poll.Err);
  });
});
