/**
 * Jobs of one file that let the next one start before they end, as hardware with a queue of its own does. They have
 * taken their buffers, and give them back in the order in which they started.
 */
import type { VideoBuffer } from "../vb2/index.js";
import type { JobState } from "./schedulable.js";

/** A job and the buffers that it took. */
export interface OverlappingJob<Job> {
  readonly job: Job;
  readonly source: VideoBuffer | undefined;
  readonly destination: VideoBuffer | undefined;
}

export class Overlap<Job> {
  /** How many there can be; one more runs besides. */
  readonly most: number;
  readonly #jobs: (OverlappingJob<Job> & { end?: JobState })[] = [];

  constructor(most = 1) {
    this.most = most;
  }

  get hasRoom(): boolean {
    return this.#jobs.length < this.most;
  }

  get isEmpty(): boolean {
    return this.#jobs.length === 0;
  }

  /** The oldest first. */
  get jobs(): readonly OverlappingJob<Job>[] {
    return this.#jobs;
  }

  add(job: OverlappingJob<Job>): void {
    this.#jobs.push(job);
  }

  /** A job has ended. */
  end(job: Job, state: JobState): void {
    const entry = this.#jobs.find((other) => other.job === job);
    if (entry !== undefined) entry.end ??= state;
  }

  /** Takes the oldest job out if it has ended. */
  takeEnded(): (OverlappingJob<Job> & { readonly end: JobState }) | undefined {
    const [oldest] = this.#jobs;
    if (oldest?.end === undefined) return undefined;
    this.#jobs.shift();
    return { ...oldest, end: oldest.end };
  }
}
