/** Processes of whom something was said to the operator: it is said once of each, and not of any number of them. */

/** Processes that are remembered; of more, nothing is said. */
const MAX_REPORTED = 256;

export class ReportedClients {
  readonly #pids = new Set<number>();

  /** Is it the first time? From then on it is not. */
  isNew(pid: number): boolean {
    if (this.#pids.has(pid) || this.#pids.size >= MAX_REPORTED) return false;
    this.#pids.add(pid);
    return true;
  }
}
