/** Devices for tests: started in the test's own process or as a process of their own, gone when the test ends. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe } from "vitest";
import {
  CuseSession,
  FuseSession,
  type CharDevice,
  type SessionLog,
  type SessionOptions,
} from "../../../src/cuse/index.js";
import { startProgram, type Client, type ClientOptions } from "./probe.js";

function describeWith(channel: string, title: string, tests: () => void): void {
  if (existsSync(channel) && process.getuid?.() === 0) describe(title, tests);
  else
    describe.skip(
      `${title} (skipped: needs root and ${channel}; run "scripts/guest -- npx vitest run --project device")`,
      tests,
    );
}

/**
 * Are nodes FUSE files, in the surroundings that scripts/lib/with-fuse-nodes makes? Tests find them by the names of CUSE
 * nodes there.
 */
export const onFuseNodes = process.env["V4L2_CUSE_NODE"] === "fuse";

/** Does scripts/test run this file on FUSE nodes, too? See vitest.config.ts. */
const isElsewhereToo = !onFuseNodes && process.env["V4L2_CUSE_FUSE_STAGES"] === "yes";

/** The cases of a test that are not about CUSE: in a guest, where each takes seconds, the first of them will do. */
export const casesHere = <Case>(cases: readonly Case[]): readonly Case[] =>
  isElsewhereToo ? cases.slice(0, 1) : cases;

/** `describe` for tests of devices of either kind. Where there can be none they are skipped, and their title says why. */
export const describeDevice = (title: string, tests: () => void): void =>
  describeWith(onFuseNodes ? "/dev/fuse" : "/dev/cuse", title, tests);

/** The same for tests of anonymous files, which every kernel with FUSE can run. */
export const describeFiles = (title: string, tests: () => void): void =>
  describeWith("/dev/fuse", title, tests);

export class TestLog implements SessionLog {
  readonly lines: string[] = [];
  warn(message: string): void {
    this.lines.push(`warn: ${message}`);
  }
  error(message: string): void {
    this.lines.push(`error: ${message}`);
  }
}

let count = 0;

/** A node name that no other test uses. */
export function freeName(prefix = "cusetest"): string {
  count += 1;
  return `${prefix}-${process.pid}-${count}`;
}

const sessions: { close(): Promise<void> }[] = [];
const children: Client[] = [];

/** Starts a device in this process. It is closed when the test ends. */
export async function startDevice<File>(
  device: CharDevice<File>,
  options: Partial<SessionOptions> = {},
): Promise<CuseSession> {
  const session = await CuseSession.start(device, { name: freeName(), ...options });
  sessions.push(session);
  return session;
}

/** Closes the session when the test ends. */
export function keep<Session extends { close(): Promise<void> }>(session: Session): Session {
  sessions.push(session);
  return session;
}

/** Starts to serve anonymous files in this process. It ends when the test ends. */
export function startFiles(log: SessionLog = new TestLog()): FuseSession {
  const session = new FuseSession({ log });
  sessions.push(session);
  return session;
}

/**
 * Starts a TypeScript file as a driver in a process of its own, through tsx. It is killed when the test ends.
 * @param script - Relative to `test/device/`.
 */
export function startDriver(script: string, args: readonly string[], options?: ClientOptions): Client {
  const file = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const client = startProgram(process.execPath, ["--import", "tsx", file, ...args], options);
  children.push(client);
  return client;
}

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.result;
  }
  for (const session of sessions.splice(0)) await session.close();
});

/** Waits until something is true. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() >= deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
