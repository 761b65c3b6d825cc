/** Runs the commands of README.md and docs/, as a reader would type them: test/docs/decisions.ts says which, and how. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { repo } from "../docs/blocks.js";
import { decisions, type Decision, type Edits } from "../docs/decisions.js";

const SECONDS = 30;
const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
const bin = join(folder, "bin");
const env = { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}`, REPO: repo, HOME: folder };

/** What a reader has: the command, sudo, and files. */
beforeAll(() => {
  mkdirSync(bin);
  const script = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  script("v4l2-cuse", `exec "${process.execPath}" "${builtProgram()}" "$@"`);
  script("sudo", 'exec "$@"');
  const data = join(repo, "test/gstreamer/data");
  copyFileSync(join(data, "vp8.ivf"), join(folder, "clip.ivf"));
  copyFileSync(join(data, "h264_main_b.h264"), join(folder, "clip.h264"));
  const film = [
    "-loglevel",
    "error",
    "-f",
    "lavfi",
    "-i",
    "testsrc=size=320x240:rate=30:duration=1",
    "film.mp4",
  ];
  expect(spawnSync("ffmpeg", film, { cwd: folder }).status).toBe(0);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const edited = (command: string, edits: Edits = []): string =>
  edits.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`'${from}' is not in '${text}'`);
    return text.replace(from, () => to);
  }, command);

class Server {
  readonly #child: ChildProcess;
  readonly #log = join(folder, "server.log");
  readonly #ready = join(folder, "ready");

  constructor(command: string) {
    const fd = openSync(this.#log, "w");
    this.#child = spawn("bash", ["-c", `exec ${command.replace(/^sudo /, "")} --ready-file ${this.#ready}`], {
      cwd: folder,
      env,
      stdio: ["ignore", fd, fd],
    });
  }

  /** Until it says so. */
  async ready(): Promise<void> {
    for (let tries = 0; tries < SECONDS * 10; tries++) {
      if (existsSync(this.#ready)) return;
      expect(this.#child.exitCode, readFileSync(this.#log, "utf8")).toBe(null);
      await sleep(100);
    }
    throw new Error(`not ready:\n${readFileSync(this.#log, "utf8")}`);
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode !== null) return;
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), SECONDS * 1000);
    await ended;
    clearTimeout(late);
    expect(this.#child.signalCode, readFileSync(this.#log, "utf8")).toBe(null);
  }
}

const runsHere = (decision: Decision): boolean => !("by" in decision) && !("not" in decision);
const pages = Object.entries(decisions)
  .map(([file, list]) => [file, list.filter(([, decision]) => runsHere(decision))] as const)
  .filter(([, list]) => list.length > 0);

describe.each(pages)("%s", (_file, list) => {
  let server: Server | undefined;
  afterAll(() => server?.end());

  it.each(list)("%s", async (command, decision) => {
    if ("serves" in decision) {
      await server?.end();
      server = new Server(edited(command, decision.edits));
      await server.ready();
    } else if (runsHere(decision)) {
      const { edits, client, prints } = decision as {
        edits?: Edits;
        client?: true;
        prints?: string | RegExp;
      };
      const text = edited(command, edits);
      const { status, stdout, stderr } = spawnSync(
        "bash",
        ["-c", client === true ? `v4l2-cuse run --quiet -- ${text}` : text],
        { cwd: folder, env, encoding: "utf8", timeout: SECONDS * 1000, stdio: ["ignore", "pipe", "pipe"] },
      );
      expect(status, `${stdout.slice(-2000)}\n${stderr.slice(-2000)}`).toBe(0);
      if (prints !== undefined) expect(stdout).toMatch(prints);
    }
  });
});
