/** For the tests of the native code: programs that `make -C native clients` builds, and what a process holds. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { helperPath, isSystemError, nativeProblem, ProcessFd, type SystemError } from "../../src/native.js";

const problem = nativeProblem();
if (problem !== undefined) throw new Error(problem);

/** A program of test/clients/ or native/test/. */
export function clientPath(name: string): string {
  const path = join(dirname(helperPath()), name);
  if (!existsSync(path)) throw new Error(`${path} is not built: run \`make -C native clients\`.`);
  return path;
}

/** A program of test/native/fixtures/, in a Node.js of its own. */
export function fixtureCommand(name: string): [command: string, args: string[]] {
  return [
    process.execPath,
    ["--import", "tsx", fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url))],
  ];
}

/** Descriptors that this process has open. */
export const openFds = (): number => readdirSync("/proc/self/fd").length;

/** Mappings of this process whose line in maps has `text`. */
export const mappings = (text: string): number =>
  readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes(text)).length;

/** Runs the garbage collector, and the finalizers that it leaves for later. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  for (let round = 0; round < 3; round++) {
    runInNewContext("gc()");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What `call` throws, which must be the error of a system call. */
export function systemError(call: () => unknown): SystemError {
  try {
    call();
  } catch (error) {
    if (isSystemError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Waits until `condition` holds, looking once per turn of the event loop. */
export async function until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("timed out");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

interface PeerFacts {
  readonly page: number;
  /** Two pages "aaa...", a hole of one page, a page that is read-only. */
  readonly address: bigint;
  /** Of a thread that is not the first. */
  readonly thread: number;
  /** A memfd that may be shrunk. */
  readonly unsealed: number;
  /** A sealed memfd of huge pages; -1 where there are none. */
  readonly huge: number;
  /** Connected pairs: SOCK_SEQPACKET, SOCK_STREAM. */
  readonly packets: readonly [number, number];
  readonly stream: readonly [number, number];
}

function numberIn(facts: Record<string, unknown>, name: string): number {
  const value = facts[name];
  if (typeof value !== "number") throw new Error(`the peer did not say ${name}`);
  return value;
}

function pairIn(facts: Record<string, unknown>, name: string): [number, number] {
  const value = facts[name];
  if (!Array.isArray(value)) throw new Error(`the peer did not say ${name}`);
  return [Number(value[0]), Number(value[1])];
}

/** The program test/clients/peer.c. */
export class Peer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly facts: PeerFacts;

  private constructor(
    child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
    facts: Record<string, unknown>,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.facts = {
      page: numberIn(facts, "page"),
      address: BigInt(String(facts["address"])),
      thread: numberIn(facts, "thread"),
      unsealed: numberIn(facts, "unsealed"),
      huge: numberIn(facts, "huge"),
      packets: pairIn(facts, "packets"),
      stream: pairIn(facts, "stream"),
    };
  }

  static async start(): Promise<Peer> {
    const child = spawn(clientPath("peer"));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done === true) throw new Error("the peer does not start");
    const facts: unknown = JSON.parse(first.value);
    if (typeof facts !== "object" || facts === null) throw new Error("the peer is confused");
    return new Peer(child, lines, { ...facts });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the peer does not run");
    return this.#child.pid;
  }

  async ask(command: string): Promise<string> {
    this.#child.stdin.write(`${command}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true) throw new Error("the peer is gone");
    return answer.value;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGKILL");
      await gone;
    }
  }
}

/** Both ends of a pair of SOCK_SEQPACKET sockets in this process: they keep messages apart, as /dev/cuse does. */
export async function packetPair(): Promise<[ProcessFd, ProcessFd]> {
  const peer = await Peer.start();
  const [first, second] = peer.facts.packets;
  const pair: [ProcessFd, ProcessFd] = [ProcessFd.takeSocket(peer.pid, first), ProcessFd.takeSocket(peer.pid, second)];
  await peer.stop();
  return pair;
}
