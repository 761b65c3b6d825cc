/** What GStreamer told the kernel's visl for the clips of test/visl/data, against controls that we derive. */
import { codecs, splitTrace, type Codec, type CodecValues } from "../../stateless/trace-text.js";
import type { CodedFrame } from "../../../src/stateless/codec.js";
import { golden } from "../../visl/golden.js";

/** The frame that values describe, by codec. */
const frameOf: { readonly [C in Codec]: (values: CodecValues[C]) => CodedFrame } = {
  mpeg2: (values) => codecs.mpeg2.frameOf(values),
  vp8: (values) => codecs.vp8.frameOf(values),
  vp9: (values) => codecs.vp9.frameOf(values),
  h264: (values) => codecs.h264.frameOf(values),
  hevc: (values) => codecs.hevc.frameOf(values),
  av1: (values) => codecs.av1.frameOf(values),
};

export interface ControlsComparison {
  /** Lines that were compared; most hold one field, some an array. */
  compared: number;
  jobs: number;
  /** `job 3 v4l2_ctrl_vp8_frame: "lf.level 4", GStreamer "lf.level 5"`. */
  readonly differences: string[];
}

/** Lines that the API leaves open: they are compared with nothing. */
export type Ignored = (event: string, ours: string, theirs: string) => boolean;

/** Prints derived values as visl's trace events and compares them with those of a golden clip, line by line. */
export const compareWithGStreamer = <C extends Codec>(
  codec: C,
  clip: string,
  jobs: Iterable<CodecValues[C]>,
  ignored: Ignored = () => false,
): ControlsComparison => compareWithTrace(codec, golden(`${clip}/trace-controls.txt.gz`), jobs, ignored);

/** The same with a trace of the kernel's form. */
export function compareWithTrace<C extends Codec>(
  codec: C,
  trace: string,
  jobs: Iterable<CodecValues[C]>,
  ignored: Ignored,
): ControlsComparison {
  const events = splitTrace(trace);
  const result: ControlsComparison = { compared: 0, jobs: 0, differences: [] };
  let next = 0;
  for (const job of jobs) {
    frameOf[codec](job).trace((event, value, index) => {
      const theirs = events[next];
      next += 1;
      if (theirs?.name !== event.name) {
        result.differences.push(`job ${result.jobs}: ${event.name}, GStreamer ${theirs?.name ?? "nothing"}`);
        return;
      }
      const ourLines = event.text(value, index).split("\n");
      const theirLines = theirs.text.split("\n");
      for (let i = 0; i < Math.max(ourLines.length, theirLines.length); i += 1) {
        const [a, b] = [ourLines[i] ?? "nothing", theirLines[i] ?? "nothing"];
        if (a === "" && b === "") continue;
        if (ignored(event.name, a, b)) continue;
        result.compared += 1;
        if (a !== b) result.differences.push(`job ${result.jobs} ${event.name}: "${a}", GStreamer "${b}"`);
      }
    });
    result.jobs += 1;
  }
  if (next < events.length) result.differences.push(`GStreamer has ${events.length - next} more events`);
  return result;
}
