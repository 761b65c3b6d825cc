/**
 * The view without root: `unshare` (util-linux) gives the launcher a user namespace, in which it may mount, and the
 * launcher starts itself once more in there. A program with threads, as every Node.js is, cannot enter one by itself.
 */
import { spawnSync } from "node:child_process";

/** Same user, same groups; the right to mount passes to the launcher in there, which keeps it from the client. */
const unshare = [
  "unshare",
  "--user",
  "--map-current-user",
  "--keep-caps",
  "--mount",
  "--propagation",
  "slave",
  "--",
];

/**
 * The command that starts `command` in a user namespace of its own.
 * @returns Undefined where users may not make one (a sysctl, AppArmor, a container) or util-linux is older than 2.36.
 */
export function inUserNamespace(command: readonly string[]): [string, ...string[]] | undefined {
  const [program = "", ...args] = unshare;
  const trial = spawnSync(program, [...args, "true"], { stdio: "ignore" });
  return trial.status === 0 ? [program, ...args, ...command] : undefined;
}
