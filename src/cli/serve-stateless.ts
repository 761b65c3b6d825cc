/** What the commands of stateless decoders have in common: the check, traces, and the debugfs tree. */
import { Option, type Command } from "commander";
import type { StatelessDevice, StatelessFile } from "../stateless/index.js";
import { checkJobs, DebugMount, statelessTree } from "../stateless/index.js";
import { addNodeOptions, parseNodeNumber, type NodeNames, type NodeOptions } from "./node-options.js";
import { serve } from "./serve-nodes.js";
import { addTraceOptions, withTraces, type TraceOptions } from "./trace-options.js";

export type StatelessOptions = NodeOptions &
  TraceOptions & {
    readonly media?: number;
    readonly debugfs: boolean;
    readonly check?: "log" | "error";
  };

/** Adds the options of nodes, `--media` among them. */
export function addStatelessNodeOptions(command: Command): Command {
  return addNodeOptions(command).option(
    "--media <N>",
    "the number in /dev/mediaN (default: the first free one)",
    parseNodeNumber,
  );
}

/** Adds `--trace...`, `--check` and `--no-debugfs`. */
export function addStatelessOptions(command: Command): Command {
  return addTraceOptions(command)
    .addOption(
      new Option(
        "--check [what]",
        "compare controls with the bitstream: log what differs, or give the buffers back with the error flag too",
      )
        .choices(["log", "error"])
        .preset("log"),
    )
    .option("--no-debugfs", "do not mount dumps, parameters and counters at /run/v4l2-cuse/<device>");
}

/**
 * Serves a stateless decoder until a signal ends it.
 * @param make - Makes it with these names; once more, with others, when another driver was faster.
 */
export function serveStateless<State extends StatelessFile>(
  make: (names: { readonly name: string; readonly mediaName: string }) => StatelessDevice<State>,
  options: StatelessOptions,
): Promise<void> {
  return withTraces(options, (startTraces) =>
    serve((names: NodeNames) => {
      const name = names.name("video");
      const device = make({ name, mediaName: names.name("media") });
      const check = options.check === undefined ? undefined : checkJobs(device, options.check === "error");
      const tree = new DebugMount(name);
      const traces = startTraces(device.tracepoints);
      return {
        logged: [device.video, device.media],
        start: async (access) => {
          const session = await device.start(access);
          // The tree goes before the nodes: as long as it is there, nobody else has their names.
          return { ...session, close: () => tree.close().then(() => session.close()) };
        },
        started: async () => {
          const text = await tree.open(options.debugfs ? statelessTree(device, check?.counters) : undefined);
          if (text !== undefined) process.stderr.write(`${text}\n`);
        },
        end: () => traces.end(),
      };
    }, options),
  );
}
