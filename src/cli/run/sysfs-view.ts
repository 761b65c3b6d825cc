/**
 * What sysfs would show if our nodes were a kernel driver's: the plan only, as a tree of files and links.
 *
 * As with a kernel driver, the nodes of one device hang below a common parent, which udev programs climb to and where
 * v4l2-compliance looks for the media node that belongs to a video node:
 *
 *     devices/virtual/cuse/visl.0/                    (a kernel driver: devices/platform/visl.0)
 *     devices/virtual/cuse/visl.0/media0/
 *     devices/virtual/cuse/visl.0/video4linux/video0/
 *     devices/virtual/cuse/video0 -> visl.0/video4linux/video0
 *
 * The last line keeps `/sys/dev/char/<major>:<minor>` and `/sys/class/cuse` right, which lead to `virtual/cuse/video0`.
 *
 * Left out, because a file that does nothing when written to would mislead: `dev_debug`, `power/`, `driver_override`.
 */
import type { CuseNode, MediaNode, Nodes, VideoNode } from "./nodes.js";

/** A folder's content: text is a file, `link` a symbolic link. */
export interface Folder {
  readonly [name: string]: Entry;
}
export type Entry = string | Link | FolderEntry;
export interface Link {
  readonly link: string;
}
export interface FolderEntry {
  readonly folder: Folder;
}

export interface SysfsView {
  /** Instead of `/sys/devices/virtual/cuse`; CUSE devices that are not ours are missing. */
  readonly devices: Folder;
  /** What `/sys/class` has in addition. */
  readonly class: Folder;
  /** What `/sys/bus` has in addition. */
  readonly bus: Folder;
  /** What `/sys/dev/char` has in addition: nodes of which the kernel's sysfs knows nothing. */
  readonly char: Folder;
  /** udev's records, by their names under `/run/udev/data`. */
  readonly udev: ReadonlyMap<string, string>;
}

/** Where the parents are, under /sys. */
export const DEVICES = "devices/virtual/cuse";

/** `V4L2_CAP_*` that udev's v4l_id tells programs about, with its words for them, in its order. */
const abilities: readonly (readonly [bits: number, word: string])[] = [
  [0x00000001 | 0x00001000, "capture"],
  [0x00000002 | 0x00002000, "video_output"],
  [0x00000004, "video_overlay"],
  [0x00020000, "audio"],
  [0x00010000, "tuner"],
  [0x00040000, "radio"],
];

/** The nodes of one device. */
interface Device {
  readonly name: string;
  readonly driver: string | undefined;
  readonly videos: readonly VideoNode[];
  readonly medias: readonly MediaNode[];
}

export function planView(nodes: Nodes): SysfsView {
  const devices = groupNodes(nodes);
  return {
    devices: Object.fromEntries(
      devices.flatMap((device) => [
        [device.name, { folder: parentFolder(device) }],
        ...device.videos.map((node) => [node.name, { link: `${device.name}/video4linux/${node.name}` }]),
        ...device.medias.map((node) => [node.name, { link: `${device.name}/${node.name}` }]),
      ]),
    ) as Folder,
    class: {
      video4linux: {
        folder: linksTo(devices, "../..", ({ name, videos }) =>
          videos.map((node) => [node.name, `${name}/video4linux/${node.name}`]),
        ),
      },
    },
    bus: {
      media: {
        folder: {
          devices: {
            folder: linksTo(devices, "../../..", ({ name, medias }) =>
              medias.map((node) => [node.name, `${name}/${node.name}`]),
            ),
          },
          drivers: { folder: {} },
        },
      },
    },
    char: Object.fromEntries(
      [...nodes.videos, ...nodes.medias]
        .filter((node) => node.isFile === true)
        .map(({ name, major, minor }) => [`${major}:${minor}`, { link: `../../${DEVICES}/${name}` }]),
    ),
    udev: new Map([...nodes.videos, ...nodes.medias].map((node) => [udevId(node), udevRecord(node)])),
  };
}

function linksTo(
  devices: readonly Device[],
  up: string,
  paths: (device: Device) => [name: string, path: string][],
): Folder {
  return Object.fromEntries(
    devices.flatMap(paths).map(([name, path]) => [name, { link: `${up}/${DEVICES}/${path}` }]),
  );
}

/** Which nodes are one device: a media node and those in its topology; else those of one driver and `bus_info`. */
function groupNodes({ videos, medias }: Nodes): Device[] {
  const left = new Set(videos);
  const taken = new Set([...videos, ...medias].map((node) => node.name));
  const devices: Device[] = [];
  const add = (group: Omit<Device, "name">, node: CuseNode, busInfo = ""): void => {
    const name = freeName(deviceName(busInfo), `${group.driver ?? "cuse"}.${node.number}`, taken);
    taken.add(name);
    for (const video of group.videos) left.delete(video);
    devices.push({ name, ...group });
  };

  for (const media of medias) {
    const own = [...left].filter((video) =>
      media.facts?.interfaces.some(({ major, minor }) => major === video.major && minor === video.minor),
    );
    const { driver, busInfo } = media.facts ?? {};
    add({ driver, videos: own, medias: [media] }, media, busInfo);
  }
  for (const video of videos) {
    if (!left.has(video)) continue;
    const { driver, busInfo = "" } = video.facts ?? {};
    const own = [...left].filter(
      (other) =>
        other === video ||
        (busInfo !== "" && other.facts?.busInfo === busInfo && other.facts.driver === driver),
    );
    add({ driver, videos: own, medias: [] }, video, busInfo);
  }
  return devices;
}

/** `"visl.0"` of the bus_info `"platform:visl.0"`; undefined where that is no name. */
function deviceName(busInfo: string): string | undefined {
  const name = busInfo.replace(/^platform:/, "").replaceAll("/", "!"); // as the kernel writes a / in a name
  return name === "" || name.startsWith(".") ? undefined : name;
}

/** The nodes' own names are taken, and two drivers may give themselves the same bus_info. */
function freeName(wish: string | undefined, other: string, taken: ReadonlySet<string>): string {
  if (wish !== undefined && !taken.has(wish)) return wish;
  const base = other.replaceAll("/", "!").replace(/^\./, "!");
  let name = base;
  for (let copy = 2; taken.has(name); copy++) name = `${base}-${copy}`;
  return name;
}

function parentFolder({ name, driver, videos, medias }: Device): Folder {
  const up = "../../../.."; // from the parent to /sys
  const modalias = `platform:${name.replace(/\.\d+$/, "")}`;
  return {
    modalias: `${modalias}\n`,
    subsystem: { link: `${up}/bus/platform` },
    uevent: `${driver === undefined || driver === "" ? "" : `DRIVER=${driver}\n`}MODALIAS=${modalias}\n`,
    ...Object.fromEntries(
      medias.map((node) => [
        node.name,
        {
          folder: {
            ...common(node),
            model: `${node.facts?.model ?? ""}\n`,
            subsystem: { link: `../${up}/bus/media` },
          },
        },
      ]),
    ),
    ...(videos.length === 0 ? {} : { video4linux: { folder: videoFolders(name, videos, `../../${up}`) } }),
  };
}

/** @param up - From a video node's folder to /sys. */
function videoFolders(parent: string, videos: readonly VideoNode[], up: string): Folder {
  return Object.fromEntries(
    videos.map((node, index) => [
      node.name,
      {
        folder: {
          ...common(node),
          device: { link: `../../../${parent}` },
          index: `${index}\n`,
          name: `${node.facts?.card ?? node.name}\n`,
          subsystem: { link: `${up}/class/video4linux` },
        },
      },
    ]),
  );
}

function common({ name, major, minor }: CuseNode): Folder {
  return { dev: `${major}:${minor}\n`, uevent: `MAJOR=${major}\nMINOR=${minor}\nDEVNAME=${name}\n` };
}

const udevId = ({ major, minor }: CuseNode): string => `c${major}:${minor}`;

/** What udev's own rules would have found out about a V4L2 node; GStreamer's device monitor asks for it. */
function udevRecord(node: VideoNode | MediaNode): string {
  const facts = node.facts;
  const lines = ["I:1"]; // "initialized", one microsecond after boot: some programs wait for that
  if (facts !== undefined && "card" in facts) {
    const words = abilities
      .filter(([bits]) => (facts.capabilities & bits) !== 0)
      .map(([, word]) => `${word}:`);
    lines.push(
      "E:ID_V4L_VERSION=2",
      `E:ID_V4L_PRODUCT=${facts.card}`,
      `E:ID_V4L_CAPABILITIES=:${words.join("")}`,
    );
  }
  return `${[...lines, "V:1"].join("\n")}\n`;
}
