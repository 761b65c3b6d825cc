/**
 * vitest's global setup: where the checkout is below a folder that others may not enter (/root, a home of mode 0700),
 * clients of other users get what they run in a place of their own. Tests find it by `built()` and `builtProgram()`.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  chmodSync,
  copyFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const EXECUTE_BY_OTHERS = 0o001;

/** May every user go into this folder? */
export function isOpenToAll(folder: string): boolean {
  const isOpen = (statSync(folder).mode & EXECUTE_BY_OTHERS) !== 0;
  return isOpen && (folder === "/" || isOpenToAll(dirname(folder)));
}

/** A folder for temporary files that every user may enter, TMPDIR or another. */
function sharedFolder(): string {
  const folder = [tmpdir(), "/tmp", "/var/tmp", "/dev/shm"].find((path) => {
    const facts = statSync(path, { throwIfNoEntry: false });
    return facts?.isDirectory() === true && isOpenToAll(path);
  });
  if (folder === undefined)
    throw new Error("there is no folder that every user may enter: set TMPDIR to one");
  return folder;
}

/** A package that the command finds when it runs, if it is installed, with those that it needs. */
function copyModule(name: string, to: string): void {
  const from = join(root, "node_modules", name);
  const copy = join(to, "node_modules", name);
  if (!existsSync(from) || existsSync(copy)) return;
  cpSync(from, copy, { recursive: true });
  const description = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  };
  for (const needed of Object.keys({ ...description.dependencies, ...description.optionalDependencies }))
    copyModule(needed, to);
}

/** The command and the native programs, as a package that works by itself. */
function copyPackage(to: string): void {
  const needed = (path: string): boolean => !/\.(?:map|d\.ts|tsbuildinfo)$/.test(path);
  cpSync(join(root, "dist"), join(to, "dist"), { recursive: true, filter: needed });
  copyFileSync(join(root, "package.json"), join(to, "package.json"));
  copyModule("fuse-native", to);
  // Scripts, and what programs read.
  for (const folder of ["test/clients", "test/gstreamer/data"])
    cpSync(join(root, folder), join(to, folder), { recursive: true });
  const native = join(root, "native/build");
  // Those for arm64 are run in a guest.
  for (const folder of ["", "arm64"].filter((name) => existsSync(join(native, name)))) {
    mkdirSync(join(to, "native/build", folder), { recursive: true });
    for (const file of readdirSync(join(native, folder), { withFileTypes: true })) {
      if (file.isFile())
        copyFileSync(join(native, folder, file.name), join(to, "native/build", folder, file.name));
    }
  }
  // Links to the helpers of 64-bit and of 32-bit programs; the C library of 32-bit ones, which the arm64 guest lacks.
  for (const whole of ["lib", "lib32", "arm64/libc32"].filter((name) => existsSync(join(native, name))))
    cpSync(join(native, whole), join(to, "native/build", whole), { recursive: true, verbatimSymlinks: true });
}

/** Clients of other users are root's, here or in a guest. */
export default function setup(): (() => void) | undefined {
  if (isOpenToAll(root)) return undefined;
  const mask = process.umask(0o022);
  const place = mkdtempSync(join(sharedFolder(), "v4l2-cuse-tests-"));
  chmodSync(place, 0o755);
  copyPackage(place);
  process.umask(mask);
  process.env["V4L2_CUSE_TEST_PLACE"] = place;
  process.env["V4L2_CUSE_NATIVE"] ??= join(place, "native/build");
  return () => {
    rmSync(place, { recursive: true, force: true });
  };
}
