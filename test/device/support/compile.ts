/** Small C programs of the tests, in a folder that all guests of a checkout see. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

/**
 * Compiles `source` when it is newer than `program`. Another guest may do the same just now, or run the program: it is
 * there complete or not at all.
 */
export async function compile(source: string, program: string, ...options: string[]): Promise<void> {
  const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (modified(program) >= modified(source)) return;
  mkdirSync(dirname(program), { recursive: true });
  const unfinished = `${program}.${randomUUID()}`;
  await promisify(execFile)("cc", ["-O2", "-Wall", "-Wextra", "-o", unfinished, source, ...options]);
  renameSync(unfinished, program);
}
