/** What `/proc` says of a process: proc_pid_stat(5). */
import { readFileSync } from "node:fs";

/** @returns The line of `/proc/<pid>/stat`; undefined: there is no such process, or it cannot be seen. */
export function readStat(pid: number | string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
}

/**
 * Its fields from the third on, the state. The name before them, in brackets, may contain anything.
 * @returns Empty without a line.
 */
export const statFields = (line: string | undefined): readonly string[] =>
  line?.slice(line.lastIndexOf(")") + 2).split(" ") ?? [];
