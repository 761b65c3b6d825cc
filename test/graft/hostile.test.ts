/**
 * Clients that work against us while they are served: other threads of theirs change the program, its memory, its
 * descriptors. What they get is what they could have had by themselves, and the time of one job of ours.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Grafter, pendingCall, type GraftOutcome } from "../../src/graft/index.js";
import { Step } from "../../src/graft/tracer-protocol.js";
import { TURN_LIMITS } from "../../src/graft/turns.js";
import {
  asleep,
  before,
  Client,
  eventually,
  expectFree,
  fileWith,
  graftOnto,
  intact,
  jobsOf,
  sleeping,
} from "./support.js";
import { isRoot } from "../support/root.js";

// Starting a process takes its time in a guest.
vi.setConfig({ testTimeout: 30_000 });

let grafter: Grafter;
beforeAll(async () => {
  grafter = await Grafter.start();
});
afterAll(() => grafter.close());

const EFAULT = 14;
const EINVAL = 22;
/** Of test/clients/graft-client.c. */
const FIXED_STACK = 0x1000_0000n;

describe("execve(2) in another thread", () => {
  // The new program has the id of the thread that is served, and memory at the same addresses.
  const cases = Object.entries(Step).filter(([, step]) => step > Step.Prepare && step !== Step.Detach);

  it.each(cases)("at step %s does not get us to write to the new program", async (_, step) => {
    const client = await sleeping(["read", "edge=fixed"]);
    const exec = before(step, async () => {
      client.order("X");
      expect(await client.line()).toMatchObject({ exec: true, pid: client.pid });
    });
    expect(await graftOnto(grafter, client, fileWith("new").fd, exec)).toMatchObject({ kind: "gone" });
    await expectFree(grafter, client);
    client.answer();
    expect(await client.line()).toEqual({ unchanged: true });
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });

  it("does not get us to write a number to the new program", async () => {
    const client = await sleeping(["vfork"]);
    const outcome = await grafter.install({
      tid: client.pid,
      call: pendingCall(client.facts.call),
      newFd: fileWith("new").fd,
      closeOnExec: true,
      numberAt: FIXED_STACK,
      answer: () => client.answer(),
      ...before(Step.Confirm, async () => {
        client.order("X");
        expect(await client.line()).toMatchObject({ exec: true, pid: client.pid });
      }),
    });
    expect(outcome).toMatchObject({ kind: "gone" });
    await expectFree(grafter, client);
    client.answer();
    expect(await client.line()).toEqual({ unchanged: true });
  });
});

describe("an instruction that is changed under the thread", () => {
  /** Serves a client in a call that has ended: an interrupted one would be repeated, with the changed instruction. */
  const serve = (client: Client, step: Step, letter: string, stepMs = 2000): Promise<GraftOutcome> =>
    graftOnto(grafter, client, fileWith("new").fd, {
      evenUnfinished: false,
      failWith: EINVAL,
      limits: { stepMs },
      answer: () => client.answer(),
      ...before(step, async () => {
        client.order(letter);
        await eventually(() => client.isOrdered());
      }),
    });

  // Before our first call, and later ones.
  it.each([Step.SocketPair, Step.Receive, Step.Dup])(
    "makes no call but ours, and none past the filters, at step %i",
    async (step) => {
      // Where filters cannot sleep, clients that have some are not served at all.
      const filter = grafter.abilities.suspendsSeccomp ? ["filter"] : [];
      const client = await sleeping(["vfork", ...filter]);
      expect(await serve(client, step, "a")).toMatchObject({
        kind: "refused",
        reason: "unexpected",
        placed: [],
      });
      const found = await client.findings();
      // What we had opened stays. The other call would have made descriptor 77.
      expect(found).toMatchObject({ damaged: [], mask: true, content: "", result: -EINVAL });
      expect(found.fds).not.toContain(77);
      expect(found.fds).toEqual(expect.arrayContaining([...client.facts.fds]));
      if (step === Step.SocketPair) expect(found.fds).toEqual(client.facts.fds);
      expect(await client.exit).toEqual({ code: 0, signal: null });
    },
  );

  it("makes no call of 32-bit programs, which have other numbers", async ({ skip }) => {
    const other = await Client.start(["int80"]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (!asleep(other.pid)) skip("this kernel knows no such calls");
    const client = await sleeping(["vfork"]);
    expect(await serve(client, Step.SocketPair, "i")).toMatchObject({
      kind: "refused",
      reason: "unexpected",
    });
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "", result: -EINVAL });
  });

  it("that runs for ever is left after some questions", async () => {
    const client = await sleeping(["vfork"]);
    expect(await serve(client, Step.SocketPair, "j", 100)).toMatchObject({
      kind: "refused",
      reason: "stuck",
    });
    await expectFree(grafter, client);
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "", result: -EINVAL });
  });
});

describe("a descriptor whose number another file gets", () => {
  // "p": another open file of the same device.
  it.each([
    [Step.Unregister, "o"],
    [Step.Dup, "o"],
    [Step.Look, "o"],
    [Step.Look, "p"],
  ])("at step %i leaves that file alone (%s)", async (step, letter) => {
    const client = await sleeping(["read"]);
    const replace = before(step, async () => {
      client.order(letter);
      await eventually(() => client.isOrdered());
    });
    const outcome = await graftOnto(grafter, client, fileWith("new").fd, replace);
    expect(outcome).toMatchObject({ kind: "refused", reason: "other-file", placed: [] });
    await expectFree(grafter, client);
    client.answer();
    const found = await client.findings();
    expect(found).toMatchObject({ damaged: [], mask: true, content: "" });
    expect(found.fds).toHaveLength(client.facts.fds.length + 1); // Its own second one of the other file.
  });
});

describe("a stack pointer that leads", () => {
  it.each([
    ["to nothing", "sp=0"],
    ["below nothing", "sp=64"],
    ["to the kernel", "sp=0xffffffff81000000"],
    ["to the end of everything", "sp=0xfffffffffffffff8"],
    ["to no address at all", "sp=0x8000000000000000"],
    ["above memory that may only be read", "edge=readonly"],
  ])("%s makes the call fail", async (_, word) => {
    const client = await sleeping(["read", word]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd);
    expect(outcome).toMatchObject({ kind: "refused", reason: "step-failed" });
    expect(outcome).toHaveProperty("sentence", expect.stringContaining("EFAULT"));
    await expectFree(grafter, client);
    client.answer();
    expect(await client.findings()).toMatchObject({ mask: true, content: "", fds: client.facts.fds });
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });
});

it("a number that cannot be written makes the call fail, and the file is taken back", async () => {
  const client = await sleeping(["vfork"]);
  const outcome = await grafter.install({
    tid: client.pid,
    call: pendingCall(client.facts.call),
    newFd: fileWith("new").fd,
    closeOnExec: true,
    failWith: 24,
    numberAt: 0xffff_ffff_8100_0000n,
    answer: () => client.answer(),
  });
  expect(outcome).toMatchObject({ kind: "refused", reason: "step-failed", placed: [] });
  expect(await client.findings()).toMatchObject({ ...intact(client), result: -EFAULT, mailbox: -1 });
});

it("a thread with a table of descriptors of its own is served, or is refused", async () => {
  const client = await sleeping(["read", "worker", "unshare"]);
  const outcome = await graftOnto(grafter, client, fileWith("new").fd);
  await expectFree(grafter, client);
  client.answer();
  const found = await client.findings();
  // Before Linux 6.9 a socket cannot be taken from such a thread.
  if (outcome.kind === "refused") expect(outcome.reason).toBe("step-failed");
  else expect(outcome).toMatchObject({ kind: "grafted", fdNumbers: [client.facts.target] });
  expect(found).toMatchObject({ ...intact(client), content: outcome.kind === "grafted" ? "new" : "" });
});

describe("clients that hang", () => {
  /** It sleeps above a page that is never there. */
  const hanging = (): Promise<Client> => sleeping(["read", "edge=hangs"]);
  const serve = (client: Client, uid: number, stepMs: number): ReturnType<Grafter["graft"]> =>
    graftOnto(grafter, client, fileWith("new").fd, { uid, limits: { stepMs } });

  // Other users' page faults can wait for ever only where the system says so.
  it.runIf(isRoot)(
    "can be killed, cost their user's turns only, and those but for the time of their life",
    async () => {
      const clients = await Promise.all(Array.from({ length: TURN_LIMITS.perUser }, hanging));
      const outcomes = await Promise.all(clients.map((client) => serve(client, 1000, 50)));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: "refused", reason: "stuck" });

      const next = await sleeping(["read"]);
      const refused = await serve(next, 1000, 2000);
      expect(refused).toMatchObject({ kind: "refused", reason: "busy", answered: false });
      expect(await serve(next, 1001, 2000)).toMatchObject({ kind: "grafted" });

      for (const client of clients) {
        client.signal("SIGKILL");
        expect(await client.exit).toEqual({ code: null, signal: "SIGKILL" });
      }
      await eventually(() => jobsOf(grafter.pid).length === 0);
      const another = await sleeping(["read"]);
      expect(await serve(another, 1000, 2000)).toMatchObject({ kind: "grafted" });
    },
  );
});
