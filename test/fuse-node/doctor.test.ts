/**
 * What doctor says in broken surroundings is what then happens to clients of a driver that is started there: on this
 * machine's own kernel. test/device/doctor.test.ts has what is about CUSE, and test/emulated what cannot be taken back.
 */
import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { helperPath } from "../../src/native.js";
import { builtProgram } from "../device/support/camera.js";
import { compile } from "../device/support/compile.js";
import {
  compare,
  examine,
  openFolder,
  promised,
  remedies,
  setPtraceScope,
  without,
} from "../device/support/doctor.js";
import { built } from "../support/built.js";

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const denyCalls = built("deny-calls");

const isPossible = existsSync("/dev/fuse") && process.getuid?.() === 0;
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs root and /dev/fuse)";

const succeeds = (program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<boolean> =>
  promisify(execFile)(program, [...args], { env: { ...process.env, ...env }, timeout: 60_000 }).then(
    () => true,
    () => false,
  );

describeNodes(`doctor${why}`, () => {
  beforeAll(async () => {
    await compile(path("test/clients/deny-calls.c"), denyCalls);
  });

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
    const folder = join(openFolder(), "build");
    mkdirSync(folder);
    for (const file of ["v4l2_cuse.node", "v4l2-cuse-tracer"]) {
      copyFileSync(join(build, file), join(folder, file));
      chmodSync(join(folder, file), 0o755);
    }
    const env = { V4L2_CUSE_NATIVE: folder };
    const said = await examine({ env });
    expect(promised(said).helperMmap).toBe(false);
    expect(remedies(said)).toContain("The helper library is not built");
    const args = [builtProgram(), "run", "--", "true"];
    expect(await succeeds(process.execPath, args, env)).toBe(false);
  }, 120_000);

  it.each([1, 2] as const)(
    "under yama's ptrace_scope %d, which does not stop root",
    async (scope) => {
      // Where the kernel has no yama, test/emulated and test/device see to it.
      const isSet = setPtraceScope(scope);
      const said = await compare({});
      if (isSet) expect(promised(said)).toMatchObject({ userptr: true, extControls: true, helperMmap: true });
    },
    120_000,
  );
});
