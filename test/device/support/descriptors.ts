/** What a driver has open, by what it leads to: so that a test which finds one too many says which. */
import { readdirSync, readlinkSync } from "node:fs";

/**
 * Threads that take what is a client's (native/addon/foreign-worker.cc). Another one is started when those that are there
 * are late, on a busy machine say, up to a limit; so they count neither as a thread nor, by their socket, as a descriptor
 * that was left behind. They are known by their table of descriptors, which is their own and nearly empty.
 */
export function workersOf(pid: number): number {
  const tables = readdirSync(`/proc/${pid}/task`).map((tid) => {
    try {
      return readdirSync(`/proc/${pid}/task/${tid}/fd`).length;
    } catch {
      return Infinity; // It has just ended.
    }
  });
  return tables.filter((length) => length < MOST_OF_A_WORKER).length;
}

const MOST_OF_A_WORKER = 5;

/** How many descriptors of a process lead where; numbers in names are left out, and so are those of its workers. */
export function descriptorsOf(pid: number): Record<string, number> {
  const descriptors: Record<string, number> = { "socket:[N]": -workersOf(pid) };
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    let target: string;
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`).replaceAll(/\d+/g, "N");
    } catch {
      continue; // It has just been closed.
    }
    descriptors[target] = (descriptors[target] ?? 0) + 1;
  }
  return descriptors;
}
