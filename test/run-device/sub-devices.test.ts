/** The camera that is made of parts, as media-ctl configures it and v4l2-compliance checks it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findings } from "../compliance/support.js";
import { builtProgram, checkFile } from "../device/support/camera.js";
import { onFuseNodes } from "../device/support/device.js";
import { temporaryFolder } from "../device/support/mem2mem.js";
import { startProgram, type Client } from "../device/support/probe.js";

const start = (client: readonly string[], timeoutMs = 60_000): Client =>
  startProgram(
    process.execPath,
    [builtProgram(), "run", "--device", "sample --media --unpaced", "--", ...client],
    {
      timeoutMs,
    },
  );

/** Runs a script; "$0" is a file for frames. */
async function run(script: string): Promise<{ code: number | undefined; text: string; file: string }> {
  const file = join(temporaryFolder(0o777), "frames");
  const { code, lines, stderr } = await start(["sh", "-ec", script, file]).result;
  return { code: code ?? undefined, text: [...lines, stderr].join("\n"), file };
}

describe.runIf(onFuseNodes)("sample --media", () => {
  it.each([
    ["-m", "/dev/media0", 171],
    ["-u", "/dev/v4l-subdev0", 54],
    ["-u", "/dev/v4l-subdev1", 61],
  ])("v4l2-compliance %s %s finds nothing wrong", async (option, node, total) => {
    const found = await findings(start(["v4l2-compliance", option, node], 120_000));
    expect(found.failures, found.text).toEqual([]);
    expect(found.warnings, found.text).toEqual([]);
    expect([found.succeeded, found.total]).toEqual([total, total]);
  });

  it("v4l2-compliance streams from the video node and finds nothing wrong", async () => {
    const found = await findings(start(["v4l2-compliance", "-d", "/dev/video0", "-s"], 120_000));
    expect([...found.failures, ...found.warnings], found.text).toEqual([]);
  });

  it("media-ctl shows the parts, and finds their nodes", async () => {
    const { text } = await run("media-ctl -p");
    expect(text).toMatch(/- entity 1: sensor [^]*type V4L2 subdev subtype Sensor[^]*\/dev\/v4l-subdev0/);
    expect(text).toMatch(/- entity 3: bridge [^]*type V4L2 subdev subtype Unknown[^]*\/dev\/v4l-subdev1/);
    expect(text).toMatch(/- entity 6: capture [^]*type Node subtype V4L[^]*\/dev\/video0/);
    expect(text).toContain('-> "bridge":0 [ENABLED]');
  });

  it("shows the part of the picture that the bridge is told to, in the size it is told to", async () => {
    const { code, text, file } = await run(`
      media-ctl -V '"sensor":0[fmt:YUYV8_1X16/1920x1080]'
      media-ctl -V '"bridge":0[fmt:YUYV8_1X16/1920x1080 crop:(480,270)/640x360], "bridge":1[fmt:YUYV8_1X16/320x180]'
      v4l2-ctl -d /dev/v4l-subdev0 -c horizontal_flip=1
      v4l2-ctl -v width=320,height=180,pixelformat=YUYV --stream-mmap --stream-count=3 --stream-to="$0"`);
    expect(code, text).toBe(0);
    const scene = {
      ...{ format: "YUYV", width: 320, height: 180, hflip: true },
      picture: { width: 1920, height: 1080 },
      crop: { left: 480, top: 270, width: 640, height: 360 },
    };
    expect(checkFile(readFileSync(file), scene)).toHaveLength(3);
  });

  it.each([
    ["another size", "width=640,height=360,pixelformat=YUYV", "Broken pipe"],
    ["a format that cannot be made of it", "width=1920,height=1080,pixelformat=RGB3", "Broken pipe"],
  ])("the video node is set to %s than what arrives: STREAMON is EPIPE", async (_, format, error) => {
    const { text } = await run(`v4l2-ctl -v ${format} --stream-mmap --stream-count=1`);
    expect(text).toContain(`VIDIOC_STREAMON returned -1 (${error})`);
  });

  it("the sensor is not linked: STREAMON is ENOLINK", async () => {
    const { text } = await run(`media-ctl -r; v4l2-ctl --stream-mmap --stream-count=1`);
    expect(text).toContain("VIDIOC_STREAMON returned -1 (Link has been severed)");
  });

  it("a link of a running pipeline cannot be changed: EBUSY", async () => {
    const { text } = await run(`
      frames=$(mktemp)
      v4l2-ctl --stream-mmap --stream-count=100000 --stream-to="$frames" >/dev/null 2>&1 & client=$!
      for i in $(seq 400); do [ -s "$frames" ] && break; sleep 0.05; done
      media-ctl -l '"sensor":0->"bridge":0[0]' 2>&1 || true
      kill $client; wait $client || true; rm "$frames"`);
    expect(text).toMatch(/Device or resource busy|\(16\)/);
  });

  it("the frame rate follows from the sensor's blanking", async () => {
    const { code, text } = await run(`
      media-ctl -V '"sensor":0[fmt:UYVY8_1X16/640x360]'
      v4l2-ctl -d /dev/v4l-subdev0 -C vertical_blanking,horizontal_blanking,pixel_rate`);
    expect(code, text).toBe(0);
    const value = (name: string): number => Number(new RegExp(`${name}: (\\d+)`).exec(text)?.[1]);
    const frame = (640 + value("horizontal_blanking")) * (360 + value("vertical_blanking"));
    expect(value("pixel_rate") / frame).toBeCloseTo(30, 6);
  });
});
