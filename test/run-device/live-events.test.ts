/** `v4l2-cuse events NODE`: the events of a driver that runs, for those who may hear them. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { builtProgram } from "../device/support/camera.js";

const FOLDER = "/run/v4l2-cuse/events";

interface Program {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Its exit status, or the signal. */
  readonly ended: Promise<number | string | null>;
  kill(signal: NodeJS.Signals): void;
}

function start(...args: string[]): Program {
  const child = spawn(process.execPath, [builtProgram(), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
  const ended = new Promise<number | string | null>((resolve) => {
    child.once("close", (status, signal) => {
      resolve(signal ?? status);
    });
  });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

async function until(what: () => boolean, sentence: () => string): Promise<void> {
  for (let round = 0; round < 400; round++) {
    if (what()) return;
    await sleep(25);
  }
  throw new Error(sentence());
}

/** A camera on a FUSE node of a folder of its own. */
async function startCamera(): Promise<{ readonly driver: Program; readonly node: string }> {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    // Of a driver that was killed.
    spawnSync("umount", ["--lazy", join(folder, "nodes")]);
    rmSync(folder, { recursive: true });
  });
  const ready = join(folder, "ready");
  const args = ["--node", "fuse", "--node-folder", join(folder, "nodes"), "--log", "none"];
  const driver = start("sample", ...args, "--ready-file", ready);
  await until(() => existsSync(ready), driver.stderr);
  return { driver, node: readFileSync(ready, "utf8").trim() };
}

async function follow(node: string, ...args: string[]): Promise<Program> {
  const follower = start("events", node, ...args);
  await until(() => follower.stderr().includes("following"), follower.stderr);
  // It says so before it asks for events.
  await sleep(200);
  return follower;
}

const readFrame = (node: string): void => {
  expect(spawnSync("head", ["-c", "1000", node])).toMatchObject({ status: 0 });
};

describe("events of a node", () => {
  it("are heard by several until the driver ends, in a folder and a socket of its user", async () => {
    const { driver, node } = await startCamera();
    const [socket = ""] = readdirSync(FOLDER);
    expect([statSync(FOLDER).mode & 0o777, statSync(`${FOLDER}/${socket}`).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);

    const followers = [await follow(node, "--json"), await follow(node, "--json", "--kinds", "file")];
    readFrame(node);
    for (const { stdout } of followers) await until(() => stdout().includes('"release"'), stdout);
    driver.kill("SIGTERM");
    expect(await driver.ended).toBe(0);
    expect(await Promise.all(followers.map(({ ended }) => ended))).toEqual([0, 0]);
    const [all = [], files = []] = followers.map(({ stdout }) =>
      stdout()
        .trimEnd()
        .split("\n")
        .map(
          (line) =>
            JSON.parse(line) as {
              readonly kind: string;
              readonly action?: string;
              readonly monotonicNs: number;
            },
        ),
    );
    expect(files.map(({ action }) => action)).toEqual(["open", "read", "release"]);
    const times = (lines: typeof all): number[] => lines.map(({ monotonicNs }) => monotonicNs);
    expect(times(all.filter(({ kind }) => kind === "file"))).toEqual(times(files));
    expect(all.some(({ kind }) => kind === "frame")).toBe(true);
    expect(existsSync(FOLDER)).toBe(false);
  });

  it("end with Ctrl-C, and the driver goes on", async () => {
    const { driver, node } = await startCamera();
    const follower = await follow(node);
    readFrame(node);
    await until(() => follower.stdout().includes("release"), follower.stdout);
    follower.kill("SIGINT");
    expect(await follower.ended).toBe(0);
    readFrame(node);
    driver.kill("SIGTERM");
    expect(await driver.ended).toBe(0);
  });

  it("are found by the node that a program in a namespace sees", () => {
    const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const script = `
      "$0" "$1" events /dev/video0 --json > "$2/out" 2> "$2/err" & follower=$!
      for i in $(seq 200); do grep -q following "$2/err" && break; sleep 0.05; done; sleep 0.3
      v4l2-ctl -d /dev/video0 --set-fmt-video=width=320,height=240 > "$2/client"
      for i in $(seq 200); do grep -q VIDIOC_S_FMT "$2/out" && break; sleep 0.05; done
      kill -INT $follower; wait $follower; echo $? > "$2/status"`;
    writeFileSync(join(folder, "script"), script);
    const client = ["bash", "-c", script, process.execPath, builtProgram(), folder];
    const run = spawnSync(
      process.execPath,
      [builtProgram(), "run", "--quiet", "--device", "sample", "--", ...client],
      {
        encoding: "utf8",
      },
    );
    expect(run).toMatchObject({ status: 0 });
    expect(readFileSync(join(folder, "status"), "utf8"), readFileSync(join(folder, "err"), "utf8")).toBe(
      "0\n",
    );
    expect(readFileSync(join(folder, "out"), "utf8")).toMatch(/"name":"VIDIOC_S_FMT".*"comm":"v4l2-ctl"/);
  });

  it("of a driver that was killed end, and the next driver takes away what it left", async () => {
    const { driver, node } = await startCamera();
    const follower = await follow(node);
    driver.kill("SIGKILL");
    expect(await driver.ended).toBe("SIGKILL");
    expect(await follower.ended).toBe(0);
    const [left = ""] = readdirSync(FOLDER);
    expect(spawnSync("touch", ["-d", "1 hour ago", `${FOLDER}/${left}`])).toMatchObject({ status: 0 });
    const again = await startCamera();
    await until(
      () => !readdirSync(FOLDER).includes(left),
      () => readdirSync(FOLDER).join(),
    );
    again.driver.kill("SIGTERM");
    expect(await again.driver.ended).toBe(0);
    expect(existsSync(FOLDER)).toBe(false);
  });

  it("cannot be had of a node that nobody serves, which one sentence says", async () => {
    const { node } = await startCamera();
    const lonely = spawnSync(process.execPath, [builtProgram(), "events", "/dev/video250"], {
      encoding: "utf8",
    });
    expect(lonely).toMatchObject({ status: 1, stdout: "" });
    expect(lonely.stderr).toBe(
      `v4l2-cuse: no driver that can be followed serves /dev/video250; there are ${node}\n`,
    );
  });

  it("are not waited for from somebody who listens there and says nothing, or something else", async () => {
    const { node } = await startCamera();
    for (const [name, text] of [
      ["silent", ""],
      ["wrong", "hello\n"],
      ["hostile", '{"program":1,"nodes":[null,{}],"devices":{}}\n'],
    ] as const) {
      const server = createServer((socket) => {
        socket.on("error", () => undefined).write(text);
      });
      await new Promise<void>((resolve) => server.listen(`${FOLDER}/${name}`, resolve));
      onTestFinished(() => void server.close());
    }
    const follower = start("events", node);
    await until(() => follower.stderr().includes("following"), follower.stderr);
    follower.kill("SIGINT");
    expect(await follower.ended).toBe(0);
  });
});
