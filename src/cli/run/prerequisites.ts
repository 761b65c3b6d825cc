/** What `run --device` needs of the machine, and what to do where that is missing. One sentence each. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { trialInUserNamespace } from "./user-namespace.js";

/** What is looked at; another system in tests. */
export interface Machine {
  readonly isRoot: boolean;
  exists(path: string): boolean;
  /** May we read and write it? */
  mayUse(path: string): boolean;
  /** A file of /proc/sys, without the newline; undefined where the kernel has none. */
  setting(name: string): string | undefined;
  /** May we have a mount namespace, as root, or a user namespace with one in it? */
  mayMount(): boolean;
}

export const thisMachine: Machine = {
  isRoot: process.geteuid?.() === 0,
  exists: existsSync,
  mayUse: (path) => {
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return true;
    } catch {
      return false;
    }
  },
  setting: (name) => {
    try {
      return readFileSync(`/proc/sys/${name}`, "latin1").trim();
    } catch {
      return undefined;
    }
  },
  mayMount: () =>
    process.geteuid?.() === 0
      ? spawnSync("unshare", ["--mount", "true"], { stdio: "ignore" }).status === 0
      : trialInUserNamespace(),
};

const isContainer = (machine: Machine): boolean =>
  machine.exists("/.dockerenv") || machine.exists("/run/.containerenv");

/** @returns Why a device cannot be made for a client, with the remedy; undefined: it can. */
export function deviceProblem(machine: Machine = thisMachine): string | undefined {
  if (!machine.exists("/dev/fuse")) {
    return isContainer(machine)
      ? "there is no /dev/fuse in this container: start it with --device /dev/fuse --cap-add SYS_ADMIN"
      : "there is no /dev/fuse: load it with 'sudo modprobe fuse' (the kernel needs CONFIG_FUSE_FS)";
  }
  if (!machine.mayUse("/dev/fuse")) {
    return "this user may not open /dev/fuse: 'sudo chmod 0666 /dev/fuse' gives it the mode that most systems give it, or use sudo";
  }
  return machine.mayMount() ? undefined : mountProblem(machine);
}

function mountProblem(machine: Machine): string {
  if (machine.isRoot) {
    return isContainer(machine)
      ? "root may not mount in this container: start it with --cap-add SYS_ADMIN, and where AppArmor confines it with --security-opt apparmor=unconfined"
      : "root may not make a mount namespace here: CAP_SYS_ADMIN is missing";
  }
  const forbidden = "this system forbids user namespaces to this user:";
  if (machine.setting("user/max_user_namespaces") === "0") {
    return `${forbidden} 'sudo sysctl user.max_user_namespaces=10000' allows them, or use sudo`;
  }
  if (machine.setting("kernel/unprivileged_userns_clone") === "0") {
    return `${forbidden} 'sudo sysctl kernel.unprivileged_userns_clone=1' allows them, or use sudo`;
  }
  if (machine.setting("kernel/apparmor_restrict_unprivileged_userns") === "1") {
    return `${forbidden} 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0' ends AppArmor's restriction, or use sudo`;
  }
  return isContainer(machine)
    ? "this container forbids user namespaces: be root in it, and start it with --device /dev/fuse --cap-add SYS_ADMIN"
    : `${forbidden} use sudo (a seccomp filter, or util-linux before 2.36)`;
}
