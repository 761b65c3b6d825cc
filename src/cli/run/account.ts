/** `--user`: the client as another user, for a launcher that root had to start. */
import { execFileSync } from "node:child_process";
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

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- the type packages leave it out
  namespace NodeJS {
    interface Process {
      /** initgroups(3). */
      initgroups?(user: string, extraGroup: number): void;
    }
  }
}

/** Turns this process into the user's, with all of the user's groups and for good. @throws EPERM - needs root. */
export function become({ name, uid, gid }: Account): void {
  if (process.initgroups === undefined || process.setgid === undefined || process.setuid === undefined) {
    throw new Failure("--user is not possible on this system");
  }
  process.initgroups(name, gid);
  process.setgid(gid);
  process.setuid(uid);
}
