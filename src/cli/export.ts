/** `v4l2-cuse export FILE --to FORM`: a recording as a file that other tools open. */
import { closeSync, openSync, writeSync } from "node:fs";
import { Command, Option } from "commander";
import { ChromeTrace, ftraceLines } from "../events/index.js";
import type { TraceEvent } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { LOST_OUTPUT, unwritable, writeOut } from "./output.js";
import { Pieces, readRecordings } from "./recordings.js";

const forms = ["perfetto", "chrome", "ftrace"] as const;

interface Options {
  readonly to: (typeof forms)[number];
  readonly output?: string;
}

/** Makes text of events. */
interface Exporter {
  take(event: TraceEvent): void;
  end(): void;
}

const exporters: Readonly<Record<Options["to"], (add: (text: string) => void) => Exporter>> = {
  // Perfetto reads Chrome's format, and its own has nothing that these events would need.
  perfetto: (add) => new ChromeTrace(add),
  chrome: (add) => new ChromeTrace(add),
  ftrace: (add) => {
    const line = ftraceLines();
    add("# tracer: nop\n#\n");
    return {
      take: (event) => {
        const text = line(event);
        if (text !== undefined) add(`${text}\n`);
      },
      end: () => undefined,
    };
  },
};

export function exportCommand(): Command {
  return new Command("export")
    .description("write recordings as a file that other tools open")
    .argument("<file...>", "recordings that --record has made; several become one")
    .addOption(
      new Option(
        "--to <form>",
        "perfetto or chrome: JSON for ui.perfetto.dev, trace_processor and chrome://tracing; ftrace: text of the kernel's v4l2 and vb2 events",
      )
        .choices(forms)
        .makeOptionMandatory(),
    )
    .option("-o, --output <path>", "where it goes (default: standard output)")
    .action((files: string[], { to, output }: Options) => {
      if (output === undefined) {
        run(files, to, writeOut);
        return;
      }
      const fd = openOutput(output);
      try {
        run(files, to, (text) => {
          writeAll(fd, output, text);
        });
      } finally {
        closeSync(fd);
      }
    });
}

function run(files: readonly string[], to: Options["to"], write: (text: string) => void): void {
  const pieces = new Pieces(write);
  const exporter = exporters[to](pieces.add);
  readRecordings(files, (event) => {
    exporter.take(event);
  });
  exporter.end();
  pieces.end();
}

function openOutput(path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    throw new Failure(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function writeAll(fd: number, path: string, text: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let offset = 0; offset < bytes.byteLength;) offset += writeSync(fd, bytes, offset);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Failure(unwritable(path, error), LOST_OUTPUT);
  }
}
