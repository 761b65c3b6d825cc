/** What is there of a kernel's CUSE, and what keeps processes from each other: as the system's files tell it. */
import { accessSync, constants, existsSync, readFileSync, readlinkSync } from "node:fs";
import { release } from "node:os";

/** The system's files; another set in tests. */
export interface SystemFiles {
  exists(path: string): boolean;
  mayUse(path: string): boolean;
  /** Text, or undefined where there is no such file. */
  read(path: string): string | undefined;
  link(path: string): string | undefined;
  readonly release: string;
}

function orUndefined<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

export const systemFiles: SystemFiles = {
  exists: existsSync,
  mayUse: (path) => orUndefined(() => accessSync(path, constants.R_OK | constants.W_OK) ?? true) === true,
  read: (path) => orUndefined(() => readFileSync(path, "latin1")),
  link: (path) => orUndefined(() => readlinkSync(path)),
  release: release(),
};

export const isContainer = (files: SystemFiles): boolean =>
  files.exists("/.dockerenv") ||
  files.exists("/run/.containerenv") ||
  (files
    .read("/proc/1/environ")
    ?.split("\0")
    .some((entry) => entry.startsWith("container=")) ??
    false);

/** Of the first pid namespace: PROC_PID_INIT_INO. */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";

export const seesAllProcesses = (files: SystemFiles): boolean =>
  files.link("/proc/self/ns/pid") === FIRST_PID_NAMESPACE;

/** Why there is no CUSE device to be had, with the remedy; undefined: there is. */
export function cuseProblem(files: SystemFiles): string | undefined {
  if (files.exists("/dev/cuse")) {
    return files.mayUse("/dev/cuse") ? undefined : "Only root may open it: start the driver with sudo.";
  }
  const minor = /^ *(\d+) cuse$/m.exec(files.read("/proc/misc") ?? "")?.[1];
  if (minor !== undefined) {
    return isContainer(files)
      ? "The kernel has CUSE, but this container has no /dev/cuse: start it with --device /dev/cuse --cap-add SYS_ADMIN."
      : `The kernel has CUSE, but this /dev has no node for it: sudo mknod -m 600 /dev/cuse c 10 ${minor}`;
  }
  const modules = `/lib/modules/${files.release}`;
  const lists = ["modules.dep", "modules.builtin"].map((list) => files.read(`${modules}/${list}`));
  if (lists.some((list) => list !== undefined && /\/cuse\.ko/.test(list))) {
    return isContainer(files)
      ? "The kernel has a cuse module, which is not loaded: sudo modprobe cuse on the host, and start this container with --device /dev/cuse."
      : "Load it: sudo modprobe cuse";
  }
  if (lists.every((list) => list === undefined)) {
    const list = `${modules} is not here to tell whether the kernel has the module`;
    return isContainer(files)
      ? `CUSE is not loaded, and ${list}: try sudo modprobe cuse on the host, and start this container with --device /dev/cuse.`
      : `CUSE is not loaded, and ${list}: try sudo modprobe cuse`;
  }
  return "This kernel has no cuse module. FUSE nodes need none (docs/fuse-nodes.md); for CUSE use a kernel with CONFIG_CUSE, or run inside a guest, from a clone of v4l2-cuse: scripts/guest -- COMMAND";
}

const CAP_SYS_PTRACE = 19n;

/** Why we may not look into processes of others, and what to do; undefined: nothing that these files tell. */
export function ptraceProblem(files: SystemFiles): string | undefined {
  const scope = files.read("/proc/sys/kernel/yama/ptrace_scope")?.trim();
  if (scope === "3") {
    return "yama forbids it to everybody (kernel.yama.ptrace_scope = 3), until the machine is started again without that setting.";
  }
  const effective = /^CapEff:\s*([\da-f]+)/m.exec(files.read("/proc/self/status") ?? "")?.[1] ?? "0";
  if (((BigInt(`0x${effective}`) >> CAP_SYS_PTRACE) & 1n) === 0n) {
    return isContainer(files)
      ? "This process lacks CAP_SYS_PTRACE: start the container with --cap-add SYS_PTRACE."
      : "This process lacks CAP_SYS_PTRACE: start the driver as root, with that capability (systemd: CapabilityBoundingSet=).";
  }
  if (files.read("/proc/self/status")?.includes("Seccomp:\t2") === true) {
    return "A seccomp filter forbids it (process_vm_readv, process_vm_writev, pidfd_getfd, ptrace): allow these calls.";
  }
  return undefined;
}
