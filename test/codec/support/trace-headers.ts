/** What `ffmpeg -bsf:v trace_headers` prints of a stream: an independent parser's reading of each syntax element. */
import { spawnSync } from "node:child_process";

export interface TracedField {
  /** With its subscripts as ffmpeg prints them: `luma_weight_l0[0]`. */
  readonly name: string;
  readonly position: number;
  readonly length: number;
  readonly value: number;
}

export interface TracedUnit {
  /** `Sequence Parameter Set`: ffmpeg's own titles. */
  readonly title: string;
  readonly fields: TracedField[];
}

/** Is there an ffmpeg with the filter? */
export function hasTraceHeaders(): boolean {
  const { status, stdout } = spawnSync("ffmpeg", ["-hide_banner", "-bsfs"], { encoding: "utf8" });
  return status === 0 && stdout.includes("trace_headers");
}

const FIELD = /^(\d+) +(\S+) +([01]*) = (-?\d+)$/;
const PREFIX = /^\[trace_headers @ 0x[0-9a-f]+\] (.*)$/;

/**
 * The units of a stream, in its order. What ffmpeg prints of the extradata that it made itself is left out.
 * @param format - ffmpeg's name of the input format, for files whose name does not tell it.
 */
export function traceHeaders(file: string, format?: string): TracedUnit[] {
  const input = format === undefined ? [] : ["-f", format];
  const { status, stderr } = spawnSync(
    "ffmpeg",
    [
      "-hide_banner",
      "-nostats",
      ...input,
      "-i",
      file,
      "-c:v",
      "copy",
      "-an",
      "-bsf:v",
      "trace_headers",
      "-f",
      "null",
      "-",
    ],
    { encoding: "utf8", maxBuffer: 2 ** 30, timeout: 120_000 },
  );
  if (status !== 0) throw new Error(`ffmpeg failed on ${file}: ${stderr.slice(-500)}`);
  const units: TracedUnit[] = [];
  let inPackets = false;
  for (const line of stderr.split("\n")) {
    const text = PREFIX.exec(line)?.[1];
    if (text === undefined) continue;
    if (text.startsWith("Packet:")) {
      inPackets = true;
      continue;
    }
    if (!inPackets) continue;
    const field = FIELD.exec(text);
    if (field === null) {
      units.push({ title: text, fields: [] });
      continue;
    }
    const [, position = "", name = "", bits = "", value = ""] = field;
    units
      .at(-1)
      ?.fields.push({ name, position: Number(position), length: bits.length, value: Number(value) });
  }
  return units;
}
