/** The trees of several visl on FUSE nodes: none takes away another's, and all take away those of killed drivers. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { startProgram, type Client } from "../device/support/probe.js";
import { ownRun } from "../support/own-run.js";

const isPossible = existsSync("/dev/fuse") && process.getuid?.() === 0;
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs root and /dev/fuse)";

class Place {
  readonly #enter = ownRun();

  /** What a command prints. */
  sees(...command: readonly string[]): string {
    const [program = "", ...args] = [...this.#enter, ...command];
    return execFileSync(program, args, { encoding: "utf8", timeout: 20_000 });
  }

  /** The devices whose trees are mounted. */
  get trees(): string[] {
    return [...this.sees("cat", "/proc/self/mountinfo").matchAll(/ \/run\/v4l2-cuse\/(video\d+) /g)]
      .map(([, name = ""]) => name)
      .sort();
  }

  /** A driver that is ready. */
  async visl(number: number, folder = `/run/nodes${number}`): Promise<Client> {
    const nodes = ["--node", "fuse", "--node-folder", folder, "--video", `${number}`, "--media", `${number}`];
    const [program = "", ...args] = [...this.#enter, process.execPath, builtProgram(), "visl", ...nodes];
    const driver = startProgram(program, [...args, "--log", "none", "--graft", "off"], { timeoutMs: 60_000 });
    onTestFinished(async () => {
      driver.kill("SIGCONT");
      driver.kill("SIGTERM");
      await driver.result;
    });
    await driver.saying(/ are ready; /, 30_000);
    return driver;
  }
}

describeNodes(`trees of visl on FUSE nodes${why}`, () => {
  it("stay while their driver is there, stopped or not, and go with the next one when it was killed", async () => {
    const place = new Place();
    const first = await place.visl(1);
    const second = await place.visl(2);
    expect(place.trees).toEqual(["video1", "video2"]);
    expect(place.sees("cat", "/run/v4l2-cuse/video1/counters")).toMatch(/^open files: 0\n/);
    first.kill("SIGSTOP");
    second.kill("SIGKILL");
    await second.result;
    expect(place.trees).toEqual(["video1", "video2"]);
    await place.visl(3);
    expect(place.trees).toEqual(["video1", "video3"]);
    first.kill("SIGCONT");
    expect(place.sees("cat", "/run/v4l2-cuse/video1/counters")).toMatch(/^open files: 0\n/);
  }, 120_000);

  it("are the first one's, where nodes of two folders have the same name", async () => {
    const place = new Place();
    await place.visl(1, "/run/a");
    const second = await place.visl(1, "/run/b");
    expect(second.stderr).toContain(
      "v4l2-cuse: no files at /run/v4l2-cuse/video1: those of another driver are there; give the device another number with --video\n",
    );
    second.kill("SIGTERM");
    expect((await second.result).code).toBe(0);
    expect(place.trees).toEqual(["video1"]);
    expect(place.sees("cat", "/run/v4l2-cuse/video1/counters")).toMatch(/^open files: 0\n/);
  }, 120_000);
});
