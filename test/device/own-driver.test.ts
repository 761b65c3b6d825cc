/**
 * docs/write-your-own-driver.md: its drivers and its commands, as they stand there. `scripts/lib/own-driver` makes the
 * project with npm and the packed package, and names it in V4L2_CUSE_PROJECT; otherwise it is made here, without npm.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { block, cameraSource, cameraSteps, type CameraStep } from "../support/guide.js";
import { describeDevice, until } from "./support/device.js";
import { startProgram } from "./support/probe.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** The guide's `/dev/video0` and `/dev/media0` may be taken. */
const NUMBER = 61;

const WIDTH = 320;
const FRAME_BYTES = WIDTH * 240 * 2;

let project = process.env["V4L2_CUSE_PROJECT"] ?? "";

/** The project, with this checkout in the place of the installed package. */
function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-project-"));
  mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/v4l2-cuse"));
  const command = `#!/bin/sh\nexec node "${root}dist/cli/main.js" "$@"\n`;
  writeFileSync(join(folder, "node_modules/.bin/v4l2-cuse"), command, { mode: 0o755 });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  const compile = (file: string, source: string): void => {
    const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
    writeFileSync(join(folder, file), ts.transpileModule(source, { compilerOptions }).outputText);
  };
  for (const step of cameraSteps) compile(`camera.${step}.js`, cameraSource(step));
  compile("mem2mem.js", readFileSync(`${root}examples/mem2mem.ts`, "utf8"));
  return folder;
}

/** The guide's commands as the shell gets them: we are root, and nodes have other numbers. */
function commands(name: string): string {
  const numbered = block("sh", name)
    .replaceAll(/video0|media0/g, (node) => node.replace("0", String(NUMBER)))
    .replaceAll(/(?<=--(?:video|media) )0/g, String(NUMBER));
  return `sudo() { "$@"; }\n${numbered}`;
}

const shell = (script: string) =>
  startProgram(
    "bash",
    [
      "-euo",
      "pipefail",
      "-c",
      `cd "$0"
${script}`,
      project,
    ],
    { timeoutMs: 120_000 },
  );

/** Runs the guide's commands. @returns What they printed. */
async function follow(name: string, script = commands(name)): Promise<string> {
  const { code, lines, stderr } = await shell(script).result;
  const printed = `${lines.join("\n")}\n${stderr}`;
  expect(code, `${name}: ${printed}`).toBe(0);
  return printed;
}

/** Starts a driver with the guide's command; it is stopped when the test ends, and has to end well. */
async function start(name: string, from: string, to: string): Promise<void> {
  mkdirSync(join(project, "dist"), { recursive: true });
  copyFileSync(join(project, from), join(project, to));
  const node = `/dev/${name === "start" ? "video" : "media"}${NUMBER}`;
  // `exec`, so that the signal reaches the driver.
  const driver = shell(commands(name).replace(/^sudo (?=node)/m, "exec "));
  let ended = false;
  void driver.result.then(() => (ended = true));
  onTestFinished(async () => {
    driver.kill("SIGTERM");
    const { code, stderr } = await driver.result;
    expect(stderr).toMatch(/^[^\n]*: ready; Ctrl-C ends it\.\n$/);
    expect(code).toBe(0);
  });
  await until(() => ended || existsSync(node), `${node} appears`, 30_000);
}

const startCamera = (step: CameraStep): Promise<void> =>
  start("start", `camera.${step}.js`, "dist/camera.js");

const bytesOf = (file: string): Buffer => readFileSync(join(project, file));

/** @returns The sequence numbers, modulo 256, of frames in which every byte is as it should be. */
function sequences(file: string, brightness = 0): number[] {
  const bytes = bytesOf(file);
  expect(bytes.length % FRAME_BYTES, file).toBe(0);
  const found: number[] = [];
  const expected = Buffer.alloc(FRAME_BYTES, 128);
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) {
    const frame = bytes.subarray(at, at + FRAME_BYTES);
    const first = frame[0] ?? 0;
    for (let pixel = 0; pixel < FRAME_BYTES / 2; pixel++) expected[2 * pixel] = pixel + first;
    expect(frame.equals(expected), `${file}: frame ${found.length}`).toBe(true);
    found.push((first - brightness) & 255);
  }
  return found;
}

/** Five frames in a row, of which a slow machine may have lost some. */
function expectStream(file: string, brightness = 0): void {
  const found = sequences(file, brightness);
  expect(found).toHaveLength(5);
  expect(found[0]).toBeLessThan(100);
  for (const [index, sequence] of found.slice(1).entries())
    expect(sequence).toBeGreaterThan(found[index] ?? 0);
}

/** v4l2-compliance has nothing against the camera but, on a busy machine, that it lost frames: it has a clock. */
function expectClean(printed: string): void {
  const total = /^Total for .*, Failed: (\d+), Warnings: (\d+)$/m.exec(printed);
  const lost = printed.match(/warn: \S+: got sequence number \d+, expected \d+/g) ?? [];
  expect(total?.slice(1).map(Number), printed).toEqual([0, lost.length]);
}

describeDevice("write your own driver", () => {
  beforeAll(() => {
    if (project === "") {
      project = makeProject();
      afterAll(() => {
        rmSync(project, { recursive: true });
      });
    }
  });

  it("a camera from which clients stream, and that v4l2-compliance has nothing against", async () => {
    await startCamera("camera");
    expect(await follow("camera")).toContain("Card type        : My first camera");
    for (const file of ["mmap.yuv", "ffmpeg.yuv", "user.yuv"]) expectStream(file);
    expect(sequences("read.yuv")).toHaveLength(1);
    expectClean(await follow("compliance"));
  });

  it("a control that shows in the picture", async () => {
    await startCamera("control");
    const printed = await follow("control");
    expect(printed).toMatch(/brightness 0x00980900 \(int\) +: min=0 max=255 step=1 default=0 value=0/);
    expectStream("bright.yuv", 100);
  });

  it("an event for every frame", async () => {
    await startCamera("event");
    expect(await follow("event")).toMatch(/frame_sync|Frame Sync|frame_sequence/i);
  });

  it("the mem2mem example, which mirrors", async () => {
    await start("start-mem2mem", "mem2mem.js", "dist/mem2mem.js");
    await follow("use-mem2mem");
    const plain = commands("use-mem2mem")
      .replace("horizontal_flip=1", "horizontal_flip=0")
      .replace("mirrored.rgb", "plain.rgb");
    await follow("the same without the flip", plain);
    const lineBytes = 640 * 2;
    const expected = bytesOf("plain.rgb");
    expect(expected.length).toBe(5 * lineBytes * 480);
    for (let at = 0; at < expected.length; at += lineBytes) {
      // Two bytes a pixel: reversed bytes, and the bytes of each pixel back in order.
      expected
        .subarray(at, at + lineBytes)
        .reverse()
        .swap16();
    }
    expect(bytesOf("mirrored.rgb").equals(expected)).toBe(true);
    expect(expected.equals(bytesOf("plain.rgb"))).toBe(false);
  });
});
