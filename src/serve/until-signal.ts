/** Keeps a driver's process running until somebody ends it. */
import { CuseError } from "../cuse/index.js";
import { isSupervised, Readiness, type ReadyOptions } from "./readiness.js";
import type { DeviceSession } from "./start.js";
import { UNPLUG_MS } from "./unplug.js";

/**
 * The last line of a driver's program: waits for SIGINT, SIGTERM or SIGHUP, or until the kernel takes a node away; then
 * removes all nodes. After a signal, clients with open files first hear ENODEV for up to 2 s; another signal
 * ends that.
 *
 * @param starting - A device that runs or is about to: `startVideoDevice(device)`, `m2mDevice.start()`. When it cannot
 *   start for a reason that the user can do something about ({@link CuseError}), one line on standard error says what,
 *   and the exit status becomes 1.
 * @param ready - Is told the nodes, and may take its time: a signal meanwhile counts when it is done. Default: a line
 *   on standard error.
 * @param waiting - Who waits for the nodes; systemd and `run --device` are found in the environment, and told.
 * @throws {Error} The kernel ended the device.
 */
export async function serveUntilSignal(
  starting: DeviceSession | Promise<DeviceSession>,
  ready: (nodes: readonly string[]) => void | Promise<void> = (nodes) => {
    if (!isSupervised()) process.stderr.write(`${nodes.join(" and ")}: ready; Ctrl-C ends it.\n`);
  },
  waiting: ReadyOptions = {},
): Promise<void> {
  const readiness = new Readiness(waiting);
  let session: DeviceSession;
  try {
    session = await starting;
  } catch (error) {
    if (!(error instanceof CuseError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  let stop: () => void = () => undefined;
  const stopped = new Promise<undefined>((resolve) => {
    stop = () => {
      resolve(undefined);
    };
    for (const signal of signals) process.once(signal, stop);
  });
  let ended: Error | undefined;
  try {
    await ready(session.nodes);
    readiness.ready(session.nodes);
    ended = await Promise.race([stopped, session.closed]);
  } finally {
    // From here on a signal ends the process at once.
    for (const signal of signals) process.off(signal, stop);
    readiness.stopping();
    // Not when the kernel took a node away: it has told the clients.
    if (ended === undefined) await session.unplug?.(UNPLUG_MS);
    await session.close();
  }
  if (ended !== undefined) throw ended;
}
