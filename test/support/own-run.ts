/** A mount namespace for drivers whose traces in /run nobody else shall see. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/**
 * A /run that all of the test's processes share and nobody else sees. A process keeps it: a file could, too, but Linux 6.18
 * refuses now and then to mount a namespace on one in a namespace that is not the machine's first.
 * @returns What starts a program there.
 */
export function ownRun(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "fuse-node-"));
  const script = `
    unshare --mount --propagation private sh -c 'mount -t tmpfs none /run && touch "$0/ready" && exec sleep 3600' "$1" \\
      >/dev/null 2>"$1/said" & keeper=$!
    until [ -e "$1/ready" ]; do kill -0 "$keeper" || { cat "$1/said" >&2; exit 1; }; sleep 0.01; done
    echo "$keeper"`;
  const keeper = Number(execFileSync("sh", ["-c", script, "sh", folder], { encoding: "utf8" }));
  onTestFinished(() => {
    process.kill(keeper, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  return ["nsenter", `--mount=/proc/${keeper}/ns/mnt`];
}
