/** Runs a driver's devices until a signal ends them: nodes up, log on, nodes down, nothing left behind. */
import type { SessionLog } from "../cuse/index.js";
import type { CuseSession } from "../cuse/index.js";
import { CuseError } from "../cuse/index.js";
import type { VideoDevice } from "../v4l2/index.js";
import { startVideoDevice } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { startEventLog } from "./log.js";
import type { NodeOptions } from "./node-options.js";

const sessionLog: SessionLog = {
  warn: (message) => process.stderr.write(`v4l2-cuse: ${message}\n`),
  error: (message) => process.stderr.write(`v4l2-cuse: ${message}\n`),
};

/**
 * Serves `device` as /dev/<its name> until SIGINT, SIGTERM or SIGHUP, or until the kernel takes the device away.
 * @throws {Failure} the node cannot be made; the message says why and what to do.
 */
export async function serveVideo<State>(device: VideoDevice<State>, options: NodeOptions): Promise<void> {
  const log = startEventLog(device.trace, device.name, options.log);
  const session = await startSession(device, options);
  process.stderr.write(`${session.node} is ready; Ctrl-C removes it.\n`);

  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => {
        resolve();
      });
  });
  const ended = await Promise.race([stopped, session.closed]);
  await session.close();
  await log.end();
  if (ended instanceof Error) throw new Failure(ended.message);
}

async function startSession<State>(device: VideoDevice<State>, options: NodeOptions): Promise<CuseSession> {
  try {
    return await startVideoDevice(device, { mode: options.mode, group: options.group, log: sessionLog });
  } catch (error) {
    if (error instanceof CuseError) throw new Failure(error.message);
    throw error;
  }
}
