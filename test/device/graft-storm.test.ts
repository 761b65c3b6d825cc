/**
 * Plain clients of real drivers, several at a time, that are killed, stopped, flooded with signals, replaced by
 * execve(2), and so on, at a random moment while they are given files; and drivers that end meanwhile. Those that live
 * on are as they were, and stream; those that do not leave nothing behind.
 *
 * STORM_ROUNDS: how many clients; 60 unless told. STORM_SEED: repeats what a run has printed.
 * STORM_KINDS: only these disturbances, by the names in storm-plan.h, with commas.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { FILE_SYSTEM_TYPE, mountLines } from "../../src/cuse/node-folder.js";
import { checkFile, cli, logged, startCamera, withoutHelper } from "./support/camera.js";
import { describeDevice, onFuseNodes, until } from "./support/device.js";
import { startMem2mem, temporaryFolder } from "./support/mem2mem.js";
import { kernelMaps } from "./support/plain.js";
import type { Client } from "./support/probe.js";
import {
  atRest,
  checkFrames,
  expectAsBefore,
  expectNobodyLeft,
  memoryOf,
  slowest,
  startStorm,
  stormOf,
  tally,
  wrongWith,
  type Round,
  type StormOptions,
} from "./support/storm.js";

const ROUNDS = Number(process.env["STORM_ROUNDS"] ?? 60);
const SEED = Number(process.env["STORM_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const KINDS = process.env["STORM_KINDS"];
/** Clients at a time, of the camera and of the mem2mem device. */
const PARALLEL = { camera: 2, mem2mem: 2 } as const;
/** A client is done in a fraction of a second, and may wait for others. */
const HANG_MS = 15_000;
/** Of the driver's own memory, as far as the garbage collector may leave it lying around. kB */
const GARBAGE_KB = 64 * 1024;
const FRAMES = 2;

/** Nodes that the kernel maps as they are: then only descriptors are given, by EXPBUF and REQUEST_ALLOC. */
const nodeFlags = onFuseNodes ? ["--maps"] : [];

const scene = { format: "GREY", width: 320, height: 180 } as const;

vi.setConfig({ testTimeout: 120_000 + 3000 * ROUNDS });

async function setFormat(node: string): Promise<void> {
  const { format, width, height } = scene;
  const fmt = `width=${width},height=${height},pixelformat=${format}`;
  expect(await withoutHelper(["v4l2-ctl", "-d", node, `--set-fmt-video=${fmt}`]).result).toMatchObject({
    code: 0,
  });
}

/** A program that knows nothing of all this. Where the kernel cannot map, it is refused. */
async function expectServed(node: string): Promise<void> {
  const file = join(temporaryFolder(), "frames.raw");
  const { code, signal, lines, stderr } = await withoutHelper([
    ...["v4l2-ctl", "-d", node, "--stream-mmap", "--stream-count=2", `--stream-to=${file}`],
  ]).result;
  expect(signal).toBe(null);
  const printed = `${lines.join("\n")}${stderr}`;
  if (!(await kernelMaps())) return expect(printed).toContain("Invalid argument");
  expect(code, printed).toBe(0);
  expect(checkFile(readFileSync(file), scene)).toHaveLength(2);
}

async function expectCopies(node: string): Promise<void> {
  const { code, signal, stderr } = await withoutHelper([
    ...["v4l2-ctl", "-d", node, "--stream-out-mmap", "--stream-mmap", "--stream-count=2"],
  ]).result;
  expect(signal).toBe(null);
  if (await kernelMaps()) expect(code, stderr).toBe(0);
}

/** Frames that a client must have got. */
function framesOf(maps: boolean): number {
  return maps ? FRAMES : 0;
}

/** Runs clients of both devices at once. @returns What came of those of each. */
async function storm(first: StormOptions, second: StormOptions): Promise<readonly [Round[], Round[]]> {
  const both = [startStorm(first), startStorm(second)];
  const [one, other] = await Promise.all(both.map(stormOf));
  const hung = `${one?.stderr ?? ""}${other?.stderr ?? ""}`;
  expect(hung, hung).toBe("");
  return [[...(one?.rounds ?? [])], [...(other?.rounds ?? [])]];
}

function expectRight(
  rounds: readonly Round[],
  count: number,
  maps: boolean,
  log: (pids: readonly number[]) => string,
): void {
  const wrong = rounds
    .map((round) => ({ ...round, wrong: wrongWith(round, framesOf(maps)) }))
    .filter((round) => round.wrong.length > 0);
  expect(wrong, log(wrong.map(({ pid }) => pid))).toEqual([]);
  expect(rounds).toHaveLength(count);
}

/** Lines of a log, in either form, about processes. */
const about = (client: Client, pids: readonly number[]): string =>
  client.lines
    .filter((line) => pids.some((pid) => line.includes(`[${pid}]`) || line.includes(`"pid":${pid},`)))
    .join("\n");

describeDevice("disturbed at a random moment while they are given files,", () => {
  it(`${ROUNDS} plain clients live on as they were, or end, and leave nothing`, async () => {
    console.log(`STORM_SEED=${SEED} STORM_ROUNDS=${ROUNDS}`);
    const maps = await kernelMaps();
    const folder = temporaryFolder();
    const [camera, mem2mem] = await Promise.all([startCamera("--unpaced"), startMem2mem("--log")]);
    onTestFinished(async () => {
      await mem2mem.stop();
    });
    await setFormat(camera.node);
    const drivers = [
      { name: "the camera", process: camera.process },
      { name: "the mem2mem device", process: mem2mem.process },
    ];

    const common = { folder, hangMs: HANG_MS, flags: [...(maps ? [] : ["--refused"]), ...nodeFlags] };
    const kinds = KINDS === undefined ? {} : { kinds: KINDS };
    const ofCamera = { ...common, video: camera.node, parallel: PARALLEL.camera };
    const { video, media } = mem2mem;
    const ops = maps ? "REQBUFS,CREATE_BUFS,EXPBUF,REQUEST_ALLOC" : "REQUEST_ALLOC";
    const ofMem2mem = { ...common, video, media, ops, parallel: PARALLEL.mem2mem };
    const log = (pids: readonly number[]): string =>
      drivers.map(({ name, process }) => `${name}:\n${about(process, pids)}`).join("\n");
    const check = (rounds: readonly [Round[], Round[]], count: number): void => {
      expectRight(rounds[0], count, maps, log);
      expectRight(rounds[1], count, maps, log);
      expect(checkFrames(folder, scene, rounds[0])).toEqual([]);
    };

    // The drivers open some files, and start some threads, when they first need them.
    const warmUp = Math.max(10, Math.ceil(ROUNDS / 10));
    const usual = { seed: SEED, rounds: warmUp, kinds: "undisturbed,kill,signals,fork,close" };
    check(await storm({ ...ofCamera, ...usual }, { ...ofMem2mem, ...usual }), warmUp);
    await expectNobodyLeft();
    const before = await Promise.all(
      drivers.map(async ({ process: { pid } }) => ({ has: await atRest(pid), memory: memoryOf(pid) })),
    );

    const half = Math.ceil(ROUNDS / 2);
    const disturbed = { seed: SEED, rounds: half, ...kinds };
    const rounds = await storm({ ...ofCamera, ...disturbed }, { ...ofMem2mem, ...disturbed });
    check(rounds, half);

    await expectNobodyLeft();
    for (const [index, { name, process }] of drivers.entries()) {
      const was = before[index];
      if (was === undefined) throw new Error("there are two drivers");
      await expectAsBefore(process.pid, name, was.has);
      const memory = memoryOf(process.pid);
      console.log(name, {
        ...tally(rounds[index] ?? []),
        slowest: slowest(rounds[index] ?? []),
        has: was.has,
        memory: [was.memory, memory],
      });
      expect(memory.shmem, `${name}'s buffers, kB`).toBeLessThanOrEqual(was.memory.shmem);
      expect(memory.anon, `${name}'s memory, kB`).toBeLessThan(was.memory.anon + GARBAGE_KB);
    }
    const opened = (action: string): number =>
      logged(camera).filter((event) => event["kind"] === "file" && event["action"] === action).length;
    await until(() => opened("open") === opened("release"), "all files of the camera are closed");

    // A program that closes or replaces the descriptor while it is replaced: whoever does it last should win.
    const races = rounds.flat().filter(({ found }) => found?.race === true);
    const children = rounds.flat().filter(({ found }) => (found?.inherited ?? 0) > 0);
    console.log(`races that the client lost: ${races.length}; children with more files: ${children.length}`);
    for (const race of races) console.log(race);
    expect(races.length).toBeLessThan(Math.max(3, ROUNDS / 100));

    await expectServed(camera.node);
    await expectCopies(video);
    expect(await camera.stop()).toBe(0);
  });
});

/** Of 1, always the same for a seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Mounts of FUSE nodes, as this process sees them: others on the machine may have some. */
const ourMounts = (): readonly string[] =>
  [...mountLines(readFileSync("/proc/self/mountinfo", "latin1"))]
    .filter(({ type }) => type === FILE_SYSTEM_TYPE)
    .map(({ folder, minor }) => `${folder} ${minor}`);

const ENDS = Math.max(2, Math.ceil(ROUNDS / 50));
const NODE_NUMBER = 39;

describeDevice("while clients are given files,", () => {
  it(`a driver ends, ${ENDS} times; they come back whole, and the next driver serves`, async () => {
    const next = random(SEED);
    const folder = temporaryFolder();
    const node = `/dev/video${NODE_NUMBER}`;
    const counts: Record<string, number> = {};
    const before = ourMounts();
    const maps = await kernelMaps();
    const start = async (): Promise<Client> => {
      const driver = cli(["sample", "--video", String(NODE_NUMBER), "--log", "json", "--unpaced"], {
        timeoutMs: 120_000,
      });
      await until(() => existsSync(node), `${node} appears`, 20_000);
      return driver;
    };

    for (let round = 0; round < ENDS; round++) {
      const signal = round % 2 === 0 ? "SIGKILL" : "SIGTERM";
      const driver = await start();
      const clients = startStorm({
        ...{ seed: SEED + round, rounds: 100_000, parallel: 3, folder, video: node, kinds: "undisturbed" },
        ...{ hangMs: HANG_MS, flags: ["--lenient", ...nodeFlags] },
      });
      await until(() => clients.lines.length >= 8, "clients come and go", 20_000);
      await new Promise((resolve) => setTimeout(resolve, next() * 100));
      driver.kill(signal);
      const ended = await driver.result;
      if (signal === "SIGTERM") expect(ended).toMatchObject({ code: 0, signal: null });
      const { rounds, stderr } = await stormOf(clients);
      expect(stderr, ended.lines.slice(-40).join("\n")).toBe("");
      for (const { end, found } of rounds) {
        // 3: it could not open the device any more.
        expect(["exit 0", "exit 3"], JSON.stringify(found)).toContain(end);
        const what = found === undefined ? end : `${found.result}${found.grafted ? " grafted" : ""}`;
        counts[what] = (counts[what] ?? 0) + 1;
        if (end === "exit 0") expect(found).toMatchObject({ damaged: [], problems: [] });
      }
      expect(
        rounds.some(({ found }) =>
          maps ? found?.result === 0 && found.grafted !== onFuseNodes : found?.result === -22,
        ),
      ).toBe(true);
      await expectNobodyLeft();
      await until(() => !existsSync(node), `${node} is gone`, 20_000);
    }
    console.log(`${ENDS} drivers ended; what the clients' calls said:`, counts);
    const driver = await start();
    await setFormat(node);
    await expectServed(node);
    driver.kill("SIGTERM");
    expect(await driver.result).toMatchObject({ code: 0 });
    expect(ourMounts().filter((mount) => !before.includes(mount))).toEqual([]);
  });
});
