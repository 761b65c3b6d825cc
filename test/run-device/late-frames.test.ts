/**
 * Each cause of lateness, planted into a device that real clients use: `v4l2-cuse explain` names it, and no other. What is
 * planted lasts for most of a second, so that a machine with much to do does not hide it. What the kernel itself counts as
 * such a machine's delays ("had no processor") is true, but not what was planted, and passed over.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { onFuseNodes } from "../device/support/device.js";
import { startProgram } from "../device/support/probe.js";
import { data } from "../gstreamer/support.js";
import { built } from "../support/built.js";

const withDecoder = fileURLToPath(new URL("../../scripts/lib/with-decoder", import.meta.url));

let parent = "";
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  // A driver that writes its number into a file, and does nothing else for 0.8 seconds at SIGUSR2.
  writeFileSync(
    join(parent, "driver.mjs"),
    `import { writeFileSync } from "node:fs";
     if (process.env.DRIVER_PID !== undefined && ["sample", "decoder"].includes(process.argv[2])) {
       writeFileSync(process.env.DRIVER_PID, String(process.pid));
       process.on("SIGUSR2", () => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800); });
     }`,
  );
});
afterAll(() => {
  rmSync(parent, { recursive: true });
});

interface Found {
  readonly what: "late" | "lost";
  readonly cause: string;
  readonly sentence: string;
}

/**
 * Shell functions for clients: `wait_for WORDS`, at most 20 seconds; `frames N`: is so much in the file for frames?
 * `streaming`: v4l2-ctl is, with buffers for 1.6 seconds.
 */
const FUNCTIONS = `
  wait_for() { for _ in $(seq 400); do ! "$@" || return 0; sleep 0.05; done; echo "in vain: $*" >&2; exit 1; }
  frames() { [ "$(stat -c %s "$FRAMES" 2>/dev/null || echo 0)" -ge $(($1 * 153600)) ]; }
  camera() { v4l2-ctl -d /dev/video0 --set-fmt-video=width=320,height=240,pixelformat=YUYV -p 10 >/dev/null; }
  streaming() {
    camera
    v4l2-ctl -d /dev/video0 --stream-mmap=16 --stream-count=24 --stream-to="$FRAMES" 2>/dev/null & client=$!
    wait_for frames 2
  }
  driver=$(cat "$DRIVER_PID" 2>/dev/null) || true
`;

/** Records a device while this script of bash is its client. @returns What was late or lost, and why. */
async function explained(device: string, lateMs: number, script: string): Promise<readonly Found[]> {
  const folder = mkdtempSync(join(parent, "test-"));
  const recording = join(folder, "recording");
  const program = [process.execPath, builtProgram()];
  const client = startProgram(
    withDecoder,
    [
      ...["env", `NODE_OPTIONS=--import=${join(parent, "driver.mjs")}`],
      ...[`DRIVER_PID=${join(folder, "pid")}`, `FRAMES=${join(folder, "frames")}`],
      ...[...program, "run", "--quiet", "--device", device, "--record", recording],
      ...["--", "bash", "-euc", FUNCTIONS + script],
    ],
    { timeoutMs: 60_000 },
  );
  const { code, lines, stderr } = await client.result;
  expect(code, [...lines, stderr].join("\n")).toBe(0);
  const explain = ["explain", "--json", "--late-ms", String(lateMs), recording];
  const { stdout } = await startProgram(process.execPath, [builtProgram(), ...explain]).result.then(
    (result) => ({ stdout: result.lines }),
  );
  const found = stdout.filter((line) => line !== "").map((line) => JSON.parse(line) as Found);
  return found.filter(({ sentence }) => !sentence.includes("had no processor"));
}

const decode = (sink: string, frames = 100): string =>
  `gst-launch-1.0 -q filesrc location=${data("vp8.ivf")} ! parsebin ! identity eos-after=${frames} ! v4l2slvp8dec ! ${sink}`;

/**
 * Where the client is not to be slow, it has buffers for 1.6 seconds.
 * `least`: so many frames have this cause; `sentence`: what is said of each.
 */
const cases: readonly (readonly [
  title: string,
  device: string,
  lateMs: number,
  script: string,
  least: number,
  cause: string,
  sentence: RegExp,
])[] = [
  [
    "v4l2-ctl writes to a program that takes a second for each frame",
    "sample",
    500,
    `camera
     v4l2-ctl -d /dev/video0 --stream-mmap=3 --stream-count=4 --stream-to=- 2>/dev/null |
       while [ "$(head -c 153600 | wc -c)" -gt 0 ]; do sleep 1; done`,
    5,
    "slow client",
    /buffers? waited for DQBUF/,
  ],
  [
    "a client keeps all buffers",
    "sample",
    500,
    `camera
     ${built("v4l2-client")} --alarm 1500 /dev/video0 block-dqbuf 3`,
    5,
    "starved queue",
    /the client held all 3 buffers, and had none queued/,
  ],
  [
    "the driver waits in a call",
    "sample",
    300,
    `streaming; kill -USR2 "$driver"; wait "$client"`,
    2,
    "blocked loop",
    /the driver's event loop was blocked for \d+ ms: it waited for something/,
  ],
  [
    "the driver is stopped",
    "sample",
    300,
    `streaming; kill -STOP "$driver"; sleep 0.8; kill -CONT "$driver"; wait "$client"`,
    2,
    "paused process",
    /the driver's process was stopped for/,
  ],
  [
    "the client is stopped",
    "sample",
    500,
    `streaming; kill -STOP "$client"; sleep 3; kill -CONT "$client"; wait "$client"`,
    3,
    "paused process",
    /the client (was|had been) stopped/,
  ],
  [
    "the worker does not get on",
    "decoder",
    400,
    `${decode("fakesink sync=true")} & client=$!
     worker() { worker=$(pgrep -P "$driver" -x v4l2-cuse-decod | head -n 1) && [ -n "$worker" ]; }
     wait_for worker; kill -STOP "$worker"; sleep 0.8; kill -CONT "$worker"; wait "$client"`,
    1,
    "slow worker",
    /the worker took \d+ ms/,
  ],
  [
    "the device takes its time for a job",
    "visl --transtime-ms 600",
    300,
    decode("fakesink", 4),
    2,
    "slow worker",
    /the driver took \d+ ms to carry it out/,
  ],
  [
    // Each waits for two jobs, if it is not the first or one of the last. GStreamer gives a frame up after a second.
    "three clients share a device that has one job at a time",
    "visl --transtime-ms 200",
    400,
    `${decode("fakesink", 12)} & first=$!; ${decode("fakesink", 12)} & second=$!
     ${decode("fakesink", 12)}; wait "$first"; wait "$second"`,
    3,
    "other file's job",
    /jobs of other files ran for \d+ ms before it/,
  ],
];

describe.runIf(onFuseNodes).concurrent("explain, when", () => {
  beforeAll(() => {
    // Where the decoder has to be built, that takes seconds.
    const { status, stderr } = spawnSync(withDecoder, ["true"], { encoding: "utf8" });
    expect(status, stderr).toBe(0);
  });

  it.each(cases)(
    "%s, says so and nothing else",
    async (_title, device, lateMs, script, least, cause, sentence) => {
      const found = await explained(device, lateMs, script);
      const all = found.map((frame) => `${frame.sentence} (${frame.cause})`).join("\n");
      expect(new Set(found.map((frame) => frame.cause)), all).toEqual(new Set([cause]));
      expect(found.length, all).toBeGreaterThanOrEqual(least);
      for (const frame of found) expect(frame.sentence).toMatch(sentence);
    },
  );
});
