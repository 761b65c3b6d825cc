/** Who may change the device: each open file has a priority, and only those with the highest may. */
import { V4l2Error } from "./error.js";
import { Priority } from "./values/types.js";

interface Holder {
  priority: Priority;
}

export class Priorities {
  /** Open files by priority. */
  readonly #count = [0, 0, 0, 0];

  /** A file was opened. */
  open(file: Holder): void {
    this.#add(file.priority, 1);
  }

  /** A file was closed. */
  close(file: Holder): void {
    this.#add(file.priority, -1);
  }

  change(file: Holder, priority: Priority): void {
    this.#add(file.priority, -1);
    this.#add(priority, 1);
    file.priority = priority;
  }

  /** The highest priority of all open files; `Unset` without any. */
  get max(): Priority {
    for (const priority of [Priority.Record, Priority.Interactive, Priority.Background]) {
      if ((this.#count[priority] ?? 0) > 0) return priority;
    }
    return Priority.Unset;
  }

  allows(file: Holder): boolean {
    return file.priority >= this.max;
  }

  /** @throws {V4l2Error} EBUSY - another file has a higher priority. */
  check(file: Holder): void {
    if (!this.allows(file)) throw new V4l2Error("EBUSY", "another file has a higher priority");
  }

  #add(priority: Priority, by: number): void {
    this.#count[priority] = (this.#count[priority] ?? 0) + by;
  }
}
