/**
 * Which parts of a file processes have mapped, as `/proc/<pid>/maps` shows it. The kernel tells nobody when a mapping
 * ends, and this is the only place where it can be looked up.
 *
 * It sees what the driver's pid namespace shows. A mapping that one process hands to another (fork) while the list is
 * being read can be missed.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Range } from "./ranges.js";

/** A file as `maps` shows it. */
export interface MappedName {
  readonly ino: number;
  /** Without the " (deleted)" of a file that has no name any more. */
  readonly path: string;
}

/** What is mapped of each file, by {@link nameKey}. */
export type Mappings = ReadonlyMap<string, readonly Range[]>;

export const nameKey = ({ ino, path }: MappedName): string => `${ino} ${path}`;

/** start-end permissions offset device inode path */
const LINE = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ (\d+) +(.+)$/;
const DELETED = " (deleted)";

const hex = (text: string | undefined): number => Number.parseInt(text ?? "0", 16);

/** @param keys - The files in question. */
export function parseMappings(maps: string, keys: ReadonlySet<string>, into: Map<string, Range[]>): void {
  for (const line of maps.split("\n")) {
    const [, start, end, offset, ino = "", name = ""] = LINE.exec(line) ?? [];
    const path = name.endsWith(DELETED) ? name.slice(0, -DELETED.length) : name;
    const key = nameKey({ ino: Number(ino), path });
    if (!keys.has(key)) continue;
    const ranges = into.get(key) ?? [];
    ranges.push({ offset: hex(offset), sizeBytes: hex(end) - hex(start) });
    into.set(key, ranges);
  }
}

/** Looks at all processes but this one. Those that have gone, or may not be looked at, have nothing mapped. */
export function findMappings(keys: ReadonlySet<string>, proc = "/proc"): Mappings {
  const found = new Map<string, Range[]>();
  const paths = [...keys].map((key) => key.slice(key.indexOf(" ") + 1));
  const look = (file: string): boolean => {
    const maps = readText(file);
    // Parsing is what takes the time, and next to nobody has one.
    if (paths.some((path) => maps.includes(path))) parseMappings(maps, keys, found);
    return maps !== "";
  };
  for (const pid of numbersIn(proc)) {
    if (pid === String(process.pid)) continue;
    if (look(`${proc}/${pid}/maps`)) continue;
    // A kernel thread; or a process whose first thread has ended: then the others show its memory.
    for (const tid of numbersIn(`${proc}/${pid}/task`)) {
      if (tid !== pid && look(`${proc}/${pid}/task/${tid}/maps`)) break;
    }
  }
  return found;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

function numbersIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
