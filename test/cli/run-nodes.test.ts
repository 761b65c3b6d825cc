import { describe, expect, it } from "vitest";
import { findNodes, layout, mediaFacts, videoFacts, type Call } from "../../src/cli/run/nodes.js";
import {
  CapabilityView,
  MEDIA_IOC_DEVICE_INFO,
  MEDIA_IOC_G_TOPOLOGY,
  MediaDeviceInfoView,
  MediaV2InterfaceView,
  MediaV2TopologyView,
  VIDIOC_QUERYCAP,
} from "../../src/v4l2/gen/index.js";

describe("the launcher's own numbers", () => {
  it("are those of the generated bindings", () => {
    expect(layout.querycap.request).toBe(VIDIOC_QUERYCAP);
    expect(layout.querycap.size).toBe(CapabilityView.SIZE);
    expect(layout.deviceInfo.request).toBe(MEDIA_IOC_DEVICE_INFO);
    expect(layout.deviceInfo.size).toBe(MediaDeviceInfoView.SIZE);
    expect(layout.topology.request).toBe(MEDIA_IOC_G_TOPOLOGY);
    expect(layout.topology.size).toBe(MediaV2TopologyView.SIZE);
    expect(layout.interface.size).toBe(MediaV2InterfaceView.SIZE);
  });
});

const capability = (fields: Partial<CapabilityView>): Call => {
  return (request, arg) => {
    expect(request).toBe(VIDIOC_QUERYCAP);
    Object.assign(new CapabilityView(arg), fields);
  };
};

describe("VIDIOC_QUERYCAP", () => {
  it("tells who it is, and what this node can do", () => {
    const call = capability({
      driver: "visl",
      card: "a name of more than thirty-two letters",
      bus_info: "platform:visl.0",
      capabilities: 0x84204001,
      device_caps: 0x04204000,
    });
    expect(videoFacts(call)).toEqual({
      driver: "visl",
      card: "a name of more than thirty-two",
      busInfo: "platform:visl.0",
      capabilities: 0x04204000,
    });
  });

  it("tells all that the device can do where it knows no difference", () => {
    expect(videoFacts(capability({ capabilities: 0x05000001 })).capabilities).toBe(0x05000001);
  });

  it("cannot put lines of its own into a file of sysfs", () => {
    expect(videoFacts(capability({ driver: "a\nE:X=1", card: "b\r\x7f " }))).toMatchObject({
      driver: "a E:X=1",
      card: "b",
    });
  });
});

/** A media device of these interfaces that answers a second question with `later` of them. */
function media(count: number, later = count): { call: Call; rooms: number[] } {
  const rooms: number[] = [];
  const call: Call = (request, arg, nested) => {
    if (request === MEDIA_IOC_DEVICE_INFO) {
      Object.assign(new MediaDeviceInfoView(arg), {
        driver: "visl",
        model: "VISL",
        bus_info: "platform:visl.0",
      });
      return;
    }
    expect(request).toBe(MEDIA_IOC_G_TOPOLOGY);
    const view = new MediaV2TopologyView(arg);
    if (nested === undefined) {
      view.num_interfaces = count;
      view.num_pads = 4;
      return;
    }
    expect(view.num_pads).toBe(0); // nothing is asked for that has no room
    view.ptr_interfaces = 1n;
    expect(arg[nested.offset]).toBe(1);
    rooms.push(view.num_interfaces);
    expect(nested.bytes.length).toBe(view.num_interfaces * MediaV2InterfaceView.SIZE);
    for (let index = 0; index < view.num_interfaces; index++) {
      const out = new MediaV2InterfaceView(nested.bytes.subarray(index * MediaV2InterfaceView.SIZE));
      out.devnode.major = 81;
      out.devnode.minor = index;
    }
    view.num_interfaces = later;
  };
  return { call, rooms };
}

describe("MEDIA_IOC_G_TOPOLOGY", () => {
  it("tells which nodes belong to a media device", () => {
    expect(mediaFacts(media(2).call)).toEqual({
      driver: "visl",
      model: "VISL",
      busInfo: "platform:visl.0",
      interfaces: [
        { major: 81, minor: 0 },
        { major: 81, minor: 1 },
      ],
    });
  });

  it("is asked once where there are none", () => {
    const { call, rooms } = media(0);
    expect(mediaFacts(call).interfaces).toEqual([]);
    expect(rooms).toEqual([]);
  });

  it("may count as high as it likes", () => {
    const { call, rooms } = media(0xffff_ffff);
    expect(mediaFacts(call).interfaces).toHaveLength(256);
    expect(rooms).toEqual([256]);
  });

  it("may shrink in between, and may not grow", () => {
    expect(mediaFacts(media(3, 1).call).interfaces).toHaveLength(1);
    expect(mediaFacts(media(3, 9).call).interfaces).toHaveLength(3);
  });
});

describe("our nodes", () => {
  it("are none where the kernel has no CUSE class", () => {
    expect(findNodes({ dev: "/dev", sysfsClass: "/nowhere" })).toEqual([]);
  });

  it("are those that /dev has with the number that the kernel gave them", () => {
    // /sys/class/mem is always there: null 1:3, zero 1:5. Neither is called videoN.
    expect(findNodes({ dev: "/dev", sysfsClass: "/sys/class/mem" })).toEqual([]);
  });
});
