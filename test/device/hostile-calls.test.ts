/**
 * Calls that nobody in his right mind makes: the documented refusal, nothing changed, nothing left, the others served.
 *
 * HOSTILE_CALLS: how many calls at random each client makes; 4000 unless told.
 */
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
import { helperPath } from "../../src/native.js";
import { startCamera, withoutHelper } from "./support/camera.js";
import { describeDevice } from "./support/device.js";
import { Control, runClient, sharedMem2mem, type Mem2mem } from "./support/mem2mem.js";
import { runProgram, startProgram, type Client } from "./support/probe.js";
import { startVisl } from "./support/visl.js";
import { hasAdminRights } from "../../src/serve/client-call.js";
import { built } from "../support/built.js";
import { ownUserNamespaces } from "../support/user-namespaces.js";

const program = built("hostile-client");
const NOBODY = 65534;
const CALLS = Number(process.env["HOSTILE_CALLS"] ?? 4000);
/** Of one client, some 20 times what its calls take on an idle machine. */
const timeoutMs = 50_000 + 4 * CALLS;

vi.setConfig({ testTimeout: timeoutMs + 10_000 });

/** What the kernel's own mem2mem drivers answer. */
const refusals = [
  "array over the end of its mapping: EFAULT",
  "array at no address: EFAULT",
  "array in the kernel: EFAULT",
  "array that cannot be read: EFAULT",
  "more controls than there can be: EINVAL",
  "4294967295 controls: EINVAL",
  "values that cannot be written: EFAULT",
  "controls of request -1: EINVAL",
  "controls of a request that is not open: EINVAL",
  "controls of a request that is none: EINVAL",
  "controls of a request that is the device: EINVAL",
  "buffer 4294967295: EINVAL",
  "buffer of type 4294967295: EINVAL",
  "buffer of other memory: EINVAL",
  "buffer in request -1: EINVAL",
  "buffer in a request that is the device: EINVAL",
  "buffers smaller than a picture: EINVAL",
  "buffers for type 4294967295: EINVAL",
  "format 4294967295: EINVAL",
  "event 4294967295: EINVAL",
  "buffers of type 4294967295: EINVAL",
  "priority 4294967295: EINVAL",
  "QUERYCAP of no size: ENOTTY",
  "QUERYCAP of 16383 bytes: ENOTTY",
  "S_FMT in one direction: ENOTTY",
  "ioctl 255: ENOTTY",
  "memory smaller than a picture: EINVAL",
  "a request after that: EBUSY",
  "done",
];

interface Use {
  readonly descriptors: number;
  readonly residentKiB: number;
}

function use({ process: { pid } }: Mem2mem): Use {
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, residentKiB: Number(resident) };
}

/** Jobs of a client that does nothing wrong, with pictures to compare. */
async function goodClient(device: Mem2mem, jobs: number): Promise<void> {
  const numbers = Array.from({ length: jobs }, (_, index) => index + 1);
  const lines = await runClient(
    device,
    `open size 32x32 ctrl ${Control.transactionTimeMs} 1 alloc 1 on both
     ${numbers.map((frame) => `queue cap 0 queue out 0 ${frame} dequeue cap dequeue out`).join(" ")}`,
  );
  expect(lines.filter((line) => line.startsWith("dequeue cap"))).toEqual(
    numbers.map((frame) => `dequeue cap: index 0 sequence ${frame - 1} frame ${frame} plain`),
  );
}

/** Runs a hostile client as nobody. @returns What it printed. */
async function hostileClient(node: string, steps: string): Promise<string[]> {
  const env = steps.startsWith("fuzz") ? { ...process.env, LD_PRELOAD: helperPath() } : process.env;
  const options = { timeoutMs, uid: NOBODY, gid: NOBODY, env };
  const { lines, stderr, code, signal } = await runProgram(program, [node, ...steps.split(" ")], options);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  return [...lines];
}

/** Runs hostile clients beside a good one. @returns What each printed. */
async function besideOthers(device: Mem2mem, ...hostile: string[]): Promise<string[][]> {
  chmodSync(device.video, 0o666);
  const run = (steps: string): Promise<string[]> => hostileClient(device.video, steps);
  const [found] = await Promise.all([Promise.all(hostile.map(run)), goodClient(device, 20)]);
  return found;
}

/** What a driver's log says of exceptions of its own. */
const mistakes = (driver: Client): string[] =>
  [...driver.lines, driver.stderr].filter((line) => /(Type|Range|Reference)?Error:|^ +at /.test(line));

describeDevice("admin rights", () => {
  const start = async (...command: string[]): Promise<number> => {
    const [name = "", ...args] = command;
    const child = startProgram(name, [...args, "sh", "-c", "echo up; exec sleep 60"]);
    onTestFinished(async () => {
      child.kill();
      await child.result;
    });
    await child.line("up");
    return child.pid;
  };

  it("has root, and not nobody", async () => {
    expect(hasAdminRights(await start("env"))).toBe(true);
    expect(hasAdminRights(await start("setpriv", "--reuid", "65534", "--clear-groups"))).toBe(false);
    expect(hasAdminRights(0)).toBe(false);
  });

  const namespaces = ownUserNamespaces();
  const rootElsewhere = `has not who is root in a user namespace of his own${namespaces.why}`;
  it.skipIf(namespaces.isMissing)(rootElsewhere, async () => {
    const capabilities = (pid: number): bigint =>
      BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "none"}`);
    const inNamespace = await start("unshare", "--user", "--map-root-user");
    // As many as we have, and worth nothing here.
    const ours = capabilities(process.pid);
    expect(capabilities(inNamespace) & ours).toBe(ours);
    expect(hasAdminRights(inNamespace)).toBe(false);
  });
});

describeDevice("a hostile client", () => {
  const device = sharedMem2mem();

  it("is refused as documented, and changes nothing", async () => {
    await goodClient(device(), 2);
    const before = use(device());
    const found = await besideOthers(device(), "arguments 10", "arguments 10");
    expect(found).toEqual([refusals, refusals]);
    await goodClient(device(), 2);
    const after = use(device());
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 4);
    expect(after.residentKiB - before.residentKiB).toBeLessThan(100_000);
  });

  it.each([1, 2, 3])("that calls at random, seed %i, finds no mistake", async (seed) => {
    const before = use(device());
    const found = await besideOthers(device(), `fuzz ${seed} ${CALLS}`, `fuzz ${seed + 1000} ${CALLS}`);
    // EIO is what callers get for an exception of ours; that is in the log then.
    expect(found).toEqual([["EIO 0 times"], ["EIO 0 times"]]);
    expect(mistakes(device().process)).toEqual([]);
    await goodClient(device(), 2);
    expect(use(device()).descriptors).toBeLessThanOrEqual(before.descriptors + 4);
  });
});

describeDevice("calls at random of a hostile client", () => {
  it.each([
    ["the camera", () => startCamera("--mode", "0666", "--unpaced")],
    ["the multi-planar camera", () => startCamera("--mode", "0666", "--unpaced", "--multiplanar")],
    ["visl", async () => startVisl("--log", "json").then((visl) => ({ ...visl, node: visl.video }))],
  ])("find no mistake in %s, which serves on", async (_name, start) => {
    const { node, process: driver } = await start();
    const descriptors = readdirSync(`/proc/${driver.pid}/fd`).length;
    const found = await Promise.all([1, 2].map((seed) => hostileClient(node, `fuzz ${seed} ${CALLS}`)));
    expect(found).toEqual([["EIO 0 times"], ["EIO 0 times"]]);
    expect(mistakes(driver)).toEqual([]);
    const asking = ["v4l2-ctl", "-d", node, "--all"];
    expect((await withoutHelper(asking).result).code).toBe(0);
    expect(readdirSync(`/proc/${driver.pid}/fd`).length).toBeLessThanOrEqual(descriptors + 4);
  });
});
