/** Clients for 32-bit programs' side of the kernel, compiled where they run. */
import { dirname, join } from "node:path";
import { helperPath } from "../../../src/native.js";
import { compile } from "./compile.js";

const source = new URL("../../clients/layout-client.c", import.meta.url).pathname;

/** What the kernel's headers for 64-bit programs are found in; 32-bit programs use the same. */
const flags = ["-m32", "-D_GNU_SOURCE", "-idirafter", "/usr/include/x86_64-linux-gnu"];

const kinds = {
  time32: ["-D_FILE_OFFSET_BITS=64"],
  time64: ["-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64"],
  "small-files": [],
} as const;

type Kind = keyof typeof kinds;

/** The helper library of 32-bit programs. */
export const helper32 = join(dirname(helperPath()), "libv4l2-cuse-32.so");

/** Where {@link compileClient32} puts it. */
export const client32 = (kind: Kind): string => join(dirname(helperPath()), `layout-client-${kind}`);

/** `test/clients/layout-client.c` as a program of 32 bits. @returns Its path. */
export async function compileClient32(kind: Kind): Promise<string> {
  await compile(source, client32(kind), ...flags, ...kinds[kind]);
  return client32(kind);
}
