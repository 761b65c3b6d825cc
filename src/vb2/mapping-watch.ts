/**
 * What the clients of one open file have mapped of its memory, as `/proc/<pid>/maps` shows it: of the process that calls,
 * of those that it has started, and of those in which something was found before. It is looked at only when an answer
 * depends on it, which is never for each frame.
 */
import { familyMappings, isSystemError } from "../native.js";
import type { Call } from "../v4l2/index.js";
import type { Range } from "./free-ranges.js";
import { parseMappings } from "./mappings.js";

/** A client may have so many mappings that looking takes long: some ten thousand. What was seen counts for a while then. */
const LONG_BYTES = 2 ** 20;
const LONG_MS = 200;
/** Processes in which something was found are remembered, the last few of them. */
const MOST_KNOWN = 8;

type LookCall = Pick<Call, "caller" | "client">;

/** How a process is looked at; another way in tests. */
export type LookAt = typeof familyMappings;

export class MappingWatch {
  /** Users of the processes where something was found, by process. */
  readonly #known = new Map<number, number>();
  #seen: readonly Range[] | undefined;
  /** The call for which that was found out. */
  #call: LookCall | undefined;
  #readBytes = 0;
  #againMs = 0;

  constructor(private readonly lookAt: LookAt = familyMappings) {}

  /**
   * @param keys - How mappings of the memory are shown ({@link nameKey}).
   * @returns What is mapped; undefined when the caller may not be looked at.
   */
  look(keys: readonly string[], call: LookCall): readonly Range[] | undefined {
    if (this.#call === call || performance.now() < this.#againMs) return this.#seen;
    this.#call = call;
    this.#readBytes = 0;
    this.#seen = this.#find(new Set(keys), call);
    if (this.#readBytes > LONG_BYTES) this.#againMs = performance.now() + LONG_MS;
    return this.#seen;
  }

  #find(keys: ReadonlySet<string>, { caller, client }: LookCall): readonly Range[] | undefined {
    if (caller.tid === 0) return undefined;
    const found = this.#mappedBy(keys, caller.tid, caller.uid);
    if (found === undefined) return undefined;
    if (found.length > 0 && this.#known.size < MOST_KNOWN) this.#known.set(client.pid, caller.uid);
    for (const [pid, uid] of [...this.#known]) {
      if (pid === client.pid) continue;
      const more = this.#mappedBy(keys, pid, uid) ?? [];
      if (more.length === 0) this.#known.delete(pid);
      found.push(...more);
    }
    return found;
  }

  /** @param pid - A process or any of its threads. */
  #mappedBy(keys: ReadonlySet<string>, pid: number, uid: number): Range[] | undefined {
    const names = [...keys].map((key) => key.slice(key.indexOf(" ") + 1));
    try {
      const { lines, readBytes } = this.lookAt(pid, uid, names);
      this.#readBytes += readBytes;
      return [...parseMappings(lines, keys).values()].flat();
    } catch (error) {
      if (isSystemError(error)) return undefined;
      throw error;
    }
  }
}
