/** GStreamer's controls for a stream, as our visl traces them while GStreamer decodes it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Codec } from "../../stateless/trace-text.js";
import { codecs, type CodecValues } from "../../stateless/trace-text.js";
import { derivedControls, ignoringKnown, jobOf } from "./derived.js";
import { compareWithTrace, type ControlsComparison } from "./golden-controls.js";

const command = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

const decoders: Readonly<Record<Codec, string>> = {
  h264: "v4l2slh264dec",
  hevc: "v4l2slh265dec",
  av1: "v4l2slav1dec",
  vp9: "v4l2slvp9dec",
  vp8: "v4l2slvp8dec",
  mpeg2: "v4l2slmpeg2dec",
};

export interface OnVisl extends ControlsComparison {
  /** What `--check` said of GStreamer's requests, by sentence. */
  readonly messages: readonly string[];
  /** Lines that differ for a reason that is known. */
  readonly known: ReadonlyMap<string, number>;
  /** Why GStreamer did not decode the file, if it did not. */
  readonly refused?: string;
}

/** Decodes a file with GStreamer on a visl of its own, and compares what it submitted with what we derive. */
export function compareOnVisl(codec: Codec, file: string, timeoutMs = 120_000): OnVisl {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-visl-"));
  try {
    const [trace, log] = [join(folder, "trace"), join(folder, "log")];
    // GStreamer 1.26 knows no controls of kernels after 6.12.
    const device = `visl --kernel 6.12 --no-drawing --no-debugfs --trace all --trace-file ${trace} --check --log json`;
    const pipeline = `filesrc location=${resolve(file)} ! parsebin ! ${decoders[codec]} ! fakesink`;
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        command,
        "run",
        "--device",
        device,
        "--log-file",
        log,
        "--",
        "gst-launch-1.0",
        "-q",
        ...pipeline.split(" "),
      ],
      { encoding: "utf8", timeout: timeoutMs },
    );
    const text = existsSync(trace) ? readFileSync(trace, "utf8") : "";
    const known = new Map<string, number>();
    const messages = existsSync(log) ? warningsOf(readFileSync(log, "utf8")) : [];
    if (text === "") {
      const refused =
        stderr
          .trim()
          .split("\n")
          .find((line) => line.includes("rror")) ?? `status ${status}`;
      return { compared: 0, jobs: 0, differences: [], messages, known, refused };
    }
    const jobs = derivedControls(codec, new Uint8Array(readFileSync(file))).map((controls) =>
      jobOf[codec](controls),
    );
    const compared = compare(codec, text, jobs, known);
    return { ...compared, messages, known };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const compare = <C extends Codec>(
  codec: C,
  trace: string,
  jobs: readonly CodecValues[Codec][],
  known: Map<string, number>,
): ControlsComparison =>
  compareWithTrace(codec, trace, jobs as readonly CodecValues[C][], ignoringKnown(known));

function warningsOf(log: string): string[] {
  return log
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { kind?: string; level?: string; text?: string })
    .filter(({ kind, level }) => kind === "message" && level === "warning")
    .map(({ text = "" }) => text);
}

export const codecNames = Object.keys(codecs) as Codec[];
