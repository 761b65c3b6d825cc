/** The mem2mem example as v4l2-ctl, media-ctl and several clients at once see it. Every byte that comes out is checked. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkFile, startCamera, withHelper } from "./support/camera.js";
import { describeDevice, until } from "./support/device.js";
import {
  Control,
  runClient,
  sharedMem2mem,
  startClient,
  startMem2mem,
  temporaryFolder,
} from "./support/mem2mem.js";
import type { Mem2mem } from "./support/mem2mem.js";
import type { Client } from "./support/probe.js";

const size = { width: 64, height: 48 };

/** Bytes that stand together, and their order in a mirrored line. */
const packings: Readonly<Record<string, { readonly pixels: number; readonly mirrored: readonly number[] }>> =
  {
    RGBP: { pixels: 1, mirrored: [0, 1] },
    RGB3: { pixels: 1, mirrored: [0, 1, 2] },
    YUYV: { pixels: 2, mirrored: [2, 1, 0, 3] },
  };

interface Flips {
  readonly hflip: boolean;
  readonly vflip: boolean;
}

/** The picture that should come out, pixel by pixel: slow, and nothing like the example's own way. */
function flipped(frame: Uint8Array, format: string, { hflip, vflip }: Flips): Uint8Array {
  const packing = packings[format];
  if (packing === undefined) throw new Error(`no format ${format}`);
  const { pixels, mirrored } = packing;
  const groups = size.width / pixels;
  const line = groups * mirrored.length;
  return Uint8Array.from(frame, (_byte, at) => {
    const [y, x, byte] = [
      Math.floor(at / line),
      Math.floor((at % line) / mirrored.length),
      at % mirrored.length,
    ];
    const from = {
      y: vflip ? size.height - 1 - y : y,
      x: hflip ? groups - 1 - x : x,
      byte: hflip ? (mirrored[byte] ?? 0) : byte,
    };
    return frame[from.y * line + from.x * mirrored.length + from.byte] ?? 0;
  });
}

function frameBytes(format: string): number {
  const { pixels = 1, mirrored = [] } = packings[format] ?? {};
  return (size.width / pixels) * mirrored.length * size.height;
}

/** v4l2-ctl that copies `input` through the device into `output`. */
function copyFile(
  device: Mem2mem,
  options: { format: string; flips: Flips; input: string; output: string; frames: number; memory?: string[] },
): Client {
  const { format, flips, input, output, frames, memory = ["--stream-out-mmap", "--stream-mmap"] } = options;
  const controls = `transaction_time_msec=1,horizontal_flip=${Number(flips.hflip)},vertical_flip=${Number(flips.vflip)}`;
  return withHelper([
    ...["v4l2-ctl", "-d", device.video, `--set-ctrl=${controls}`],
    `--set-fmt-video-out=width=${size.width},height=${size.height},pixelformat=${format}`,
    ...[...memory, `--stream-count=${frames}`, `--stream-from=${input}`, `--stream-to=${output}`],
  ]);
}

function expectFlipped(input: Uint8Array, output: Uint8Array, format: string, flips: Flips): void {
  const bytes = frameBytes(format);
  expect(output.length % bytes).toBe(0);
  for (let at = 0; at < output.length; at += bytes) {
    const expected = flipped(input.subarray(at, at + bytes), format, flips);
    if (Buffer.compare(expected, output.subarray(at, at + bytes)) !== 0)
      throw new Error(`frame ${at / bytes} of ${format} differs`);
  }
}

describeDevice("the mem2mem example", () => {
  const shared = sharedMem2mem();

  it.each([
    ["RGBP", { hflip: false, vflip: false }],
    ["RGBP", { hflip: true, vflip: false }],
    ["RGB3", { hflip: false, vflip: true }],
    ["RGB3", { hflip: true, vflip: true }],
    ["YUYV", { hflip: true, vflip: false }],
  ])("copies %s for v4l2-ctl, %o", async (format, flips) => {
    const device = shared();
    const folder = temporaryFolder();
    const [input, output] = [join(folder, "in"), join(folder, "out")];
    const frames = 12;
    const bytes = randomBytes(frames * frameBytes(format));
    writeFileSync(input, bytes);
    const { code, stderr } = await copyFile(device, { format, flips, input, output, frames }).result;
    expect(code, stderr).toBe(0);
    const written = readFileSync(output);
    expect(written.length).toBeGreaterThanOrEqual((frames - 2) * frameBytes(format));
    expectFlipped(bytes, written, format, flips);
  });

  it.each([
    { out: "user", cap: "user", exporter: "none" },
    { out: "user", cap: "mmap", exporter: "none" },
    { out: "mmap", cap: "user", exporter: "none" },
    { out: "mmap", cap: "dmabuf", exporter: "camera" },
    { out: "mmap", cap: "dmabuf", exporter: "itself" },
  ])("copies with --stream-out-$out --stream-$cap, exporter: $exporter", async ({ out, cap, exporter }) => {
    const device = shared();
    const folder = temporaryFolder();
    const [input, output] = [join(folder, "in"), join(folder, "out")];
    const [format, flips, frames] = ["RGB3", { hflip: true, vflip: false }, 8];
    const bytes = randomBytes(frames * frameBytes(format));
    writeFileSync(input, bytes);
    const node = exporter === "camera" ? (await startCamera()).node : device.video;
    const from = exporter === "none" ? [] : ["--export-device", node];
    const memory = [`--stream-out-${out}`, `--stream-${cap}`, ...from];
    const run = copyFile(device, { format, flips, input, output, frames, memory });
    const { code, stderr } = await run.result;
    expect(code, stderr).toBe(0);
    const written = readFileSync(output);
    expect(written.length).toBeGreaterThanOrEqual((frames - 2) * frameBytes(format));
    expectFlipped(bytes, written, format, flips);
  });

  it("lends its buffers to the camera (--stream-dmabuf), and every pixel is right", async () => {
    const scene = { format: "YUYV", width: 320, height: 240 };
    const [camera, output] = [await startCamera(), join(temporaryFolder(), "out")];
    const wish = `--set-fmt-video=width=${scene.width},height=${scene.height},pixelformat=${scene.format}`;
    const run = withHelper([
      ...["v4l2-ctl", "-d", camera.node, wish, "--export-device", shared().video, "--stream-dmabuf"],
      ...["--stream-count=6", `--stream-to=${output}`],
    ]);
    expect(await run.result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(output), scene)).toHaveLength(6);
  });

  it("mirrors the test pattern of v4l2-ctl", async () => {
    const device = shared();
    const folder = temporaryFolder();
    const pattern = async (flip: number): Promise<Uint8Array> => {
      const output = join(folder, `out${flip}`);
      const run = withHelper([
        ...["v4l2-ctl", "-d", device.video, `--set-ctrl=horizontal_flip=${flip}`],
        `--set-fmt-video-out=width=${size.width},height=${size.height},pixelformat=RGB3`,
        ...["--stream-out-mmap", "--stream-mmap", "--stream-count=2", `--stream-to=${output}`],
      ]);
      expect((await run.result).code).toBe(0);
      return readFileSync(output);
    };
    const [plain, mirrored] = [await pattern(0), await pattern(1)];
    expect(new Set(plain).size).toBeGreaterThan(1);
    expectFlipped(plain, mirrored, "RGB3", { hflip: true, vflip: false });
  });

  it("says what it is", async () => {
    const device = shared();
    const all = (await withHelper(["v4l2-ctl", "-d", device.video, "--all"]).result).lines.join("\n");
    expect(all).toContain("Video Memory-to-Memory");
    expect(all).toContain("horizontal_flip 0x00980914 (bool)   : default=0 value=0");
    expect(all).toContain(
      "transaction_time_msec 0x00981900 (int)    : min=1 max=10001 step=1 default=40 value=40",
    );
    expect(all).toContain("Name             : mem2mem-source");
  });

  it("shows media-ctl the graph of a mem2mem device", async () => {
    const device = shared();
    const { lines, code } = await withHelper(["media-ctl", "-d", device.media, "-p"]).result;
    expect(code).toBe(0);
    const text = lines.join("\n");
    for (const [entity, pads, links] of [
      ["entity 1: mem2mem-source", 1, 1],
      ["entity 3: mem2mem-proc", 2, 2],
      ["entity 6: mem2mem-sink", 1, 1],
    ]) {
      // v4l-utils 1.30 also counts routes.
      expect(text).toMatch(new RegExp(`- ${entity} \\(${pads} pads?, ${links} links?(, 0 routes)?\\)`));
    }
    expect(text.match(/ENABLED,IMMUTABLE/g)).toHaveLength(4);
    expect(text.match(new RegExp(`device node name ${device.video}`, "g"))).toHaveLength(2);
  });

  it("gives several clients at once their own pictures, mirrored their own way", async () => {
    const device = shared();
    const folder = temporaryFolder();
    const frames = 30;
    const bytes = randomBytes(frames * frameBytes("RGB3"));
    const input = join(folder, "in");
    writeFileSync(input, bytes);
    const all = [
      { hflip: false, vflip: false },
      { hflip: true, vflip: false },
      { hflip: false, vflip: true },
      { hflip: true, vflip: true },
    ].map((flips, index) => {
      const output = join(folder, `out${index}`);
      return { flips, output, run: copyFile(device, { format: "RGB3", flips, input, output, frames }) };
    });
    for (const { flips, output, run } of all) {
      expect((await run.result).code).toBe(0);
      expectFlipped(bytes, readFileSync(output), "RGB3", flips);
    }
  });

  it("lets several files of one process take turns", async () => {
    const device = shared();
    const before = device.process.lines.length;
    const start = `open size 32x32 ctrl ${Control.transactionTimeMs} 20 alloc 3 on both
      queue cap 0 queue cap 1 queue cap 2`;
    const feed = (first: number): string =>
      [0, 1, 2].map((index) => `queue out ${index} ${first + index}`).join(" ");
    const lines = await runClient(
      device,
      `${start} ${start} ctrl ${Control.hflip} 1
       file 0 ${feed(10)} file 1 ${feed(20)}
       file 0 dequeue cap dequeue cap dequeue cap
       file 1 dequeue cap dequeue cap dequeue cap`,
    );
    expect(lines.filter((line) => line.startsWith("dequeue"))).toEqual([
      "dequeue cap: index 0 sequence 0 frame 10 plain",
      "dequeue cap: index 1 sequence 1 frame 11 plain",
      "dequeue cap: index 2 sequence 2 frame 12 plain",
      "dequeue cap: index 0 sequence 0 frame 20 hflip",
      "dequeue cap: index 1 sequence 1 frame 21 hflip",
      "dequeue cap: index 2 sequence 2 frame 22 hflip",
    ]);
    const started = device.process.lines
      .slice(before)
      .map((line) => / job \d+ of file (\d+) started/.exec(line)?.[1])
      .filter((file) => file !== undefined);
    const [first = "", second = ""] = new Set(started);
    expect(started).toEqual([first, second, first, second, first, second]);
  });
});

describeDevice("the end of the driver", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "by %s removes both nodes, in the middle of a job too",
    async (signal) => {
      const device = await startMem2mem();
      const client = await startClient(
        device,
        `open size 32x32 ctrl ${Control.transactionTimeMs} 10000 alloc 1 on both queue cap 0 queue out 0 1
       mark waiting dequeue cap mark done`,
      );
      await client.line("waiting");
      // That was printed before DQBUF was called, and nothing else makes the client sleep.
      const sleeps = (): boolean => /\) [SD] /.test(readFileSync(`/proc/${client.pid}/stat`, "latin1"));
      await until(sleeps, "the client waits in DQBUF");
      expect(await device.stop(signal)).toBe(0);
      expect(await client.line(/^dequeue cap/)).toBe("dequeue cap: ENODEV");
      await client.line("done");
      expect(existsSync(device.video)).toBe(false);
      expect(existsSync(device.media)).toBe(false);
    },
  );
});
