/**
 * Which process a mount belongs to, as text in the mount's source: whether a tree is a killed driver's can be told
 * without touching it, whatever kind of node the driver has.
 */
import { readlinkSync } from "node:fs";
import { readStat, statFields } from "../../process-stat.js";

/** What is read of /proc; another one in tests. */
export interface Processes {
  /** Of the pid namespace of this process: `4026531836`. */
  readonly namespace: string;
  /** Of this process, as /proc counts. */
  readonly pid: string;
  /** `/proc/<pid>/stat`; undefined: there is no such process. */
  stat(pid: string): string | undefined;
}

export const thisSystem: Processes = {
  get namespace() {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
  },
  // Not process.pid: procfs may be of another pid namespace than this process.
  get pid() {
    return readlinkSync("/proc/self");
  },
  stat: readStat,
};

/** This process: `<pid namespace>.<pid>.<start time>`, for a pid is used again. */
export function ownIdentity(processes: Processes = thisSystem): string {
  const { namespace, pid } = processes;
  return `${namespace}.${pid}.${lifeOf(processes.stat(pid))?.started ?? ""}`;
}

/** Is the process there? One of another pid namespace, which cannot be looked at, counts as there. */
export function isThere(identity: string, processes: Processes = thisSystem): boolean {
  const [namespace, pid = "", started] = identity.split(".");
  if (namespace !== processes.namespace || !/^\d+$/.test(pid)) return true;
  const life = lifeOf(processes.stat(pid));
  return life !== undefined && life.started === started && !"ZX".includes(life.state);
}

/** The fields 3 and 22 of proc_pid_stat(5). */
function lifeOf(stat: string | undefined): { readonly state: string; readonly started: string } | undefined {
  const fields = statFields(stat);
  const [state, started] = [fields[0], fields[19]];
  return state === undefined || started === undefined ? undefined : { state, started };
}
