/** `--user`: the client as another user, for a launcher that root had to start. */
import { execFileSync, spawnSync } from "node:child_process";
import { Failure } from "../failure.js";

export interface Account {
  readonly name: string;
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
  readonly home: string;
}

/** A line of passwd(5). @throws {Failure} It is none. */
export function parseAccount(line: string): Account {
  const [name, , uid, gid, , home] = line.trimEnd().split(":");
  if (name === undefined || home === undefined || !/^\d+$/.test(uid ?? "") || !/^\d+$/.test(gid ?? "")) {
    throw new Failure(`the user database answered with "${line}"`);
  }
  return { name, uid: Number(uid), gid: Number(gid), home };
}

/**
 * Asks the system's user database, LDAP and the like included: Node.js knows no getpwnam(3).
 * @param user - A name or a number.
 * @throws {Failure} There is no such user.
 */
export function findAccount(user: string): Account {
  let line: string;
  try {
    line = execFileSync("getent", ["passwd", "--", user], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch (error) {
    const missing = error instanceof Error && "status" in error && error.status === 2;
    throw new Failure(
      missing ? `there is no user ${user}` : "--user needs the program getent, which did not work",
    );
  }
  return parseAccount(line);
}

/**
 * The command line that runs another as the user, with all of the user's groups. `setpriv` (util-linux) does it:
 * setuid(2) from within Node.js is switched off in builds that use io_uring, Debian's among them.
 */
export function asAccount({ uid, gid }: Account, command: readonly string[]): [string, ...string[]] {
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--", ...command];
}

/** May the user read this file? */
export function mayRead(account: Account, path: string): boolean {
  const [program, ...args] = asAccount(account, ["test", "-r", path]);
  const { status, error } = spawnSync(program, args, { stdio: "ignore" });
  if (error !== undefined) throw new Failure("--user needs the program setpriv, which did not start");
  return status === 0;
}
