/**
 * Tells when the threads of `fuse-native` are gone. It has no call for that, and the process must not end before: its
 * threads call into an event loop and memory that are not there any more then, and the process aborts.
 */
import { readdirSync, readlinkSync } from "node:fs";

/** This process's descriptors of `/dev/fuse`. */
export function fuseDescriptors(): Set<string> {
  const found = new Set<string>();
  for (const fd of readdirSync("/proc/self/fd")) if (isFuse(fd)) found.add(fd);
  return found;
}

function isFuse(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === "/dev/fuse";
  } catch {
    // Closed meanwhile; the listing names its own, too.
    return false;
  }
}

/** The threads that serve one mount. */
export class FuseThreads {
  readonly #descriptors: readonly string[];

  /** @param before - What `fuseDescriptors()` was before the mount. */
  constructor(before: ReadonlySet<string>) {
    // Should another session of this process have opened one meanwhile, it outlives the mount.
    this.#descriptors = [...fuseDescriptors()].filter((fd) => !before.has(fd));
  }

  /**
   * Waits until they are gone; the connection must have been aborted. libfuse waits for all threads that take requests,
   * and closes the descriptor after that. Those that wait for our answer get it meanwhile, from the event loop.
   * @returns False: not within that time.
   */
  async ended(timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    for (let pauseMs = 1; this.#descriptors.every(isFuse); pauseMs = Math.min(2 * pauseMs, 50)) {
      if (Date.now() >= deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return true;
  }
}
