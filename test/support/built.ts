/** What the tests run, where every user can reach it: see place-for-all.ts. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { helperPath } from "../../src/native.js";

/** A folder with `dist/cli` and `native/build`: the checkout, or its copy. */
export const builtRoot =
  process.env["V4L2_CUSE_TEST_PLACE"] ?? fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** A program of `native/build`, such as a client of test/clients. */
export const built = (name: string): string => join(dirname(helperPath()), name);

/** What starts the `v4l2-cuse` command in Node. */
export function builtProgram(): string {
  const program = join(builtRoot, "dist/cli/main.js");
  if (!existsSync(program)) throw new Error("dist/ is missing: run npm run build");
  return program;
}
