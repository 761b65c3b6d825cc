/** The camera as a FUSE node on this machine's own kernel: clients without any help, users, folders, and ends. */
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { compile } from "../device/support/compile.js";
import { kernelMaps } from "../device/support/plain.js";
import { startProgram, type Client } from "../device/support/probe.js";
import { built } from "../support/built.js";
import { helperPath } from "../../src/native.js";
import { nobodysUserNamespaces } from "../support/user-namespaces.js";

const run = promisify(execFile);
const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const client = built("node-client");
const helper = helperPath();

const isPossible = existsSync("/dev/fuse") && process.getuid?.() === 0;
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs root and /dev/fuse)";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fuse-node-"));
  chmodSync(folder, 0o755); // Other users pass.
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Driver {
  readonly folder: string;
  readonly node: string;
  readonly process: Client;
}

async function startDriver(
  args: readonly string[] = [],
  folder = join(temporaryFolder(), "nodes"),
): Promise<Driver> {
  const command = [
    builtProgram(),
    "sample",
    "--video",
    "0",
    "--node",
    "fuse",
    "--node-folder",
    folder,
    "--log",
    "none",
  ];
  const driver = startProgram(process.execPath, [...command, ...args]);
  onTestFinished(async () => {
    driver.kill("SIGKILL");
    await run("umount", ["-l", folder]).catch(() => undefined); // Left by those that a test has killed.
  });
  await driver.saying(/ ready; /);
  return { folder, node: `${folder}/video0`, process: driver };
}

const mounts = (folder: string): number =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(` ${folder} `)).length;

/** One file of the client's, as on a device of the kernel. */
const oneFile = (isLast: boolean): string[] => [
  "stream: ok",
  ...(isLast ? [] : ["another's buffers: EBUSY"]),
  ...[0, 1, 2].flatMap((frame) => ["poll: ok", `frame ${frame} of 614400 bytes: seen`]),
  "DQBUF without waiting: EAGAIN",
  "DQBUF and a signal: EINTR",
  "the child's file: ok",
];

const opened = (count: number): string[] => [
  ...Array<string>(count).fill("card: v4l2-cuse sample camera"),
  "ftruncate: EINVAL",
  "unknown ioctl: ENOTTY",
  "fsync: EINVAL",
];

async function lines(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string[]> {
  const { stdout } = await run(program, args, { env: { ...process.env, ...env }, timeout: 30_000 });
  return stdout.trimEnd().split("\n");
}

describeNodes(`a FUSE node${why}`, () => {
  beforeAll(() => compile(path("test/clients/node-client.c"), client));

  it("streams by mmap to a client without help, through several files with buffers of their own", async ({
    skip,
  }) => {
    if (!(await kernelMaps())) skip("this kernel has no FUSE passthrough");
    const { node } = await startDriver();
    expect(await lines(client, [node, "3"])).toEqual([
      ...opened(3),
      ...oneFile(false),
      ...oneFile(false),
      ...oneFile(true),
    ]);
  });

  it("streams to a client with the helper", async () => {
    const { node } = await startDriver();
    expect(await lines(client, [node, "2"], { LD_PRELOAD: helper })).toEqual([
      ...opened(2),
      ...oneFile(false),
      ...oneFile(true),
    ]);
  });

  const namespaces = nobodysUserNamespaces();
  const inNamespace = `of an ordinary user in a user namespace streams with the helper, and refuses MMAP without it${namespaces.why}`;
  it.skipIf(namespaces.isMissing)(inNamespace, async () => {
    const script = `
      mount -t tmpfs none "$1" || exit
      "$2" "$3" sample --video 0 --node auto --node-folder "$1/n" --log none >&2 &
      for i in $(seq 100); do [ -e "$1/n/video0" ] && break; sleep 0.1; done
      LD_PRELOAD="$5" "$4" "$1/n/video0" 2
      "$4" "$1/n/video0" 1 | grep stream
      kill $!
      wait`;
    const folder = temporaryFolder();
    const outer = `
      mknod "$1/fuse" c 10 229 && chmod 666 "$1/fuse" && chmod 755 "$1" && mount --bind "$1/fuse" /dev/fuse
      exec setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Urm bash -c '${script}' sh "$@"`;
    const args = [folder, process.execPath, builtProgram(), client, helper];
    const output = await lines("unshare", ["-m", "bash", "-c", outer, "sh", ...args]);
    expect(output.slice(0, -1)).toEqual([...opened(2), ...oneFile(false), ...oneFile(true)]);
    expect(output.at(-1)).toBe("stream: EINVAL");
  });

  it("lets in whom its mode and group let in", async () => {
    const { node } = await startDriver(["--mode", "0640", "--group", "44"]);
    const { stdout } = await run("stat", ["-c", "%a %u %g %F", node]);
    expect(stdout.trim()).toBe("640 0 44 regular file");
    const as = (gid: string): Promise<unknown> =>
      run("setpriv", [
        ...["--reuid", "65534", "--regid", gid, "--clear-groups"],
        ...["dd", `if=${node}`, "of=/dev/null", "bs=614400", "count=1", "iflag=fullblock"],
      ]);
    await expect(as("65534")).rejects.toMatchObject({
      stderr: expect.stringMatching(/Permission denied/) as string,
    });
    await expect(as("44")).resolves.toMatchObject({
      stderr: expect.stringMatching(/614400 bytes/) as string,
    });
    await run("chmod", ["666", node]);
    expect((await run("stat", ["-c", "%a", node])).stdout.trim()).toBe("666");
  });

  it("is one name in a listing, cannot be removed, and tells its number", async () => {
    const { folder, node } = await startDriver();
    expect((await run("ls", [folder])).stdout).toBe("video0\n");
    await expect(run("rm", ["-f", node])).rejects.toMatchObject({ code: 1 });
    await expect(run("touch", [`${folder}/other`])).rejects.toMatchObject({ code: 1 });
    const script = "import os,sys; print(os.getxattr(sys.argv[1], 'system.v4l2-cuse.rdev').decode())";
    expect((await run("python3", ["-c", script, node])).stdout).toMatch(/^1024:\d+\n$/);
  });

  it("keeps files apart from inodes that others looked up meanwhile", async () => {
    const { node } = await startDriver();
    const looking = startProgram("bash", ["-c", 'while :; do stat "$0" >/dev/null; done', node]);
    onTestFinished(() => looking.kill("SIGKILL"));
    for (let round = 0; round < 3; round++) {
      expect(await lines(client, [node, "1"])).toEqual([...opened(1), ...oneFile(true)]);
    }
  });

  it("opened through a bind mount of the file is EBUSY for a second client, and is free again after", async ({
    skip,
  }) => {
    if (!(await kernelMaps())) skip("this kernel has no FUSE passthrough");
    const { folder, node } = await startDriver();
    const script = `
      touch "$2"; mount --bind "$1" "$2"
      exec 3<>"$2" && echo first
      ( exec 4<>"$2" ) 2>/dev/null || echo second is refused
      exec 5<>"$1" && echo by path
      exec 3>&-
      for i in $(seq 50); do ( exec 4<>"$2" ) 2>/dev/null && echo again && break; sleep 0.1; done`;
    const output = await lines("unshare", ["-m", "bash", "-c", script, "sh", node, `${folder}.file`]);
    expect(output).toEqual(["first", "second is refused", "by path", "again"]);
  });

  it("goes with its driver, and so does the folder", async () => {
    const { folder, process: driver } = await startDriver();
    driver.kill("SIGTERM");
    expect((await driver.result).code).toBe(0);
    expect(mounts(folder)).toBe(0);
    expect(existsSync(folder)).toBe(false);
  });

  it("leaves a dead mount when its driver is killed, which the next driver takes away", async () => {
    const { folder, node, process: driver } = await startDriver();
    driver.kill("SIGKILL");
    await driver.result;
    await expect(run("cat", [node])).rejects.toMatchObject({
      stderr: expect.stringMatching(/not connected/) as string,
    });
    expect(mounts(folder)).toBe(1);
    const next = await startDriver([], folder);
    expect(mounts(folder)).toBe(1);
    expect(await lines(client, [next.node, "1"])).toContain("frame 2 of 614400 bytes: seen");
  });

  it("does not take the folder of another driver, nor one with files in it", async () => {
    const { folder } = await startDriver();
    const start = (where: string): Promise<unknown> =>
      run(process.execPath, [
        builtProgram(),
        "sample",
        "--video",
        "0",
        "--node",
        "fuse",
        "--node-folder",
        where,
      ]);
    await expect(start(folder)).rejects.toMatchObject({
      stderr: `v4l2-cuse: The folder ${folder} is in use by another driver: name another one.\n`,
    });
    await expect(start("/etc")).rejects.toMatchObject({
      stderr:
        "v4l2-cuse: The folder /etc is not empty, and nodes would hide what is in it: name another one.\n",
    });
    expect(mounts(folder)).toBe(1);
  });
});
