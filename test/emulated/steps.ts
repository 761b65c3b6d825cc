/**
 * What plain clients do on a stock kernel, and what must come of it, whichever processor the guest has: commands for
 * {@link runInGuest}, each with its check.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { GRAFTED } from "../device/support/plain.js";
import { checkFrames, roundsIn, wrongWith } from "../device/support/storm.js";
import { checkFile } from "../support/camera-frame.js";
import { NODE, type Command, type GuestRun, type Outcome } from "./support.js";

/** C clients of test/clients, for the guest's processor. */
export interface Programs {
  /** `mapping-client.c`, linked statically. */
  readonly mapping: string;
  readonly mappingGo: string;
  /** Where musl's compiler is for that processor. */
  readonly mappingMusl?: string;
  /** `v4l2-client.c`, linked statically. */
  readonly streaming: string;
  readonly storm: string;
}

export const FILE = "frames.raw";
export const scene = { format: "YUYV", width: 320, height: 180 } as const;
const large = { format: "YUYV", width: 320, height: 240 } as const;

/** Every frame that it captured is right in every byte. */
export function expectFrames(
  { folder }: Outcome,
  count: number,
  of: typeof scene | typeof large = scene,
): void {
  expect(checkFile(readFileSync(join(folder, FILE)), of)).toHaveLength(count);
}

/** After all clients: no process, and nothing in the driver that it did not have after the first one. */
export function expectNothingLeft(run: GuestRun): void {
  expect(run.text("left")).toBe("");
  expect(run.text("driver-before")).toMatch(/^v4l2-cuse-trace file /m);
  expect(run.text("driver-before")).not.toMatch(/memfd/);
  expect(run.text("driver-more")).toBe("");
  expect(run.text("driver-status")).toBe("0");
  expect(run.text("driver-errors")).toBe(`${NODE} is ready; Ctrl-C removes it.`);
}

/** It was given mmap(), so many times, and nothing else was said of it. */
export function expectGrafts({ messages }: Outcome, count: number): void {
  expect(messages).toHaveLength(count);
  for (const message of messages) expect(message).toMatch(GRAFTED);
}

export function expectEnd({ status, stdout, stderr }: Outcome): void {
  expect(status, `${stdout}\n${stderr}`).toBe(0);
}

export interface Step extends Command {
  readonly check: (outcome: Outcome) => void | Promise<void>;
}

export const got = "reqbufs 4: ok";
export const done = "streamed: 3 frames";

export interface Mapping {
  readonly wrapper?: readonly string[];
  readonly frames?: number;
  readonly of?: typeof scene | typeof large;
  readonly grafts?: number;
}

/** A client of `test/clients/mapping-client.c` or of one that does the same, which prints these lines. */
export function mapping(
  program: string,
  title: string,
  words: string,
  lines: readonly string[],
  { wrapper = [], frames = 3, of = scene, grafts = 1 }: Mapping = {},
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

export const plain = "open rw reqbufs 4 stream 3";
const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const inNamespaces = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc"];

/** Of the client's process, in which a graft has to work. */
export const circumstances = (programs: Programs): readonly Step[] => {
  const mappingIs = mapping.bind(undefined, programs.mapping);
  return [
    mappingIs(
      "with a filter that kills for what a graft calls, and is in force again afterwards",
      "suspends open rw filter reqbufs 4 stream 3 filtered",
      ["suspends: yes", got, done, "filtered: yes"],
    ),
    mappingIs(
      "that exports its buffers as dma-bufs, and sees its frames through these and the device",
      "open rw reqbufs 4 exported stream 3",
      [got, "exported: dma-bufs", done, "exported: 0 frames differ"],
    ),
    mappingIs(
      "that reads, afterwards, in calls that end where the kernel would split one",
      "open rw pieces reqbufs 4 reqbufs 0 stream 3",
      [got, "reqbufs 0: ok", "read: 3 frames"],
      { of: large },
    ),
    mappingIs(
      "whose other threads make system calls all the while",
      "open rw threads 4 reqbufs 4 stream 3 settle",
      [got, done, "threads: 0 files hurt"],
    ),
    mappingIs(
      "whose thread has descriptors of its own",
      "open rw thread own-table dup reqbufs 4 file stream 3",
      [got, "file: mapped", done],
    ),
    mappingIs("that forks, and streams in the child", "open rw reqbufs 4 fork stream 3", [got, done]),
    mappingIs(
      "that had duplicated its descriptor",
      "open rw dup reqbufs 4 stream 3 use 0 file reqbufs 0 reqbufs 4 stream 3",
      [got, done, "file: mapped", "reqbufs 0: ok", got, done],
      { frames: 6 },
    ),
    mappingIs(
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
      return mappingIs(
        `of which a thread sleeps in ${how} meanwhile`,
        `open rw subscribe sleeper ${how} reqbufs 4 change woken stream 3`,
        ["sleeper: asleep", got, "change: ok", `woken: ${told}`, done],
      );
    }),
    mappingIs(
      "of which a thread sleeps, and wakes when a frame comes",
      "open rw twin sleeper poll-frame create 1 queue woken frame",
      ["twin: y", "sleeper: asleep", "create 1: ok", "queue: ok", "woken: poll 0x1", "streamoff: ok"],
      { frames: 1, grafts: 2 },
    ),
    mappingIs("of another user, in namespaces of its own", plain, [got, done], {
      wrapper: [...asNobody, ...inNamespaces],
    }),
    mappingIs("of another user, that may not be looked into", `undumpable ${plain}`, [got, done], {
      wrapper: asNobody,
    }),
    ...(programs.mappingMusl === undefined
      ? []
      : [
          mapping(programs.mappingMusl, "made with musl", "open rw threads 2 reqbufs 4 stream 3 settle", [
            got,
            done,
            "threads: 0 files hurt",
          ]),
        ]),
    mapping(programs.mappingGo, "made in Go, whose runtime interrupts its threads", "3", [got, done]),
  ];
};

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

/** The demo's camera part, and one of other users. */
export const streams = (programs: Programs): readonly Step[] => {
  const capture = (how: string, ...options: string[]): string[] => [
    ...[programs.streaming, "--uid", "65534", ...options, NODE, "capture", how, "4", FILE],
  ];
  return [
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
};

const ROUNDS = Number(process.env["STORM_ROUNDS"] ?? 30);
const SEED = Number(process.env["STORM_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

/** Clients that are disturbed while they are given mmap(); this many. */
export const storm = (programs: Programs, rounds = ROUNDS): Step => ({
  title: "that is disturbed at a random moment lives on as it was, or ends",
  words: [
    ...[programs.storm, "--seed", `${SEED}`, "--rounds", `${rounds}`, "--parallel", "2"],
    ...["--hang", "60000", ".", NODE],
  ],
  limitS: 200,
  check: (outcome) => {
    console.log(`STORM_SEED=${SEED} STORM_ROUNDS=${rounds}`);
    expectEnd(outcome);
    expect(outcome.stderr).toBe(""); // Nobody hangs.
    const all = roundsIn(outcome.stdout.split("\n"));
    expect(all).toHaveLength(rounds);
    const wrong = all
      .map((round) => ({ ...round, wrong: wrongWith(round, 2) }))
      .filter((round) => round.wrong.length > 0);
    expect(wrong, outcome.messages.join("\n")).toEqual([]);
    expect(checkFrames(outcome.folder, scene, all)).toEqual([]);
    // Those who close or replace the descriptor in the very microseconds.
    expect(all.filter(({ found }) => found?.race === true).length).toBeLessThan(3);
  },
});
