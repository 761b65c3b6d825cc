/**
 * The tree of visl below /run/v4l2-cuse as programs see it: mounted by the driver, read and written by root alone, and
 * nobody's trap when the driver dies.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { DebugMount } from "../../src/stateless/debugfs/mount.js";
import { fuseDescriptors } from "../../src/stateless/debugfs/threads.js";
import { fixedDirectory, textFile } from "../../src/stateless/debugfs/tree.js";
import { builtProgram, cli, withHelper, withoutHelper } from "./support/camera.js";
import { describeDevice, until } from "./support/device.js";
import { temporaryFolder } from "./support/mem2mem.js";
import type { Client, ClientOptions } from "./support/probe.js";

const ROOT = "/run/v4l2-cuse";

interface Visl {
  readonly name: string;
  readonly node: string;
  /** Its tree. */
  readonly tree: string;
  readonly process: Client;
  /** What it said on standard error before it was ready. */
  readonly said: () => string;
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

let lastNumber = 60;

/** Starts the command and waits until it is ready. */
async function startVisl(
  args: readonly string[] = [],
  { number = ++lastNumber, ...options }: ClientOptions & { readonly number?: number } = {},
): Promise<Visl> {
  const name = `video${number}`;
  const nodes = ["--video", String(number), "--media", String(number), "--log", "none"];
  const driver = cli(["visl", ...nodes, ...args], { timeoutMs: 300_000, ...options });
  onTestFinished(async () => {
    driver.kill("SIGTERM");
    await driver.result;
  });
  await driver.saying(/ are ready; /, 30_000);
  return {
    name,
    node: `/dev/${name}`,
    tree: join(ROOT, name),
    process: driver,
    said: () => driver.stderr,
    stop: async (signal = "SIGTERM") => {
      driver.kill(signal);
      return (await driver.result).code;
    },
  };
}

const mounted = (path: string): number =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.split(" ")[4] === path).length;

/** The errno of a call that must fail. */
const errnoOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "no error",
    (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error),
  );

/** Sixteen processes that read, at any time, until they cannot: of an open file, of a folder that they are in. */
const READERS = `
  chdir "$ARGV[0]/folder" or die; open(F, "<", "../count") or die;
  for (1..16) {
    next if fork;
    while (1) {
      seek(F, 0, 0); sysread(F, $text, 4096) // last; open(G, "<", "count") or last; close G;
      select(undef, undef, undef, rand(0.01));
    }
    exit;
  }
  print "inside\n"; close STDOUT; 1 while wait != -1;`;

describeDevice("the tree of visl", () => {
  it("has parameters that are read and written, and counters", async () => {
    const { tree, said, stop } = await startVisl(["--transtime-ms", "7"]);
    expect(said()).toContain(`Dumps, parameters and counters are at ${tree}.\n`);
    expect((await readdir(tree)).sort()).toEqual([
      "bitstream",
      "contexts",
      "counters",
      "events",
      "parameters",
    ]);
    const transtime = join(tree, "parameters/visl_transtime_ms");
    expect(await readFile(transtime, "utf8")).toBe("7\n");
    await writeFile(transtime, "20\n");
    expect(await readFile(transtime, "utf8")).toBe("20\n");
    expect(await errnoOf(writeFile(transtime, "soon"))).toBe("EINVAL");
    expect(await errnoOf(writeFile(transtime, "4294967296"))).toBe("ERANGE");
    expect(await errnoOf(writeFile(join(tree, "parameters/keep_bitstream_buffers"), "Y"))).toBe("EACCES");
    expect(await errnoOf(writeFile(join(tree, "parameters/another"), "Y"))).toBe("EPERM");
    expect(await readFile(transtime, "utf8")).toBe("20\n");
    expect(await readFile(join(tree, "counters"), "utf8")).toMatch(/^open files: 0\njobs: 0\n/);
    expect(await stop()).toBe(0);
    expect([existsSync(tree), mounted(tree)]).toEqual([false, 0]);
  });

  it("is for root, as debugfs is", async () => {
    const { tree } = await startVisl(["--mode", "0666"]);
    expect((await stat(tree)).mode & 0o777).toBe(0o700);
    const { code, stderr } = await withoutHelper(["cat", join(tree, "counters")], { uid: 65534, gid: 65534 })
      .result;
    expect(code).toBe(1);
    expect(stderr).toContain("Permission denied");
  });

  it("has the dumps of what a client queued, and the client itself while it is there", async () => {
    const folder = temporaryFolder();
    const input = randomBytes(4_000_000);
    writeFileSync(join(folder, "stream"), input);
    const dumps = ["--bitstream-trace-frame-start", "0", "--bitstream-trace-nframes", "2"];
    const { tree, node } = await startVisl([...dumps, "--keep-bitstream-buffers", "--transtime-ms", "50"]);
    const client = withHelper([
      ...["v4l2-ctl", "-d", node, "--set-fmt-video-out=width=320,height=240,pixelformat=VP8F"],
      ...["--stream-out-mmap", "--stream-mmap", `--stream-from=${join(folder, "stream")}`],
      ...["--stream-loop", "--stream-count=30", "--stream-to=/dev/null"],
    ]);
    const bitstreams = join(tree, "bitstream");
    const deadline = Date.now() + 20_000;
    while ((await readdir(bitstreams)).length < 2) expect(Date.now()).toBeLessThan(deadline);
    const [context = "none"] = await readdir(join(tree, "contexts"));
    const about = (file: string): Promise<string> => readFile(join(tree, "contexts", context, file), "utf8");
    expect(await about("client")).toMatch(/^pid: \d+\ncomm: v4l2-ctl\n$/);
    expect(await about("formats")).toMatch(/^codec: vp8\nOUTPUT:\nwidth: 320\nheight: 240\n/);
    expect(await about("capture")).toMatch(/^streaming: yes\nbuffers: 4\nqueued: \d\n/);
    expect(await about("output")).toMatch(/^\[0\]: \w+, timestamp: \d+, sequence: \d+, bytes: \d+\/\d+$/m);
    expect((await client.result).code).toBe(0);
    const [first, second, ...others] = (await readdir(bitstreams)).sort();
    expect([first, second, others]).toEqual(["bitstream0", "bitstream1", []]);
    const dumped = await Promise.all(
      ["bitstream0", "bitstream1"].map((file) => readFile(join(bitstreams, file))),
    );
    const bytes = Buffer.concat(dumped);
    expect(bytes.equals(input.subarray(0, bytes.length))).toBe(true);
    expect(bytes.length).toBeGreaterThan(1_000_000);
    expect(await readdir(join(tree, "contexts"))).toEqual([]);
    expect(await readFile(join(tree, "counters"), "utf8")).toMatch(/^bitstream dumps: 2$/m);
  });

  it("lets go of those who sit in it when the driver ends, and when it is killed", async () => {
    for (const [signal, status] of [["SIGTERM", 0] as const, ["SIGKILL", null] as const]) {
      const { tree, node, stop } = await startVisl();
      const file = await open(join(tree, "counters"));
      const wait = `while test -e ${node}; do sleep 0.1; done`;
      const directory = withoutHelper(["sh", "-c", `cd ${tree}/parameters; echo inside; ${wait}; ls .`]);
      await directory.line("inside");
      expect(await stop(signal)).toBe(status);
      expect(["ENOTCONN", "ECONNABORTED"]).toContain(await errnoOf(file.readFile()));
      await file.close();
      const { stderr, code } = await directory.result;
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/Transport endpoint is not connected|Software caused connection abort/);
    }
  });

  // fuse-native's threads would call into a process that is ending, which aborts.
  it.each([
    ["", undefined],
    ["that somebody else unmounted", "umount"],
  ])("has no threads when it is closed while programs read in it %s", async (_how, program) => {
    const tree = new DebugMount(`threads-${lastNumber++}`);
    const before = fuseDescriptors();
    let reads = 0;
    const count = textFile(() => [String(++reads)]);
    expect(await tree.open(fixedDirectory({ count, folder: fixedDirectory({ count }) }))).toContain(
      tree.path,
    );
    expect(fuseDescriptors().size).toBe(before.size + 1);
    if (program === "umount" && mounted("/sys/fs/fuse/connections") === 0) {
      // Not mounted by itself where no systemd runs.
      await withoutHelper(["mount", "-t", "fusectl", "fusectl", "/sys/fs/fuse/connections"]).result;
    }
    const reader = withoutHelper(["perl", "-e", READERS, tree.path], { timeoutMs: 60_000 });
    await reader.line("inside");
    await until(() => reads > 100, "they read", 20_000);
    if (program !== undefined) expect((await withoutHelper([program, "-l", tree.path]).result).code).toBe(0);
    await tree.close();
    expect(fuseDescriptors()).toEqual(before);
    expect(await reader.result).toMatchObject({ code: 0 });
    expect([existsSync(tree.path), mounted(tree.path)]).toEqual([false, 0]);
  });

  it("takes the place of what killed drivers left", async () => {
    const killed = await startVisl();
    const other = await startVisl();
    const alive = await startVisl();
    for (const { tree, stop } of [killed, other]) {
      expect(await stop("SIGKILL")).toBeNull();
      expect([mounted(tree), await errnoOf(readdir(tree))]).toEqual([1, "ENOTCONN"]);
    }
    const number = Number(killed.name.slice("video".length));
    const { tree, stop } = await startVisl([], { number });
    expect(mounted(tree)).toBe(1);
    expect(await readFile(join(tree, "counters"), "utf8")).toMatch(/^open files: 0\n/);
    expect([existsSync(other.tree), mounted(other.tree), mounted(alive.tree)]).toEqual([false, 0, 1]);
    expect(await stop("SIGKILL")).toBeNull();
    const without = await startVisl(["--no-debugfs"], { number });
    expect([existsSync(tree), mounted(tree)]).toEqual([false, 0]);
    expect(without.said()).not.toContain("Dumps");
  });

  it("ends well when somebody else unmounted it", async () => {
    const { tree, stop } = await startVisl();
    expect((await withoutHelper(["umount", tree]).result).code).toBe(0);
    expect(await stop()).toBe(0);
    expect(existsSync(tree)).toBe(false);
  });
});

describeDevice("visl without its tree", () => {
  async function expectWithout(visl: Visl, reason: string): Promise<void> {
    const { tree, said, node, stop } = visl;
    expect(said().split("\n")).toContain(`v4l2-cuse: no files at ${tree}: ${reason}`);
    expect(existsSync(tree)).toBe(false);
    const { lines, code } = await withoutHelper(["v4l2-ctl", "-d", node, "--info"]).result;
    expect(code).toBe(0);
    expect(lines.join("\n")).toContain("Driver name      : visl");
    expect(await stop()).toBe(0);
  }

  it("works where fuse-native is not installed", async () => {
    const hook = join(temporaryFolder(), "hide.cjs");
    writeFileSync(
      hook,
      `const Module = require("node:module");
       const resolve = Module._resolveFilename;
       Module._resolveFilename = function (name, ...rest) {
         if (!name.startsWith("fuse-native")) return resolve.call(this, name, ...rest);
         throw Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" });
       };`,
    );
    const env = { ...process.env, NODE_OPTIONS: `--require ${hook}` };
    await expectWithout(await startVisl([], { env }), "the npm package fuse-native is not installed");
  });

  it("works where mounting is not permitted", async () => {
    const number = ++lastNumber;
    const nodes = ["--video", String(number), "--media", String(number), "--log", "none"];
    const driver = withoutHelper([
      ...["setpriv", "--bounding-set", "-sys_admin", process.execPath, builtProgram(), "visl", ...nodes],
    ]);
    onTestFinished(async () => {
      driver.kill("SIGTERM");
      await driver.result;
    });
    await driver.saying(/ are ready; /, 30_000);
    expect(driver.stderr).toContain(
      `no files at ${ROOT}/video${number}: mounting is not permitted, which takes CAP_SYS_ADMIN\n`,
    );
  });

  it("works where there is no /dev/fuse", async () => {
    renameSync("/dev/fuse", "/dev/fuse-hidden");
    onTestFinished(() => {
      renameSync("/dev/fuse-hidden", "/dev/fuse");
    });
    const visl = await startVisl();
    await expectWithout(visl, "there is no /dev/fuse; `modprobe fuse` makes it");
  });
});
