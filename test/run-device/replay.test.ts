/** A recording of a real client, played against a driver. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { builtProgram } from "../device/support/camera.js";

const DEVICE = "sample --clock virtual";

const node = (
  ...args: string[]
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } =>
  spawnSync(process.execPath, [builtProgram(), ...args], { encoding: "utf8", timeout: 60_000 });

/** Records what v4l2-ctl asks of a camera. */
function recordFormats(): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, "session");
  const client = [
    "v4l2-ctl",
    "-d",
    "/dev/video0",
    "--set-fmt-video=width=320,height=240",
    "--list-formats-ext",
  ];
  expect(node("run", "--quiet", "--device", DEVICE, "--record", path, "--", ...client)).toMatchObject({
    status: 0,
  });
  return path;
}

/** Plays it on a camera that has just been started. */
const replay = (path: string, device = DEVICE, ...options: string[]): ReturnType<typeof node> =>
  node(
    "run",
    "--quiet",
    "--device",
    device,
    "--",
    process.execPath,
    builtProgram(),
    "replay",
    path,
    "-d",
    "/dev/video0",
    ...options,
  );

describe("a session of v4l2-ctl", () => {
  it("has the same answers from the same driver, and others from another one", () => {
    const path = recordFormats();
    const same = replay(path);
    expect(same.stdout + same.stderr).toMatch(/^\d\d+ calls were answered as in /);
    expect(same.status).toBe(0);
    const other = replay(path, "sample --multiplanar");
    expect(other.status).toBe(1);
    expect(other.stdout).toMatch(/^(?:call \d+: VIDIOC_\w+: \S+: expected .*, got .*\n)+$/);
    // One answer, whatever members of it.
    expect(new Set(other.stdout.match(/^call \d+/gm)).size).toBe(1);
    const all = replay(path, "sample --multiplanar", "--all", "3");
    expect(all.status).toBe(1);
    expect(new Set(all.stdout.match(/^call \d+/gm)).size).toBe(3);
    expect(all.stdout).toMatch(/\n3 of \d+ answers are others than in /);
  });

  it("that is damaged ends in one sentence, with 2", () => {
    const path = recordFormats();
    const bytes = readFileSync(path);
    const wrong = `${path}.wrong`;
    writeFileSync(
      wrong,
      Buffer.concat([bytes.subarray(0, bytes.byteLength >> 1), Buffer.alloc(1 << 16, 0xff)]),
    );
    const { status, stderr } = replay(wrong);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^v4l2-cuse: \S+ is damaged at byte \d+\n$/);
  });
});
