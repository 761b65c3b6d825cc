/** `v4l2-cuse up`, `list`, `add` and `remove`, and `v4l2loopback-ctl`, with real drivers on FUSE nodes. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { trialInUserNamespace } from "../../src/cli/run/user-namespace.js";
import { builtProgram } from "../device/support/camera.js";

const isPossible = existsSync("/dev/fuse") && trialInUserNamespace();
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs /dev/fuse and user namespaces)";

const FILE = `
devices:
  - name: first
    driver: sample
    video: 70
  - name: broken
    driver: sample
    group: no-such-group
  - driver: visl
    video: 72
    media: 72
    debugfs: false
`;

/** Runs a script in a user namespace with a /run of its own, $CLI and $CTL. @returns What it printed. */
function run(
  script: string,
  file = "",
): { readonly status: number | null; readonly lines: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "up-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, "devices.yaml"), file);
  const env = {
    ...process.env,
    V4L2_CUSE_NODE: "fuse",
    V4L2_CUSE_SOCKET: `${folder}/up/control`,
    CLI: `${process.execPath} ${builtProgram()}`,
    CTL: `${process.execPath} ${join(dirname(builtProgram()), "loopback-ctl.js")}`,
  };
  const all = `mount -t tmpfs tmpfs /run && cd "$1" && { ${script}\n}`;
  const args = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"];
  const { status, stdout } = spawnSync("unshare", [...args, "bash", "-c", all, "bash", folder], {
    ...{ env, encoding: "utf8", timeout: 110_000 },
  });
  return { status, lines: stdout.split("\n").filter((line) => line !== "") };
}

const UP = `$CLI up devices.yaml 2>said & up=$!
for i in $(seq 1200); do grep -q Ctrl-C said && break; sleep 0.05; done`;

describeNodes(`several devices${why}`, () => {
  it("start, are listed, added and removed, and end together", () => {
    const { status, lines } = run(
      `${UP}
       $CLI list | cut -c1-30
       $CLI add --name second sample --video 73 --multiplanar
       $CLI remove first; echo "removed $?"
       ls /run/v4l2-cuse/dev/video70 2>/dev/null
       $CLI remove first 2>&1
       kill $up; wait $up; echo "ended $?"
       ls up; pgrep -fc 'main.js (sample|visl)'
       true`,
      FILE,
    );
    expect(lines.map((line) => line.trimEnd().replace(/ +/g, " "))).toEqual([
      "NAME DRIVER STATE NODES",
      "first sample running /run/",
      "broken sample failed There",
      "visl visl running /run/",
      "second: /run/v4l2-cuse/dev/video73/video73",
      "removed 0",
      'v4l2-cuse: there is no device "first": "v4l2-cuse list" shows them',
      "ended 0",
      "0",
    ]);
    expect(status).toBe(0);
  }, 120_000);

  it("are loopback devices for v4l2loopback-ctl, which starts what it needs", () => {
    const { lines } = run(`
      $CTL add -n "My camera" /dev/video75 2>&1
      $CTL list
      $CTL query 75
      $CTL delete 75; echo "deleted $?"
      $CTL delete 75 2>&1
      $CLI list`);
    expect(lines).toEqual([
      "/run/v4l2-cuse/dev/video75/video75",
      "OUTPUT\tCAPTURE\tNAME",
      "/run/v4l2-cuse/dev/video75/video75\t/run/v4l2-cuse/dev/video75/video75\tMy camera",
      "75",
      "\tcapture_device#  : 75",
      "\toutput_device#   : 75",
      "\tcard_label       : My camera",
      "deleted 0",
      'v4l2loopback-ctl: 75 is no loopback device of "v4l2-cuse up": "v4l2loopback-ctl list" shows them',
      "NAME  DRIVER  STATE  NODES",
    ]);
  }, 120_000);
});
