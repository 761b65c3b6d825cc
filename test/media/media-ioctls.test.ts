/** The ioctls of a media device, first against what the kernel's visl answered, then at their edges. */
import { describe, expect, it } from "vitest";
import { EntityFunction, LinkFlag, MediaGraph, PadFlag, type MediaDevice } from "../../src/media/index.js";
import {
  MEDIA_ENT_F_V4L2_SUBDEV_UNKNOWN,
  MEDIA_IOC_DEVICE_INFO,
  MEDIA_IOC_ENUM_ENTITIES,
  MEDIA_IOC_ENUM_LINKS,
  MEDIA_IOC_G_TOPOLOGY,
  MEDIA_IOC_REQUEST_ALLOC,
  MEDIA_IOC_SETUP_LINK,
  MediaDeviceInfoView,
  MediaEntityDescView,
  MediaLinkDescView,
  MediaLinksEnumView,
  MediaV2EntityView,
  MediaV2InterfaceView,
  MediaV2LinkView,
  MediaV2PadView,
  MediaV2TopologyView,
} from "../../src/v4l2/gen/index.js";
import { errnoNumber, type ClientMemory, V4l2Error, type ErrnoName } from "../../src/v4l2/index.js";
import { FakeCall } from "../v4l2/support/fakes.js";
import { mediaCtl, mediaIoctl } from "./support/media-ctl.js";
import { golden, mediaFile, vislMedia } from "./support/visl.js";

const numbers: Readonly<Record<string, number>> = {
  MEDIA_IOC_DEVICE_INFO,
  MEDIA_IOC_ENUM_ENTITIES,
  MEDIA_IOC_ENUM_LINKS,
  MEDIA_IOC_G_TOPOLOGY,
  MEDIA_IOC_SETUP_LINK,
};

const refused = (code: ErrnoName): number => -errnoNumber(code);

/** Any address but the first page, which is what the recorded programs used to be refused. */
class LooseMemory implements ClientMemory {
  read(): void {
    throw new Error("nothing is read");
  }
  write(address: bigint): void {
    if (address < 4096n) throw new V4l2Error("EFAULT", "first page");
  }
}

interface Recorded {
  readonly name: string;
  readonly before: Uint8Array;
  /** Hexadecimal, as much as was recorded. */
  readonly after: string;
  readonly result: string;
}

const recorded: Recorded[] = golden("visl-ioctls.txt")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => {
    const [name = "", before = "", after = "", result = ""] = line.split(" ");
    const size = ((numbers[name] ?? 0) >>> 16) & 0x3fff;
    const bytes = new Uint8Array(size);
    bytes.set(Buffer.from(before.replace("~", ""), "hex"));
    // What strace cut off is a pointer, and the recorded programs let each pointer be the bad one once.
    if (before.endsWith("~") && result === "EFAULT") bytes[64] = 4;
    return { name, before: bytes, after: after.replace("~", ""), result };
  });

describe("what the kernel's visl answered to media-ctl and v4l2-compliance", () => {
  it.each(recorded.map((one, index) => ({ ...one, index })))(
    "$index: $name is $result",
    ({ name, before, after, result }) => {
      const device = vislMedia();
      const call = new FakeCall();
      Object.assign(call, { memory: new LooseMemory() });
      const arg = before.slice();
      const cmd = numbers[name];
      if (cmd === undefined) throw new Error(name);
      const expected = result === "0" ? 0 : refused(result as ErrnoName);
      expect(mediaIoctl(device, cmd, arg, call)).toBe(expected);
      if (expected === 0) expect(Buffer.from(arg).toString("hex").slice(0, after.length)).toBe(after);
    },
  );

  it("is the same picture for media-ctl -p", () => {
    expect(mediaCtl(vislMedia(), (major, minor) => (major === 81 && minor === 0 ? "/dev/video0" : "?"))).toBe(
      golden("visl-media-ctl-p.txt"),
    );
  });
});

/** A sensor that leads to a scaler and a recorder, links that can be switched. */
function camera(): MediaDevice {
  const graph = new MediaGraph();
  const sensor = graph.addEntity({
    name: "sensor",
    function: EntityFunction.CameraSensor,
    pads: [PadFlag.Source],
  });
  const scaler = graph.addEntity({
    name: "scaler",
    function: EntityFunction.VideoScaler,
    pads: [PadFlag.Sink | PadFlag.MustConnect, PadFlag.Source],
    flags: 1,
  });
  const node = graph.addEntity({
    name: "a name that is longer than the thirty-one bytes that fit",
    function: EntityFunction.IoV4l,
    pads: [PadFlag.Sink],
    devnode: { major: 81, minor: 3 },
  });
  graph.linkPads(sensor, 0, scaler, 0, LinkFlag.Enabled);
  graph.linkPads(scaler, 1, node, 0, 0);
  return vislMedia({ graph });
}

describe("MEDIA_IOC_DEVICE_INFO", () => {
  it("tells everything, in whole strings, over whatever was there", () => {
    const device = vislMedia({
      info: {
        driver: "a driver with a long name",
        model: "m",
        serial: "4711",
        busInfo: "platform:m",
        hwRevision: 0x12,
        version: 0x060c01,
      },
    });
    const view = new MediaDeviceInfoView(new Uint8Array(MediaDeviceInfoView.SIZE).fill(0xff));
    expect(mediaIoctl(device, MEDIA_IOC_DEVICE_INFO, view.bytes)).toBe(0);
    expect(view.driver).toBe("a driver with a");
    expect(view.bytes[15]).toBe(0);
    expect([view.model, view.serial, view.bus_info]).toEqual(["m", "4711", "platform:m"]);
    expect([view.hw_revision, view.media_version, view.driver_version]).toEqual([0x12, 0x060c01, 0x060c01]);
    expect(view.bytes.subarray(132).every((byte) => byte === 0)).toBe(true);
  });
});

describe("MEDIA_IOC_ENUM_ENTITIES", () => {
  it("maps functions that old clients do not know", () => {
    const device = camera();
    const types: Record<string, number> = {};
    for (let id = 0; ;) {
      const view = new MediaEntityDescView(new Uint8Array(MediaEntityDescView.SIZE));
      view.id = (id | 0x8000_0000) >>> 0;
      if (mediaIoctl(device, MEDIA_IOC_ENUM_ENTITIES, view.bytes) !== 0) break;
      id = view.id;
      types[view.name] = view.type;
    }
    expect(types["sensor"]).toBe(EntityFunction.CameraSensor);
    expect(types["scaler"]).toBe(0x1ffff); // MEDIA_ENT_T_DEVNODE_UNKNOWN
    expect(types["a name that is longer than the "]).toBe(EntityFunction.IoV4l);
    expect(MEDIA_ENT_F_V4L2_SUBDEV_UNKNOWN).not.toBe(types["scaler"]);
  });
});

describe("the type that old clients are told", () => {
  // The old ranges are 0x10000 to 0x20005 (MEDIA_ENT_F_OLD_BASE, MEDIA_ENT_F_TUNER).
  it.each([
    [0xffff, false, 0x1ffff],
    [0xffff, true, 0x20000],
    [0x10000, true, 0x10000],
    [0x10001, true, 0x10001],
    [0x20001, false, 0x20001],
    [0x20005, true, 0x20005],
    [0x20006, true, 0x20000],
    [0x20006, false, 0x1ffff],
    [0x1001, false, 0x1ffff],
    [0x4005, true, 0x20000],
  ])("of function %i, a sub-device: %s", (does, isSubDevice, type) => {
    const device = vislMedia();
    const entity = device.graph.addEntity({
      name: "new",
      function: does as EntityFunction,
      pads: [],
      isSubDevice,
    });
    const view = new MediaEntityDescView(new Uint8Array(MediaEntityDescView.SIZE));
    view.id = entity.id;
    expect(mediaIoctl(device, MEDIA_IOC_ENUM_ENTITIES, view.bytes)).toBe(0);
    expect(view.type).toBe(type);
  });
});

describe("MEDIA_IOC_ENUM_LINKS", () => {
  it("writes nothing where nothing is asked for, and clears what is reserved", () => {
    const view = new MediaLinksEnumView(new Uint8Array(MediaLinksEnumView.SIZE).fill(0xff));
    Object.assign(view, { entity: 1, pads: 0n, links: 0n });
    expect(mediaIoctl(vislMedia(), MEDIA_IOC_ENUM_LINKS, view.bytes)).toBe(0);
    expect(view.bytes.subarray(24).every((byte) => byte === 0)).toBe(true);
  });

  it("fails with EFAULT at the edge of what is mapped", () => {
    const call = new FakeCall();
    call.memory.map(0x1000n, new Uint8Array(51)); // One struct needs 52.
    const view = new MediaLinksEnumView(new Uint8Array(MediaLinksEnumView.SIZE));
    Object.assign(view, { entity: 1, pads: 0n, links: 0x1000n });
    expect(mediaIoctl(vislMedia(), MEDIA_IOC_ENUM_LINKS, view.bytes, call)).toBe(refused("EFAULT"));
  });
});

describe("MEDIA_IOC_SETUP_LINK", () => {
  const link = (
    source: [entity: number, index: number],
    sink: [entity: number, index: number],
    flags: number,
  ): Uint8Array => {
    const view = new MediaLinkDescView(new Uint8Array(MediaLinkDescView.SIZE).fill(0xff));
    Object.assign(view.source, { entity: source[0], index: source[1] });
    Object.assign(view.sink, { entity: sink[0], index: sink[1] });
    view.flags = flags;
    return view.bytes;
  };

  it("switches a link on and off", () => {
    const device = camera();
    const [first, second] = device.graph.links;
    expect(mediaIoctl(device, MEDIA_IOC_SETUP_LINK, link([3, 1], [6, 0], 1))).toBe(0);
    expect(mediaIoctl(device, MEDIA_IOC_SETUP_LINK, link([1, 0], [3, 0], 0))).toBe(0);
    expect([first?.flags, second?.flags]).toEqual([0, LinkFlag.Enabled]);
  });

  it.each([
    ["no such source", [99, 0], [3, 0], 1],
    ["no such sink", [1, 0], [99, 0], 1],
    ["no such pad", [1, 1], [3, 0], 1],
    ["no link between the pads", [1, 0], [6, 0], 1],
    ["a link against its direction", [3, 0], [1, 0], 1],
    ["another flag", [1, 0], [3, 0], 1 | LinkFlag.Dynamic],
    ["a flag that says what kind of link it is", [1, 0], [3, 0], LinkFlag.InterfaceLink | 1],
  ] as const)("%s: EINVAL", (_title, source, sink, flags) => {
    const device = camera();
    expect(mediaIoctl(device, MEDIA_IOC_SETUP_LINK, link([...source], [...sink], flags))).toBe(
      refused("EINVAL"),
    );
  });
});

describe("MEDIA_IOC_G_TOPOLOGY", () => {
  const AT = { entities: 0x1_0000n, interfaces: 0x2_0000n, pads: 0x3_0000n, links: 0x4_0000n } as const;

  function topology(counts: readonly [number, number, number, number]): {
    view: MediaV2TopologyView;
    call: FakeCall;
    arrays: { entities: Uint8Array; interfaces: Uint8Array; pads: Uint8Array; links: Uint8Array };
  } {
    const call = new FakeCall();
    const view = new MediaV2TopologyView(new Uint8Array(MediaV2TopologyView.SIZE));
    [view.num_entities, view.num_interfaces, view.num_pads, view.num_links] = counts;
    view.ptr_entities = AT.entities;
    view.ptr_interfaces = AT.interfaces;
    view.ptr_pads = AT.pads;
    view.ptr_links = AT.links;
    const arrays = {
      entities: call.memory.map(AT.entities, new Uint8Array(MediaV2EntityView.SIZE * 3)),
      interfaces: call.memory.map(AT.interfaces, new Uint8Array(MediaV2InterfaceView.SIZE)),
      pads: call.memory.map(AT.pads, new Uint8Array(MediaV2PadView.SIZE * 4)),
      links: call.memory.map(AT.links, new Uint8Array(MediaV2LinkView.SIZE * 4)),
    };
    return { view, call, arrays };
  }

  it("tells the whole graph with the ids that the kernel gives", () => {
    const { view, call, arrays } = topology([3, 1, 4, 4]);
    expect(mediaIoctl(vislMedia(), MEDIA_IOC_G_TOPOLOGY, view.bytes, call)).toBe(0);
    const each = <V>(bytes: Uint8Array, kind: { SIZE: number; new (bytes: Uint8Array): V }): V[] =>
      Array.from({ length: bytes.length / kind.SIZE }, (_, i) => new kind(bytes.subarray(i * kind.SIZE)));
    expect(each(arrays.entities, MediaV2EntityView).map((e) => [e.id, e.name, e.function, e.flags])).toEqual([
      [1, "visl-source", EntityFunction.IoV4l, 0],
      [3, "visl-proc", EntityFunction.VideoDecoder, 0],
      [6, "visl-sink", EntityFunction.IoV4l, 0],
    ]);
    const interfaces = each(arrays.interfaces, MediaV2InterfaceView);
    expect(interfaces.map((i) => [i.id, i.intf_type, i.devnode.major, i.devnode.minor])).toEqual([
      [0x0300000c, 0x200, 81, 0],
    ]);
    expect(each(arrays.pads, MediaV2PadView).map((p) => [p.id, p.entity_id, p.flags, p.index])).toEqual([
      [0x01000002, 1, 2, 0],
      [0x01000004, 3, 1, 0],
      [0x01000005, 3, 2, 1],
      [0x01000007, 6, 1, 0],
    ]);
    expect(each(arrays.links, MediaV2LinkView).map((l) => [l.id, l.source_id, l.sink_id, l.flags])).toEqual([
      [0x02000008, 0x01000002, 0x01000004, 3],
      [0x0200000a, 0x01000005, 0x01000007, 3],
      [0x0200000d, 0x0300000c, 1, 0x10000003],
      [0x0200000e, 0x0300000c, 6, 0x10000003],
    ]);
  });

  it.each([
    ["entities", [2, 1, 4, 4]],
    ["interfaces", [3, 0, 4, 4]],
    ["pads", [3, 1, 3, 4]],
    ["links", [3, 1, 4, 3]],
  ] as const)("too little room for %s: ENOSPC, and nothing beyond that room is touched", (which, counts) => {
    const { view, call, arrays } = topology([...counts]);
    expect(mediaIoctl(vislMedia(), MEDIA_IOC_G_TOPOLOGY, view.bytes, call)).toBe(refused("ENOSPC"));
    const size = { entities: 96, interfaces: 112, pads: 32, links: 40 }[which];
    const room = { entities: counts[0], interfaces: counts[1], pads: counts[2], links: counts[3] }[which];
    expect(arrays[which].subarray(room * size).every((byte) => byte === 0)).toBe(true);
  });

  it("huge counts cost nothing", () => {
    const { view, call } = topology([0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff]);
    expect(mediaIoctl(vislMedia(), MEDIA_IOC_G_TOPOLOGY, view.bytes, call)).toBe(0);
    expect([view.num_entities, view.num_interfaces, view.num_pads, view.num_links]).toEqual([3, 1, 4, 4]);
  });

  it("counts changes", () => {
    const device = vislMedia();
    device.graph.changed();
    const view = new MediaV2TopologyView(new Uint8Array(MediaV2TopologyView.SIZE));
    expect(mediaIoctl(device, MEDIA_IOC_G_TOPOLOGY, view.bytes)).toBe(0);
    expect(view.topology_version).toBe(1n);
  });
});

describe("other ioctls", () => {
  it.each([
    ["of V4L2", 0x80685600],
    ["of the media type", 0x7c7f],
    ["of a request", 0x7c80],
    ["with the number of another size", MEDIA_IOC_DEVICE_INFO - 0x0004_0000],
  ])("%s: ENOTTY", (_title, cmd) => {
    expect(mediaIoctl(vislMedia(), cmd >>> 0, new Uint8Array((cmd >>> 16) & 0x3fff))).toBe(refused("ENOTTY"));
  });

  it("REQUEST_ALLOC on a device without requests: ENOTTY, as without a client that could take a descriptor", async () => {
    const device = vislMedia();
    const call = new FakeCall();
    call.sendFd = () => undefined;
    const alloc = device.ioctl(mediaFile, MEDIA_IOC_REQUEST_ALLOC, new Uint8Array(4), call);
    await expect(alloc).rejects.toMatchObject({ code: "ENOTTY" });
  });
});

describe("messages", () => {
  it("reach the operator without a log, if they are warnings", () => {
    const device = vislMedia();
    const said: string[] = [];
    device.trace.unheard = ({ device: name, text }) => said.push(`${name}: ${text}`);
    device.message("info", "one");
    device.message("warning", "two");
    expect(said).toEqual([`${device.name}: two`]);
  });
});
