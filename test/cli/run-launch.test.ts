/** The launcher where there is no device of ours: the client must not notice it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { parseAccount } from "../../src/cli/run/account.js";
import { clientEnvironment } from "../../src/cli/run/launch.js";
import { helperPath } from "../../src/native.js";

const fixture = fileURLToPath(new URL("fixtures/run.ts", import.meta.url));
const command = ["--import", "tsx", fixture];

const run = (
  client: readonly string[],
  { options = {}, env = {}, input = "" } = {},
): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [...command, JSON.stringify(options), ...client], {
    encoding: "utf8",
    env: { ...process.env, ...env },
    input,
  });

describe("the client's exit status", () => {
  it.each([
    ["as it is", "exit 3", 3],
    ["128 and more for a signal", "kill -KILL $$", 137],
  ])("is passed on %s", (_how, script, status) => {
    expect(run(["sh", "-c", script]).status).toBe(status);
  });

  it.each([
    ["127 where there is no such program", "/nowhere/client", 127, "there is no such program"],
    ["126 where it is no program", "/etc/passwd", 126, "cannot be started: EACCES"],
  ])("is %s", (_what, client, status, message) => {
    expect(run([client])).toEqual(
      expect.objectContaining({
        status,
        stderr: `v4l2-cuse: ${client}${status === 127 ? ":" : ""} ${message}\n`,
      }),
    );
  });
});

describe("the client", () => {
  it("gets its arguments, input and environment unchanged", () => {
    const odd = { "BASH_FUNC_f%%": "() { :\n}", "a.b-c": " =x= " };
    const script =
      'for (1..$#ARGV + 1) { print "<$ARGV[$_ - 1]>" } print <STDIN>; print map { "[$ENV{$_}]" } "BASH_FUNC_f%%", "a.b-c"';
    const { stdout, stderr } = run(["perl", "-e", script, "", "a b", "$HOME", "-q"], {
      env: odd,
      input: "in\0put",
    });
    expect(stderr).toBe("");
    expect(stdout).toBe("<><a b><$HOME><-q>in\0put[() { :\n}][ =x= ]");
  });

  it("gets the helper before other preloaded libraries", () => {
    expect(clientEnvironment("/h.so", false, undefined)["LD_PRELOAD"]).toMatch(/^\/h\.so/);
  });

  it("gets no helper, and other preloaded libraries as they were, with --no-helper", () => {
    const script = 'echo "${LD_PRELOAD-unset}"';
    const preloaded = (before: string): string =>
      run(["sh", "-c", script], { options: { helper: false }, env: { LD_PRELOAD: before } }).stdout;
    expect(run(["sh", "-c", script], { options: { helper: false } }).stdout).toBe("unset\n");
    expect(preloaded("libc.so.6")).toBe("libc.so.6\n");
    // That of a launcher around this one.
    expect(preloaded(helperPath())).toBe("unset\n");
    expect(preloaded(`${helperPath()}:libc.so.6`)).toBe("libc.so.6\n");
  });

  it("is not started when it would get nothing", () => {
    expect(run(["echo", "started"], { options: { helper: false, sysfs: false } })).toMatchObject({
      status: 2,
      stdout: "",
      stderr:
        "v4l2-cuse: --no-sysfs and --no-helper together leave nothing to give: start the client itself\n",
    });
  });

  it("gets signals that were meant for it", async () => {
    const script = 'trap "echo got; exit 5" TERM; echo ready; while :; do sleep 0.05; done';
    const child = spawn(process.execPath, [...command, "{}", "sh", "-c", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", (text: Buffer) => {
      printed += text.toString();
      if (printed === "ready\n") child.kill("SIGTERM");
    });
    const [status] = (await once(child, "close")) as [number | null];
    expect([printed, status]).toEqual(["ready\ngot\n", 5]);
  });
});

describe("the client's environment", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  const changed = (
    sees: boolean,
    account?: Parameters<typeof clientEnvironment>[2],
  ): Record<string, unknown> => {
    // No FUSE nodes: those that other tests have just now are theirs.
    const env = clientEnvironment("/h.so", sees, account, []);
    return Object.fromEntries(Object.entries(env).filter(([name, value]) => process.env[name] !== value));
  };

  it("has the helper only where it sees sysfs as it is", () => {
    vi.stubEnv("LD_PRELOAD", "");
    expect(changed(false)).toEqual({ LD_PRELOAD: "/h.so" });
    vi.stubEnv("LD_PRELOAD", "/other.so");
    expect(changed(false)).toEqual({ LD_PRELOAD: "/h.so:/other.so" });
  });

  it("tells libudev to trust the view, and GStreamer to remember it apart", () => {
    vi.stubEnv("LD_PRELOAD", undefined);
    vi.stubEnv("GST_REGISTRY", undefined);
    vi.stubEnv("GST_REGISTRY_1_0", undefined);
    vi.stubEnv("XDG_CACHE_HOME", undefined);
    vi.stubEnv("HOME", "/home/me");
    const common = { LD_PRELOAD: "/h.so", SYSTEMD_DEVICE_VERIFY_SYSFS: "0" };
    const registry = "gstreamer-1.0/registry.v4l2-cuse.bin";
    expect(changed(true)).toEqual({ ...common, GST_REGISTRY: `/home/me/.cache/${registry}` });
    vi.stubEnv("XDG_CACHE_HOME", "/cache");
    expect(changed(true)).toEqual({ ...common, GST_REGISTRY: `/cache/${registry}` });
    vi.stubEnv("GST_REGISTRY", "/mine");
    expect(changed(true)).toEqual(common);
  });

  it("is another user's where it runs as one", () => {
    vi.stubEnv("LD_PRELOAD", undefined);
    const user = { name: "alice", uid: 1000, gid: 1000, home: "/home/alice" };
    expect(changed(false, user)).toMatchObject({ HOME: "/home/alice", USER: "alice", LOGNAME: "alice" });
  });
});

describe("--user", () => {
  it("reads the line that getent prints", () => {
    expect(parseAccount("alice:x:1000:1001:Alice,,,:/home/alice:/bin/bash\n")).toEqual({
      name: "alice",
      uid: 1000,
      gid: 1001,
      home: "/home/alice",
    });
    expect(() => parseAccount("alice:x::")).toThrow("the user database answered");
  });

  it("needs a user", () => {
    if (process.geteuid?.() !== 0) return;
    expect(run(["true"], { options: { user: "no-such-user" } })).toMatchObject({
      status: 1,
      stderr: "v4l2-cuse: there is no user no-such-user\n",
    });
  });
});
