/** `v4l2-cuse parse FILE`: the headers of a stream, or the controls that a stateless decoder needs for its frames. */
import { Command, Option } from "commander";
import { controlLines, type Lines } from "./parse/control-lines.js";
import { openStream, streamCodecs } from "./parse/stream.js";
import { unitLines } from "./parse/unit-lines.js";
import { UsageError } from "./failure.js";
import { writeOut } from "./output.js";

interface Options {
  readonly json?: true;
  readonly controls?: true;
  readonly codec?: string;
}

/** Of a stream that breaks its specification. */
const VIOLATED = 1;

/** Lines are gathered up to this many characters before they are written. */
const CHUNK_CHARS = 64 * 1024;

const examples = `
Examples:
  v4l2-cuse parse clip.h264                          every header, field by field
  v4l2-cuse parse clip.ivf --controls                what a stateless decoder must be told
  v4l2-cuse parse clip.mp4 --json | jq .name         one object for each unit; needs ffmpeg

Exit status: 0, 1 when the stream breaks its specification, 2 when the file cannot be used.`;

export function parseCommand(): Command {
  return new Command("parse")
    .description("print the headers of a stream, or the V4L2 controls of its frames")
    .argument("<file>", "Annex B, IVF, OBU, MPEG-2, JPEG or FWHT; other containers need ffmpeg")
    .option("--json", "one JSON object for each unit or request")
    .option("--controls", "print the stateless controls of each frame instead of the headers")
    .addOption(
      new Option("--codec <name>", "the codec, when neither content nor name tells it").choices(
        Object.keys(streamCodecs),
      ),
    )
    .addHelpText("after", examples)
    .action(async (file: string, options: Options) => {
      const { codec, bytes } = await openStream(file, options.codec);
      const json = options.json === true;
      if (options.controls !== true) {
        print(unitLines(codec.parseUnits(bytes), json));
        return;
      }
      if (codec.frameControls === undefined) {
        throw new UsageError(`V4L2 has no stateless controls for ${codec.title}`);
      }
      print(controlLines(codec.frameControls(bytes), json));
    });
}

function print(lines: Lines): void {
  let chunk = "";
  for (const { text, violated } of lines) {
    if (violated === true) process.exitCode = VIOLATED;
    chunk += `${text}\n`;
    if (chunk.length < CHUNK_CHARS) continue;
    writeOut(chunk);
    chunk = "";
  }
  writeOut(chunk);
}
