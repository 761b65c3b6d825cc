/** What the tree of a stateless decoder shows: debugfs and module parameters of the kernel's visl, and what helps to debug. */
import { V4l2Error } from "../../v4l2/index.js";
import type { M2mContext } from "../../m2m/index.js";
import type { VideoBuffer, VideoQueue } from "../../vb2/index.js";
import type { CheckCounters } from "../check/jobs.js";
import type { StatelessDevice } from "../device.js";
import type { StatelessFile } from "../file.js";
import { formatLines } from "../formats.js";
import { parseBool } from "../parameters.js";
import type { Tracepoints } from "../trace/tracepoints.js";
import { traceEvents } from "../trace/tracepoints.js";
import type { DirectoryNode, TreeNode } from "./tree.js";
import { directory, fixedDirectory, textFile } from "./tree.js";

/** What the tree needs of a device. */
export type ShownDevice = Pick<
  StatelessDevice,
  "bitstreams" | "contexts" | "jobs" | "parameters" | "scheduler" | "tracepoints"
>;

/**
 * - `bitstream/bitstream<seq>`: dumps of OUTPUT buffers, as in the kernel's debugfs;
 * - `parameters/`: as in `/sys/module/visl/parameters`;
 * - `events/<group>/<event>/enable`: which controls are traced, as in tracefs;
 * - `contexts/<file>/`: client, formats, queues and counters of each open file;
 * - `counters`: of the device;
 * - `check`: what `--check` counted, where it is on.
 */
export function statelessTree(device: ShownDevice, check?: Readonly<CheckCounters>): DirectoryNode {
  return fixedDirectory({
    bitstream: directory(() => bitstreamFiles(device)),
    parameters: fixedDirectory(parameterFiles(device)),
    events: fixedDirectory(eventDirectories(device.tracepoints)),
    contexts: directory(() => contextDirectories(device)),
    counters: textFile(() => counters(device)),
    ...(check !== undefined && { check: textFile(() => checkCounters(check)) }),
  });
}

function checkCounters({ requests, wrong, messages }: Readonly<CheckCounters>): string[] {
  const perControl = [...messages].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `requests: ${requests}`,
    `wrong requests: ${wrong}`,
    ...perControl.map(([control, count]) => `${control}: ${count}`),
  ];
}

function* bitstreamFiles({ bitstreams }: ShownDevice): Iterable<[string, TreeNode]> {
  for (const { name, bytes } of bitstreams.dumps) yield [name, { kind: "file", read: () => bytes }];
}

function parameterFiles({ parameters }: ShownDevice): Record<string, TreeNode> {
  const files: Record<string, TreeNode> = {};
  for (const definition of parameters.definitions) {
    const { writable, name } = definition;
    const write = (text: string): void => {
      parameters.write(definition, text);
    };
    files[name] = textFile(() => [parameters.read(definition)], writable ? write : undefined);
  }
  return files;
}

function eventDirectories(tracepoints: Tracepoints): Record<string, TreeNode> {
  const groups: Record<string, Record<string, TreeNode>> = {};
  for (const { group, name, fullName } of traceEvents) {
    const group_ = (groups[group] ??= { enable: enableFile(tracepoints, `${group}:*`) });
    group_[name] = fixedDirectory({ enable: enableFile(tracepoints, fullName) });
  }
  const directories: Record<string, TreeNode> = { enable: enableFile(tracepoints, "all") };
  for (const [group, entries] of Object.entries(groups)) directories[group] = fixedDirectory(entries);
  return directories;
}

/** 1 or 0, or X when some of the events are on. */
function enableFile(tracepoints: Tracepoints, pattern: string): TreeNode {
  return textFile(
    () => [tracepoints.state(pattern)],
    (text) => {
      const isOn = parseBool(text.trim());
      if (isOn === undefined) throw new V4l2Error("EINVAL", `"${text}" is neither 0 nor 1`);
      if (isOn) tracepoints.enable(pattern);
      else tracepoints.disable(pattern);
    },
  );
}

function* contextDirectories(device: ShownDevice): Iterable<[string, TreeNode]> {
  for (const context of device.contexts) {
    const { file, state, source, destination } = context;
    yield [
      String(file.id),
      fixedDirectory({
        client: textFile(() => [`pid: ${file.client.pid}`, `comm: ${file.client.comm}`]),
        formats: textFile(() => [
          `codec: ${state.formats.codec.name}`,
          "OUTPUT:",
          ...formatLines(state.formats.coded),
          "CAPTURE:",
          ...formatLines(state.formats.decoded),
        ]),
        output: textFile(() => queueLines(source)),
        capture: textFile(() => queueLines(destination)),
        counters: textFile(() => contextCounters(device, context)),
      }),
    ];
  }
}

function queueLines(queue: VideoQueue): string[] {
  return [
    `streaming: ${queue.streaming ? "yes" : "no"}`,
    `buffers: ${queue.numBuffers}`,
    `queued: ${queue.queuedCount}`,
    `owned by driver: ${queue.ownedByDriver}`,
    `done: ${queue.doneCount}`,
    ...queue.buffers().map(bufferLine),
  ];
}

function bufferLine(buffer: VideoBuffer): string {
  const { index, state, timestampNs, sequence, isHeld, requestFd, planes } = buffer;
  const sizes = planes.map(({ bytesused, length }) => `${bytesused}/${length}`).join(" ");
  const request = requestFd === undefined ? "" : `, request_fd: ${requestFd}`;
  const held = isHeld ? ", held" : "";
  return `[${index}]: ${state}, timestamp: ${timestampNs}, sequence: ${sequence}, bytes: ${sizes}${request}${held}`;
}

/** Has the device a job of this file? */
const isBusy = (context: M2mContext<StatelessFile>): boolean =>
  context.job !== undefined || context.overlappingJobs.length > 0;

function contextCounters({ scheduler }: ShownDevice, context: M2mContext<StatelessFile>): string[] {
  const { jobs } = context.state;
  const { source, destination } = context.readyCounts;
  return [
    `jobs: ${jobs.done}`,
    `failed jobs: ${jobs.failed}`,
    `ready OUTPUT buffers: ${source}`,
    `ready CAPTURE buffers: ${destination}`,
    `job: ${isBusy(context) ? "running" : scheduler.isQueued(context) ? "waiting" : "none"}`,
  ];
}

function counters(device: ShownDevice): string[] {
  const contexts = [...device.contexts];
  return [
    `open files: ${contexts.length}`,
    `jobs: ${device.jobs.done}`,
    `failed jobs: ${device.jobs.failed}`,
    `waiting files: ${device.scheduler.waiting.length}`,
    `bitstream dumps: ${device.bitstreams.count}`,
    `bitstream bytes: ${device.bitstreams.sizeBytes}`,
    `enabled events: ${device.tracepoints.enabled.size}`,
  ];
}
