/** What a graft does to a client, and what it leaves alone. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Grafter, pendingCall, type GraftOutcome, type InstallRequest } from "../../src/graft/index.js";
import { Step } from "../../src/graft/tracer-protocol.js";
import { socketPair } from "../../src/native.js";
import {
  before,
  eventually,
  expectFree,
  fileWith,
  graftOnto,
  intact,
  rdevOf,
  sleeping,
  status,
  type Client,
} from "./support.js";
import { isRoot } from "../support/root.js";
import { ownUserNamespaces } from "../support/user-namespaces.js";

const CLOEXEC = 1;

// Starting a process takes its time in a guest.
vi.setConfig({ testTimeout: 30_000 });

let grafter: Grafter;
beforeAll(async () => {
  grafter = await Grafter.start();
});
afterAll(() => grafter.close());

const grafted = (client: Client): object => ({ kind: "grafted", fdNumbers: [client.facts.target] });

describe("a swap", () => {
  it.each(["read", "poll", "ppoll", "nanosleep", "futex"])(
    "leaves registers, stack and signal mask as they were, and %s sleeps on",
    async (call) => {
      const client = await sleeping([call, "mask"]);
      const isTimed = call === "nanosleep" || call === "futex";
      // So that a call that began anew would take much longer than one that slept on.
      if (isTimed) await sleep(1000);
      const outcome = await graftOnto(grafter, client, fileWith("new").fd, { expectRdev: rdevOf.zero });
      expect(outcome).toMatchObject(grafted(client));
      await expectFree(grafter, client);
      client.answer();
      const found = await client.findings();
      expect(found).toMatchObject({ ...intact(client), content: "new", cloexec: 0 });
      // Neither is an interrupted call cut short, nor does it begin anew.
      expect(found.result).toBe({ nanosleep: 0, futex: -110 }[call] ?? 1);
      if (isTimed) {
        expect(found.ms).toBeGreaterThanOrEqual(1500);
        expect(found.ms).toBeLessThan(1500 + 900);
      }
      expect(await client.exit).toEqual({ code: 0, signal: null });
    },
  );

  it("works in a thread that is not the first", async () => {
    const client = await sleeping(["read", "worker"]);
    expect(client.tid).not.toBe(client.pid);
    expect(await graftOnto(grafter, client, fileWith("new").fd)).toMatchObject(grafted(client));
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new", result: 1 });
  });

  it("takes place between the call's answer and the client's next instruction", async () => {
    const client = await sleeping(["vfork"]);
    const order: string[] = [];
    const outcome = await graftOnto(grafter, client, fileWith("new").fd, {
      evenUnfinished: false,
      expectRdev: rdevOf.zero,
      answer: () => {
        order.push("answer");
        client.answer();
      },
      placed: (fds) => {
        order.push(`placed ${fds.join()}`);
        expect(status(client.pid, "State")).toMatch(/^t/);
      },
    });
    order.push(outcome.kind);
    expect(order).toEqual(["answer", `placed ${client.facts.target}`, "grafted"]);
    const found = await client.findings();
    expect(found).toMatchObject({ ...intact(client), content: "new" });
    expect(found.result).toBeGreaterThan(0); // The child of vfork(): the call's own result.
  });

  it("replaces the descriptor of the call itself when no other is named", async () => {
    const [ours, theirs] = socketPair();
    const client = await sleeping(["read"]);
    const outcome = await grafter.graft({
      tid: client.pid,
      call: pendingCall(client.facts.call, 0),
      newFd: theirs.fd,
      evenUnfinished: true,
      answer: () => undefined,
    });
    expect(outcome).toMatchObject({ kind: "grafted", fdNumbers: [0] });
    ours.close();
    theirs.close();
    // read(2) was repeated on the new file, whose other end is closed: end of file.
    expect(await client.findings()).toMatchObject({ ...intact(client), result: 0 });
  });

  it("keeps close-on-exec as it was", async () => {
    const client = await sleeping(["read", "cloexec"]);
    expect(await graftOnto(grafter, client, fileWith("new").fd)).toMatchObject(grafted(client));
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new", cloexec: CLOEXEC });
  });

  it("takes duplicates along, and leaves other open files of the same device alone", async () => {
    const client = await sleeping(["read", "dup=3", "other"]);
    const { target, dups } = client.facts;
    const outcome = await graftOnto(grafter, client, fileWith("new").fd, { expectRdev: rdevOf.zero });
    expect(outcome).toMatchObject({ kind: "grafted", fdNumbers: [target, ...dups] });
    client.answer();
    expect(await client.findings()).toMatchObject({
      ...intact(client),
      content: "new",
      other: "",
      dup0: "new",
      cloexec0: 0,
      dup1: "new",
      cloexec1: CLOEXEC,
      dup2: "new",
    });
  });

  it("takes epoll registrations along, with their events and data", async () => {
    const [ours, theirs] = socketPair();
    const client = await sleeping(["read", "epoll", "dup=1", "target=/dev/ptmx"]);
    const outcome = await graftOnto(grafter, client, theirs.fd);
    expect(outcome).toMatchObject({ kind: "grafted", registrations: 2, lostRegistrations: 0 });
    theirs.close();
    ours.close(); // Readable, writable and hung up from here on; the client asked for EPOLLIN.
    client.answer();
    const found = await client.findings();
    expect(found).toMatchObject(intact(client));
    expect([...found.events].sort()).toEqual(["0x11 0x1122334455667788", "0x11 0x1122334455667789"]);
  });

  it("says how many epoll registrations the new file cannot have", async () => {
    const client = await sleeping(["read", "epoll", "target=/dev/ptmx"]);
    const outcome = await graftOnto(grafter, client, fileWith("no readiness").fd);
    expect(outcome).toMatchObject({ kind: "grafted", registrations: 0, lostRegistrations: 1 });
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), events: [] });
  });

  it("works where the stack has yet to grow for its arguments", async () => {
    const client = await sleeping(["read", "edge=grows"]);
    expect(await graftOnto(grafter, client, fileWith("new").fd)).toMatchObject(grafted(client));
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new" });
  });

  it("works in a client whose other threads make system calls all the while", async () => {
    const client = await sleeping(["read", "threads=4"]);
    expect(await graftOnto(grafter, client, fileWith("new").fd)).toMatchObject(grafted(client));
    await expectFree(grafter, client);
    client.answer();
    expect(await client.findings()).toMatchObject({ damaged: [], mask: true, content: "new" });
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });

  it("works in many clients at once", async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => sleeping(["read"])));
    const file = fileWith("new");
    const outcomes = await Promise.all(clients.map((client) => graftOnto(grafter, client, file.fd)));
    expect(outcomes).toMatchObject(clients.map(grafted));
    for (const client of clients) {
      client.answer();
      expect(await client.findings()).toMatchObject({ ...intact(client), content: "new" });
    }
  });

  it.runIf(isRoot)("works in a client of another user", async () => {
    await worksIn(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
  });
  it("works in a client without new privileges", async () => {
    await worksIn(["setpriv", "--no-new-privs"]);
  });

  const namespaces = ownUserNamespaces();
  it.skipIf(namespaces.isMissing)(
    `works in a client in user, mount, pid and network namespaces of its own${namespaces.why}`,
    async () => {
      await worksIn(["unshare", "-Urmpfn"]);
    },
  );

  async function worksIn(wrapper: readonly string[]): Promise<void> {
    const client = await sleeping(["read"], wrapper);
    expect(await graftOnto(grafter, client, fileWith("new").fd)).toMatchObject(grafted(client));
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new" });
  }

  it("is not noticed by a seccomp filter that forbids its calls, or is refused", async () => {
    const client = await sleeping(["read", "filter"]);
    const outcome = await graftOnto(grafter, client, fileWith("new").fd);
    if (grafter.abilities.suspendsSeccomp) expect(outcome).toMatchObject(grafted(client));
    else expect(outcome).toMatchObject({ kind: "refused", reason: "seccomp", answered: false });
    client.answer();
    const content = grafter.abilities.suspendsSeccomp ? "new" : "";
    expect(await client.findings()).toMatchObject({ ...intact(client), content });
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });

  it("is not noticed by a filter that another thread installs for all meanwhile", async () => {
    if (!grafter.abilities.suspendsSeccomp) return;
    const client = await sleeping(["read"]);
    const install = before(Step.SocketPair, () => {
      client.order("t");
      return eventually(() => status(client.pid, "Seccomp") === "2");
    });
    expect(await graftOnto(grafter, client, fileWith("new").fd, install)).toMatchObject(grafted(client));
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new" });
  });
});

describe("signals", () => {
  it("that come meanwhile are delivered afterwards, in order and with what they carry", async () => {
    const client = await sleeping(["ppoll", "handle"]);
    const storm = before(Step.Close, () => {
      client.order("s");
      return eventually(() => status(client.pid, "SigPnd") !== "0000000000000000");
    });
    expect(await graftOnto(grafter, client, fileWith("new").fd, storm)).toMatchObject(grafted(client));
    const found = await client.findings();
    // ppoll(2) allows all signals, and is interrupted by these.
    expect(found).toMatchObject({
      ...intact(client),
      content: "new",
      result: -4,
      handled: 32,
      disordered: 0,
    });
  });

  it("that interrupt the call interrupt it as ever", async () => {
    const client = await sleeping(["read", "handle"]);
    // Its handler has no SA_RESTART.
    const signal = before(Step.Dup, () => client.signal("SIGUSR1"));
    expect(await graftOnto(grafter, client, fileWith("new").fd, signal)).toMatchObject(grafted(client));
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new", result: -4, usr1: 1 });
  });

  it.each(Object.entries(Step))("SIGSTOP at step %s stops the client, until SIGCONT", async (_, step) => {
    const client = await sleeping(["read"]);
    const stop = before(step, () => client.signal("SIGSTOP"));
    expect(await graftOnto(grafter, client, fileWith("new").fd, stop)).toMatchObject(grafted(client));
    await eventually(() => status(client.pid, "State")?.startsWith("T") === true);
    client.signal("SIGCONT");
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new", result: 1 });
  });

  it("a client that is stopped already is served, and stays stopped", async () => {
    const client = await sleeping(["read"]);
    client.signal("SIGSTOP");
    await eventually(() => status(client.pid, "State")?.startsWith("T") === true);
    expect(await graftOnto(grafter, client, fileWith("new").fd)).toMatchObject(grafted(client));
    await eventually(() => status(client.pid, "State")?.startsWith("T") === true);
    client.signal("SIGCONT");
    client.answer();
    expect(await client.findings()).toMatchObject({ ...intact(client), content: "new", result: 1 });
  });
});

describe("a new descriptor", () => {
  function install(client: Client, newFd: number, more: Partial<InstallRequest> = {}): Promise<GraftOutcome> {
    return grafter.install({
      tid: client.pid,
      call: pendingCall(client.facts.call),
      newFd,
      closeOnExec: true,
      answer: () => client.answer(),
      numberAt: BigInt(client.facts.mailbox),
      ...more,
    });
  }

  it.each([true, false])(
    "can be told to the client before it runs (close-on-exec: %s)",
    async (closeOnExec) => {
      const client = await sleeping(["vfork"]);
      const outcome = await install(client, fileWith("new").fd, { closeOnExec });
      const found = await client.findings();
      expect(outcome).toMatchObject({ kind: "grafted", fdNumbers: [found.mailbox] });
      expect(found).toMatchObject({
        damaged: [],
        mailed: "new",
        mailedCloexec: closeOnExec ? CLOEXEC : 0,
        content: "",
      });
      expect(found.result).toBeGreaterThan(0);
      expect(client.facts.fds).not.toContain(found.mailbox);
      expect([...found.fds].sort()).toEqual([...client.facts.fds, found.mailbox].sort());
    },
  );

  it("is taken back when the driver fails at the end, and the call fails", async () => {
    const client = await sleeping(["vfork"]);
    const outcome = await install(client, fileWith("new").fd, {
      failWith: 14,
      placed: () => {
        throw new Error("EFAULT");
      },
    });
    expect(outcome).toMatchObject({ kind: "refused", reason: "cancelled", answered: true, placed: [] });
    expect(await client.findings()).toMatchObject({ ...intact(client), result: -14, mailbox: -1 });
  });

  it("that there is no room for makes the call fail as the driver asked", async () => {
    const client = await sleeping(["vfork", "files=6"]);
    const tracers: (string | undefined)[] = [];
    const outcome = await install(client, fileWith("new").fd, {
      failWith: 24,
      undone: () => void tracers.push(status(client.pid, "TracerPid")),
    });
    expect(outcome).toMatchObject({ kind: "refused", reason: "step-failed", placed: [] });
    expect(outcome).toHaveProperty("sentence", expect.stringContaining("EMFILE"));
    expect(tracers).toEqual([expect.stringMatching(/^[1-9]/)]); // Before it can see that the call fails.
    expect(await client.findings()).toMatchObject({ ...intact(client), result: -24, mailbox: -1 });
  });
});
