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
import { checkFrames, roundsIn, stormProgram, wrongWith } from "../device/support/storm.js";
import { helperPath } from "../../src/native.js";
import { checkFile } from "../support/camera-frame.js";
import { NODE, runInGuest, type Command, type GuestRun, type Outcome } from "./support.js";

const FILE = "frames.raw";
const scene = { format: "YUYV", width: 320, height: 180 } as const;
const large = { format: "YUYV", width: 320, height: 240 } as const;

/** Every frame that it captured is right in every byte. */
function expectFrames({ folder }: Outcome, count: number, of: typeof scene | typeof large = scene): void {
  expect(checkFile(readFileSync(join(folder, FILE)), of)).toHaveLength(count);
}

/** It was given mmap(), so many times, and nothing else was said of it. */
function expectGrafts({ messages }: Outcome, count: number): void {
  expect(messages).toHaveLength(count);
  for (const message of messages) expect(message).toMatch(GRAFTED);
}

function expectEnd({ status, stdout, stderr }: Outcome): void {
  expect(status, `${stdout}\n${stderr}`).toBe(0);
}

interface Step extends Command {
  readonly check: (outcome: Outcome) => void | Promise<void>;
}

const got = "reqbufs 4: ok";
const done = "streamed: 3 frames";

interface Mapping {
  readonly program?: string;
  readonly wrapper?: readonly string[];
  readonly frames?: number;
  readonly of?: typeof scene | typeof large;
  readonly grafts?: number;
}

/** A client of `test/clients/mapping-client.c`, which prints these lines. */
function mapping(
  title: string,
  words: string,
  lines: readonly string[],
  { program = mappingClient.static, wrapper = [], frames = 3, of = scene, grafts = 1 }: Mapping = {},
): Step {
  return {
    title,
    words: [...wrapper, program, NODE, FILE, ...words.split(" ")],
    check: (outcome) => {
      expectEnd(outcome);
      expect(outcome.stdout.split("\n")).toEqual(lines);
      expectFrames(outcome, frames, of);
      expectGrafts(outcome, grafts);
    },
  };
}

const plain = "open rw reqbufs 4 stream 3";
const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const inNamespaces = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc"];

const circumstances: readonly Step[] = [
  mapping(
    "with a filter that kills for what a graft calls, and is in force again afterwards",
    "suspends open rw filter reqbufs 4 stream 3 filtered",
    ["suspends: yes", got, done, "filtered: yes"],
  ),
  mapping(
    "that exports its buffers as dma-bufs, and sees its frames through these and the device",
    "open rw reqbufs 4 exported stream 3",
    [got, "exported: dma-bufs", done, "exported: 0 frames differ"],
  ),
  mapping(
    "that reads, afterwards, in calls that end where the kernel would split one",
    "open rw pieces reqbufs 4 reqbufs 0 stream 3",
    [got, "reqbufs 0: ok", "read: 3 frames"],
    { of: large },
  ),
  mapping(
    "whose other threads make system calls all the while",
    "open rw threads 4 reqbufs 4 stream 3 settle",
    [got, done, "threads: 0 files hurt"],
  ),
  mapping("whose thread has descriptors of its own", "open rw thread own-table dup reqbufs 4 file stream 3", [
    got,
    "file: mapped",
    done,
  ]),
  mapping("that forks, and streams in the child", "open rw reqbufs 4 fork stream 3", [got, done]),
  mapping(
    "that had duplicated its descriptor",
    "open rw dup reqbufs 4 stream 3 use 0 file reqbufs 0 reqbufs 4 stream 3",
    [got, done, "file: mapped", "reqbufs 0: ok", got, done],
    { frames: 6 },
  ),
  mapping(
    "whose descriptor is in an epoll set, and a duplicate in another",
    "open rw subscribe watch edge dup watch level reqbufs 4 change watched 0 watched 1 stream 3",
    [
      got,
      "change: ok",
      "watched 0: 1 0x2 0x1122334455667780",
      "again 0: 0 0 0",
      "watched 1: 1 0x2 0x1122334455667781",
      "again 1: 1 0x2 0x1122334455667781",
      done,
    ],
  ),
  ...["poll 0x2", "select 1", "epoll 0x2", "dqevent ok"].map((told) => {
    const [how = ""] = told.split(" ");
    return mapping(
      `of which a thread sleeps in ${how} meanwhile`,
      `open rw subscribe sleeper ${how} reqbufs 4 change woken stream 3`,
      ["sleeper: asleep", got, "change: ok", `woken: ${told}`, done],
    );
  }),
  mapping(
    "of which a thread sleeps, and wakes when a frame comes",
    "open rw twin sleeper poll-frame create 1 queue woken frame",
    ["twin: y", "sleeper: asleep", "create 1: ok", "queue: ok", "woken: poll 0x1", "streamoff: ok"],
    { frames: 1, grafts: 2 },
  ),
  mapping("of another user, in namespaces of its own", plain, [got, done], {
    wrapper: [...asNobody, ...inNamespaces],
  }),
  mapping("of another user, that may not be looked into", `undumpable ${plain}`, [got, done], {
    wrapper: asNobody,
  }),
  mapping(
    "made with musl",
    "open rw threads 2 reqbufs 4 stream 3 settle",
    [got, done, "threads: 0 files hurt"],
    { program: mappingClient.musl },
  ),
  mapping("made in Go, whose runtime interrupts its threads", "3", [got, done], {
    program: mappingClient.go,
  }),
];

/** It streams, with the format that "the camera's format" has set. */
const capturing = (title: string, words: readonly string[], frames: number, grafts = 1): Step => ({
  title,
  words,
  check: (outcome) => {
    expectEnd(outcome);
    expectFrames(outcome, frames);
    expectGrafts(outcome, grafts);
  },
});

const capture = (how: string, ...options: string[]): string[] => [
  ...[staticClient, "--uid", "65534", ...options, NODE, "capture", how, "4", FILE],
];

const streams: readonly Step[] = [
  {
    title: "the camera's format",
    words: [
      ...["v4l2-ctl", "-d", NODE],
      `--set-fmt-video=width=${scene.width},height=${scene.height},pixelformat=${scene.format}`,
    ],
    check: expectEnd,
  },
  ...["block", "poll", "select", "epoll"].map((how) =>
    capturing(`of another user streams, waiting with ${how}`, capture(how), 4),
  ),
  capturing("of another user streams through exported buffers", capture("poll", "--export"), 4),
  capturing(
    "like v4l2-ctl streams",
    ["v4l2-ctl", "-d", NODE, "--stream-mmap", "--stream-count=4", `--stream-to=${FILE}`],
    4,
  ),
];

const debuggers: readonly Step[] = [
  ["strace -f", "strace", "-f", "-o", "/dev/null"],
  ["gdb", "gdb", "-nx", "-batch", "-ex", "run", "--args"],
].map(([name, ...wrapper]) => ({
  title: `under ${name} reads, and the log says why`,
  words: [...wrapper, mappingClient.static, NODE, FILE, ...plain.split(" ")],
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

const ROUNDS = Number(process.env["STORM_ROUNDS"] ?? 30);
const SEED = Number(process.env["STORM_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

const storm: Step = {
  title: "that is disturbed at a random moment lives on as it was, or ends",
  words: [
    ...[stormProgram, "--seed", `${SEED}`, "--rounds", `${ROUNDS}`, "--parallel", "2"],
    ...["--hang", "60000", ".", NODE],
  ],
  limitS: 200,
  check: (outcome) => {
    console.log(`STORM_SEED=${SEED} STORM_ROUNDS=${ROUNDS}`);
    expectEnd(outcome);
    expect(outcome.stderr).toBe(""); // Nobody hangs.
    const rounds = roundsIn(outcome.stdout.split("\n"));
    expect(rounds).toHaveLength(ROUNDS);
    const wrong = rounds
      .map((round) => ({ ...round, wrong: wrongWith(round, 2) }))
      .filter((round) => round.wrong.length > 0);
    expect(wrong, outcome.messages.join("\n")).toEqual([]);
    expect(checkFrames(outcome.folder, scene, rounds)).toEqual([]);
    // Those who close or replace the descriptor in the very microseconds.
    expect(rounds.filter(({ found }) => found?.race === true).length).toBeLessThan(3);
  },
};

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
  mapping("that is the first", plain, [got, done]),
  ...circumstances,
  ...streams,
  ...debuggers,
  ...buffers,
  ...races,
  storm,
  compliance,
  ...programs32,
  mapping("that comes after all these", plain, [got, done]),
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
  }, 880_000);

  it.each(steps)("$title", ({ title, check }) => check(run.outcome(title)));

  it("leaves nothing: no process, and nothing that the driver did not have after the first", () => {
    expect(run.text("left")).toBe("");
    expect(run.text("driver-before")).toMatch(/^v4l2-cuse-trace file /m);
    expect(run.text("driver-before")).not.toMatch(/memfd/);
    expect(run.text("driver-more")).toBe("");
    expect(run.text("driver-status")).toBe("0");
    expect(run.text("driver-errors")).toBe(`${NODE} is ready; Ctrl-C removes it.`);
  });
});
