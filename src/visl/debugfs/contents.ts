/** What the tree of a visl device shows: the original's debugfs and module parameters, and what helps to debug. */
import { V4l2Error } from "../../v4l2/index.js";
import type { VideoBuffer, VideoQueue } from "../../vb2/index.js";
import type { VislContext } from "../decoder.js";
import type { VislDevice } from "../device.js";
import { formatLines } from "../debug-log.js";
import { parameterDefinitions, parseBool } from "../parameters.js";
import { traceEvents } from "../trace/job.js";
import type { Tracepoints } from "../trace/tracepoints.js";
import type { DirectoryNode, TreeNode } from "./tree.js";
import { directory, fixedDirectory, textFile } from "./tree.js";

/**
 * - `bitstream/bitstream<seq>`: dumps of OUTPUT buffers, as in the kernel's debugfs;
 * - `parameters/`: as in `/sys/module/visl/parameters`;
 * - `events/<group>/<event>/enable`: which controls are traced, as in tracefs;
 * - `contexts/<file>/`: client, formats, queues and counters of each open file;
 * - `counters`: of the device.
 */
export function vislTree(visl: VislDevice): DirectoryNode {
  return fixedDirectory({
    bitstream: directory(() => bitstreamFiles(visl)),
    parameters: fixedDirectory(parameterFiles(visl)),
    events: fixedDirectory(eventDirectories(visl.tracepoints)),
    contexts: directory(() => contextDirectories(visl)),
    counters: textFile(() => counters(visl)),
  });
}

function* bitstreamFiles({ bitstreams }: VislDevice): Iterable<[string, TreeNode]> {
  for (const { name, bytes } of bitstreams.dumps) yield [name, { kind: "file", read: () => bytes }];
}

function parameterFiles({ parameters }: VislDevice): Record<string, TreeNode> {
  const files: Record<string, TreeNode> = {};
  for (const definition of parameterDefinitions) {
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

function* contextDirectories(visl: VislDevice): Iterable<[string, TreeNode]> {
  for (const context of visl.contexts) {
    const { file, state, source, destination } = context;
    yield [
      String(file.id),
      fixedDirectory({
        client: textFile(() => [`pid: ${file.client.pid}`, `comm: ${file.client.comm}`]),
        formats: textFile(() => [
          `codec: ${state.formats.codec.codec}`,
          "OUTPUT:",
          ...formatLines(state.formats.coded),
          "CAPTURE:",
          ...formatLines(state.formats.decoded),
        ]),
        output: textFile(() => queueLines(source)),
        capture: textFile(() => queueLines(destination)),
        counters: textFile(() => contextCounters(visl, context)),
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

function contextCounters({ scheduler }: VislDevice, context: VislContext): string[] {
  const { jobs } = context.state;
  const { source, destination } = context.readyCounts;
  return [
    `jobs: ${jobs.done}`,
    `failed jobs: ${jobs.failed}`,
    `ready OUTPUT buffers: ${source}`,
    `ready CAPTURE buffers: ${destination}`,
    `job: ${scheduler.isRunning(context) ? "running" : scheduler.isQueued(context) ? "waiting" : "none"}`,
  ];
}

function counters(visl: VislDevice): string[] {
  const contexts = [...visl.contexts];
  return [
    `open files: ${contexts.length}`,
    `jobs: ${visl.jobs.done}`,
    `failed jobs: ${visl.jobs.failed}`,
    `waiting files: ${visl.scheduler.waiting.length}`,
    `bitstream dumps: ${visl.bitstreams.count}`,
    `bitstream bytes: ${visl.bitstreams.sizeBytes}`,
    `enabled events: ${visl.tracepoints.enabled.size}`,
  ];
}
