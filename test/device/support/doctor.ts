/** What doctor says of its surroundings, beside what then happens to clients of a driver that is started in the same. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import type { Examination } from "../../../src/cli/doctor.js";
import { builtProgram } from "./camera.js";
import { built } from "../../support/built.js";

const run = promisify(execFile);
const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

/** A script that tries clients, and prints what they can. */
export const clientsScript = path("test/device/support/what-clients-can");
/** The client that it wants to be told. */
export const plainClient = built("v4l2-client");

/** Where doctor and driver run; clients do not. */
export interface Surroundings {
  readonly command?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** What clients can, in the words of {@link clientsScript}. */
export interface Served {
  readonly plainMmap: boolean;
  readonly helperMmap: boolean;
  readonly userptr: boolean;
  readonly extControls: boolean;
}

/** Of what {@link clientsScript} printed. */
export function servedIn(text: string): Served {
  const words = text.split("\n");
  return {
    plainMmap: words.includes("plain-mmap"),
    helperMmap: words.includes("helper-mmap"),
    userptr: words.includes("userptr"),
    extControls: words.includes("controls"),
  };
}

/** What doctor says of the same clients. */
export function promised({ clients }: Examination): Served {
  const [asTheyAre, started] = clients;
  if (asTheyAre === undefined || started === undefined) throw new Error("doctor names no clients");
  return {
    plainMmap: asTheyAre.mmap.works,
    helperMmap: started.mmap.works,
    userptr: asTheyAre.userptr.works,
    extControls: asTheyAre.extControls.works,
  };
}

/** What doctor says can be done about all that is missing. */
export const remedies = ({ findings }: Examination): string =>
  findings.flatMap(({ ok, remedy }) => (ok || remedy === undefined ? [] : [remedy])).join("\n");

/** A folder that others may enter, for the time of the test. */
export function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "doctor-"));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const commandLine = ({ command = [] }: Surroundings, ...args: readonly string[]): [string, ...string[]] => {
  const [first = "", ...rest] = [...command, process.execPath, builtProgram(), ...args];
  return [first, ...rest];
};

/** `v4l2-cuse doctor --json` there. Its exit status must be that of its words. */
export async function examine(surroundings: Surroundings): Promise<Examination> {
  const [program, ...args] = commandLine(surroundings, "doctor", "--json");
  const options = { env: { ...process.env, ...surroundings.env }, timeout: 60_000 };
  const { stdout, code } = await run(program, args, options).then(
    (result) => ({ ...result, code: 0 }),
    (error: unknown) => error as { stdout: string; code: number },
  );
  const said = JSON.parse(stdout) as Examination;
  expect(code).toBe(said.canServe ? 0 : 1);
  return said;
}

/**
 * Starts a camera there, with a node of the kind that it takes by itself, lets clients of another user use it, and says
 * what they could. Undefined: it did not start.
 */
async function serve(surroundings: Surroundings, node: Examination["node"]): Promise<Served | undefined> {
  const folder = join(openFolder(), "nodes");
  const where = node === "fuse" ? ["--node-folder", folder] : [];
  const sample = ["sample", "--video", "9", ...where, "--mode", "0666", "--log", "none"];
  const [program, ...args] = commandLine(surroundings, ...sample);
  const driver = spawn(program, args, {
    env: { ...process.env, V4L2_CUSE_NODE: undefined, ...surroundings.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(driver, "exit");
  let said = "";
  const started = new Promise<boolean>((resolve) => {
    driver.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(" ready; ")) resolve(true);
    });
    driver.once("exit", () => resolve(false));
  });
  try {
    if (!(await started)) return undefined;
    const device = node === "fuse" ? join(folder, "video9") : "/dev/video9";
    // A driver's mount may be seen from its own mount namespace only.
    const there = ["--target", String(driver.pid), "--mount", "--", clientsScript, device, plainClient];
    const tried = await run("nsenter", [...there, process.execPath, builtProgram()]);
    return servedIn(tried.stdout);
  } finally {
    driver.kill("SIGTERM");
    await ended;
  }
}

/** Both, which must be the same. @returns What doctor said. */
export async function compare(surroundings: Surroundings): Promise<Examination> {
  const said = await examine(surroundings);
  const served = await serve(surroundings, said.node);
  expect(served !== undefined).toBe(said.canServe);
  if (served !== undefined) expect(served).toEqual(promised(said));
  return said;
}

/** A /dev without one of its devices. */
export const without = (device: string): readonly string[] => [
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "sh",
  "-c",
  `dev=$(mktemp -d) && mount -t tmpfs none "$dev" &&
   for name in null zero full random urandom tty cuse fuse; do
     [ "$name" = "${device}" ] || [ ! -e "/dev/$name" ] ||
       { touch "$dev/$name" && mount --bind "/dev/$name" "$dev/$name"; } || exit
   done
   mount --move "$dev" /dev && rmdir "$dev"
   exec "$@"`,
  "sh",
];

const scopeFile = "/proc/sys/kernel/yama/ptrace_scope";

/** yama's setting, until the test ends; false: this kernel has no yama. 3 could not be taken back. */
export function setPtraceScope(scope: 1 | 2): boolean {
  if (!existsSync(scopeFile)) return false;
  const before = readFileSync(scopeFile, "latin1").trim();
  const set = (value: string): void => {
    execFileSync("sh", ["-c", 'echo "$0" >"$1"', value, scopeFile]);
  };
  set(String(scope));
  onTestFinished(() => set(before));
  return true;
}
