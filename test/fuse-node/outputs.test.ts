/** What an operator hears when a log or a trace of a driver cannot be written: a sentence, and an exit status. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { built } from "../support/built.js";

const isPossible = existsSync("/dev/fuse") && process.getuid?.() === 0;
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs root and /dev/fuse)";

interface Outcome {
  readonly status: number | null;
  readonly stderr: string;
}

const vislClient = built("visl-client");
/** Decodes a frame. */
const FWHT =
  "format SFWH 640x480 262144 alloc 1 on both request 0 fwht 0 bitstream 0 0 0 100 frame - 0 submit 0 wait 0 10000";

const read = 'head -c 1 "$1/nodes/video7" >/dev/null';
const readTwice = `${read}; sleep 0.5; ${read} && echo alive >&2`;

/**
 * Runs a driver whose output goes where `to` says, lets a client ask it something, and ends it.
 * @param to - Redirections of the shell.
 * @param clients - What asks it, the second time when it has heard that its output is lost.
 */
function driver(command: string, to: string, clients = readTwice): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "fuse-node-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  // `exec`: the driver is the child itself, so that its status is what `wait` gives.
  const script = `
    exec 3>&1
    ( exec $CLI ${command} --video 7 --node fuse --node-folder "$1/nodes" ${to} ) &
    driver=$!
    for i in $(seq 600); do [ -e "$1/nodes/video7" ] && break; sleep 0.05; done
    ${clients}
    kill $driver
    wait $driver`;
  const env = { ...process.env, CLI: `${process.execPath} ${builtProgram()}` };
  const options = { env, encoding: "utf8", timeout: 60_000 } as const;
  const { status, stderr } = spawnSync("bash", ["-c", script, "bash", folder], options);
  return { status, stderr };
}

const ready =
  /^.* ready; .*\n|^It is a file of .*\n|^They are .*\n|^Clients need .*\n|^Dumps, .*\n|^v4l2-cuse: no files at .*\n/gm;
const said = ({ stderr }: Outcome): string => stderr.replace(ready, "");

describeNodes(`a driver's output${why}`, () => {
  it.each([
    ["the log", "sample", ">/dev/full", "the log cannot be written (ENOSPC): the disk is full"],
    [
      "the log as JSON",
      "sample --log json",
      ">/dev/full",
      "the log cannot be written (ENOSPC): the disk is full",
    ],
    [
      "a closed pipe",
      "sample",
      "> >(exec true)",
      "the log cannot be written (EPIPE): nobody reads it any more",
    ],
    [
      "a descriptor for reading",
      "sample",
      "1</dev/null",
      "the log cannot be written (EBADF): its descriptor is not open for writing",
    ],
  ])("%s: the device lives on, one sentence, exit status 74", (_what, command, to, sentence) => {
    const outcome = driver(command, to);
    expect(said(outcome)).toBe(`v4l2-cuse: ${sentence}\nalive\n`);
    expect(outcome.status).toBe(74);
  });

  it.each([
    ["a trace", ""],
    ["a trace as JSON", "--trace-format json"],
  ])("%s of visl: its clients decode on, one sentence, exit status 74", (_what, form) => {
    const sentence = "the trace /dev/full cannot be written (ENOSPC): the disk is full";
    const decode = `$CLI run -- ${vislClient} "$1/nodes/video7" "$1/nodes/media7" ${FWHT} | tail -n 1 >&2`;
    const whenThere = 'for i in $(seq 600); do [ -e "$1/nodes/media7" ] && break; sleep 0.05; done';
    const command = `visl --media 7 --log none --trace fwht --trace-file /dev/full --no-debugfs ${form}`;
    const outcome = driver(command, "", `${whenThere}; ${decode}; ${decode}`);
    // The sentence comes while the first client runs, or just after.
    expect(said(outcome).replace(`v4l2-cuse: ${sentence}\n`, "")).toBe("wait 0: complete\n".repeat(2));
    expect(outcome.stderr.split(sentence)).toHaveLength(2);
    expect(outcome.status).toBe(74);
  });

  it("a trace file that cannot be opened", () => {
    const args = [
      "visl",
      "--trace-file",
      "/dev/null/trace",
      "--node",
      "fuse",
      "--node-folder",
      "/dev/null/x",
    ];
    const { status, stderr } = spawnSync(process.execPath, [builtProgram(), ...args], { encoding: "utf8" });
    expect(stderr).toMatch(/^v4l2-cuse: cannot write traces to \/dev\/null\/trace: ENOTDIR[^\n]*\n$/);
    expect(status).toBe(1);
  });

  it("run --log-file on a full disk: the client's 0 becomes 74, its failure stays", () => {
    const run = (client: readonly string[]): Outcome => {
      const args = ["run", "--device", "sample", "--log-file", "/dev/full", "--", ...client];
      const { status, stderr } = spawnSync(process.execPath, [builtProgram(), ...args], { encoding: "utf8" });
      return { status, stderr };
    };
    const lost = "v4l2-cuse: the log cannot be written (ENOSPC): the disk is full\n";
    const ask = "v4l2-ctl -d /dev/video0 --get-input";
    expect(run(["sh", "-c", `${ask} >/dev/null`])).toEqual({ status: 74, stderr: lost });
    expect(run(["sh", "-c", `${ask} >/dev/null; exit 3`])).toEqual({ status: 3, stderr: lost });
  });
});
