/** `v4l2-cuse events FILE` and `events NODE`: prints what a recording has, or what happens on a node. */
import { Command, InvalidArgumentError } from "commander";
import { eventKinds } from "../events/index.js";
import { logListener, type TraceEvent } from "../v4l2/index.js";
import { UsageError } from "./failure.js";
import { followNode, namesNode } from "./follow-node.js";
import { writeOut } from "./output.js";
import { Pieces, readRecordings } from "./recordings.js";

interface Options {
  readonly json?: boolean;
  readonly kinds?: readonly TraceEvent["kind"][];
}

export function eventsCommand(): Command {
  return new Command("events")
    .description(
      "print the events of recordings that --record has made, several in order by time; or those of a node, as they happen",
    )
    .argument("<file...>", "recordings; or a node that a driver of yours serves: /dev/video0, 0, media0")
    .option("--json", "a JSON object in each line; docs/events.md describes them")
    .option("--kinds <names>", `which kinds: ${eventKinds.join(", ")}`, parseKinds)
    .action(async (files: string[], { json, kinds }: Options) => {
      const pieces = new Pieces(writeOut);
      const show = logListener(
        (line) => {
          pieces.add(`${line}\n`);
        },
        { format: json === true ? "json" : "pretty", ...(kinds && { kinds }) },
      );
      const node = files.find(namesNode);
      if (node !== undefined && files.length > 1)
        throw new UsageError(`${node} is a node: it is followed alone, without recordings`);
      if (node === undefined) readRecordings(files, show, { showsProgress: !process.stdout.isTTY });
      else
        await followNode(node, show, () => {
          pieces.end();
        });
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
