/** `v4l2-cuse parse`: what it prints for streams, and how it fails. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const clip = (name: string): string => fileURLToPath(new URL(`../gstreamer/data/${name}`, import.meta.url));
const folder = mkdtempSync(`${tmpdir()}/parse-test-`);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function parse(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Outcome> {
  return new Promise((resolve) => {
    const limits = { timeout: 30_000, maxBuffer: 2 ** 28, env };
    const child = execFile(process.execPath, [program, "parse", ...args], limits, (_e, stdout, stderr) => {
      resolve({ status: child.exitCode, stdout, stderr });
    });
  });
}

function written(name: string, bytes: Uint8Array): string {
  writeFileSync(`${folder}/${name}`, bytes);
  return `${folder}/${name}`;
}

describe("v4l2-cuse parse", () => {
  it.each([
    ["h264_main_b.h264", "slice_header(), 7.3.3", "StatelessH264DecodeParams"],
    ["hevc_main_b.h265", "slice_segment_header(), 7.3.6.1", "StatelessHevcDecodeParams"],
    ["av1.ivf", "uncompressed_header(), 5.9.2", "StatelessAv1Frame"],
    ["vp8.ivf", "frame_header(), 19.2", "StatelessVp8Frame"],
    ["vp9.ivf", "uncompressed_header(), 6.2", "StatelessVp9Frame"],
    ["mpeg2_b.m2v", "Picture Header(), 6.2.3", "StatelessMpeg2Picture"],
    ["x.fwht", "fwht_cframe_hdr()", "StatelessFwhtParams"],
  ])("prints headers and controls of %s, by content or by name", async (name, title, control) => {
    const headers = await parse([clip(name)]);
    expect(headers).toMatchObject({ status: 0, stderr: "" });
    expect(headers.stdout.split("\n")).toContain(`  ${title}`);
    expect(headers.stdout).not.toContain("error:");
    const controls = await parse([clip(name), "--controls", "--json"]);
    expect(controls).toMatchObject({ status: 0, stderr: "" });
    const [first] = controls.stdout
      .split("\n")
      .map((line) => (line === "" ? {} : JSON.parse(line)) as object);
    const upper = control.replace(/(?<=.)(?=[A-Z])/g, "_").toUpperCase();
    expect(first).toHaveProperty(["controls", upper]);
  });

  it("prints one field a line, with its position", async () => {
    const { stdout } = await parse([clip("h264_main_b.h264")]);
    expect(stdout).toMatch(/^ {7}8 profile_idc +77 \(8 bits\)$/m);
  });

  it("prints controls that diff can compare", async () => {
    const { stdout } = await parse([clip("h264_main_b.h264"), "--controls"]);
    expect(stdout).toMatch(/^frame 1 request 0 STATELESS_H264_DECODE_PARAMS\.dpb\[0\]\.reference_ts = 0$/m);
    expect(stdout).toMatch(/^frame 1 request 0 STATELESS_H264_DECODE_PARAMS\.frame_num = 1$/m);
  });

  it("tells H.264 and HEVC by their content", async () => {
    for (const [name, line] of [
      ["h264_main_b.h264", "Sequence parameter set: 24 bytes at 4"],
      ["hevc_main_b.h265", "video_parameter_set_rbsp(), 7.3.2.1"],
    ] as const) {
      const { stdout, status } = await parse([written("stream", readFileSync(clip(name)))]);
      expect(status).toBe(0);
      expect(stdout).toContain(line);
    }
  });

  it("says what breaks the specification at its place, goes on, and exits with 1", async () => {
    const bytes = readFileSync(clip("h264_main_b.h264"));
    // forbidden_zero_bit of the first unit.
    bytes[4] = (bytes[4] ?? 0) | 0x80;
    const path = written("broken.h264", bytes);
    const text = await parse([path]);
    expect(text.status).toBe(1);
    expect(text.stdout).toContain(
      "error: H.264: forbidden_zero_bit is 1 instead of 0 (section 7.3.1, bit 0)",
    );
    expect(text.stdout).toContain("pic_parameter_set_rbsp()");
    const json = await parse([path, "--json"]);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout.split("\n")[0] ?? "")).toHaveProperty("error");
    const controls = await parse([path, "--controls"]);
    expect(controls.status).toBe(1);
    expect(controls.stdout).toMatch(/^error: H\.264: .*\n$/);
  });

  it.each([
    [["/nonexistent"], "cannot read /nonexistent"],
    [[written("unknown", Buffer.from("no stream"))], "name it with --codec"],
    [["--codec", "divx", "x"], "Allowed choices are"],
    [[], "missing required argument"],
    [[written("x.jpg", Buffer.from("ffd8ffd9", "hex")), "--controls"], "no stateless controls for JPEG"],
  ])("refuses %j with status 2 and one sentence", async (args, reason) => {
    const { status, stderr } = await parse(args);
    expect(status).toBe(2);
    expect(stderr).toContain(reason);
    expect(stderr).not.toContain("    at ");
  });

  it("says that a container needs ffmpeg where there is none", async () => {
    const path = written("x.mp4", Buffer.from("0000001c667479706d703432", "hex"));
    const { status, stderr } = await parse([path], { ...process.env, PATH: "/nonexistent" });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^v4l2-cuse: .*x\.mp4 is a container, which needs ffmpeg[^\n]*\n$/);
  });

  it("ends quietly when its reader has read enough", async () => {
    const child = spawn(process.execPath, [program, "parse", clip("x.fwht"), "--json", "--controls"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    await once(child, "close");
    expect(stderr).toBe("");
  });
});
