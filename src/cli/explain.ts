/** `v4l2-cuse explain FILE`: why frames were late or lost. */
import { Command } from "commander";
import { lateCauses, LateFrames, type LateCause } from "../events/index.js";
import { clockText } from "../v4l2/index.js";
import { writeOut } from "./output.js";
import { Pieces, readRecordings } from "./recordings.js";
import { parseMs } from "./times.js";

interface Options {
  readonly json?: boolean;
  readonly lateMs?: number;
}

const NS_PER_MS = 1e6;

export function explainCommand(): Command {
  return new Command("explain")
    .description("say of each frame that was late or lost why, from recordings that --record has made")
    .argument("<file...>", "recordings")
    .option("--json", "a JSON object in each line")
    .option(
      "--late-ms <ms>",
      "a frame is late when it comes so much after it should (default: a quarter of a camera's frame interval; 40 ms for a job)",
      parseMs,
    )
    .action((files: string[], { json, lateMs }: Options) => {
      const pieces = new Pieces(writeOut);
      const counts = new Map<LateCause, number>();
      const late = new LateFrames(
        (frame) => {
          counts.set(frame.cause, (counts.get(frame.cause) ?? 0) + 1);
          const { timeMs, device, cause, sentence } = frame;
          pieces.add(
            json === true
              ? `${JSON.stringify({ ...frame, file: frame.file === undefined ? undefined : Number(frame.file) })}\n`
              : `${clockText(timeMs)} ${device}: ${sentence} (${cause})\n`,
          );
        },
        { lateNs: lateMs === undefined ? undefined : lateMs * NS_PER_MS },
      );
      readRecordings(files, (event) => {
        late.take(event);
      });
      late.end();
      if (json !== true) pieces.add(summary(counts));
      pieces.end();
    });
}

function summary(counts: ReadonlyMap<LateCause, number>): string {
  if (counts.size === 0) return "No frame was late or lost.\n";
  const parts = lateCauses.flatMap((cause) => {
    const count = counts.get(cause);
    return count === undefined ? [] : [`${cause}: ${count}`];
  });
  return `${parts.join(", ")}\n`;
}
