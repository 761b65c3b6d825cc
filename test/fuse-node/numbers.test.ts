/** Drivers that start at once share out the numbers; and those that were killed leave none behind. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { startMany } from "../support/many-drivers.js";
import { ownRun } from "../support/own-run.js";

const isPossible = existsSync("/dev/fuse") && process.getuid?.() === 0;
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs root and /dev/fuse)";

const sample = [
  process.execPath,
  builtProgram(),
  "sample",
  "--node",
  "fuse",
  "--log",
  "none",
  "--graft",
  "off",
];

const listRun = (enter: readonly string[]): string => {
  const [program = "", ...args] = [...enter, "find", "/run", "-mindepth", "1"];
  return execFileSync(program, args, { encoding: "utf8" });
};

describeNodes(`drivers that nobody told a number${why}`, () => {
  it("twenty that start at once get twenty numbers, and leave nothing", async () => {
    const enter = ownRun();
    const { nodes, said, statuses } = await startMany(20, [...enter, ...sample]);
    expect(said.replace(/^(?:It is a file of a FUSE mount|Clients need .* for mmap\(\)): .*\n?/gm, "")).toBe(
      "",
    );
    const numbers = nodes.map((node) => Number(/\/video(\d+)$/.exec(node)?.[1])).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, number) => number));
    expect(statuses).toEqual(Array(20).fill(0));
    expect(listRun(enter)).toBe("");
  }, 300_000);

  it("a driver that was killed keeps no number", async () => {
    const enter = ownRun();
    const [program = "", ...args] = [...enter, ...sample];
    const script =
      '"$@" & for i in $(seq 200); do [ -e /run/v4l2-cuse/dev/video0/video0 ] && break; sleep 0.05; done; kill -9 $!';
    execFileSync(program, [...args.slice(0, enter.length - 1), "sh", "-c", script, "sh", ...sample], {
      stdio: "ignore",
    });
    const { nodes, statuses } = await startMany(3, [...enter, ...sample]);
    expect([...nodes].sort()).toEqual([0, 1, 2].map((n) => `/run/v4l2-cuse/dev/video${n}/video${n}`));
    expect(statuses).toEqual([0, 0, 0]);
    expect(listRun(enter)).toBe("");
  }, 120_000);

  it("a number that was asked for is not exchanged for another", async () => {
    const enter = ownRun();
    const { nodes, said, statuses } = await startMany(2, [...enter, ...sample, "--video", "5"]);
    expect(nodes).toEqual(["/run/v4l2-cuse/dev/video5/video5"]);
    expect(said).toContain(
      "v4l2-cuse: The folder /run/v4l2-cuse/dev/video5 is in use by another driver: name another one.",
    );
    expect([...statuses].sort()).toEqual([0, 1]);
  }, 60_000);
});
