/** `v4l2-cuse events FILE`: prints what a recording has. */
import { Command, InvalidArgumentError } from "commander";
import { eventKinds } from "../events/index.js";
import { logListener, type TraceEvent } from "../v4l2/index.js";
import { writeOut } from "./output.js";
import { Pieces, readRecordings } from "./recordings.js";

interface Options {
  readonly json?: boolean;
  readonly kinds?: readonly TraceEvent["kind"][];
}

export function eventsCommand(): Command {
  return new Command("events")
    .description("print the events of recordings that --record has made; several are put in order by time")
    .argument("<file...>", "recordings")
    .option("--json", "a JSON object in each line; docs/events.md describes them")
    .option("--kinds <names>", `which kinds: ${eventKinds.join(", ")}`, parseKinds)
    .action((files: string[], { json, kinds }: Options) => {
      const pieces = new Pieces(writeOut);
      const show = logListener(
        (line) => {
          pieces.add(`${line}\n`);
        },
        { format: json === true ? "json" : "pretty", ...(kinds && { kinds }) },
      );
      readRecordings(files, show, !process.stdout.isTTY);
      pieces.end();
    });
}

function parseKinds(text: string): TraceEvent["kind"][] {
  return text.split(",").map((word) => {
    const kind = eventKinds.find((name) => name === word);
    if (kind === undefined) throw new InvalidArgumentError(`There are ${eventKinds.join(", ")}.`);
    return kind;
  });
}
