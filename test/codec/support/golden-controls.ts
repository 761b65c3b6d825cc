/** What GStreamer told the kernel's visl for the clips of test/visl/data, against controls that we derive. */
import type { CodecValues } from "../../../src/visl/codec-values.js";
import type { Codec } from "../../../src/visl/formats.js";
import { emitJob } from "../../../src/visl/trace/job.js";
import { golden } from "../../visl/golden.js";
import { splitTrace } from "../../visl/trace-text.js";

export interface ControlsComparison {
  /** Lines that were compared; most hold one field, some an array. */
  compared: number;
  jobs: number;
  /** `job 3 v4l2_ctrl_vp8_frame: "lf.level 4", GStreamer "lf.level 5"`. */
  readonly differences: string[];
}

/**
 * Prints derived values as visl's trace events and compares them with those of a clip, line by line.
 * @param ignored - Lines that the API leaves open: they are compared with nothing.
 */
export function compareWithGStreamer<C extends Codec>(
  codec: C,
  clip: string,
  jobs: Iterable<CodecValues[C]>,
  ignored: (event: string, ours: string, theirs: string) => boolean = () => false,
): ControlsComparison {
  const events = splitTrace(golden(`${clip}/trace-controls.txt.gz`));
  const result: ControlsComparison = { compared: 0, jobs: 0, differences: [] };
  let next = 0;
  for (const job of jobs) {
    emitJob(codec, job, (event, value, index) => {
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
