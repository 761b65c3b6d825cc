/**
 * Which parts of a file processes have mapped, as `/proc/<pid>/maps` shows it. The kernel tells nobody when a mapping
 * ends, and this is the only place where it can be looked up.
 *
 * It is looked up by another process: reading `maps` waits for a process whose memory is busy, for ever if a file system
 * that it has mapped does not answer. Such a process counts as one that has nothing mapped. What is seen is what the
 * driver's pid namespace shows; a mapping that one process hands to another (fork) meanwhile can be missed.
 */
import { spawn } from "node:child_process";
import { tracerPath } from "../native.js";
import type { Range } from "./free-ranges.js";

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
/** It keeps a limit of its own. */
const LIMIT_MS = 10_000;

const hex = (text: string | undefined): number => Number.parseInt(text ?? "0", 16);

/** @param keys - The files in question. */
export function parseMappings(maps: string, keys: ReadonlySet<string>): Mappings {
  const found = new Map<string, Range[]>();
  for (const line of maps.split("\n")) {
    const [, start, end, offset, ino = "", name = ""] = LINE.exec(line) ?? [];
    const path = name.endsWith(DELETED) ? name.slice(0, -DELETED.length) : name;
    const key = nameKey({ ino: Number(ino), path });
    if (!keys.has(key)) continue;
    const ranges = found.get(key) ?? [];
    ranges.push({ offset: hex(offset), sizeBytes: hex(end) - hex(start) });
    found.set(key, ranges);
  }
  return found;
}

/**
 * Looks at all processes but this one. Those that have gone, or may not be looked at, have nothing mapped.
 * @param program - Another one in tests.
 * @returns Undefined when it could not be found out.
 */
export function findMappings(
  keys: ReadonlySet<string>,
  program = tracerPath(),
): Promise<Mappings | undefined> {
  const paths = [...keys].map((key) => key.slice(key.indexOf(" ") + 1));
  return new Promise((resolve) => {
    let text = "";
    const child = spawn(program, ["--mappings", String(process.pid), ...new Set(paths)], {
      stdio: ["ignore", "pipe", "ignore"],
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
      env: {},
    });
    child.unref();
    child.stdout.setEncoding("latin1").on("data", (part: string) => {
      text += part;
    });
    child.once("error", () => resolve(undefined));
    child.once("close", (code) => resolve(code === 0 ? parseMappings(text, keys) : undefined));
  });
}
