/** Sockets of a user's own: in a folder that only this user may enter, which is what keeps others away. */
import { lstatSync, mkdirSync } from "node:fs";
import { createConnection } from "node:net";
import { resolve } from "node:path";
import { makeFoldersAbove } from "../cuse/index.js";

/** Makes the folder, and sees that nobody else may enter it. @throws {Error} */
export function makePrivateFolder(folder: string): void {
  // Others share the folders above it: FUSE nodes are in /run/v4l2-cuse, too.
  makeFoldersAbove(resolve(folder));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const facts = lstatSync(folder);
  if (!facts.isDirectory() || facts.uid !== process.geteuid?.() || (facts.mode & 0o077) !== 0)
    throw new Error("others may enter it: make it yours, with the mode 0700");
}

/** Where sockets of this user are: of root the machine's, of others their session's; undefined: nowhere. */
export function socketRoot(): string | undefined {
  if (process.geteuid?.() === 0) return "/run/v4l2-cuse";
  const session = process.env["XDG_RUNTIME_DIR"];
  return session === undefined || session === "" ? undefined : `${session}/v4l2-cuse`;
}

/** Does somebody listen there? */
export async function isServed(path: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      answer(true);
    });
    // EAGAIN: so many wait that it has no room for another.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      answer(code !== "ECONNREFUSED" && code !== "ENOENT");
    });
  });
}
