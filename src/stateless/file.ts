/** What a driver of a stateless decoder keeps for one open file, as far as this layer looks at it. */
import type { StatelessControls } from "./controls.js";
import type { StatelessFormats } from "./formats.js";

/** Jobs of a file or of the whole device. */
export interface JobCounters {
  /** All jobs that ran to their end: STREAMOFF and close end some before. */
  done: number;
  /** Those of them that ended in an error. */
  failed: number;
}

/** The state of one open file; drivers add their own. */
export interface StatelessFile {
  readonly controls: StatelessControls;
  /** What is set now. */
  readonly formats: StatelessFormats;
  /** Counted by the device. */
  readonly jobs: JobCounters;
}
