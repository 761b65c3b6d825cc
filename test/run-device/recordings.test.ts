/** Recordings of real clients, and what the commands make of them. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { builtProgram } from "../device/support/camera.js";

const node = (
  ...args: string[]
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } =>
  spawnSync(process.execPath, [builtProgram(), ...args], { encoding: "utf8", maxBuffer: 1 << 28 });

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

/** Records what v4l2-ctl does with a camera. */
function recordStream(path: string, ...args: readonly string[]): void {
  const client = ["v4l2-ctl", "-d", "/dev/video0", "--stream-mmap=4", "--stream-count=12", ...args];
  const run = node("run", "--quiet", "--device", "sample", "--record", path, "--", ...client);
  expect(run).toMatchObject({ status: 0 });
}

interface Line {
  readonly kind: string;
  readonly monotonicNs: number;
  readonly name?: string;
  readonly action?: string;
  readonly to?: string;
  readonly index?: number;
  readonly sequence?: number;
}

describe("a recording", () => {
  it("has a client's whole session, of which other tools read every frame's way", () => {
    const path = join(folder(), "recording");
    recordStream(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);

    const { stdout, status } = node("events", path, "--json");
    expect(status).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    expect(lines.every(({ monotonicNs }, index) => index === 0 || monotonicNs > 0)).toBe(true);
    const dequeued = lines.filter(({ kind, name }) => kind === "ioctl" && name === "VIDIOC_DQBUF");
    expect(dequeued.length).toBeGreaterThanOrEqual(12);
    const drawn = lines.filter(({ kind, action }) => kind === "frame" && action === "drawn");
    for (const { index, sequence } of drawn) {
      const done = lines.filter(
        (line) => line.kind === "buffer" && line.to === "done" && line.sequence === sequence,
      );
      expect(done).toMatchObject([{ index }]);
    }

    const chrome = join(folder(), "trace.json");
    expect(node("export", path, "--to", "perfetto", "-o", chrome)).toMatchObject({ status: 0, stdout: "" });
    const { traceEvents } = JSON.parse(readFileSync(chrome, "utf8")) as {
      readonly traceEvents: readonly { readonly ph: string; readonly name?: string }[];
    };
    expect(traceEvents.filter(({ ph, name }) => ph === "X" && name === "VIDIOC_DQBUF")).toHaveLength(
      dequeued.length,
    );
    expect(traceEvents.filter(({ ph }) => ph === "f").length).toBeGreaterThanOrEqual(12);

    const ftrace = node("export", path, "--to", "ftrace").stdout.match(/ v4l2_dqbuf: /g);
    expect(ftrace?.length).toBeGreaterThanOrEqual(12);
  });

  it("of a driver that was killed is read up to its last whole event", () => {
    const path = join(folder(), "recording");
    recordStream(path);
    const whole = node("events", path, "--json").stdout.trimEnd().split("\n");
    truncateSync(path, statSync(path).size - 5);
    const cut = node("events", path, "--json");
    expect(cut.status).toBe(0);
    expect(cut.stderr).toContain("ends in the middle of an event");
    expect(cut.stdout.trimEnd().split("\n")).toEqual(whole.slice(0, -1));
  });

  it("that cannot be written makes the exit status 74, and the client does not notice", () => {
    const run = node(
      "run",
      "--quiet",
      "--device",
      "sample",
      "--record",
      "/dev/full",
      "--",
      "v4l2-ctl",
      "-d",
      "/dev/video0",
      "-D",
    );
    expect(run.status).toBe(74);
    expect(run.stdout).toContain("Driver name");
    expect(run.stderr).toContain("the recording /dev/full cannot be written (ENOSPC): the disk is full");
  });

  it("is judged by rules, for a person and for CI", () => {
    const [path, junit] = [join(folder(), "recording"), join(folder(), "junit.xml")];
    recordStream(path, "--set-fmt-video=width=320,height=240");
    const rules = [
      "frames by v4l2-ctl >= 12",
      "no broken frames",
      "VIDIOC_S_FMT with width=320 height=240",
      "VIDIOC_S_FMT before VIDIOC_STREAMON",
      "no errors except EINVAL,ENODATA,ENOTTY",
    ];
    const met = node("expect", path, ...rules);
    expect(met.stdout).toContain("# all rules hold");
    expect(met.status).toBe(0);
    const unmet = node("expect", path, ...rules, "frames >= 1000", "--junit", junit);
    expect(unmet).toMatchObject({ status: 1 });
    expect(unmet.stdout).toMatch(/not ok 6 - frames >= 1000\n# 1\d\n/);
    expect(readFileSync(junit, "utf8")).toContain('tests="6" failures="1"');
  });

  it("of read() has as many frames as were read", () => {
    const path = join(folder(), "recording");
    const client = ["head", "-c", String(5 * 640 * 480 * 2), "/dev/video0"];
    expect(node("run", "--quiet", "--device", "sample", "--record", path, "--", ...client)).toMatchObject({
      status: 0,
    });
    expect(node("expect", path, "frames by head >= 5", "frames by head <= 6")).toMatchObject({ status: 0 });
  });
});
