/** A driver that cannot give mmap() to clients without the helper says so, and once more to whom it refuses MMAP. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { trialInUserNamespace } from "../../src/cli/run/user-namespace.js";
import { builtProgram } from "../device/support/camera.js";

const isPossible = existsSync("/dev/fuse") && trialInUserNamespace();
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs /dev/fuse and user namespaces)";

/** VIDIOC_REQBUFS with 2 MMAP buffers, twice; prints each errno. */
const CLIENT = `
  use Fcntl; sysopen(F, $ARGV[0], O_RDWR) or die "$!";
  for (1, 2) { $b = pack("I5", 2, 1, 1, 0, 0); print ioctl(F, 0xc0145608, $b) ? 0 : $! + 0, "\\n"; }`;

describeNodes(`a FUSE node that cannot be mapped${why}`, () => {
  it("is told when it is ready, and a client's EINVAL is explained once, without a log", () => {
    const folder = mkdtempSync(join(tmpdir(), "fuse-node-"));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    // Root of a user namespace of its own may mount, and has no passthrough.
    const script = `
      $CLI sample --node fuse --graft off --log none --node-folder "$1/nodes" --video 7 2>"$1/said" &
      driver=$!
      for i in $(seq 600); do grep -q ' is ready; ' "$1/said" && break; sleep 0.05; done
      perl -e "$2" "$1/nodes/video7"
      kill $driver
      wait $driver || exit
      cat "$1/said"`;
    const env = { ...process.env, CLI: `${process.execPath} ${builtProgram()}` };
    const args = ["--user", "--map-root-user", "--mount", "bash", "-c", script, "bash", folder, CLIENT];
    const { status, stdout } = spawnSync("unshare", args, { env, encoding: "utf8", timeout: 60_000 });
    const reason = "a FUSE node has mmap() only where the driver is root and the kernel has passthrough";
    expect(status).toBe(0);
    expect(stdout.replace(/perl\[\d+\]/, "perl[PID]").split("\n")).toEqual([
      "22",
      "22",
      `${folder}/nodes/video7 is ready; Ctrl-C removes it.`,
      `Clients need 'v4l2-cuse run -- CLIENT' for mmap(): ${reason}.`,
      "It is a file of a FUSE mount: 'v4l2-cuse run -- CLIENT' shows it to the client as a device in /dev.",
      `v4l2-cuse: video7: perl[PID] cannot be given mmap(): ${reason}; start it with "v4l2-cuse run --", or use another I/O method`,
      "",
    ]);
  });
});
