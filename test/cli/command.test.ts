/** The command line where no device can be had: what it says, and how it exits. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Examination } from "../../src/cli/doctor.js";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function cli(...args: string[]): Promise<Outcome> {
  if (!existsSync(program)) throw new Error("dist/ is missing: run npm run build");
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { timeout: 30_000 },
      (_error, stdout, stderr) => {
        resolve({ status: child.exitCode, stdout, stderr });
      },
    );
  });
}

describe("v4l2-cuse", () => {
  it("shows its commands with --help", async () => {
    const { status, stdout } = await cli("--help");
    expect(status).toBe(0);
    for (const command of ["sample", "run", "doctor"]) expect(stdout).toContain(command);
  });

  it.each([
    [["nonsense"], "unknown command"],
    [["sample", "--video", "many"], "A node number is 0 to 255."],
    [["sample", "--video", "256"], "A node number is 0 to 255."],
    [["sample", "--mode", "rw"], "A mode is three octal digits"],
    [["sample", "--log", "loud"], "pretty, json, none"],
    [["sample", "--what"], "unknown option"],
    [["sample", "--clock", "wrong"], "real, virtual"],
    [["sample", "--clock", "virtual", "--unpaced"], "leave it out with --clock virtual"],
    [["run", "--no-sysfs", "--no-helper", "--", "true"], "leave nothing to give: start the client itself\n"],
    [["run", "--log-file", "x", "--", "true"], "--log-file needs --device"],
    [["run", "--device", "nonsense", "--", "true"], "there is no built-in device"],
    [["run"], "missing required argument"],
    [["visl", "--transtime-ms", "-5"], "-5 is out of range: 0 to 4294967295"],
    [["visl", "--transtime-ms", "5x"], '"5x" is not a number'],
    [["visl", "--trace", "nonsense"], "No trace event is named nonsense"],
    [["loopback", "--from", ""], "argument '' is invalid. It is empty."],
    [["loopback", "--on-demand", " "], "argument ' ' is invalid. It is empty."],
    [["loopback", "--from", "testsrc", "--on-demand", "true"], "cannot be used with option '--on-demand"],
    [["up", "--check"], "--check needs a file"],
    [["parse"], "missing required argument"],
    [["parse", "--codec", "theora", "x"], "theora"],
    [["doctor", "now"], "too many arguments"],
  ])("refuses %j and says why", async (args, reason) => {
    const { status, stderr } = await cli(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(reason);
    // One sentence, and at most a hint.
    expect(stderr).toMatch(
      /^v4l2-cuse: [^\n]+\n(?:\(v4l2-cuse[^\n]* --help shows commands and options\)\n)?$/,
    );
  });

  it.each([
    [["loopback", "--from", "nothere.mp4"], '"nothere.mp4" cannot be shown: there is no such file'],
    [["loopback", "--from", program], "ffmpeg finds no picture in it"],
    [
      ["loopback", "--picture", "nothere.png"],
      "the picture nothere.png cannot be read: there is no such file",
    ],
  ])("says of %j at once what is wrong with the file", async (args, reason) => {
    const { status, stderr } = await cli(...args);
    expect(status).toBe(1);
    expect(stderr).toContain(reason);
    expect(stderr).toMatch(/^v4l2-cuse: [^\n]+\n$/);
  });

  it.skipIf(existsSync("/dev/cuse"))(
    "says in one sentence what is missing when there is no /dev/cuse, and it has to be that",
    async () => {
      const { status, stderr, stdout } = await cli("sample", "--node", "cuse");
      expect(status).toBe(1);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^v4l2-cuse: [^\n]*\/dev\/cuse[^\n]*\n$/);
      expect(stderr).toContain("modprobe cuse");
    },
  );
});

describe("without CUSE, v4l2-cuse sample", () => {
  it.skipIf(existsSync("/dev/cuse"))(
    "says what is missing when FUSE nodes cannot be had either",
    async () => {
      const { status, stderr, stdout } = await cli("sample", "--node-folder", "/dev/null/nodes");
      expect(status).toBe(1);
      expect(stdout).toBe("");
      expect(stderr).toMatch(
        /^v4l2-cuse: There is no CUSE here \(see "modprobe cuse"\), and no FUSE either: [^\n]*\n$/,
      );
    },
  );
});

describe("v4l2-cuse sample --node-folder", () => {
  it.each([
    ["below a device", "/dev/null/nodes"],
    // mkdir(2) says ENOENT there, whatever the parent is.
    ["in procfs", "/proc/v4l2-cuse-test"],
    ["in a missing folder of procfs", "/proc/self/v4l2-cuse/test"],
    ["in sysfs", "/sys/v4l2-cuse-test/nodes"],
    ["below a file", `${program}/nodes`],
    ["that is a file", program],
    ["that is procfs", "/proc"],
    ["with a name that no file system has", `/tmp/${"x".repeat(256)}`],
    ["with no name", ""],
  ])("%s is refused in one sentence", async (_where, folder) => {
    const { status, stderr, stdout } = await cli("sample", "--node", "fuse", "--node-folder", folder);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^v4l2-cuse: [^\n]*folder[^\n]*\n$/i);
  });
});

describe("v4l2-cuse doctor", () => {
  it("finds every missing thing that it calls needed, says what to do, and fails for it", async () => {
    const { status, stdout } = await cli("doctor", "--json");
    const { canServe, node, findings, clients } = JSON.parse(stdout) as Examination;
    const cuse = findings.find((finding) => finding.what.includes("/dev/cuse"));
    expect(cuse?.ok).toBe(existsSync("/dev/cuse") && process.getuid?.() === 0);
    expect(status).toBe(canServe ? 0 : 1);
    expect(canServe).toBe(findings.every((finding) => finding.ok || !finding.needed));
    expect(node === null).toBe(clients.length === 0);
    for (const finding of findings.filter((each) => !each.ok)) expect(finding.remedy).toBeTruthy();
  });

  it("says the same in words", async () => {
    const { status, stdout } = await cli("doctor");
    expect(stdout).toContain(status === 0 ? "A device can be served here" : "A device cannot be served yet.");
    expect(stdout.includes("programs as they are")).toBe(status === 0);
  });
});
