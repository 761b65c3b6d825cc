/** What two runs of a real client did differently. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { builtProgram } from "../device/support/camera.js";

const node = (
  ...args: string[]
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } =>
  spawnSync(process.execPath, [builtProgram(), ...args], { encoding: "utf8", maxBuffer: 1 << 28 });

/** Records what v4l2-ctl does with a camera. */
function recordStream(name: string, ...args: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, name);
  const client = ["v4l2-ctl", "-d", "/dev/video0", ...args, "--stream-mmap=4", "--stream-count=8"];
  const device = "sample --clock virtual";
  expect(node("run", "--quiet", "--device", device, "--record", path, "--", ...client)).toMatchObject({
    status: 0,
  });
  return path;
}

const size = (width: number, height: number): string => `--set-fmt-video=width=${width},height=${height}`;

interface Result {
  readonly compared: number;
  readonly differences: readonly {
    readonly what: string;
    readonly a: { readonly name: string; readonly line: string } | null;
    readonly b: { readonly name: string; readonly line: string } | null;
    readonly asked: readonly { readonly field: string; readonly a: unknown; readonly b: unknown }[];
  }[];
}

describe("diff of two recordings of v4l2-ctl", () => {
  it("finds nothing between two runs of the same command, frames and all", () => {
    const [a, b] = [recordStream("a", size(640, 480)), recordStream("b", size(640, 480))];
    const { status, stdout } = node("diff", a, b);
    expect(stdout).toMatch(/^\d\d+ calls are the same in both\n$/);
    expect(status).toBe(0);
  });

  it("names the call and the members in which another size was asked for", () => {
    const [a, b] = [recordStream("a", size(640, 480)), recordStream("b", size(320, 240))];
    const text = node("diff", a, b);
    expect(text.status).toBe(1);
    expect(text.stdout).toContain("VIDIOC_S_FMT: the clients asked for something else");
    expect(text.stdout).toContain("asked v4l2_format.v4l2_pix_format.width: 640, 320");
    expect(text.stdout.match(/VIDIOC_S_FMT: type=vid-cap/g)).toHaveLength(2);
    const json = JSON.parse(node("diff", a, b, "--json").stdout) as Result;
    expect(json.differences).toMatchObject([{ what: "asked", a: { name: "VIDIOC_S_FMT" } }]);
    expect(json.differences[0]?.asked.map(({ a: x, b: y }) => [x, y])).toEqual([
      [640, 320],
      [480, 240],
    ]);
  });

  it("names a call that only one of them made", () => {
    const [a, b] = [recordStream("a"), recordStream("b", "--set-ctrl=brightness=3")];
    const { status, stdout } = node("diff", a, b, "--json", "--all", "9");
    expect(status).toBe(1);
    const { differences } = JSON.parse(stdout) as Result;
    expect(differences.some(({ a: x, b: y }) => x === null && /S_(EXT_)?CTRLS?$/.test(y?.name ?? ""))).toBe(
      true,
    );
  });

  it("compares what the exports for v4l2-tracer have, too", () => {
    const files = [recordStream("a", size(640, 480)), recordStream("b", size(320, 240))].map((path) => {
      const json = `${path}.json`;
      expect(node("export", path, "--to", "v4l2-tracer", "-o", json)).toMatchObject({ status: 0 });
      return json;
    });
    const [a = "", b = ""] = files;
    expect(node("diff", a, a)).toMatchObject({ status: 0 });
    const { status, stdout } = node("diff", a, b);
    expect(status).toBe(1);
    expect(stdout).toMatch(/v4l2_pix_format\.width: 640, 320/);
  });

  it("says in one sentence that a file is none, and exits with 2", () => {
    const path = recordStream("a");
    const other = `${path}.other`;
    writeFileSync(other, "text");
    for (const wrong of [other, `${path}.missing`, "/"]) {
      const { status, stdout, stderr } = node("diff", path, wrong);
      expect({ status, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({
        status: 2,
        stdout: "",
        lines: 1,
      });
    }
    const bytes = readFileSync(path);
    writeFileSync(other, bytes);
    truncateSync(other, bytes.byteLength - 3);
    expect(node("diff", path, other).stderr).toContain("ends in the middle of an event");
  });
});
