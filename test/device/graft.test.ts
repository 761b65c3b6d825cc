/** Files put into clients of a real CUSE device, while these wait in an ioctl that the device answers. */
import { statSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { FuseSession, IoctlRequest } from "../../src/cuse/index.js";
import { Grafter, pendingIoctl, type GraftOutcome, type GraftRequest } from "../../src/graft/index.js";
import { describeDevice, startDevice, startFiles, until } from "./support/device.js";
import { ECHO, EchoDevice, type EchoFile } from "./support/echo-device.js";
import { probe, startProbe } from "./support/probe.js";
import { Step } from "../../src/graft/tracer-protocol.js";
import { Client as GraftClient, status } from "../graft/support.js";

/** _IO: the client's descriptor becomes an anonymous file of the device `target`. */
const GRAFT = 0x4520;
/** _IOWR, 4 bytes: a new descriptor, whose number is returned. */
const INSTALL = 0xc0044521;

const EMFILE = 24;

/** How many clients are killed at a random moment. */
const ROUNDS = Number(process.env["GRAFT_ROUNDS"] ?? 60);

class GraftingDevice extends EchoDevice {
  /** What clients reach after the graft. */
  readonly target = new EchoDevice();
  readonly outcomes: GraftOutcome[] = [];
  rdev = 0;
  /** Signals do not end the ioctls. */
  isDeaf = false;
  /** For the grafts. */
  pause: GraftRequest["pause"];

  constructor(
    readonly grafter: Grafter,
    readonly files: FuseSession,
  ) {
    super();
  }

  override ioctl(file: EchoFile, request: IoctlRequest): number | Promise<number> {
    if (request.cmd !== GRAFT && request.cmd !== INSTALL) return super.ioctl(file, request);
    return new Promise((resolve) => {
      // Seizing interrupts the call. That must not end it, and the true answer does not.
      if (this.isDeaf) request.uninterruptible();
      else request.onInterrupt(() => resolve(0));
      void this.#place(request, () => resolve(0)).then((outcome) => {
        this.outcomes.push(outcome);
        if (outcome.kind !== "grafted" && !outcome.answered) resolve(0);
      });
    });
  }

  async #place(request: IoctlRequest, answer: () => void): Promise<GraftOutcome> {
    const file = await this.files.create(this.target, (handle) => this.target.add(handle), { flags: 2 });
    const { tid } = request.caller;
    const call = pendingIoctl(request);
    const common = { tid, call, newFd: file.fd, answer, ...(this.pause && { pause: this.pause }) };
    const outcome =
      request.cmd === GRAFT
        ? this.grafter.graft({ ...common, expectRdev: this.rdev })
        : this.grafter.install({
            ...common,
            closeOnExec: true,
            failWith: EMFILE,
            numberAt: request.argAddress,
          });
    try {
      return await outcome;
    } finally {
      file.close();
    }
  }
}

/** Is SIGKILL pending for the thread? */
const isToEnd = (tid: number): boolean => {
  const pending = status(tid, "SigPnd");
  return pending !== undefined && (BigInt(`0x${pending}`) & (1n << 8n)) !== 0n;
};

let grafter: Grafter;
beforeAll(async () => {
  grafter = await Grafter.start();
});
afterAll(() => grafter.close());

async function start(): Promise<{ device: GraftingDevice; node: string }> {
  const device = new GraftingDevice(grafter, startFiles());
  const session = await startDevice(device);
  device.rdev = statSync(session.node).rdev;
  return { device, node: session.node };
}

describeDevice("a graft in a client of a CUSE device", () => {
  it("makes its descriptor another file, which works like the device", async () => {
    const { device, node } = await start();
    const lines = await probe(
      node,
      `open rw ioctl ${ECHO.store} 05000000 ioctl ${GRAFT} 00 fstat ioctl ${ECHO.store} 07000000
       write abc poll 0x1 1000 read 64 cloexec close`,
    );
    expect(lines.slice(2)).toEqual([
      "ioctl 0 00",
      "fstat 0100600 0",
      "ioctl 0 07000000",
      "write 3",
      expect.stringMatching(/^poll 1 0x1 /),
      "read 3 616263",
      "cloexec 0",
      "close 0",
    ]);
    // The client may end before its outcome arrives.
    await until(() => device.outcomes.length === 1, "the graft is reported");
    expect(device.outcomes).toMatchObject([{ kind: "grafted", fdNumbers: [3] }]);
    expect(device.target.events).toContain("write 3 at 0");
    expect(device.events).not.toContain("write 3 at 0");
    // The swap released the client's own file; its end, the new one.
    expect(device.events.filter((event) => event === "release")).toHaveLength(1);
    await until(() => device.target.events.includes("release"), "the new file is released");
  });

  it("swaps duplicates along, and not the client's other files of the device", async () => {
    const { device, node } = await start();
    const lines = await probe(
      node,
      `open rw open rw dup ioctl ${GRAFT} 00 fstat file 1 fstat file 0 fstat write x`,
    );
    await until(() => device.outcomes.length === 1, "the graft is reported");
    const [outcome] = device.outcomes;
    expect(outcome).toMatchObject({ kind: "grafted" });
    expect(lines.filter((line) => line.startsWith("fstat"))).toEqual([
      "fstat 0100600 0",
      "fstat 0100600 0",
      expect.stringMatching(/^fstat 02/), // Still a character device.
    ]);
    expect(device.events).toContain("write 1 at 0");
  });

  it("gives it a descriptor whose number the ioctl returns", async () => {
    const { device, node } = await start();
    const lines = await probe(node, `open rw ioctl ${INSTALL} ffffffff`);
    await until(() => device.outcomes.length === 1, "the graft is reported");
    const [outcome] = device.outcomes;
    if (outcome?.kind !== "grafted") throw new Error(JSON.stringify(outcome));
    const [fd = 0] = outcome.fdNumbers;
    expect(lines[1]).toBe(`ioctl 0 ${Buffer.from(new Uint8Array(Int32Array.of(fd).buffer)).toString("hex")}`);
    await until(() => device.target.events.includes("release"), "the new file is released");
  });

  it("is given up at once when another thread's execve(2) waits for the client's end, and it for our answer", async () => {
    const { device, node } = await start();
    device.isDeaf = true;
    device.pause = {
      step: Step.Seize,
      // The tracer would wait for a lock that execve(2) has.
      reached: async () => {
        const client = await starting;
        client.order("x");
        await until(() => isToEnd(client.tid), "execve(2) ends the other threads");
      },
    };
    const starting = GraftClient.start(["ioctl", `target=${node}`, `cmd=${GRAFT}`]);
    // Else all three wait for each other until the driver gives up: 42 s.
    await until(() => device.outcomes.length === 1, "the graft is given up", 10_000);
    expect(device.outcomes).toEqual([{ kind: "gone", answered: false, placed: [] }]);
    const client = await starting;
    expect(await client.line()).toMatchObject({ exec: true, pid: client.pid });
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });

  it(
    "survives the client's end at any moment, and the device serves on",
    async () => {
      const { device, node } = await start();
      for (let round = 0; round < ROUNDS; round++) {
        const client = await startProbe(node, `open rw ioctl ${GRAFT} 00 write x sleep 1000`);
        setTimeout(() => client.kill(), 5 + Math.random() * 40);
        await client.result;
      }
      await until(() => device.openFiles.size === 0, "all clients' files are released");
      await until(() => device.target.openFiles.size === 0, "all new files are released");
      expect(device.outcomes.every(({ kind }) => kind === "grafted" || kind === "gone")).toBe(true);
      expect(await probe(node, `open rw ioctl ${GRAFT} 00 write x`)).toContain("write 1");
    },
    60_000 + ROUNDS * 1000,
  );
});
