/** When a graft does not take place: the reason, and a client that is none the worse for it. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Grafter } from "../../src/graft/index.js";
import { Step } from "../../src/graft/tracer-protocol.js";
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
  rdevOf,
  sleeping,
  status,
} from "./support.js";
import { isRoot } from "../support/root.js";

// Starting a process takes its time in a guest.
vi.setConfig({ testTimeout: 30_000 });

let grafter: Grafter;
beforeAll(async () => {
  grafter = await Grafter.start();
});
afterAll(() => grafter.close());

const driver = (args: readonly string[]): string[] => [
  process.execPath,
  "--import",
  "tsx",
  fileURLToPath(new URL("fixtures/driver.ts", import.meta.url)),
  ...args,
];

const EINVAL = 22;

/** The client sleeps on as before, and ends well. */
async function expectUntouched(client: Client, result: number | "child" = 1): Promise<void> {
  await expectFree(grafter, client);
  client.answer();
  const found = await client.findings();
  expect(found).toMatchObject({ ...intact(client), content: "" });
  if (result === "child") expect(found.result).toBeGreaterThan(0);
  else expect(found.result).toBe(result);
  expect(await client.exit).toEqual({ code: 0, signal: null });
}

describe("a graft is refused", () => {
  it("when the thread is gone", async () => {
    const client = await sleeping(["read"]);
    await client.kill();
    const outcome = await graftOnto(grafter, client, fileWith("new").fd);
    expect(outcome).toEqual({ kind: "gone", answered: false, placed: [] });
  });

  it("when another tracer has the client, and says which", async () => {
    const client = await sleeping(["read", "traced"]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd);
    expect(outcome).toMatchObject({ kind: "refused", reason: "traced", answered: false });
    const tracer = status(client.pid, "TracerPid");
    expect(outcome).toHaveProperty(
      "sentence",
      expect.stringMatching(`already traced, by process ${tracer}$`),
    );
    client.answer();
    expect(await client.findings()).toMatchObject({ damaged: [], mask: true, content: "", result: 1 });
  });

  it("when the thread is in another call", async () => {
    const client = await sleeping(["read"]);
    const call = { number: 999n, arguments: [] };
    expect(await graftOnto(grafter, client, fileWith("new").fd, { call, failWith: EINVAL })).toMatchObject({
      kind: "refused",
      reason: "other-call",
    });
    await expectUntouched(client);
  });

  it("when the call has other arguments", async () => {
    const client = await sleeping(["read"]);
    const call = { number: BigInt(client.facts.call), arguments: [{ value: 1n, mask: 0xffff_ffffn }] };
    expect(await graftOnto(grafter, client, fileWith("new").fd, { call })).toMatchObject({
      kind: "refused",
      reason: "other-call",
    });
    await expectUntouched(client);
  });

  it("when the call was made as a 32-bit program makes it", async ({ skip }) => {
    const client = await Client.start(["int80"]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (!asleep(client.pid)) skip("this kernel knows no such calls");
    expect(await graftOnto(grafter, client, fileWith("new").fd)).toMatchObject({
      kind: "refused",
      reason: "foreign-code",
    });
    await expectFree(grafter, client);
    await eventually(() => asleep(client.pid));
  });

  it("when the call was interrupted and has no result", async () => {
    const client = await sleeping(["read"]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd, { evenUnfinished: false });
    expect(outcome).toMatchObject({ kind: "refused", reason: "call-failed" });
    expect(outcome).toHaveProperty("sentence", expect.stringContaining("EINTR"));
    await expectUntouched(client);
  });

  it("when the descriptor leads to another device; the call then fails as the driver asked", async () => {
    const client = await sleeping(["vfork"]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd, {
      evenUnfinished: false,
      expectRdev: rdevOf.null,
      failWith: EINVAL,
      answer: () => client.answer(),
    });
    expect(outcome).toMatchObject({ kind: "refused", reason: "other-file", answered: true, placed: [] });
    await expectUntouched(client, -EINVAL);
  });

  it("when the descriptor leads to a file of ours already; the call then ends as it was answered", async () => {
    const before = fileWith("before");
    const client = await sleeping(["vfork", `target=/proc/${process.pid}/fd/${before.fd}`]);
    const undone = vi.fn();
    // The client has not run on yet: whoever closes the new file then is done with it before the client closes its own.
    const tracers: (string | undefined)[] = [];
    const unplaced = vi.fn(() => void tracers.push(status(client.pid, "TracerPid")));
    const outcome = await graftOnto(grafter, client, fileWith("new").fd, {
      evenUnfinished: false,
      expectRdev: rdevOf.zero,
      failWith: EINVAL,
      answer: () => client.answer(),
      undone,
      unplaced,
    });
    expect(outcome).toMatchObject({ kind: "refused", reason: "replaced", answered: true, placed: [] });
    expect(undone).not.toHaveBeenCalled();
    expect(unplaced).toHaveBeenCalledOnce();
    expect(tracers).toEqual([expect.stringMatching(/^[1-9]/)]);
    const found = await client.findings();
    expect(found).toMatchObject({ damaged: [], mask: true, content: "before", fds: client.facts.fds });
    expect(found.result).toBeGreaterThan(0);
  });

  // At the later of these, the client's number is given to a socket of ours.
  it.each([Step.Look, Step.Dup, Step.Unregister, Step.SocketPair])(
    "when another thread closes the descriptor before step %i",
    async (step) => {
      const client = await sleeping(["read"]);
      const close = before(step, () => {
        client.order("c");
        return eventually(() => !existsSync(`/proc/${client.pid}/fd/${client.facts.target}`));
      });
      const outcome = await graftOnto(grafter, client, fileWith("new").fd, close);
      expect(outcome).toMatchObject({ kind: "refused", reason: "other-file", placed: [] });
      await expectFree(grafter, client);
      client.answer();
      const fds = client.facts.fds.filter((fd) => fd !== client.facts.target);
      expect(await client.findings()).toMatchObject({ damaged: [], mask: true, content: "", fds });
    },
  );

  it("when the client can open no more files", async () => {
    const client = await sleeping(["read", "files=5"]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd);
    expect(outcome).toMatchObject({ kind: "refused", reason: "step-failed" });
    expect(outcome).toHaveProperty("sentence", expect.stringContaining("EMFILE"));
    await expectUntouched(client);
  });

  it("when there is no memory below the client's stack pointer", async () => {
    const client = await sleeping(["read", "edge=ends"]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd);
    expect(outcome).toMatchObject({ kind: "refused", reason: "step-failed" });
    expect(outcome).toHaveProperty("sentence", expect.stringContaining("EFAULT"));
    await expectUntouched(client);
  });

  it("when the call does not end in time; the client is left in it", async () => {
    const client = await sleeping(["vfork"]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd, { limits: { answerMs: 50 } });
    expect(outcome).toMatchObject({ kind: "refused", reason: "no-answer", answered: true });
    await expectUntouched(client, "child");
  });

  it("when a step takes too long; what was done is undone as soon as it ends", async () => {
    const client = await sleeping(["read", "epoll", "target=/dev/ptmx"]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd, { limits: { stepMs: 0 } });
    expect(outcome).toMatchObject({ kind: "refused", reason: "stuck" });
    await expectUntouched(client);
  });

  it("when the driver's answer throws, which is passed on", async () => {
    const client = await sleeping(["vfork"]);
    const answer = (): never => {
      throw new Error("from the driver");
    };
    await expect(graftOnto(grafter, client, fileWith("new").fd, { answer })).rejects.toThrow(
      "from the driver",
    );
    await expectUntouched(client, "child");
  });

  it("when there is no file to place", async () => {
    const client = await sleeping(["read"]);
    await expect(graftOnto(grafter, client, 100_000)).rejects.toMatchObject({ code: "EBADF" });
    await expectUntouched(client);
  });

  it.runIf(isRoot)("when the driver may not trace the client", async () => {
    const client = await sleeping(["read"]);
    const { pid, call, target } = client.facts;
    const [command = "", ...args] = driver(["0", `${pid}:${call}:${target}`]);
    const said = execFileSync(command, args, {
      encoding: "utf8",
      env: { ...process.env, AS_USER: "65534" },
    });
    expect(said).toContain(
      `refused ${pid} forbidden: the client (thread ${pid}) may not be traced from here (EPERM)`,
    );
    await expectUntouched(client);
  });
});

describe("the tracer process", () => {
  it("is started again when it was killed", async () => {
    const own = await Grafter.start();
    const before = own.pid;
    process.kill(before, "SIGKILL");
    await eventually(
      () => status(before, "State") === undefined || status(before, "State")?.startsWith("Z") === true,
    );
    const client = await sleeping(["read"]);
    // It may not have been noticed yet.
    const first = await graftOnto(own, client, fileWith("new").fd);
    const outcome = first.kind === "grafted" ? first : await graftOnto(own, client, fileWith("new").fd);
    expect(outcome).toMatchObject({ kind: "grafted" });
    expect(own.pid).not.toBe(before);
    own.close();
  });

  it("whose job is killed before it changes anything leaves the client as it was", async () => {
    const client = await sleeping(["read"]);
    const kill = before(Step.Prepare, () => {
      for (const job of jobsOf(grafter.pid)) process.kill(job, "SIGKILL");
    });
    expect(await graftOnto(grafter, client, fileWith("new").fd, kill)).toMatchObject({
      kind: "refused",
      reason: "no-tracer",
      answered: true,
    });
    await expectUntouched(client);
  });

  it("ends with the driver, and not with its terminal", async () => {
    const own = await Grafter.start();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.kill(own.pid, signal);
    const client = await sleeping(["read"]);
    expect(await graftOnto(own, client, fileWith("new").fd)).toMatchObject({ kind: "grafted" });
    const { pid } = own;
    own.close();
    await eventually(() => status(pid, "State") === undefined);
    expect(await graftOnto(own, client, fileWith("new").fd)).toMatchObject({
      kind: "refused",
      reason: "no-tracer",
    });
  });

  it("puts everything right when the driver is killed, at any step", async () => {
    const steps = Object.values(Step);
    const clients = await Promise.all(steps.map(() => sleeping(["read"])));
    const jobs = clients.map(({ facts }) => `${facts.pid}:${facts.call}:${facts.target}`);
    const [command = "", ...args] = driver([steps.join(), ...jobs]);
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    let tracer = 0;
    let paused = 0;
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith("tracer ")) tracer = Number(line.slice("tracer ".length));
      if (line.startsWith("paused ") && ++paused === steps.length) break;
    }
    child.kill("SIGKILL");
    await once(child, "exit");
    await eventually(() => clients.every(({ pid }) => status(pid, "TracerPid") === "0"), 20_000);
    await eventually(() => status(tracer, "State") === undefined);
    for (const [index, client] of clients.entries()) {
      client.answer();
      const found = await client.findings();
      expect(found, `step ${index + 1}`).toMatchObject({ ...intact(client), result: 1 });
      expect(found.content).toBe((steps[index] ?? 0) <= Step.Look ? "" : "new");
    }
  }, 60_000);
});
