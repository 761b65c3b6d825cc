/** A guest with a stock kernel, in which one driver and its clients ran: `run-steps` says how. The rest is done here. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { startProgram } from "../device/support/probe.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** So many times as long as on a machine that does nothing else may all take: also for run-steps. */
const PATIENCE = Number(process.env["V4L2_CUSE_PATIENCE"] ?? 1);
/** Longer than run-steps takes if every wait of it lasts as long as it may. */
const LIMIT_S = 840 * PATIENCE;
/** For the hook that calls {@link runInGuest}. */
export const GUEST_MS = LIMIT_S * 1000 + 40_000;
const TIMED_OUT = 124;

/** The node in the guest. */
export const NODE = "/dev/video10";

export interface Command {
  readonly title: string;
  /** Its words have no white space but spaces. */
  readonly words: readonly string[];
  readonly limitS?: number;
}

/** What came of one command. */
export interface Outcome {
  /** Where it ran; what it wrote is still there. */
  readonly folder: string;
  /** Without the last line break. */
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  /** Events of the driver's log, until all of its files were released. */
  readonly events: readonly Record<string, unknown>[];
  /** Sentences of these. */
  readonly messages: readonly string[];
}

const folderOf = (title: string): string => title.replaceAll(/[^a-z0-9]+/gi, "-");

/** What came of a run of {@link runInGuest}. */
export class GuestRun {
  constructor(private readonly results: string) {}

  /** What run-steps wrote itself. */
  text(name: string): string {
    return readFileSync(join(this.results, name), "utf8").trimEnd();
  }

  /** @throws When the command was not begun, or took too long. */
  outcome(title: string): Outcome {
    const folder = join(this.results, folderOf(title));
    const read = (name: string): string => readFileSync(join(folder, name), "utf8").trimEnd();
    if (!existsSync(join(folder, "status"))) throw new Error(`"${title}" was not run, for lack of time`);
    const [status, stdout, stderr, log] = [
      Number(read("status")),
      read("stdout"),
      read("stderr"),
      read("log"),
    ];
    if (status === TIMED_OUT) throw new Error(`"${title}" took too long\n${stdout}\n${stderr}\n${log}`);
    const events = log
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const messages = events.flatMap(({ kind, text }) => (kind === "message" ? [String(text)] : []));
    return { folder, stdout, stderr, status, events, messages };
  }
}

/** A guest whose programs are not this machine's. */
export interface Foreign {
  /** What starts the `v4l2-cuse` command there. */
  readonly command: readonly string[];
  /** For what is in the environment otherwise. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Boots the kernel, starts the camera with these arguments, runs the commands one after another, and stops the camera.
 * It takes minutes. @throws When that did not come to its end.
 */
export async function runInGuest(
  kernel: string,
  camera: readonly string[],
  commands: readonly Command[],
  { command, env }: Foreign = { command: [process.execPath, builtProgram()], env: process.env },
): Promise<GuestRun> {
  const folder = join(root, "out", "test", `in-${kernel}`);
  const table = (rows: readonly (readonly string[])[]): string =>
    rows.map((row) => `${row.join("\t")}\n`).join("");
  expect(new Set(commands.map(({ title }) => folderOf(title))).size).toBe(commands.length);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const number = NODE.replace("/dev/video", "");
  const driver = [...command, "sample", "--video", number, "--log", "json", ...camera];
  writeFileSync(join(folder, "driver"), table([driver]));
  const rows = commands.map(({ title, words, limitS = 60 }) => [folderOf(title), String(limitS), ...words]);
  writeFileSync(join(folder, "steps"), table(rows));

  const script = fileURLToPath(new URL("run-steps", import.meta.url));
  const guest = startProgram(
    join(root, "scripts", "guest"),
    ["--kernel", kernel, "--timeout", String(LIMIT_S), "--", script, folder, NODE],
    { timeoutMs: LIMIT_S * 1000 + 10_000, env },
  );
  const { code, signal, lines, stderr } = await guest.result;
  if (code !== 0) throw new Error(`the guest ended with ${code ?? signal}:\n${lines.join("\n")}\n${stderr}`);
  return new GuestRun(join(folder, "results"));
}
