/** `run --device` on this machine's own kernel, as root and as an ordinary user: what the client sees, what stays. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it, type TestContext } from "vitest";
import { nobodysUserNamespaces } from "../support/user-namespaces.js";
import { helperPath } from "../../src/native.js";

const NOBODY = 65534;
const main = builtProgram();

/** nobody, in a mount namespace whose /dev/fuse has the mode that most systems give it. */
const asNobody = [
  "unshare",
  "--mount",
  "sh",
  "-ec",
  `mount -t tmpfs none /mnt; mknod -m 666 /mnt/fuse c 10 229; mount --bind /mnt/fuse /dev/fuse; exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups "$@"`,
  "sh",
];
const namespaces = nobodysUserNamespaces();
const users: readonly (readonly [string, readonly string[]])[] = [
  ["root", ["env"]],
  [`an ordinary user${namespaces.why}`, asNobody],
];
/** Before each test of such a user. */
function needs(user: readonly string[], { skip }: TestContext): void {
  skip(user === asNobody && namespaces.isMissing, namespaces.why);
}

const commandOf = (
  user: readonly string[],
  options: readonly string[],
  client: readonly string[],
): string[] => [...user, process.execPath, main, "run", ...options, "--", ...client];

function run(
  user: readonly string[],
  options: readonly string[],
  script: string,
  env: NodeJS.ProcessEnv = {},
): { status: number | null; stdout: string; stderr: string } {
  const [program = "", ...args] = commandOf(user, options, ["sh", "-c", script]);
  return spawnSync(program, args, { encoding: "utf8", timeout: 50_000, env: { ...process.env, ...env } });
}

/** Processes in a mount namespace. */
function membersOf(namespace: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/mnt`) === namespace;
      } catch {
        return false;
      }
    });
}

/** Calls VIDIOC_QUERYCAP until that fails, and prints the errno. */
const ASKING = `
import errno, fcntl, os
fd = os.open("/dev/video0", os.O_RDWR)
print("asking", flush=True)
try:
    while True: fcntl.ioctl(fd, 0x80685600, bytearray(104))
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
`;
import { builtProgram } from "../support/built.js";

/** Waits until the question is answered with yes. */
async function until(question: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!question()) {
    if (Date.now() > deadline) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each(users)("a client with devices of its own, started by %s", (_name, user) => {
  beforeEach((context) => {
    needs(user, context);
  });

  it("finds them as character devices, in sysfs too, and maps their buffers", () => {
    const { status, stdout, stderr } = run(
      user,
      ["--device", "sample --unpaced", "--device", "visl"],
      `stat -c '%n: %F' /dev/video0 /dev/video1 /dev/media0
       v4l2-ctl --list-devices
       cat /sys/dev/char/$(stat -c '%Hr:%Lr' /dev/video0)/name
       ls /sys/bus/media/devices /sys/class/video4linux/video1/device
       v4l2-ctl -d /dev/video0 --stream-mmap=3 --stream-count=5 --stream-to=- 2>/dev/null | wc -c`,
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toContain("/dev/video0: character special file\n/dev/video1: character special file\n");
    expect(stdout).toContain("visl (platform:visl):\n\t/dev/video1\n\t/dev/media0\n");
    expect(stdout).toMatch(/^v4l2-cuse sample camera$[^]*^media0$[^]*device:\nmedia0$/m);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe(`${5 * 640 * 480 * 2}`);
  });

  it("ends with its own status, and leaves no node to anybody else", () => {
    expect(run(user, ["--device", "sample --unpaced"], "test -e /dev/video0 && exit 3").status).toBe(3);
    expect(() => statSync("/dev/.v4l2-cuse")).toThrow("ENOENT");
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("/dev/.v4l2-cuse");
  });

  it("is not started when a device is not", () => {
    expect(run(user, ["--device", "sample --bogus"], "echo started")).toEqual(
      expect.objectContaining({
        status: 1,
        stdout: "",
        stderr:
          "v4l2-cuse: unknown option '--bogus'\n(v4l2-cuse sample --help shows commands and options)\n" +
          "v4l2-cuse: the device 'sample --bogus' did not start (status 2); the client was not started\n",
      }),
    );
  });

  it("finds the ioctls in the log file, and not in its output", () => {
    const log = `${tmpdir()}/run-device.${process.pid}.${user.length}.log`;
    try {
      const { stdout } = run(
        user,
        ["--device", "sample", "--log-file", log],
        "v4l2-ctl -d /dev/video0 --get-fmt-video",
      );
      expect(stdout).not.toContain("VIDIOC_");
      expect(readFileSync(log, "utf8")).toContain("VIDIOC_G_FMT");
    } finally {
      rmSync(log, { force: true });
    }
  });

  it("hears ENODEV when the driver dies, and one sentence says so", async () => {
    const [program = "", ...args] = commandOf(
      user,
      ["--device", "sample"],
      ["sh", "-c", `readlink /proc/self/ns/mnt; python3 -c '${ASKING}'; test ! -e /dev/video0 && exit 5`],
    );
    const launcher = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    launcher.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    launcher.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    await until(() => stdout.includes("asking"));
    const namespace = stdout.split("\n", 1)[0] ?? "";
    const driver = membersOf(namespace).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("main.js\0sample"),
    );
    process.kill(driver ?? Number.NaN, "SIGKILL");
    await once(launcher, "close");
    expect(launcher.exitCode).toBe(5);
    expect(stdout).toContain("asking\nENODEV\n");
    expect(stderr).toBe(
      "v4l2-cuse: the device 'sample' has ended (SIGKILL): its nodes (/dev/video0) answer ENODEV from now on\n",
    );
  });

  it("goes with all that it started when the launcher is killed", async () => {
    const [program = "", ...args] = commandOf(
      user,
      ["--device", "sample"],
      [
        "sh",
        "-c",
        "readlink /proc/self/ns/mnt; setsid sleep 50 & v4l2-ctl -d /dev/video0 --stream-mmap=3 2>/dev/null",
      ],
    );
    const launcher = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
    const [first] = (await once(launcher.stdout, "data")) as [Buffer];
    const namespace = first.toString().trim();
    expect(membersOf(namespace).length).toBeGreaterThan(3);
    launcher.kill("SIGKILL");
    await until(() => membersOf(namespace).length === 0);
  });
});

describe("a client with devices of its own and --user", () => {
  const [, root] = users[0] ?? [];
  const asUser = (
    options: readonly string[],
    script: string,
    env?: NodeJS.ProcessEnv,
  ): ReturnType<typeof run> => run(root ?? [], ["--user", "nobody", ...options], script, env);

  it("is that user, without rights, has the nodes, and streams", () => {
    const { status, stdout, stderr } = asUser(
      ["--device", "sample --unpaced", "--device", "visl"],
      `id -un; id -G; echo $USER; grep CapEff /proc/self/status
       stat -L -c '%n %a %U' /dev/video0 /dev/video1 /dev/media0
       v4l2-ctl -d /dev/video0 --stream-mmap=3 --stream-count=5 --stream-to=- 2>/dev/null | wc -c
       media-ctl -d /dev/media0 -p | grep '^driver  '; exit 7`,
    );
    expect({ status, stderr }).toEqual({ status: 7, stderr: "" });
    expect(stdout.trimEnd().split("\n")).toEqual([
      ...["nobody", `${NOBODY}`, "nobody", "CapEff:\t0000000000000000"],
      ...["/dev/video0 600 nobody", "/dev/video1 600 nobody", "/dev/media0 600 nobody"],
      `${5 * 640 * 480 * 2}`,
      "driver          visl",
    ]);
  });

  it("is the only user that a node lets in, unless its driver says otherwise", () => {
    const { stdout } = run(
      root ?? [],
      ["--user", "daemon", "--device", "sample", "--device", "sample --mode 0666"],
      "stat -L -c '%a %U' /dev/video0 /dev/video1",
    );
    expect(stdout).toBe("600 daemon\n666 daemon\n");
  });

  it("is not started when the user may not read the helper, and no device is", () => {
    const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
    try {
      for (const file of ["v4l2_cuse.node", "libv4l2-cuse.so"])
        copyFileSync(join(dirname(helperPath()), file), join(folder, file));
      chmodSync(folder, 0o700);
      const log = join(folder, "log");
      const { status, stdout, stderr } = asUser(["--device", "sample", "--log-file", log], "echo started", {
        V4L2_CUSE_NATIVE: folder,
      });
      expect({ status, stdout }).toEqual({ status: 126, stdout: "" });
      expect(stderr).toMatch(/^v4l2-cuse: nobody may not read [^\n]*: install v4l2-cuse elsewhere\n$/);
      expect(existsSync(log)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ["somebody who is not there", root ?? [], "no-such-user", "there is no user no-such-user"],
    ["another, by an ordinary user", asNobody, "daemon", "--user needs root: start v4l2-cuse run with sudo"],
  ])("is not started as %s", (_who, user, name, sentence) => {
    expect(run(user, ["--user", name, "--device", "sample"], "echo started")).toMatchObject({
      status: 1,
      stdout: "",
      stderr: `v4l2-cuse: ${sentence}\n`,
    });
  });
});
