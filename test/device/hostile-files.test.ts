/**
 * Clients whose descriptors and memory are of a file system that they serve themselves, and that never answers: where
 * the kernel's own drivers would keep such a client waiting, we must not keep the others waiting.
 */
import { chmodSync, readdirSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { describeDevice, until } from "./support/device.js";
import { Control, runClient, sharedMem2mem, type Mem2mem } from "./support/mem2mem.js";
import { startProgram, type Client } from "./support/probe.js";
import { built } from "../support/built.js";

const program = built("fuse-client");

function startHostile({ video }: Mem2mem, steps: string): Client {
  const client = startProgram(program, [video, ...steps.split(" ")], { timeoutMs: 50_000 });
  onTestFinished(async () => {
    client.kill();
    await client.result;
  });
  return client;
}

/** Outcomes of its steps, without the time: `"dmabuf: EINVAL"`. */
async function outcomes(client: Client): Promise<string[]> {
  await client.line("done", 45_000);
  return client.lines.flatMap((line) => /^(\w+: \w+) after/.exec(line)?.[1] ?? []);
}

function asked(client: Client): string[] {
  return client.lines.flatMap((line) => /^asked: (\w+)/.exec(line)?.[1] ?? []);
}

/** A job of another client, to its end. */
async function expectServed(device: Mem2mem): Promise<void> {
  const lines = await runClient(
    device,
    `open size 32x32 ctrl ${Control.transactionTimeMs} 1 alloc 1 on both queue cap 0 queue out 0 7 dequeue cap`,
  );
  expect(lines.at(-1)).toBe("dequeue cap: index 0 sequence 0 frame 7 plain");
}

const descriptors = ({ process: { pid } }: Mem2mem): number => readdirSync(`/proc/${pid}/fd`).length;

describeDevice("a file whose server answers nothing", () => {
  const device = sharedMem2mem();

  it.each([
    ["as memory of a buffer", "dmabuf", "EINVAL", ["FLUSH"]],
    ["as the socket for mmap()", "socket", "ENOTSOCK", ["FLUSH"]],
    // It is compared with the requests that there are, without being opened.
    ["as a request", "request", "EINVAL", []],
    ["mapped, as an array of controls", "memory", "EFAULT", ["READ"]],
  ])("is refused %s, and the others are served", async (_where, step, errno, waitsFor) => {
    chmodSync(device().video, 0o666);
    const hostile = startHostile(device(), `${step} cap`);
    expect(await outcomes(hostile)).toEqual([`${step}: ${errno}`, "cap: ok"]);
    await until(() => asked(hostile).length >= waitsFor.length, "the file is asked for");
    expect(asked(hostile)).toEqual(waitsFor);
    await expectServed(device());
  });

  it("again and again costs its user, not the others, and leaves nothing", async () => {
    chmodSync(device().video, 0o666);
    await expectServed(device());
    const before = descriptors(device());
    const steps = [...Array<string>(6).fill("dmabuf"), ...Array<string>(6).fill("memory"), "cap"].join(" ");
    const hostile = [startHostile(device(), steps), startHostile(device(), steps)];
    await expectServed(device());
    for (const client of hostile) {
      const found = await outcomes(client);
      expect(found.slice(0, 6)).toEqual(Array(6).fill("dmabuf: EINVAL"));
      expect(found.slice(6)).toEqual([...Array<string>(6).fill("memory: EFAULT"), "cap: ok"]);
    }
    await expectServed(device());
    // Threads wait for its file, so many and no more.
    expect(hostile.flatMap(asked).length).toBeLessThanOrEqual(4);
    for (const client of hostile) {
      client.kill();
      await client.result;
    }
    await expectServed(device());
    // But for the sockets of those threads, which have come back. Clients' files are closed when the kernel says so.
    await until(() => descriptors(device()) <= before + 4, "the descriptors are closed");
  });
});
