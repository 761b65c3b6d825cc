/**
 * What doctor says of CUSE nodes, in broken surroundings, is what then happens to clients of a driver that is started
 * there: on kernels that map files of a FUSE server, and on older ones.
 */
import { readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { describeDevice } from "./support/device.js";
import { compare, promised, remedies, without } from "./support/doctor.js";
import { kernelMaps } from "./support/plain.js";

vi.setConfig({ testTimeout: 120_000 });

const maps = await kernelMaps();
const canAll = { userptr: true, extControls: true, helperMmap: true };

describeDevice("doctor", () => {
  it("says that a kernel without FUSE passthrough has no mmap for clients as they are", async () => {
    const said = await compare({});
    expect(said).toMatchObject({ canServe: true, node: "cuse" });
    expect(promised(said)).toEqual({ ...canAll, plainMmap: maps });
    if (!maps) expect(remedies(said)).toContain("Linux 6.9 with CONFIG_FUSE_PASSTHROUGH");
  });

  // Where there are no grafts, test/fuse-node has all of it.
  it.skipIf(!maps)("says what goes without CAP_SYS_PTRACE", async () => {
    const drop = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"];
    const said = await compare({ command: drop });
    expect(promised(said)).toEqual({
      plainMmap: false,
      userptr: false,
      extControls: false,
      helperMmap: false,
    });
  });

  it("says how to make /dev/cuse where only the node is missing, and serves a FUSE node", async () => {
    const said = await compare({ command: without("cuse") });
    expect(said).toMatchObject({ canServe: true, node: "fuse" });
    const minor = /^ *(\d+) cuse$/m.exec(readFileSync("/proc/misc", "latin1"))?.[1];
    expect(remedies(said)).toMatch(
      new RegExp(`mknod -m 600 /dev/cuse c 10 ${minor}|this container has no /dev/cuse`),
    );
    expect(promised(said)).toEqual({ ...canAll, plainMmap: maps });
  });
});
