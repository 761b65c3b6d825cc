/** What `media-ctl -p` prints, made of the answers to the ioctls that it calls. */
import {
  MEDIA_ENT_F_IO_V4L,
  MEDIA_ENT_ID_FLAG_NEXT,
  MEDIA_IOC_DEVICE_INFO,
  MEDIA_IOC_ENUM_ENTITIES,
  MEDIA_IOC_ENUM_LINKS,
  MediaDeviceInfoView,
  MediaEntityDescView,
  MediaLinkDescView,
  MediaLinksEnumView,
  MediaPadDescView,
} from "../../../src/v4l2/gen/index.js";
import type { MediaDevice } from "../../../src/media/index.js";
import { errnoNumber, V4l2Error } from "../../../src/v4l2/index.js";
import { FakeCall } from "../../v4l2/support/fakes.js";
import { mediaFile } from "./visl.js";

const PADS = 0x10000n;
const LINKS = 0x20000n;

interface Entity {
  readonly desc: MediaEntityDescView;
  readonly pads: readonly MediaPadDescView[];
  readonly links: readonly MediaLinkDescView[];
}

/** @returns 0 or a negated errno. */
export function mediaIoctl(device: MediaDevice, cmd: number, arg: Uint8Array, call = new FakeCall()): number {
  try {
    const result = device.ioctl(mediaFile, cmd, arg, call);
    if (typeof result !== "number") throw new Error("it waits");
    return result;
  } catch (error) {
    if (error instanceof V4l2Error) return -errnoNumber(error.code);
    throw error;
  }
}

function entitiesOf(device: MediaDevice): Entity[] {
  const entities: Entity[] = [];
  for (let id = 0; ;) {
    const desc = new MediaEntityDescView(new Uint8Array(MediaEntityDescView.SIZE));
    desc.id = (id | MEDIA_ENT_ID_FLAG_NEXT) >>> 0;
    if (mediaIoctl(device, MEDIA_IOC_ENUM_ENTITIES, desc.bytes) !== 0) return entities;
    id = desc.id;
    const call = new FakeCall();
    const pads = call.memory.map(PADS, new Uint8Array(desc.pads * MediaPadDescView.SIZE));
    const links = call.memory.map(LINKS, new Uint8Array(desc.links * MediaLinkDescView.SIZE));
    const wanted = new MediaLinksEnumView(new Uint8Array(MediaLinksEnumView.SIZE));
    Object.assign(wanted, { entity: id, pads: PADS, links: LINKS });
    if (mediaIoctl(device, MEDIA_IOC_ENUM_LINKS, wanted.bytes, call) !== 0) throw new Error("no links");
    const slices = <V>(bytes: Uint8Array, view: { SIZE: number; new (bytes: Uint8Array): V }): V[] =>
      Array.from({ length: bytes.length / view.SIZE }, (_, i) => new view(bytes.subarray(i * view.SIZE)));
    entities.push({ desc, pads: slices(pads, MediaPadDescView), links: slices(links, MediaLinkDescView) });
  }
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
const flagWords = (flags: number): string =>
  [flags & 1 ? "ENABLED" : "", flags & 2 ? "IMMUTABLE" : "", flags & 4 ? "DYNAMIC" : ""]
    .filter((word) => word !== "")
    .join(",");

/** @param devnode - What sysfs would tell media-ctl about a device number. */
export function mediaCtl(device: MediaDevice, devnode: (major: number, minor: number) => string): string {
  const info = new MediaDeviceInfoView(new Uint8Array(MediaDeviceInfoView.SIZE));
  mediaIoctl(device, MEDIA_IOC_DEVICE_INFO, info.bytes);
  const version = (v: number): string => `${v >> 16}.${(v >> 8) & 0xff}.${v & 0xff}`;
  const lines = [
    `Media controller API version ${version(info.media_version)}`,
    "",
    "Media device information",
    "------------------------",
    `driver          ${info.driver}`,
    `model           ${info.model}`,
    `serial          ${info.serial}`,
    `bus info        ${info.bus_info}`,
    `hw revision     0x${info.hw_revision.toString(16)}`,
    `driver version  ${version(info.driver_version)}`,
    "",
    "Device topology",
  ];
  const entities = entitiesOf(device);
  const nameOf = (id: number): string => entities.find(({ desc }) => desc.id === id)?.desc.name ?? "?";
  const allLinks = entities.flatMap(({ links }) => links);
  for (const { desc, pads } of entities) {
    const touching = allLinks.filter(
      ({ source, sink }) => source.entity === desc.id || sink.entity === desc.id,
    );
    lines.push(
      `- entity ${desc.id}: ${desc.name} (${plural(desc.pads, "pad")}, ${plural(touching.length, "link")})`,
      `            type Node subtype ${desc.type === MEDIA_ENT_F_IO_V4L ? "V4L" : "Unknown"} flags ${desc.flags}`,
    );
    if (desc.dev.major !== 0)
      lines.push(`            device node name ${devnode(desc.dev.major, desc.dev.minor)}`);
    for (const pad of pads) {
      lines.push(`\tpad${pad.index}: ${pad.flags === 1 ? "SINK" : "SOURCE"}`);
      for (const { source, sink, flags } of touching) {
        const isSource = source.entity === desc.id && source.index === pad.index;
        const isSink = sink.entity === desc.id && sink.index === pad.index;
        if (!isSource && !isSink) continue;
        const other = isSource ? sink : source;
        const arrow = isSource ? "->" : "<-";
        lines.push(`\t\t${arrow} "${nameOf(other.entity)}":${other.index} [${flagWords(flags)}]`);
      }
    }
    lines.push("");
  }
  return `${lines.join("\n")}\n`;
}
