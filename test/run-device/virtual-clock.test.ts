/** `sample --clock virtual`: what a client gets is the same in every run, whatever the client and the machine are like. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { builtProgram } from "../device/support/camera.js";

const FRAMES = 12;
const BYTES = 320 * 240 * 2;

interface Run {
  /** A hash of each frame. */
  readonly frames: readonly string[];
  /** Time stamps that the client shows, seconds. */
  readonly times: readonly string[];
}

/** Streams to a file. @param pipe - Instead: to this shell command, which writes to it. */
function stream(device: string, pipe?: string): Run {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, "frames");
  const take = `v4l2-ctl -d /dev/video0 --set-fmt-video=width=320,height=240 --stream-mmap=3 --stream-count=${FRAMES}`;
  const client =
    pipe === undefined
      ? `${take} --verbose --stream-to=${path} 2>&1`
      : `${take} --stream-to=- | ${pipe} >${path}`;
  const run = ["run", "--quiet", "--device", `sample ${device}`, "--", "bash", "-c", client];
  const { status, stdout } = spawnSync(process.execPath, [builtProgram(), ...run], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(status, stdout).toBe(0);
  const bytes = readFileSync(path);
  expect(bytes.byteLength).toBe(FRAMES * BYTES);
  const hash = (index: number): string =>
    createHash("sha256")
      .update(bytes.subarray(index * BYTES, (index + 1) * BYTES))
      .digest("hex");
  return {
    frames: Array.from({ length: FRAMES }, (_, index) => hash(index)),
    times: [...stdout.matchAll(/ ts: (\d+\.\d+)/g)].map(([, time]) => time ?? ""),
  };
}

/** Takes 150 ms for each frame: three buffers fill, and the client waits. */
const slowly = `for frame in $(seq ${FRAMES}); do sleep 0.15; head -c ${BYTES}; done`;

describe("--clock virtual", () => {
  it("gives the same bytes and time stamps in every run, to a slow client too", () => {
    const first = stream("--clock virtual");
    expect(new Set(first.frames).size).toBe(FRAMES);
    const microseconds = (index: number): number => Math.floor(((index + 1) * 33_333_333) / 1000);
    expect(first.times).toEqual(
      Array.from({ length: FRAMES }, (_, index) => (microseconds(index) / 1e6).toFixed(6)),
    );
    expect(stream("--clock virtual")).toEqual(first);
    expect(stream("--clock virtual", slowly).frames).toEqual(first.frames);
  });

  it("is what makes them the same", () => {
    expect(stream("").frames).not.toEqual(stream("").frames);
  });
});
