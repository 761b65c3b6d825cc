/**
 * Clients that are killed, end, call execve(2) or fork(2), or are stopped, while they are served. Whatever happens,
 * nothing is left: no process that is stopped or traced, no descriptor in the client or the driver, no job.
 *
 * GRAFT_ROUNDS: how many clients are disturbed at a random moment; 150 unless told.
 */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Grafter, pendingCall, type GraftOutcome } from "../../src/graft/index.js";
import { Step } from "../../src/graft/tracer-protocol.js";
import type { SharedMemory } from "../../src/native.js";
import { openFds } from "../native/support.js";
import {
  asleep,
  before,
  eventually,
  expectFree as expectAllFree,
  fileWith,
  graftOnto,
  intact,
  jobsOf,
  sleeping,
  status,
  type Client,
} from "./support.js";

const ROUNDS = Number(process.env["GRAFT_ROUNDS"] ?? 150);

// Starting a process takes its time in a guest.
vi.setConfig({ testTimeout: 30_000 });

let grafter: Grafter;
beforeAll(async () => {
  grafter = await Grafter.start();
});
afterAll(() => grafter.close());

/** Serves a client; `disturb` runs before `step`. */
const disturbed = (client: Client, step: Step, disturb: () => Promise<void>): Promise<GraftOutcome> =>
  graftOnto(grafter, client, fileWith("new").fd, before(step, disturb));

const isDead = (tid: number): boolean => /^[ZX]/.test(status(tid, "State") ?? "Z");

const threads: [string, string[]][] = [
  ["the first thread", []],
  ["another thread", ["worker"]],
];
const cases = threads.flatMap(([thread, words]) =>
  Object.entries(Step).map(([name, step]): [string, Step, string, string[]] => [name, step, thread, words]),
);

describe.each(cases)("at step %s(%i) in %s", (_name, step, _thread, words) => {
  it("SIGKILL ends the client", async () => {
    const client = await sleeping(["read", "threads=1", ...words]);
    const outcome = await disturbed(client, step, () => {
      client.signal("SIGKILL");
      return eventually(() => isDead(client.pid));
    });
    expect(outcome.kind).toBe("gone");
    expect(await client.exit).toEqual({ code: null, signal: "SIGKILL" });
    await eventually(() => jobsOf(grafter.pid).length === 0);
  });

  it("the end of the process ends it", async () => {
    const client = await sleeping(["read", ...words]);
    const outcome = await disturbed(client, step, () => {
      client.order("e");
      return eventually(() => isDead(client.pid));
    });
    expect(outcome.kind).toBe("gone");
    expect(await client.exit).toEqual({ code: 7, signal: null });
    await eventually(() => jobsOf(grafter.pid).length === 0);
  });

  it("execve(2) in another thread succeeds, and inherits nothing of ours", async () => {
    const client = await sleeping(["read", ...words]);
    const outcome = await disturbed(client, step, () => {
      client.order("x");
      return eventually(() => isDead(client.tid));
    });
    expect(outcome.kind).toBe("gone");
    expect(await client.line()).toMatchObject({ exec: true, fds: client.facts.fds });
    expect(await client.exit).toEqual({ code: 0, signal: null });
    await eventually(() => jobsOf(grafter.pid).length === 0);
  });

  it("fork(2) in another thread leaves a child that is free", async () => {
    const client = await sleeping(["read", ...words]);
    let child = 0;
    const outcome = await disturbed(client, step, async () => {
      client.order("f");
      await eventually(() => (child = childOf(client)) !== 0);
    });
    expect(outcome.kind).toBe("grafted");
    await expectAllFree(grafter, client);
    expect(status(child, "TracerPid")).toBe("0");
    await eventually(() => asleep(child));
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new", result: 1 });
  });
});

/** A process that one of the client's threads has started; 0: none. */
function childOf(client: Client): number {
  const tasks = `/proc/${client.pid}/task`;
  const children = readdirSync(tasks).map((tid) => readFileSync(`${tasks}/${tid}/children`, "utf8"));
  return Number(children.join("").trim());
}

describe("disturbed at a random moment", () => {
  type Disturbance = (client: Client) => void;
  const disturbances: Record<string, Disturbance> = {
    nothing: () => undefined,
    kill: (client) => client.signal("SIGKILL"),
    exec: (client) => client.order("x"),
    exit: (client) => client.order("e"),
    storm: (client) => {
      client.order("s");
      for (let round = 0; round < 20; round++) client.signal("SIGUSR1");
    },
    stop: (client) => {
      client.signal("SIGSTOP");
      setTimeout(() => {
        try {
          client.signal("SIGCONT");
        } catch {
          // It has ended.
        }
      }, 5);
    },
  };

  async function round(
    kind: string,
    disturb: Disturbance,
    file: SharedMemory,
    delayMs: number,
  ): Promise<string> {
    const client = await sleeping(["read", "handle", "dup=1", ...(Math.random() < 0.5 ? ["worker"] : [])]);
    const outcome = grafter.graft({
      tid: client.tid,
      call: pendingCall(client.facts.call),
      fdNumber: client.facts.target,
      newFd: file.fd,
      evenUnfinished: true,
      answer: () => undefined,
    });
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    disturb(client);
    const { kind: ended } = await outcome;
    if (kind === "kill") {
      expect(await client.exit).toEqual({ code: null, signal: "SIGKILL" });
    } else if (kind === "exit") {
      expect(await client.exit).toEqual({ code: 7, signal: null });
    } else if (kind === "exec") {
      expect(await client.line()).toMatchObject({ exec: true, fds: client.facts.fds });
      expect(await client.exit).toEqual({ code: 0, signal: null });
    } else {
      // A signal that came first has ended the call.
      if (kind !== "storm") expect(ended).toBe("grafted");
      if (ended === "grafted") await expectFree(client);
      // Its call was interrupted, and with it the client came to its end.
      if (ended === "gone") expect(isDead(client.tid)).toBe(true);
      client.answer();
      const found = await client.findings();
      const content = ended === "grafted" ? "new" : "";
      expect(found).toMatchObject({ ...intact(client), content, dup0: content, disordered: 0 });
      // SIGUSR1 has a handler without SA_RESTART.
      expect(found.result === 1 || (kind === "storm" && found.result === -4)).toBe(true);
      if (kind === "storm" && client.tid === client.pid) expect(found.usr1).toBeGreaterThan(0);
      expect(await client.exit).toEqual({ code: 0, signal: null });
    }
    return `${kind} ${ended}`;
  }

  async function expectFree(client: Client): Promise<void> {
    await eventually(() => (status(client.tid, "TracerPid") ?? "0") === "0");
  }

  it(
    `${ROUNDS} clients are served, or end, and nothing is left`,
    async () => {
      const file = fileWith("new");
      const openBefore = openFds();
      const counts = new Map<string, number>();
      const kinds = Object.entries(disturbances);
      // The moments are spread over what a graft takes here.
      const started = Date.now();
      const undisturbed = [0, 1, 2, 3].map(() => round("nothing", () => undefined, file, 0));
      await Promise.all(undisturbed);
      const spanMs = Math.max(4, (Date.now() - started) / undisturbed.length / 2);
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < ROUNDS) {
          const [kind, disturb] = kinds[next++ % kinds.length] ?? ["nothing", () => undefined];
          const result = await round(kind, disturb, file, Math.random() * spanMs);
          counts.set(result, (counts.get(result) ?? 0) + 1);
        }
      };
      await Promise.all([worker(), worker()]);
      console.log(Object.fromEntries([...counts].sort()));
      await eventually(() => jobsOf(grafter.pid).length === 0);
      await eventually(() => status(grafter.pid, "State")?.startsWith("S") === true);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(openFds()).toBeLessThanOrEqual(openBefore);
    },
    60_000 + ROUNDS * 1000,
  );
});
