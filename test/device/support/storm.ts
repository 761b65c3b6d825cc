/** The clients of test/clients/graft-storm.c, which are disturbed while they are given files, and what they leave behind. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkFile, type CameraScene } from "../../support/camera-frame.js";
import { descriptorsOf, workersOf } from "./descriptors.js";
import { until } from "./device.js";
import { startProgram, type Client } from "./probe.js";
import { built } from "../../support/built.js";

export const stormProgram = built("graft-storm");

/** How a client ended, as its watcher saw it. */
export interface End {
  readonly round: number;
  readonly kind: string;
  readonly op: string;
  /** "exit 0", "signal 9" or "hung". */
  readonly end: string;
  /** The disturbance came within the call, after it, or never. */
  readonly when: "within" | "after" | "never";
  readonly ms: number;
  readonly pid: number;
  readonly [more: string]: unknown;
}

/** What a client found out about itself. */
export interface Findings {
  readonly round: number;
  readonly result: number;
  readonly us: number;
  readonly damaged: readonly string[];
  readonly frames: number;
  /** Its descriptor is another file now. */
  readonly grafted: boolean;
  /** It closed or replaced the descriptor in the microseconds in which that goes unseen. */
  readonly race: boolean;
  /** Descriptors that a child of fork(2) got on top, because it came in the midst of a graft. */
  readonly inherited: number;
  readonly problems: readonly string[];
}

/** One client. */
export interface Round extends End {
  readonly found: Findings | undefined;
}

/** All clients of one device. */
export interface Storm {
  readonly rounds: readonly Round[];
  /** What its watchers said of those that hang. */
  readonly stderr: string;
}

export interface StormOptions {
  readonly seed: number;
  readonly rounds: number;
  /** Clients at a time. */
  readonly parallel: number;
  /** For frames of the camera. */
  readonly folder: string;
  readonly video: string;
  /** Of a mem2mem device. */
  readonly media?: string;
  readonly ops?: string;
  readonly kinds?: string;
  /** "--refused", "--lenient" */
  readonly flags?: readonly string[];
  /** A client that takes longer hangs. */
  readonly hangMs: number;
}

/** Starts clients. */
export function startStorm(options: StormOptions): Client {
  const { seed, rounds, parallel, folder, video, media, ops, kinds, flags = [], hangMs } = options;
  return startProgram(
    stormProgram,
    [
      ...["--seed", `${seed}`, "--rounds", `${rounds}`, "--parallel", `${parallel}`, "--hang", `${hangMs}`],
      ...(ops === undefined ? [] : ["--ops", ops]),
      ...(kinds === undefined ? [] : ["--kinds", kinds]),
      ...[...flags, folder, video, ...(media === undefined ? [] : [media])],
    ],
    { timeoutMs: 60_000 + rounds * 1000 },
  );
}

type Line = End | Findings;

/** What came of clients, once all have ended. */
export async function stormOf(client: Client): Promise<Storm> {
  const { lines, stderr, code, signal } = await client.result;
  if (code !== 0)
    throw new Error(`graft-storm ended with ${code ?? signal}: ${stderr}\n${lines.slice(-4).join("\n")}`);
  return { rounds: roundsIn(lines), stderr };
}

/** What graft-storm printed. */
export function roundsIn(lines: readonly string[]): Round[] {
  const found = new Map<number, Findings>();
  const ends: End[] = [];
  for (const line of lines) {
    const value = JSON.parse(line) as Line;
    if ("end" in value) ends.push(value);
    else found.set(value.round, value);
  }
  return ends.map((end) => ({ ...end, found: found.get(end.round) }));
}

/** The tracer's socket pair, and the file. */
const MOST_INHERITED = 3;

/** @returns What is wrong with a client's end; empty: nothing. */
export function wrongWith(round: Round, frames: number): string[] {
  const { kind, end, when, found } = round;
  if (kind === "kill" && end === "signal 9") return [];
  if (kind === "exit" && end === "exit 7") return [];
  const mayEnd = kind !== "exit" && (kind !== "kill" || when !== "within");
  if (end !== "exit 0" || !mayEnd || found === undefined) return [`it ended with ${end}, ${when}`];
  const wrong = [...found.damaged.map((what) => `${what} has changed`), ...found.problems];
  if (found.inherited > MOST_INHERITED) wrong.push(`a child got ${found.inherited} descriptors`);
  if (found.frames !== frames) wrong.push(`${found.frames} frames`);
  return wrong;
}

/** Looks at every pixel that clients of the camera wrote, and removes the files. */
export function checkFrames(folder: string, scene: CameraScene, rounds: readonly Round[]): string[] {
  const wrong: string[] = [];
  for (const { round, found } of rounds) {
    if (found === undefined || found.frames === 0) continue;
    const file = join(folder, `${round}.raw`);
    try {
      const readings = checkFile(readFileSync(file), scene);
      if (readings.length !== found.frames) wrong.push(`round ${round}: ${readings.length} frames`);
    } catch (error) {
      wrong.push(`round ${round}: ${String(error)}`);
    }
    rmSync(file, { force: true });
  }
  return wrong;
}

/** How many clients came to which end. */
export function tally(rounds: readonly Round[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, op, end, when, found } of rounds) {
    const grafted = found?.grafted === true ? "grafted" : (found?.result ?? end);
    for (const name of [`${kind} ${when}: ${grafted}`, op]) counts[name] = (counts[name] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** The longest that a client took, ms, and whose it was. */
export function slowest(rounds: readonly Round[]): string {
  const [round] = [...rounds].sort((one, other) => other.ms - one.ms);
  return round === undefined ? "none" : `${round.ms} ms (${round.kind} ${round.op}, round ${round.round})`;
}

// ---- What is left ----------------------------------------------------------------------------------------------------

function text(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // The process has ended.
  }
}

const field = (status: string, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";

const numbersIn = (folder: string): string[] => readdirSync(folder).filter((name) => /^\d+$/.test(name));

/** Clients and tracers that are stopped, traced, or dead and not buried; and clients that are still there at all. */
function leftProcesses(): string[] {
  return numbersIn("/proc").flatMap((pid) => {
    const status = text(`/proc/${pid}/status`);
    const name = field(status, "Name");
    if (!/^(graft-storm|v4l2-cuse|node)/.test(name)) return [];
    const state = field(status, "State");
    const tracer = field(status, "TracerPid");
    const isWrong = /^[TtZX]/.test(state) || tracer !== "0" || name === "graft-storm";
    return isWrong ? [`${name}[${pid}] ${state}, traced by ${tracer}`] : [];
  });
}

/** No client is left, and nobody is stopped or traced. */
export async function expectNobodyLeft(): Promise<void> {
  await until(() => leftProcesses().length === 0, "clients have ended", 20_000).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${leftProcesses().join("\n")}`);
  });
}

/** What a driver has, of which clients must leave nothing. */
export interface Belongings {
  /** By what they lead to, without numbers. */
  readonly descriptors: Readonly<Record<string, number>>;
  readonly threads: number;
  /** Mappings of memory of buffers. */
  readonly mappings: number;
  /** Of the tracer, which waits for orders. */
  readonly tracerDescriptors: number;
  /** Tracers at work. */
  readonly jobs: number;
}

/** Has all of its clients' memory been given back? kB; `anon` is the garbage collector's, too. */
export interface MemoryUse {
  readonly anon: number;
  readonly shmem: number;
}

export function memoryOf(pid: number): MemoryUse {
  const status = text(`/proc/${pid}/status`);
  return { anon: parseInt(field(status, "RssAnon")), shmem: parseInt(field(status, "RssShmem")) };
}

function childrenOf(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`)
    .flatMap((tid) => text(`/proc/${pid}/task/${tid}/children`).split(" "))
    .filter((child) => child !== "")
    .map(Number);
}

function countDescriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0; // It has just ended.
  }
}

export function belongings(pid: number): Belongings {
  return {
    descriptors: descriptorsOf(pid),
    threads: numbersIn(`/proc/${pid}/task`).length - workersOf(pid),
    mappings: text(`/proc/${pid}/maps`)
      .split("\n")
      .filter((line) => line.includes("/memfd:")).length,
    tracerDescriptors: childrenOf(pid).reduce((sum, child) => sum + countDescriptors(child), 0),
    jobs: childrenOf(pid).flatMap(childrenOf).length,
  };
}

const POLL_MS = 250;

/** What a driver has when nothing has changed for a while. */
export async function atRest(pid: number): Promise<Belongings> {
  let now = belongings(pid);
  for (let quiet = 0; quiet < 4;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const next = belongings(pid);
    quiet = JSON.stringify(next) === JSON.stringify(now) ? quiet + 1 : 0;
    now = next;
  }
  return now;
}

/** Waits until a driver has what it had. @throws What is different. */
export async function expectAsBefore(pid: number, whose: string, wanted: Belongings): Promise<void> {
  const isSame = (): boolean => {
    const now = belongings(pid);
    const noMore = Object.entries(now.descriptors).every(
      ([of, count]) => count <= (wanted.descriptors[of] ?? 0),
    );
    return (
      noMore && now.threads <= wanted.threads && now.mappings <= wanted.mappings && now.jobs <= wanted.jobs
    );
  };
  await until(isSame, `${whose} is as before`, 20_000).catch((error: unknown) => {
    throw new Error(
      `${String(error)}\nbefore: ${JSON.stringify(wanted)}\nafter: ${JSON.stringify(belongings(pid))}`,
    );
  });
}
