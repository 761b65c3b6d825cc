/** A mount namespace for drivers whose traces in /run nobody else shall see. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A /run that all of the test's processes share and nobody else sees. @returns What starts a program there. */
export function ownRun(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "fuse-node-"));
  const place = join(folder, "mnt");
  onTestFinished(() => {
    execFileSync("sh", ["-c", 'umount "$1"; umount "$2"; rm -f "$1"', "sh", place, folder], {
      stdio: "ignore",
    });
    rmSync(folder, { recursive: true, force: true });
  });
  const script = `
    mount --bind "$1" "$1" && mount --make-private "$1" && touch "$2" &&
    unshare --mount="$2" --propagation private mount -t tmpfs none /run`;
  execFileSync("sh", ["-c", script, "sh", folder, place]);
  return ["nsenter", `--mount=${place}`];
}
