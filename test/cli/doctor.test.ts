/** What doctor makes of the system's files, and of what was tried. */
import { describe, expect, it } from "vitest";
import { clientKinds, clientTable, type Means } from "../../src/cli/doctor/clients.js";
import {
  cuseProblem,
  isContainer,
  ptraceProblem,
  seesAllProcesses,
  type SystemFiles,
} from "../../src/cli/doctor/surroundings.js";

function system(texts: Record<string, string>, mayUse = true): SystemFiles {
  return {
    exists: (path) => path in texts,
    mayUse: (path) => mayUse && path in texts,
    read: (path) => texts[path],
    link: (path) => texts[path],
    release: "6.1",
  };
}

const misc = { "/proc/misc": "203 cuse\n229 fuse\n" };
const module_ = { "/lib/modules/6.1/modules.dep": "kernel/fs/fuse/cuse.ko.xz: kernel/fs/fuse/fuse.ko.xz\n" };
const noModule = { "/lib/modules/6.1/modules.dep": "kernel/fs/fuse/fuse.ko.xz:\n" };
const container = { "/run/.containerenv": "" };

describe("a missing /dev/cuse", () => {
  it.each([
    ["is there", { "/dev/cuse": "" }, undefined],
    ["on a kernel that has it", misc, "mknod -m 600 /dev/cuse c 10 203"],
    [
      "in a container whose kernel has it",
      { ...misc, ...container },
      "this container has no /dev/cuse: start it with --device /dev/cuse",
    ],
    ["whose module is not loaded", module_, "Load it: sudo modprobe cuse"],
    [
      "whose module is not loaded, in a container",
      { ...module_, ...container },
      "sudo modprobe cuse on the host",
    ],
    ["of which nothing is known", {}, "is not here to tell whether the kernel has the module"],
    ["of which nothing is known, in a container", container, "try sudo modprobe cuse on the host"],
    ["that the kernel does not have", noModule, "This kernel has no cuse module."],
  ])("%s", (_what, files, expected) => {
    const problem = cuseProblem(system(files));
    if (expected === undefined) expect(problem).toBeUndefined();
    else expect(problem).toContain(expected);
  });

  it("that may not be opened", () => {
    expect(cuseProblem(system({ "/dev/cuse": "" }, false))).toContain("sudo");
  });
});

describe("why processes of others cannot be looked into", () => {
  const all = { "/proc/self/status": "CapEff:\t000001ffffffffff\nSeccomp:\t0\n" };
  const yama = (scope: string) => ({ "/proc/sys/kernel/yama/ptrace_scope": `${scope}\n` });
  it.each([
    ["all is well", all, undefined],
    ["yama 1 and 2 do not stop root", { ...all, ...yama("2") }, undefined],
    ["yama 3 stops all", { ...all, ...yama("3") }, "ptrace_scope = 3"],
    ["no capability", { "/proc/self/status": "CapEff:\t000001fffff7ffff\n" }, "lacks CAP_SYS_PTRACE"],
    [
      "the same in a container",
      { "/proc/self/status": "CapEff:\t0\n", ...container },
      "--cap-add SYS_PTRACE",
    ],
    [
      "a seccomp filter",
      { "/proc/self/status": "CapEff:\t000001ffffffffff\nSeccomp:\t2\n" },
      "seccomp filter",
    ],
  ])("%s", (_what, files, expected) => {
    const problem = ptraceProblem(system(files));
    if (expected === undefined) expect(problem).toBeUndefined();
    else expect(problem).toContain(expected);
  });
});

it("a container is told by its files or by what its first process was told", () => {
  expect(isContainer(system({}))).toBe(false);
  expect(isContainer(system(container))).toBe(true);
  expect(isContainer(system({ "/proc/1/environ": "A=b\0container=lxc\0" }))).toBe(true);
  expect(seesAllProcesses(system({ "/proc/self/ns/pid": "pid:[4026531836]" }))).toBe(true);
  expect(seesAllProcesses(system({ "/proc/self/ns/pid": "pid:[4026532000]" }))).toBe(false);
});

describe("which clients can do what", () => {
  const fine: Means = {
    uid: 65_534,
    memory: undefined,
    descriptors: undefined,
    trace: undefined,
    traceFiltered: undefined,
    fuse: undefined,
    passthrough: undefined,
    helper: undefined,
    seesAll: true,
    node: "cuse",
  };
  /** mmap of each kind: as they are, with the helper, static, sandboxed, in containers; then pointers, of the first. */
  const row = (means: Partial<Means>): string => {
    const kinds = clientKinds({ ...fine, ...means });
    return [...kinds.map(({ mmap }) => mmap), ...(kinds[0] ? [kinds[0].userptr, kinds[0].extControls] : [])]
      .map(({ works }) => (works ? "y" : "n"))
      .join("");
  };

  it.each([
    ["all is there", {}, "yyyyyyy"],
    ["no tracing", { trace: "x" }, "nynnnyy"],
    ["no tracing, FUSE nodes", { trace: "x", node: "fuse" }, "yyyyyyy"],
    ["no passthrough", { passthrough: "x" }, "nynnnyy"],
    ["no passthrough, FUSE nodes", { passthrough: "x", node: "fuse" }, "nynnnyy"],
    ["filters cannot sleep", { traceFiltered: "x" }, "yyynyyy"],
    ["no right at all", { trace: "x", descriptors: "x", memory: "x" }, "nnnnnnn"],
    ["the same, FUSE nodes", { trace: "x", descriptors: "x", memory: "x", node: "fuse" }, "ynyyynn"],
    ["no helper", { helper: "x" }, "ynyyyyy"],
    ["in a pid namespace", { seesAll: false }, "yyyynyy"],
    ["no node", { node: undefined }, ""],
  ] as const)("%s", (_what, means, expected) => {
    expect(row(means)).toBe(expected);
  });

  it("is a table, with each reason once", () => {
    const text = clientTable(clientKinds({ ...fine, memory: "because" }));
    expect(text).toContain("programs as they are                  yes        NO         NO         yes\n");
    expect(text.match(/because/g)).toHaveLength(2);
  });
});
