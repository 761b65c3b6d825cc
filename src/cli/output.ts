/**
 * Standard output of commands that list something and end. What cannot be written is an error, as in coreutils: one
 * sentence and an exit status other than 0. A reader that has enough (`| head`) is none.
 */
import { statSync, writeSync } from "node:fs";
import { Failure, UsageError } from "./failure.js";

/** Exit status when a log, a trace or a list could not be written: EX_IOERR of sysexits.h, and no other failure has it. */
export const LOST_OUTPUT = 74;

/** The number: Node makes the stream behind `process.stdout` asynchronous for pipes, and its errors come too late. */
const STDOUT = 1;
const RETRY_MS = 5;

/** Writes all of `text`, as fast as it is taken. Ends the process when nobody reads any more. @throws {Failure} */
export function writeOut(text: string): void {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.byteLength;) {
    try {
      offset += writeSync(STDOUT, bytes, offset);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const code = "code" in error ? error.code : undefined;
      if (code === "EPIPE") process.exit();
      if (code !== "EAGAIN") throw new Failure(unwritable("the output", error), LOST_OUTPUT);
      // Somebody made the pipe or terminal non-blocking, and it is full.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

const reasons: Readonly<Partial<Record<string, string>>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is as large as it may be",
  EPIPE: "nobody reads it any more",
  EBADF: "its descriptor is not open for writing",
  EROFS: "the file system is read-only",
};

/** One sentence: what is lost, and why. */
export function unwritable(what: string, error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const reason = (code === undefined ? undefined : reasons[code]) ?? error.message;
  return `${what} cannot be written${code === undefined ? "" : ` (${code})`}: ${reason}`;
}

/**
 * Says no to an output that would overwrite what is read.
 * @throws {UsageError}
 */
export function keepInputs(output: string, inputs: readonly string[]): void {
  const file = (path: string): string | undefined => {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats?.isFile() === true ? `${stats.dev}:${stats.ino}` : undefined;
  };
  const written = file(output);
  if (written !== undefined && inputs.some((input) => file(input) === written))
    throw new UsageError(`${output} is a file that is read, and would be overwritten`);
}
