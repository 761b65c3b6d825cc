/**
 * What the log says about a media ioctl. The kernel has no such lines for media devices; these have the form of those
 * that it has for video devices.
 */
import {
  MEDIA_IOC_DEVICE_INFO,
  MEDIA_IOC_ENUM_ENTITIES,
  MEDIA_IOC_ENUM_LINKS,
  MEDIA_IOC_G_TOPOLOGY,
  MEDIA_IOC_REQUEST_ALLOC,
  MEDIA_IOC_SETUP_LINK,
  MEDIA_REQUEST_IOC_QUEUE,
  MEDIA_REQUEST_IOC_REINIT,
  MediaDeviceInfoView,
  MediaEntityDescView,
  MediaLinkDescView,
  MediaLinksEnumView,
  MediaV2TopologyView,
  type MediaPadDescView,
} from "../v4l2/gen/index.js";
import { ArgWriter } from "../v4l2/index.js";

const names: ReadonlyMap<number, string> = new Map([
  [MEDIA_IOC_DEVICE_INFO, "MEDIA_IOC_DEVICE_INFO"],
  [MEDIA_IOC_ENUM_ENTITIES, "MEDIA_IOC_ENUM_ENTITIES"],
  [MEDIA_IOC_ENUM_LINKS, "MEDIA_IOC_ENUM_LINKS"],
  [MEDIA_IOC_SETUP_LINK, "MEDIA_IOC_SETUP_LINK"],
  [MEDIA_IOC_G_TOPOLOGY, "MEDIA_IOC_G_TOPOLOGY"],
  [MEDIA_IOC_REQUEST_ALLOC, "MEDIA_IOC_REQUEST_ALLOC"],
  [MEDIA_REQUEST_IOC_QUEUE, "MEDIA_REQUEST_IOC_QUEUE"],
  [MEDIA_REQUEST_IOC_REINIT, "MEDIA_REQUEST_IOC_REINIT"],
]);

const DIRECTIONS = ["--", "-w", "r-", "rw"] as const;

/** `MEDIA_IOC_DEVICE_INFO`; for others the kernel's form, `'|', dir=r-, #0x...`. */
export function mediaIoctlName(cmd: number): string {
  const known = names.get(cmd);
  if (known !== undefined) return known;
  const type = (cmd >>> 8) & 0xff;
  const letter = type >= 0x20 && type < 0x7f ? String.fromCharCode(type) : "v";
  return `'${letter}', dir=${DIRECTIONS[cmd >>> 30] ?? "--"}, #0x${cmd.toString(16).padStart(8, "0")}`;
}

/** `major.minor.patch` of a `KERNEL_VERSION`. */
const versionText = (version: number): string =>
  `${version >>> 16}.${(version >>> 8) & 0xff}.${version & 0xff}`;

function describePad(out: ArgWriter, name: string, pad: MediaPadDescView): void {
  const { entity, index } = pad;
  out.set(name, { entity, index }).item(`${name}=${entity}:${index}`);
}

/** The argument after the call, as text and as an object. */
export function describeMediaIoctl(cmd: number, arg: Uint8Array): ArgWriter {
  const out = new ArgWriter();
  switch (cmd) {
    case MEDIA_IOC_DEVICE_INFO: {
      const view = new MediaDeviceInfoView(arg);
      out.string("driver", view.driver).string("model", view.model).string("serial", view.serial);
      out.string("bus", view.bus_info).hex("hw_revision", view.hw_revision);
      const version = versionText(view.media_version);
      return out.set("media_version", version).item(`media_version=${version}`);
    }
    case MEDIA_IOC_ENUM_ENTITIES: {
      const view = new MediaEntityDescView(arg);
      out.hex("id", view.id, 8).string("name", view.name).hex("type", view.type, 8).hex("flags", view.flags);
      return out.uint("pads", view.pads).uint("links", view.links);
    }
    case MEDIA_IOC_ENUM_LINKS: {
      const view = new MediaLinksEnumView(arg);
      return out.hex("entity", view.entity, 8).hex("pads", view.pads).hex("links", view.links);
    }
    case MEDIA_IOC_SETUP_LINK: {
      const view = new MediaLinkDescView(arg);
      describePad(out, "source", view.source);
      describePad(out, "sink", view.sink);
      return out.hex("flags", view.flags);
    }
    case MEDIA_IOC_G_TOPOLOGY: {
      const view = new MediaV2TopologyView(arg);
      out.big("topology_version", view.topology_version).uint("num_entities", view.num_entities);
      out.uint("num_interfaces", view.num_interfaces).uint("num_pads", view.num_pads);
      return out.uint("num_links", view.num_links);
    }
    case MEDIA_IOC_REQUEST_ALLOC: // The number of the descriptor is the client's affair.
    case MEDIA_REQUEST_IOC_QUEUE:
    case MEDIA_REQUEST_IOC_REINIT:
      return out;
    default:
      return out.item("driver-specific ioctl");
  }
}
