/**
 * The view without root: `unshare` (util-linux) starts a second launcher in a user namespace, in which it may mount.
 * A process with threads, as every Node.js is, cannot enter one by itself.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Same user, same groups. Only the second launcher gets the right to mount: it keeps it from the client. */
const unshare = ["--user", "--map-current-user", "--keep-caps", "--mount", "--propagation", "slave", "--"];

/** What inside.ts is told of the launcher's options, as JSON. */
export interface InsideOptions {
  readonly quiet?: boolean | undefined;
  readonly helper?: boolean | undefined;
  readonly sysfs?: boolean | undefined;
  readonly device?: readonly string[] | undefined;
  readonly logFile?: string | undefined;
  readonly record?: string | undefined;
  readonly watch?: number | true | undefined;
  readonly watchControl?: boolean | undefined;
}

/** May this user have such a namespace? */
export const trialInUserNamespace = (): boolean =>
  spawnSync("unshare", [...unshare, "true"], { stdio: "ignore" }).status === 0;

/**
 * The command line that runs `client` with a view from a user namespace.
 * @returns Undefined where users may have none (a sysctl, AppArmor, a container), or util-linux is older than 2.36.
 */
export function inUserNamespace(
  client: string,
  args: readonly string[],
  options: InsideOptions,
): [string, ...string[]] | undefined {
  return trialInUserNamespace() ? insideCommand(client, args, options) : undefined;
}

/** The same without a look whether that is allowed. The second launcher does not outlive the first. */
export function insideCommand(
  client: string,
  args: readonly string[],
  { quiet, helper, sysfs, device, logFile, record, watch, watchControl }: InsideOptions,
): [string, ...string[]] {
  // The same kind of file as this one: compiled, or source under a loader that execArgv names.
  const inside = fileURLToPath(import.meta.url).replace(/user-namespace(\.\w+)$/, "inside$1");
  return [
    "unshare",
    ...unshare,
    ...(device === undefined ? [] : ["setpriv", "--pdeathsig=KILL", "--"]),
    process.execPath,
    ...process.execArgv,
    inside,
    JSON.stringify({
      ...{ quiet, helper, sysfs, device, logFile, record, watch, watchControl },
    } satisfies InsideOptions),
    client,
    ...args,
  ];
}
