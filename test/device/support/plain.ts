/**
 * Clients as they are, with no helper and no wrapper, on whatever kernel there is: where it has FUSE passthrough they
 * stream by mmap, and where it has not they must be refused, at once and with a reason in the log.
 */
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { FuseSession } from "../../../src/cuse/index.js";
import { logged, type Driver } from "./camera.js";
import { TestLog, until } from "./device.js";

/** The static C client of test/clients. */
export const staticClient = fileURLToPath(
  new URL("../../../native/build/v4l2-client-static", import.meta.url),
);

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

/** One client was refused `mmap()`, for a reason that the log tells. */
export async function expectRefusal(driver: Driver, reason: RegExp): Promise<void> {
  const messages = await arrived(driver, 1);
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatch(
    /^\S+\[\d+\] cannot be given mmap\(\): .*; start it with "v4l2-cuse run --", or/,
  );
  expect(messages[0]).toMatch(reason);
}

/** Why, on a kernel without passthrough. */
export const NO_PASSTHROUGH = /the kernel has no FUSE passthrough \(Linux 6\.9/;

/** `count` clients were grafted, and none refused. */
export async function expectGrafts(driver: Driver, count: number): Promise<void> {
  const messages = await arrived(driver, count);
  expect(messages).toHaveLength(count);
  for (const message of messages)
    expect(message).toMatch(/ can map buffers now: fd \d+(, \d+)* replaced in [\d.]+ ms$/);
}
