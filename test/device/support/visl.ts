/** visl as its users start it, from the command line. */
import { existsSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { cli } from "./camera.js";
import { descriptorsOf } from "./descriptors.js";
import type { Client } from "./probe.js";

/** What a driver has open. */
export interface Holdings {
  /** By what they lead to, see {@link descriptorsOf}. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Of buffer memory. */
  readonly mappings: number;
}

export interface Visl {
  readonly video: string;
  readonly media: string;
  /** The command's own process; its lines are the ioctl log. */
  readonly process: Client;
  /**
   * Waits until the driver has nothing more of clients than at another time; buffers are a descriptor and a mapping
   * each. Right after the end of a client some of it may still be there.
   * @param wanted - That other time's; unless given, what is there when it has stayed the same for a while.
   */
  rest(wanted?: Holdings): Promise<Holdings>;
  /** SIGTERM. @returns Its end. */
  stop(): Client["result"];
}

let number = 50;

async function launch(
  args: readonly string[],
  command = "visl",
): Promise<Visl & { readonly isStopped: () => boolean }> {
  number += 1;
  const [video, media] = [`/dev/video${number}`, `/dev/media${number}`];
  const nodes = ["--video", String(number), "--media", String(number), "--mode", "0666"];
  const driver = cli([command, ...nodes, ...(args.includes("--log") ? [] : ["--log", "none"]), ...args], {
    timeoutMs: 6 * 3_600_000,
  });
  let isStopped = false;
  await driver.saying(/ are ready; /, 30_000);
  return {
    video,
    media,
    process: driver,
    rest: (wanted) => rest(driver.pid, wanted),
    stop: () => {
      isStopped = true;
      driver.kill("SIGTERM");
      return driver.result;
    },
    isStopped: () => isStopped,
  };
}

function holdings(pid: number): Holdings {
  return {
    descriptors: descriptorsOf(pid),
    mappings: readFileSync(`/proc/${pid}/maps`, "utf8")
      .split("\n")
      .filter((line) => line.includes("/memfd:")).length,
  };
}

async function rest(pid: number, wanted?: Holdings): Promise<Holdings> {
  const deadline = Date.now() + 20_000;
  let found = holdings(pid);
  const isSame = (other: Holdings): boolean => isDeepStrictEqual(found, other);
  for (let before = found; ; before = found) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    found = holdings(pid);
    if (isSame(wanted ?? before)) return found;
    // Says which is different.
    if (Date.now() >= deadline) expect(found).toEqual(wanted ?? before);
  }
}

async function endWell(visl: Visl): Promise<void> {
  expect(await visl.stop()).toMatchObject({ code: 0 });
  expect([visl.video, visl.media].filter((node) => existsSync(node))).toEqual([]);
}

/**
 * Starts `v4l2-cuse visl` on nodes that no other test uses, which every user may open. It is stopped when the test
 * ends, and must end well; a test that stops it itself checks that itself.
 */
export async function startVisl(...args: readonly string[]): Promise<Visl> {
  const visl = await launch(args);
  onTestFinished(async () => {
    if (!visl.isStopped()) await endWell(visl);
  });
  return visl;
}

/** The same, of `v4l2-cuse decoder`. */
export async function startDecoder(...args: readonly string[]): Promise<Visl> {
  const decoder = await launch(args, "decoder");
  onTestFinished(async () => {
    if (!decoder.isStopped()) await endWell(decoder);
  });
  return decoder;
}

/** One device for all tests of a file, as to start one takes a second or two. */
export function startSharedVisl(...args: readonly string[]): () => Visl {
  let visl: Visl | undefined;
  beforeAll(async () => {
    visl = await launch(args);
  });
  afterAll(async () => {
    if (visl !== undefined) await endWell(visl);
  });
  return () => {
    if (visl === undefined) throw new Error("the device did not start");
    return visl;
  };
}
