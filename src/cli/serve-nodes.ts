/** Runs a driver's nodes until a signal ends them: log on, nodes up, nodes down, nothing left behind. */
import type { SessionLog } from "../cuse/index.js";
import { CuseError } from "../cuse/index.js";
import { isSupervised, lackSentences, serveUntilSignal } from "../serve/index.js";
import { Failure } from "./failure.js";
import { startEventLog, type Logged } from "./event-log.js";
import { LiveEvents } from "./live-events.js";
import { startRecording } from "./recording.js";
import { startWatching, type Watching } from "./watching.js";
import { NodeNames, type NodeOptions, type NodeWishes } from "./node-options.js";
import type { DeviceSession, StartOptions } from "../serve/index.js";

/** What a driver command serves. */
export interface Served {
  /** Whose events are logged. */
  readonly logged: readonly Logged[];
  /** Makes the nodes. @throws {CuseError} A node cannot be made. */
  start(access: StartOptions): Promise<DeviceSession>;
  /** Runs when the nodes are there, before they are announced. */
  started?(): Promise<void>;
  /** Runs in any case, when the nodes are gone or could not be made. */
  end?(): Promise<void>;
}

/** Who hears the events of a driver beside the log: a recording, a page. */
interface EventListeners {
  /** @returns The function that ends it. */
  listen(streams: readonly Logged["trace"][]): () => void;
}

const sessionLog: SessionLog = {
  warn: (message) => process.stderr.write(`v4l2-cuse: ${message}\n`),
  error: (message) => process.stderr.write(`v4l2-cuse: ${message}\n`),
};

/**
 * Serves the nodes until SIGINT, SIGTERM or SIGHUP, or until the kernel takes one away.
 * @param make - Makes the driver with these names; once more, with others, when another driver was faster.
 * @throws {Failure} A node cannot be made, or was taken away; the message says why and what to do.
 */
export async function serve(
  make: (names: NodeNames) => Served,
  options: NodeOptions & NodeWishes,
): Promise<void> {
  const names = new NodeNames(options);
  const watching = startWatching(options);
  const recording = startRecording(options.record, options.recordBytes);
  const live = new LiveEvents();
  try {
    // Each round takes a name off the list.
    while (!(await serveUnlessTaken(make(names), names, options, [recording, watching, live])));
  } finally {
    await Promise.all([recording.end(), watching.end(), live.end()]);
  }
}

/** @returns false: one of the names is taken, and there are others. */
async function serveUnlessTaken(
  served: Served,
  names: NodeNames,
  options: NodeOptions,
  [recording, watching, live]: readonly [EventListeners, Watching, LiveEvents],
): Promise<boolean> {
  const { mode, group, graft, node, nodeFolder: folder, readyFd, readyFile } = options;
  const log = startEventLog(served.logged, options.log);
  const stops = [
    recording.listen(served.logged.map(({ trace }) => trace)),
    watching.listen(served.logged),
    live.listen(served.logged),
  ];
  try {
    let session: DeviceSession;
    try {
      session = await served.start({ mode, group, graft, node, folder, log: sessionLog });
    } catch (error) {
      if (names.isTaken(error)) return false;
      throw error;
    }
    const closed = session.closed.then((error) => error && new Failure(error.message));
    const announce = async (nodes: readonly string[]): Promise<void> => {
      await served.started?.();
      await watching.announce();
      await live.announce(nodes);
      if (isSupervised()) return;
      const [are, them] = nodes.length === 1 ? ["is", "it"] : ["are", "them"];
      process.stderr.write(`${nodes.join(" and ")} ${are} ready; Ctrl-C removes ${them}.\n`);
      for (const sentence of lackSentences(session.lacks ?? [])) process.stderr.write(`${sentence}\n`);
      if (nodes.every((path) => path.startsWith("/dev/"))) return;
      const it = nodes.length === 1 ? "It is a file" : "They are files";
      process.stderr.write(
        `${it} of a FUSE mount: 'v4l2-cuse run -- CLIENT' shows ${them} to the client as ${nodes.length === 1 ? "a device" : "devices"} in /dev.\n`,
      );
    };
    await serveUntilSignal({ ...session, closed }, announce, { readyFd, readyFile });
    return true;
  } catch (error) {
    throw error instanceof CuseError ? new Failure(error.message) : error;
  } finally {
    await served.end?.();
    for (const stop of stops) stop();
    await log.end();
  }
}
