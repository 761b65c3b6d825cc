/**
 * Plain clients on Debian 13's stock kernel, which has what User-Mode Linux has not: filters that can be suspended,
 * /dev/udmabuf, /proc/<pid>/syscall, a second processor. In an emulated machine, where Node.js is slow: the guest runs
 * the driver and compiled clients only, once, and what came of it is looked at here.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import type { Examination } from "../../src/cli/doctor.js";
import { complianceVersion, expectedFailures, findings } from "../compliance/support.js";
import { builtProgram } from "../device/support/camera.js";
import { buffersProgram, gone, lives, readOnly, untilEnd, type Life } from "../device/support/buffers.js";
import { clientsScript, plainClient, promised, remedies, servedIn } from "../device/support/doctor.js";
import {
  GRAFTED,
  mappingClient,
  OTHER_FILE,
  racingClient,
  REFUSED,
  staticClient,
} from "../device/support/plain.js";
import { client32, compileClient32, helper32 } from "../device/support/programs-32.js";
import { stormProgram } from "../device/support/storm.js";
import { helperPath } from "../../src/native.js";
import {
  circumstances,
  done,
  expectEnd,
  expectFrames,
  expectNothingLeft,
  FILE,
  got,
  mapping,
  plain,
  storm,
  streams,
  type Programs,
  type Step,
} from "./steps.js";
import { GUEST_MS, NODE, runInGuest, type GuestRun } from "./support.js";

const programs: Programs = {
  mapping: mappingClient.static,
  mappingGo: mappingClient.go,
  mappingMusl: mappingClient.musl,
  streaming: staticClient,
  storm: stormProgram,
};

const debuggers: readonly Step[] = [
  ["strace -f", "strace", "-f", "-o", "/dev/null"],
  ["gdb", "gdb", "-nx", "-batch", "-ex", "run", "--args"],
].map(([name, ...wrapper]) => ({
  title: `under ${name} reads, and the log says why`,
  words: [...wrapper, programs.mapping, NODE, FILE, ...plain.split(" ")],
  check: (outcome) => {
    expectEnd(outcome);
    expect(outcome.stdout.split("\n")).toEqual(
      expect.arrayContaining(["reqbufs 4: EINVAL", "read: 3 frames"]),
    );
    expectFrames(outcome, 3);
    expect(outcome.messages).toHaveLength(1);
    expect(outcome.messages[0]).toMatch(REFUSED);
    expect(outcome.messages[0]).toMatch(/is already traced, by process \d+/);
  },
}));

/** Later than a graft takes there. */
const LATEST_US = "300000";

/** A client of `test/clients/reqbufs-races.c`, with two processors. All its calls are answered so, and its files closed. */
const race = (words: string, calls: number, outcomes: readonly string[]): Step => ({
  title: `that races: ${words}`,
  words: [racingClient, NODE, ...words.split(" ")],
  limitS: 100,
  check: (outcome) => {
    expectEnd(outcome);
    const ended = outcome.stdout.split("\n").map((line) => line.split(" "));
    expect(ended.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(calls);
    expect(outcomes).toEqual(expect.arrayContaining(ended.map(([how]) => how)));
    const foreseen = outcomes.includes("ENOTTY") ? [GRAFTED, OTHER_FILE] : [GRAFTED];
    expect(outcome.messages.filter((message) => !foreseen.some((pattern) => pattern.test(message)))).toEqual(
      [],
    );
    if (outcomes.length === 1) expect(outcome.messages.some((message) => GRAFTED.test(message))).toBe(true);
  },
});

const races: readonly Step[] = [
  race(`replace 12 ${LATEST_US}`, 12, ["ok", "EINVAL", "ENOTTY"]),
  race(`close 12 ${LATEST_US}`, 12, ["ok", "EINVAL", "ENOTTY", "EBADF"]),
  race("unmap 12", 12, ["ok", "EFAULT"]),
  race("same 4", 48, ["ok"]),
  race("dups 4", 48, ["ok"]),
  race("signal 4", 4, ["ok"]),
  race("vfork 10", 30, ["ok"]),
];

const IN_32_BITS = ["time32", "time64", "small-files"] as const;

/** Programs of 32 bits, which this kernel runs, on a CUSE node: `test/clients/layout-client.c`. */
const programs32: readonly Step[] = [
  ...IN_32_BITS.map((kind): Step => ({
    title: `of 32 bits (${kind}) streams with the helper, and finds every member in its place`,
    words: ["env", `LD_PRELOAD=${helper32}`, client32(kind), NODE, FILE],
    check: (outcome) => {
      expectEnd(outcome);
      expectFrames(outcome, 3);
      expect(outcome.messages).toEqual([]);
    },
  })),
  {
    title: "of 32 bits without the helper gets EINVAL, and the log says why",
    words: [client32("time32"), NODE, FILE],
    check: ({ status, stdout, messages }) => {
      expect(stdout).toBe("REQBUFS (Invalid argument)");
      expect(status).toBe(1);
      expect(messages).toHaveLength(1);
      expect(messages[0]).toContain("cannot be given mmap(): it is a 32-bit program");
    },
  },
];

const compliance: Step = {
  title: "like v4l2-compliance finds nothing, streaming",
  words: ["v4l2-compliance", "-d", NODE, "-s"],
  limitS: 200,
  check: async ({ stdout, stderr, status }) => {
    const lines = stdout.split("\n");
    const result = Promise.resolve({ lines, stderr, code: status, signal: null });
    const found = await findings({ result });
    expect(found.failures, found.text).toEqual(expectedFailures(await complianceVersion(), "camera"));
    expect(found.warnings, found.text).toEqual([]);
  },
};

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What a client is told of its buffers: all of test/device/support/buffers.ts, one after the other. */
function told(how: string, wrapper: readonly string[], ofReadOnly: readonly string[]): Step {
  const all: readonly Life[] = [
    ...lives,
    { title: "a file opened O_RDONLY cannot be mapped", words: readOnly.words, lines: ofReadOnly },
  ];
  return {
    title: `${how} is told of its buffers what a kernel driver tells`,
    words: [...wrapper, script("every-life"), NODE, buffersProgram, ...all.map(({ words }) => words)],
    limitS: 120,
    check: ({ stdout }) => {
      const printed = stdout.split(/^ended: /m);
      expect(printed).toHaveLength(all.length + 1);
      for (const [index, { title, lines }] of all.entries()) {
        // Before its own lines is the exit status of the one before it.
        const own = (printed[index] ?? "").trimEnd().split("\n");
        expect(index === 0 ? own : own.slice(1), title).toEqual(lines);
        expect(printed[index + 1]?.split("\n")[0], title).toBe("0");
      }
    },
  };
}

const withTheHelper = ["env", `LD_PRELOAD=${helperPath()}`];

const buffers: readonly Step[] = [
  told("as it is", [], readOnly.asItIs),
  told("with the helper", withTheHelper, readOnly.helped),
  {
    title: "whose device ends hears ENODEV, as it is and with the helper",
    words: [
      ...[script("ending-step"), helperPath(), buffersProgram, untilEnd],
      ...[process.execPath, builtProgram()],
    ],
    limitS: 120,
    check: (outcome) => {
      const lines = (name: string): string[] =>
        readFileSync(join(outcome.folder, name), "utf8").trimEnd().split("\n").slice(-gone.length);
      expectEnd(outcome);
      expect(lines("as-it-is")).toEqual(gone);
      expect(lines("helped")).toEqual(gone);
    },
  },
];

/** What doctor says under yama is what then happens, to a driver that was there before, too. */
const yama = (scope: 1 | 2 | 3): Step => ({
  title: `under yama ${scope} can do what doctor says`,
  words: [
    script("doctor-step"),
    ...[`${scope}`, NODE, clientsScript, plainClient, process.execPath, builtProgram()],
  ],
  limitS: 120,
  check: (outcome) => {
    expectEnd(outcome);
    const read = (name: string): string => readFileSync(join(outcome.folder, name), "utf8");
    const said = JSON.parse(read("said")) as Examination;
    // Only 3 stops a process that has CAP_SYS_PTRACE.
    const can = scope !== 3;
    const all = { plainMmap: can, helperMmap: can, userptr: can, extControls: can };
    expect(said).toMatchObject({ canServe: true, node: "cuse" });
    expect(promised(said)).toEqual(all);
    expect(remedies(said).includes("kernel.yama.ptrace_scope = 3")).toBe(!can);
    expect(servedIn(read("served"))).toEqual(all);
    if (!can) expect(servedIn(read("served-new"))).toEqual(all);
  },
});

const steps: readonly Step[] = [
  mapping(programs.mapping, "that is the first", plain, [got, done]),
  ...circumstances(programs),
  ...streams(programs),
  ...debuggers,
  ...buffers,
  ...races,
  storm(programs),
  compliance,
  ...programs32,
  mapping(programs.mapping, "that comes after all these", plain, [got, done]),
  // The last cannot be taken back.
  yama(1),
  yama(2),
  yama(3),
];

describe("on Debian 13's kernel, without a helper, a client", () => {
  let run: GuestRun;
  beforeAll(async () => {
    for (const kind of IN_32_BITS) await compileClient32(kind);
    run = await runInGuest("debian-13", ["--mode", "0666", "--unpaced"], steps);
  }, GUEST_MS);

  it.each(steps)("$title", ({ title, check }) => check(run.outcome(title)));

  it("leaves nothing: no process, and nothing that the driver did not have after the first", () => {
    expectNothingLeft(run);
  });
});
