/** How the command line fails: one sentence on stderr and an exit status, never a stack trace. */

/** Something the person at the terminal can act on. `message` is one plain sentence. */
export class Failure extends Error {
  override readonly name = "Failure";
  constructor(
    message: string,
    readonly exitStatus = 1,
  ) {
    super(message);
  }
}

/** Exit status of a command line that cannot be obeyed, as shells and coreutils have it. */
export const USAGE = 2;

/** A command line that cannot be obeyed, whatever the machine is like. */
export class UsageError extends Failure {
  constructor(message: string) {
    super(message, USAGE);
  }
}

/**
 * Prints the error as one line and ends the process; with DEBUG set, an unexpected error shows its stack.
 * @param command - As the person has typed it: the line begins with it.
 */
export function reportAndExit(error: unknown, command = "v4l2-cuse"): never {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${command}: ${message}\n`);
  if (process.env["DEBUG"] !== undefined && error instanceof Error && !(error instanceof Failure)) {
    process.stderr.write(`${error.stack ?? ""}\n`);
  }
  process.exit(error instanceof Failure ? error.exitStatus : 1);
}

const plainReasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "it may not be read",
  EISDIR: "it is a folder",
};

/** Why a file cannot be read, in plain words. */
export function reasonOf(error: unknown): string {
  const { code = "", message = String(error) } = (error ?? {}) as { code?: string; message?: string };
  return plainReasons[code] ?? message;
}
