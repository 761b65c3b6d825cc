/** The file of `v4l2-cuse up`: what it becomes, and what is said of its mistakes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseDevices } from "../../src/cli/up/devices-file.js";

const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
mkdirSync(join(folder, "mine"));
for (const module of ["mine/camera.js", "a.js"]) writeFileSync(join(folder, module), "");

const parse = (text: string): ReturnType<typeof parseDevices> => parseDevices(text, join(folder, "d.yaml"));

describe("a file of devices", () => {
  it("becomes command lines", async () => {
    const text = `
devices:
  - name: front
    driver: sample
    multiplanar: true
    unpaced: false
    video: 7
    mode: 0660
  - driver: visl
    debugfs: false
    debug: true
    transtime_ms: 5
  - driver: decoder
    codec: [h264, vp8]
    keepBitstreamBuffers: true
  - driver: ./mine/camera.js
    args: [--fast, "two words"]
  - driver: loopback
    card: My camera`;
    expect(await parse(text)).toEqual([
      { name: "front", driver: "sample", args: ["--multiplanar", "--video", "7", "--mode", "0660"] },
      { name: "visl", driver: "visl", args: ["--no-debugfs", "--debug", "--transtime-ms", "5"] },
      {
        name: "decoder",
        driver: "decoder",
        args: ["--codec", "h264", "--codec", "vp8", "--keep-bitstream-buffers"],
      },
      { name: "camera", driver: join(folder, "mine/camera.js"), args: ["--fast", "two words"] },
      { name: "loopback", driver: "loopback", args: ["--card", "My camera"] },
    ]);
  });

  it("may be JSON, and names devices of one driver apart", async () => {
    const text = JSON.stringify({
      devices: [{ driver: "sample" }, { driver: "sample" }, { driver: "sample" }],
    });
    expect((await parse(text)).map(({ name }) => name)).toEqual(["sample", "sample-2", "sample-3"]);
  });

  it.each([
    [
      "devices:\n  - driver: sample\n    video: 4\n  - driver: loopback\n    video: 4",
      4,
      '"loopback" has video 4, as "sample" has',
    ],
    [
      "devices:\n  - driver: sample\n    args: [--video, '4']\n  - driver: sample\n    video: 4",
      4,
      '"sample-2" has video 4, as "sample" has',
    ],
    [
      "devices:\n  - driver: visl\n    record: a\n  - driver: visl\n    record: a",
      4,
      '"visl-2" has record a, as "visl" has',
    ],
    ["devices:\n  - driver: sample\n    args: [--vidoe]", 2, "sample: unknown option '--vidoe'"],
    ["devices:\n  - driver: sample\n    args: [film.mp4]", 2, "sample: too many arguments"],
    ["devices:\n  - driver: sample\n    args: [--help]", 2, "sample shows its help"],
    [
      "devices:\n  - driver: loopback\n    from: testsrc\n    on-demand: 'true'",
      2,
      "loopback: option '--from <source>' cannot be used with option '--on-demand <command>'",
    ],
    ["devices:\n  - driver: sample\n    vidoe: 3", 3, 'sample has no option "vidoe"'],
    ["devices:\n  - driver: sample\n    video: 999", 3, '"video" of sample cannot be "999"'],
    ["devices:\n  - driver: sample\n    unpaced: 1", 3, '"unpaced" of sample is true or false'],
    ["devices:\n  - driver: sample\n    node: usb", 3, "Allowed choices are"],
    ["devices:\n  - driver: sample\n    video: [1, 2]", 3, "takes one value"],
    ["devices:\n  - driver: sample\n    video: {a: 1}", 3, "takes a number or a text"],
    ["devices:\n  - driver: webcam", 2, 'there is no driver "webcam": name sample'],
    ["devices:\n  - driver: sample\n  - driver: ./b.js", 3, 'there is no module "'],
    ["devices:\n  - name: x", 2, 'no "driver"'],
    ["devices:\n  - driver: sample\n    name: a/b", 3, "no name of a device"],
    ["devices:\n  - driver: sample\n    name: a\n  - driver: visl\n    name: a", 5, 'another device is "a"'],
    ["devices:\n  - driver: ./a.js\n    fast: true", 3, "a module takes its options as"],
    ["devices:\n  - driver: ./a.js\n    args: --fast", 3, "list of texts"],
    ["devices:\n  - sample", 2, "a device is a mapping"],
    ["devices: sample", 1, "no list of devices"],
    ["other: 1\ndevices: []", 1, 'unknown "other"'],
    ["- driver: sample", 1, "begins with"],
    ["", 1, "begins with"],
    ["devices:\n  - driver: sample\n    driver: visl", 3, "unique"],
    ["devices:\n  - driver: [sample", 2, "Flow sequence"],
  ])("refuses %j at its line", async (text, line, message) => {
    await expect(parse(text)).rejects.toThrow(message);
    await expect(parse(text)).rejects.toThrow(new RegExp(`^${folder}/d.yaml:${line}: [^\\n]+$`));
  });
});
