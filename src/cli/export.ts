/** `v4l2-cuse export FILE --to FORM`: a recording as a file that other tools open. */
import { closeSync, openSync, writeSync } from "node:fs";
import { Command, Option } from "commander";
import { ChromeTrace, ftraceLines } from "../events/index.js";
import { SessionFacts, TracerFile } from "../replay/index.js";
import type { TraceEvent } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { keepInputs, LOST_OUTPUT, unwritable, writeOut } from "./output.js";
import { Pieces, readRecordings } from "./recordings.js";

const forms = ["perfetto", "chrome", "ftrace", "v4l2-tracer"] as const;

interface Options {
  readonly to: (typeof forms)[number];
  readonly output?: string;
}

/** Makes text of events. */
interface Exporter {
  take(event: TraceEvent): void;
  end(): void;
}

const exporters: Readonly<
  Record<Options["to"], (add: (text: string) => void, files: readonly string[]) => Exporter>
> = {
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
  "v4l2-tracer": (add, files) => {
    const facts = new SessionFacts();
    readRecordings(files, (event) => {
      facts.take(event);
    });
    const file = new TracerFile(add, { facts });
    return {
      take: (event) => {
        file.take(event);
      },
      end: () => {
        file.end();
        sayLeftOut(file.leftOut);
      },
    };
  },
};

/** Calls that v4l2-tracer does not write either. */
function sayLeftOut(leftOut: ReadonlyMap<string, number>): void {
  if (leftOut.size === 0) return;
  const names = [...leftOut].map(([name, count]) => `${name} (${count})`).join(", ");
  process.stderr.write(`v4l2-cuse: v4l2-tracer's files have no form for these calls: ${names}\n`);
}

export function exportCommand(): Command {
  return new Command("export")
    .description("write recordings as a file that other tools open")
    .argument("<file...>", "recordings that --record has made; several become one")
    .addOption(
      new Option(
        "--to <form>",
        "perfetto or chrome: JSON for ui.perfetto.dev, trace_processor and chrome://tracing; ftrace: text of the kernel's v4l2 and vb2 events; v4l2-tracer: a file of v4l2-tracer 1.32",
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
      keepInputs(output, files);
      // Only when there is something to write: what a recording that cannot be read would leave empty may be an earlier export.
      let fd: number | undefined;
      try {
        run(files, to, (text) => {
          fd ??= openOutput(output);
          writeAll(fd, output, text);
        });
      } finally {
        if (fd !== undefined) closeSync(fd);
      }
    });
}

function run(files: readonly string[], to: Options["to"], write: (text: string) => void): void {
  const pieces = new Pieces(write);
  const exporter = exporters[to](pieces.add, files);
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
