/**
 * `guard.js`: outlives a launcher that is killed, and then kills what it had started: every process of the private mount
 * namespace, wherever it has moved in the tree of processes. Nothing else holds the namespace then: its mounts go, and
 * with them all that was in it.
 *
 * Standard input is a pipe from the launcher. Its end without a word is the launcher's death; a word is its good-bye.
 */
import { readdirSync, readlinkSync, readSync } from "node:fs";

const MAX_PASSES = 500;
const PAUSE_MS = 10;

/** Kills the processes of our namespace. @returns How many there were. */
function killAll(): number {
  const own = readlinkSync("/proc/self/ns/mnt");
  let found = 0;
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!/^\d+$/.test(name) || pid === process.pid) continue;
    try {
      if (readlinkSync(`/proc/${pid}/ns/mnt`) !== own) continue;
      process.kill(pid, "SIGKILL");
      found += 1;
    } catch {
      // Gone, or a stranger's, whose namespace we may not see.
    }
  }
  return found;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP"] as const)
  process.on(signal, () => undefined);

if (readSync(0, Buffer.alloc(1)) === 0) {
  // Again until none is left: one may have started another meanwhile.
  for (let pass = 0; pass < MAX_PASSES && killAll() > 0; pass++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}
