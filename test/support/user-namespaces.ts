/** Containers forbid user namespaces: tests that need them are skipped there, with the reason in their titles. */
import { spawnSync } from "node:child_process";

const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** Why a user cannot have them: what `unshare` says. */
function problemOf(before: readonly string[]): string | undefined {
  const [command = "", ...args] = [...before, "unshare", "--user", "--map-root-user", "--mount", "true"];
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: 30_000 });
  if (status === 0) return undefined;
  return (error?.message ?? stderr).trim() || `unshare ended with status ${String(status)}`;
}

/** What `describe.skipIf` or `it.skipIf` takes, and what its title says besides. */
export interface Need {
  readonly isMissing: boolean;
  readonly why: string;
}

const need = (problem: string | undefined): Need => ({
  isMissing: problem !== undefined,
  why: problem === undefined ? "" : ` (skipped: no user namespaces here: ${problem})`,
});

let own: Need | undefined;
let nobodys: Need | undefined;
/** The user that runs the tests makes them. */
export const ownUserNamespaces = (): Need => (own ??= need(problemOf([])));
/** An ordinary user makes them; only root can try. */
export const nobodysUserNamespaces = (): Need => (nobodys ??= need(problemOf(NOBODY)));
