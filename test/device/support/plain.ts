/**
 * Clients as they are, with no helper and no wrapper, on whatever kernel there is: where it has FUSE passthrough they
 * stream by mmap, and where it has not they must be refused, at once and with a reason in the log.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { FuseSession } from "../../../src/cuse/index.js";
import { checkFile, logged, withoutHelper, type Driver } from "./camera.js";
import { TestLog, until } from "./device.js";
import { temporaryFolder } from "./mem2mem.js";
import type { Client } from "./probe.js";
import { built, builtRoot } from "../../support/built.js";

/** C clients of test/clients. */
export const staticClient = built("v4l2-client-static");
/** `test/clients/mapping-client.c` tells what it can. */
export const mappingClient = {
  glibc: built("mapping-client"),
  static: built("mapping-client-static"),
  musl: built("mapping-client-musl"),
  go: built("mapping-client-go"),
} as const;
export const pythonClient = join(builtRoot, "test/clients/mapping.py");
/** `test/clients/reqbufs-races.c`. */
export const racingClient = built("reqbufs-races");

let passthrough: Promise<boolean> | undefined;

/** Can this kernel map files of a FUSE server? */
export function kernelMaps(): Promise<boolean> {
  passthrough ??= (async () => {
    const session = new FuseSession({ log: new TestLog() });
    try {
      return await session.canMap;
    } finally {
      await session.close();
    }
  })();
  return passthrough;
}

/** Sentences of the log about clients that got, or did not get, `mmap()`. */
export function graftMessages(driver: Driver): string[] {
  return logged(driver)
    .filter(({ kind }) => kind === "message")
    .map(({ text }) => String(text))
    .filter((text) => / can map buffers now: | cannot be given /.test(text));
}

/** The driver writes its log in the background: a client may be done before its lines are here. */
async function arrived(driver: Driver, count: number): Promise<string[]> {
  await until(() => graftMessages(driver).length >= count, `${count} sentences about grafts`);
  return graftMessages(driver);
}

/** A sentence of the log: mmap() was given to a client. */
export const GRAFTED = /^\S+\[\d+\] can map buffers now: fd \d+(, \d+)* replaced in [\d.]+ ms$/;
/** It was not, and why. */
export const REFUSED = /^\S+\[\d+\] cannot be given mmap\(\): .*; start it with "v4l2-cuse run --", or/;

/** Not either, because the client had other plans; as a whole sentence's end. */
export const OTHER_FILE = / the client \(thread \d+\) has closed or replaced its descriptor meanwhile$/;

/** One client was refused `mmap()`, for a reason that the log tells. */
export async function expectRefusal(driver: Driver, reason: RegExp): Promise<void> {
  const messages = await arrived(driver, 1);
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatch(REFUSED);
  expect(messages[0]).toMatch(reason);
}

/** Why, on a kernel without passthrough. */
export const NO_PASSTHROUGH = /the kernel has no FUSE passthrough \(Linux 6\.9/;

/** `count` clients were grafted, and none refused. */
export async function expectGrafts(driver: Driver, count: number): Promise<void> {
  const messages = await arrived(driver, count);
  expect(messages).toHaveLength(count);
  for (const message of messages) expect(message).toMatch(GRAFTED);
}

const size = { width: 320, height: 180 };

export interface Wrapping {
  /** Default: the static one. */
  readonly program?: string;
  /** A program that starts it, with arguments. */
  readonly wrapper?: readonly string[];
}

/** A client of which only its driver, the words it got, and what came of it matter. */
export class MappingRun {
  readonly process: Client;
  readonly #driver: Driver;
  readonly #file: string;
  readonly #linesBefore: number;

  /** Starts the client; the driver has no other at that time. */
  constructor(
    driver: Driver,
    steps: string,
    { program = mappingClient.static, wrapper = [] }: Wrapping = {},
  ) {
    this.#driver = driver;
    this.#linesBefore = driver.process.lines.length;
    this.#file = join(temporaryFolder(0o777), "frames.raw");
    const command = [...wrapper, program, driver.node, this.#file, ...steps.trim().split(/\s+/)];
    this.process = withoutHelper(command, { timeoutMs: 45_000 });
  }

  /** What it printed. It must end by itself, with success. */
  async lines(): Promise<readonly string[]> {
    const { lines, stderr, code, signal } = await this.process.result;
    expect({ code, signal }, `${lines.join("\n")}\n${stderr}`).toEqual({ code: 0, signal: null });
    return lines;
  }

  /** The events that the log has since the client was started. */
  #events(): Record<string, unknown>[] {
    return logged(this.#driver).slice(this.#linesBefore);
  }

  /**
   * All that the log says of the client, once its files are released, and `least` sentences: the last may come after
   * its end. So may one of a racing client that was here before.
   */
  async messages(least = 0): Promise<string[]> {
    const files = (action: string): unknown[] =>
      this.#events().flatMap((event) =>
        event["kind"] === "file" && event["action"] === action ? [event["file"]] : [],
      );
    const areReleased = (): boolean => {
      const released = files("release");
      return files("open").length > 0 && files("open").every((file) => released.includes(file));
    };
    await until(areReleased, "its files are released", 20_000);
    const said = (): string[] =>
      this.#events()
        .filter(({ kind }) => kind === "message")
        .map(({ text }) => String(text))
        .filter((text) => !text.startsWith("reqbufs-races["));
    await until(() => said().length >= least, `${least} sentences about it`, 20_000);
    return said();
  }

  /** It was given mmap(), so many times, and nothing else was said of it. */
  async expectGrafts(count: number): Promise<void> {
    const messages = await this.messages(count);
    expect(messages).toHaveLength(count);
    for (const message of messages) expect(message).toMatch(GRAFTED);
  }

  /** It was refused mmap(), which the log says in one line. */
  async expectRefusal(reason: RegExp): Promise<void> {
    const messages = await this.messages(1);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(REFUSED);
    expect(messages[0]).toMatch(reason);
  }

  /** It has captured so many frames, each of which is right in every byte. */
  expectFrames(count: number): void {
    expect(existsSync(this.#file)).toBe(true);
    const readings = checkFile(readFileSync(this.#file), { format: "YUYV", ...size });
    expect(readings).toHaveLength(count);
  }
}

/**
 * The client streams `count` frames by mmap(), and prints these lines. Where the kernel cannot map, it is refused, and
 * captures as many by read().
 */
export async function expectMapping(
  run: MappingRun,
  count: number,
  lines: readonly string[],
  grafts = 1,
): Promise<void> {
  const printed = await run.lines();
  run.expectFrames(count);
  if (await kernelMaps()) {
    expect(printed).toEqual(lines);
    await run.expectGrafts(grafts);
  } else {
    expect(printed).toContain("reqbufs 4: EINVAL");
    expect(printed.filter((line) => line.startsWith("streamed"))).toEqual([]);
    await run.expectRefusal(NO_PASSTHROUGH);
  }
}
