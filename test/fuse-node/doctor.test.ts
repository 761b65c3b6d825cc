/** What doctor says in broken surroundings is what then happens to clients of a driver that is started there. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Examination } from "../../src/cli/doctor.js";
import { helperPath } from "../../src/native.js";
import { builtProgram } from "../device/support/camera.js";
import { compile } from "../device/support/compile.js";
import { built } from "../support/built.js";

const run = promisify(execFile);
const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const denyCalls = built("deny-calls");
const plainClient = built("v4l2-client");

const isPossible = existsSync("/dev/fuse") && process.getuid?.() === 0;
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs root and /dev/fuse)";

/** Where doctor and driver run; clients do not. */
interface Surroundings {
  readonly command?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

interface Served {
  readonly plainMmap: boolean;
  readonly helperMmap: boolean;
  readonly userptr: boolean;
  readonly extControls: boolean;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fuse-node-"));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const commandLine = ({ command = [] }: Surroundings, ...args: readonly string[]): [string, ...string[]] => {
  const [first = "", ...rest] = [...command, process.execPath, builtProgram(), ...args];
  return [first, ...rest];
};

async function examine(surroundings: Surroundings): Promise<{ said: Examination; status: number }> {
  const [program, ...args] = commandLine(surroundings, "doctor", "--json");
  const options = { env: { ...process.env, ...surroundings.env }, timeout: 60_000 };
  const { stdout, status } = await run(program, args, options).then(
    (result) => ({ ...result, status: 0 }),
    (error: unknown) => error as { stdout: string; status: number; code: number },
  );
  const said = JSON.parse(stdout) as Examination;
  return { said, status: status === 0 ? 0 : 1 };
}

const succeeds = (program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<boolean> =>
  run(program, [...args], { env: { ...process.env, ...env }, timeout: 60_000 }).then(
    () => true,
    () => false,
  );

/** v4l2-ctl draws an angle for each frame. */
const STREAMED = /^<<\s*$/;

/** Does the program end well, and is what it says just that? */
const says = (expected: RegExp, program: string, args: readonly string[]): Promise<boolean> =>
  run(program, [...args], { timeout: 60_000 }).then(
    ({ stdout, stderr }) => expected.test(`${stdout}${stderr}`),
    () => false,
  );

/** Starts a camera there, lets nobody's clients use it, and says which of them could. Undefined: it did not start. */
async function serve(surroundings: Surroundings): Promise<Served | undefined> {
  const folder = temporaryFolder();
  const nodes = join(folder, "nodes");
  const options = [
    "--video",
    "9",
    "--node",
    "fuse",
    "--node-folder",
    nodes,
    "--mode",
    "0666",
    "--log",
    "none",
  ];
  const [program, ...args] = commandLine(surroundings, "sample", ...options);
  const driver = spawn(program, args, {
    env: { ...process.env, ...surroundings.env },
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
    const { pid } = driver;
    if (pid === undefined) throw new Error("no driver");
    return await tryClients(`${nodes}/video9`, folder);
  } finally {
    driver.kill("SIGTERM");
    await ended;
  }
}

async function tryClients(node: string, folder: string): Promise<Served> {
  const out = join(folder, "frames");
  writeFileSync(out, "");
  chmodSync(out, 0o666);
  // The view of a client of `run` has every FUSE node of the machine in /dev.
  // v4l2-ctl exits with 0 after some failures.
  const viaRun = (expected: RegExp, ...args: string[]): Promise<boolean> =>
    says(expected, process.execPath, [
      ...[builtProgram(), "run", "--quiet", "--user", "65534", "--", "sh", "-c"],
      ...[
        'for d in /dev/video*; do [ "$(readlink -f $d)" = "$0" ] && exec v4l2-ctl -d $d "$@"; done; exit 9',
        node,
      ],
      ...args,
    ]);
  return {
    plainMmap: await succeeds(plainClient, ["--uid", "65534", node, "capture", "poll", "2", out]),
    helperMmap: await viaRun(STREAMED, "--stream-mmap=3", "--stream-count=2", "--stream-poll"),
    userptr: await viaRun(STREAMED, "--stream-user=3", "--stream-count=2", "--stream-poll"),
    extControls: await viaRun(/^test_pattern: \d+/, "--get-ctrl=test_pattern"),
  };
}

/** What doctor says of the same clients. */
function promised({ clients }: Examination): Served {
  const [asTheyAre, started] = clients;
  if (asTheyAre === undefined || started === undefined) throw new Error("doctor names no clients");
  return {
    plainMmap: asTheyAre.mmap.works,
    helperMmap: started.mmap.works,
    userptr: asTheyAre.userptr.works,
    extControls: asTheyAre.extControls.works,
  };
}

/** A /dev without one of its devices. */
const without = (device: string): readonly string[] => [
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "sh",
  "-c",
  `dev=$(mktemp -d) && mount -t tmpfs none "$dev" &&
   for name in null zero full random urandom tty fuse; do
     [ "$name" = "${device}" ] || { touch "$dev/$name" && mount --bind "/dev/$name" "$dev/$name"; } || exit
   done
   mount --move "$dev" /dev && rmdir "$dev"
   exec "$@"`,
  "sh",
];

describeNodes(`doctor${why}`, () => {
  beforeAll(async () => {
    await compile(path("test/clients/deny-calls.c"), denyCalls);
  });

  const compare = async (surroundings: Surroundings): Promise<Examination> => {
    const { said, status } = await examine(surroundings);
    expect(status).toBe(said.canServe ? 0 : 1);
    const served = await serve(surroundings);
    expect(served !== undefined).toBe(said.canServe);
    if (served !== undefined) expect(served).toEqual(promised(said));
    return said;
  };

  const remedies = ({ findings }: Examination): string =>
    findings.flatMap(({ ok, remedy }) => (ok || remedy === undefined ? [] : [remedy])).join("\n");

  it("as it is", async () => {
    const said = await compare({});
    expect(said).toMatchObject({ canServe: true });
    expect(promised(said)).toMatchObject({ userptr: true, extControls: true, helperMmap: true });
  }, 120_000);

  it("without CAP_SYS_PTRACE", async () => {
    const drop = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"];
    const said = await compare({ command: drop });
    expect(promised(said)).toMatchObject({ userptr: false, extControls: false, helperMmap: false });
    expect(remedies(said)).toContain("This process lacks CAP_SYS_PTRACE");
  }, 120_000);

  it("under a seccomp filter that forbids process_vm_readv", async () => {
    const said = await compare({ command: [denyCalls] });
    expect(promised(said)).toMatchObject({ userptr: false, extControls: false, helperMmap: true });
    expect(remedies(said)).toContain("seccomp");
  }, 120_000);

  it("without /dev/fuse", async () => {
    const said = await compare({ command: without("fuse") });
    expect(said.canServe).toBe(existsSync("/dev/cuse"));
    expect(remedies(said)).toContain("modprobe fuse");
  }, 120_000);

  it("without root", async ({ skip }) => {
    const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    const mayRead = await succeeds("setpriv", [...nobody.slice(1), "test", "-r", builtProgram()]);
    if (!mayRead) skip("nobody may not read this checkout");
    const said = await compare({ command: nobody });
    expect(said.canServe).toBe(false);
    expect(remedies(said)).toContain("Start the driver with sudo.");
  }, 120_000);

  it("without the helper", async () => {
    const build = dirname(helperPath());
    const folder = join(temporaryFolder(), "build");
    mkdirSync(folder);
    for (const file of ["v4l2_cuse.node", "v4l2-cuse-tracer"]) {
      copyFileSync(join(build, file), join(folder, file));
      chmodSync(join(folder, file), 0o755);
    }
    const env = { V4L2_CUSE_NATIVE: folder };
    const { said } = await examine({ env });
    expect(promised(said).helperMmap).toBe(false);
    expect(remedies(said)).toContain("The helper library is not built");
    const args = [builtProgram(), "run", "--", "true"];
    expect(await succeeds(process.execPath, args, env)).toBe(false);
  }, 120_000);

  for (const scope of ["1", "2"]) {
    it(`under yama's ptrace_scope ${scope}`, async ({ skip }) => {
      const file = "/proc/sys/kernel/yama/ptrace_scope";
      if (!existsSync(file)) skip("this kernel has no yama");
      const before = readFileSync(file, "latin1");
      execFileSync("sh", ["-c", `echo ${scope} >${file}`]);
      onTestFinished(() => {
        execFileSync("sh", ["-c", `echo ${before.trim()} >${file}`]);
      });
      await compare({});
    }, 120_000);
  }
});
