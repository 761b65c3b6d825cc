/** The plan of the view, beside what visl's kernel driver shows (Debian 13, kernel 6.12). */
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import type { MediaNode, VideoNode } from "../../src/cli/run/nodes.js";
import { DEVICES, planView, type Entry, type Folder, type SysfsView } from "../../src/cli/run/sysfs-view.js";

interface Who {
  readonly driver: string;
  readonly busInfo: string;
}
const visl: Who = { driver: "visl", busInfo: "platform:visl.0" };

function video(number: number, who?: Who, card = "visl", capabilities = 0x04204000): VideoNode {
  const facts = who === undefined ? undefined : { ...who, card, capabilities };
  return { name: `video${number}`, kind: "video", number, major: 81, minor: number, facts };
}
function media(number: number, videoNumbers: readonly number[], who?: Who): MediaNode {
  const interfaces = videoNumbers.map((minor) => ({ major: 81, minor }));
  const facts = who === undefined ? undefined : { ...who, model: "visl", interfaces };
  return { name: `media${number}`, kind: "media", number, major: 245, minor: number, facts };
}

/** `path: content` and `path -> target` of a tree, links made absolute. */
function listing(folder: Folder, at: string): string[] {
  return Object.entries(folder)
    .flatMap(([name, entry]: [string, Entry]) => {
      const path = `${at}/${name}`;
      if (typeof entry === "string") return [`${path}: ${entry.trimEnd().replaceAll("\n", " ")}`];
      if ("link" in entry) return [`${path} -> ${posix.join(at, entry.link)}`];
      return listing(entry.folder, path);
    })
    .sort();
}
const all = (view: SysfsView): string[] => [
  ...listing(view.devices, `/sys/${DEVICES}`),
  ...listing(view.class, "/sys/class"),
  ...listing(view.bus, "/sys/bus"),
];
const parents = (view: SysfsView): string[] =>
  Object.entries(view.devices).flatMap(([name, entry]) =>
    typeof entry === "object" && "folder" in entry ? [name] : [],
  );

describe("visl", () => {
  const view = planView({ videos: [video(0, visl)], medias: [media(0, [0], visl)] });

  it("looks like the kernel's, below another parent", () => {
    const at = `/sys/${DEVICES}`;
    expect(all(view)).toEqual([
      `${at}/media0 -> ${at}/visl.0/media0`,
      `${at}/video0 -> ${at}/visl.0/video4linux/video0`,
      `${at}/visl.0/media0/dev: 245:0`,
      `${at}/visl.0/media0/model: visl`,
      `${at}/visl.0/media0/subsystem -> /sys/bus/media`,
      `${at}/visl.0/media0/uevent: MAJOR=245 MINOR=0 DEVNAME=media0`,
      `${at}/visl.0/modalias: platform:visl`,
      `${at}/visl.0/subsystem -> /sys/bus/platform`,
      `${at}/visl.0/uevent: DRIVER=visl MODALIAS=platform:visl`,
      `${at}/visl.0/video4linux/video0/dev: 81:0`,
      `${at}/visl.0/video4linux/video0/device -> ${at}/visl.0`,
      `${at}/visl.0/video4linux/video0/index: 0`,
      `${at}/visl.0/video4linux/video0/name: visl`,
      `${at}/visl.0/video4linux/video0/subsystem -> /sys/class/video4linux`,
      `${at}/visl.0/video4linux/video0/uevent: MAJOR=81 MINOR=0 DEVNAME=video0`,
      `/sys/class/video4linux/video0 -> ${at}/visl.0/video4linux/video0`,
      `/sys/bus/media/devices/media0 -> ${at}/visl.0/media0`,
    ]);
  });

  it("has lines that end, as those of sysfs do", () => {
    expect(JSON.stringify(view.devices)).toContain('"dev":"245:0\\n"');
    expect(JSON.stringify(view.devices)).toContain('"uevent":"MAJOR=81\\nMINOR=0\\nDEVNAME=video0\\n"');
  });

  it("has the records that udev's v4l_id would write", () => {
    expect(Object.fromEntries(view.udev)).toEqual({
      "c81:0": "I:1\nE:ID_V4L_VERSION=2\nE:ID_V4L_PRODUCT=visl\nE:ID_V4L_CAPABILITIES=:\nV:1\n",
      "c245:0": "I:1\nV:1\n",
    });
  });
});

describe("what a camera can do", () => {
  it.each([
    ["single-planar", 0x05200001, ":capture:"],
    ["multi-planar", 0x05201000, ":capture:"],
    ["output", 0x04000002, ":video_output:"],
    ["radio with tuner and overlay", 0x00070004, ":video_overlay:audio:tuner:radio:"],
  ])("%s", (_what, capabilities, words) => {
    const { udev } = planView({ videos: [video(0, visl, "Cam", capabilities)], medias: [] });
    expect(udev.get("c81:0")).toContain(`E:ID_V4L_CAPABILITIES=${words}\n`);
  });
});

describe("several devices", () => {
  it("share a parent when a media node says so, whatever they are called", () => {
    const view = planView({
      videos: [video(0, visl), video(1, { driver: "other", busInfo: "platform:other" }), video(2, visl)],
      medias: [media(0, [0, 1], visl)],
    });
    expect(parents(view)).toEqual(["visl.0", "visl.2"]);
    const lines = all(view);
    expect(lines).toContain(`/sys/${DEVICES}/visl.0/video4linux/video1/index: 1`);
    expect(lines).toContain(`/sys/${DEVICES}/visl.2/video4linux/video2/index: 0`);
  });

  it("share a parent when driver and bus_info are the same", () => {
    const camera = { driver: "sample", busInfo: "platform:cam" };
    const view = planView({ videos: [video(3, camera), video(4, camera), video(5)], medias: [] });
    expect(parents(view)).toEqual(["cam", "cuse.5"]);
    expect(all(view)).toContain(`/sys/${DEVICES}/cam/video4linux/video4/index: 1`);
  });

  it("each has a parent when two media nodes have the same bus_info", () => {
    const view = planView({
      videos: [video(0, visl), video(1, visl)],
      medias: [media(0, [0], visl), media(1, [1], visl)],
    });
    expect(parents(view)).toEqual(["visl.0", "visl.1"]);
    expect(all(view)).toContain(`/sys/${DEVICES}/visl.1/media1/dev: 245:1`);
  });

  it("belongs to the first media node that names it", () => {
    const view = planView({ videos: [video(0, visl)], medias: [media(0, [0], visl), media(1, [0], visl)] });
    expect(all(view).filter((line) => line.includes("/video0/dev:"))).toEqual([
      `/sys/${DEVICES}/visl.0/video4linux/video0/dev: 81:0`,
    ]);
  });
});

describe("a parent's name", () => {
  it.each([
    ["is not the node's", "platform:video0", "visl.0"],
    ["is one folder", "platform:a/b", "a!b"],
    ["does not climb", "..", "visl.0"],
    ["is never empty", "", "visl.0"],
    ["keeps what is no platform", "usb-0000:00:14.0-1", "usb-0000:00:14.0-1"],
  ])("%s: bus_info %j", (_what, busInfo, name) => {
    expect(parents(planView({ videos: [video(0, { driver: "visl", busInfo })], medias: [] }))).toEqual([
      name,
    ]);
  });

  it("is one that no other has, in the end", () => {
    const hostile = { driver: "../..", busInfo: ".." };
    const medias = [media(0, [], hostile), media(1, [], { driver: "x", busInfo: "platform:!./...0" })];
    const names = parents(planView({ videos: [], medias }));
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[^./][^/]*$/);
  });
});

describe("a node that does not answer", () => {
  it("is shown by its name and number", () => {
    const lines = all(planView({ videos: [video(7)], medias: [media(7, [])] }));
    expect(lines).toContain(`/sys/${DEVICES}/cuse.7/media7/model: `);
    expect(lines).toContain(`/sys/${DEVICES}/cuse.7-2/video4linux/video7/name: video7`);
    expect(lines).toContain(`/sys/${DEVICES}/cuse.7-2/uevent: MODALIAS=platform:cuse.7-2`);
  });
});
