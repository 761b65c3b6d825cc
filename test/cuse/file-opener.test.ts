/** Opening files by name in a directory, on the thread of the opener. */
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FileOpener } from "../../src/cuse/file-opener.js";

let place = "";
let opener: FileOpener;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "file-opener-"));
  for (const name of ["one", "two"]) writeFileSync(join(place, name), `text of ${name}`);
  const directory = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY);
  opener = new FileOpener(directory);
  closeSync(directory);
});
afterEach(() => {
  opener.close();
  rmSync(place, { recursive: true });
});

it("opens files by name, each its own, with the flags asked for", async () => {
  const opened = await Promise.all([
    opener.open("one", constants.O_RDONLY),
    opener.open("two", constants.O_RDWR | constants.O_NONBLOCK),
  ]);
  expect(opened.map(({ fd }) => readFileSync(fd, "utf8"))).toEqual(["text of one", "text of two"]);
  const flags = opened.map(({ fd }) => {
    const text = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
    return Number.parseInt(text ?? "", 8) & (0o3 | constants.O_NONBLOCK);
  });
  expect(flags).toEqual([constants.O_RDONLY, constants.O_RDWR | constants.O_NONBLOCK]);
  for (const file of opened) file.close();
  expect(opened.map(({ fd }) => fd)).toEqual([-1, -1]);
});

it("fails with what open(2) fails with, and goes on", async () => {
  await expect(opener.open("three", constants.O_RDONLY)).rejects.toMatchObject({
    ...{ code: "ENOENT", errno: 2, syscall: "openat", message: "openat: ENOENT" },
  });
  await expect(opener.open("one", constants.O_DIRECTORY)).rejects.toMatchObject({
    code: "ENOTDIR",
    errno: 20,
  });
  (await opener.open("one", constants.O_RDONLY)).close();
});

it("tells whoever waits that it was closed, and leaves no descriptor open", async () => {
  const before = readdirSync("/proc/self/fd").length;
  const directory = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY);
  const other = new FileOpener(directory);
  closeSync(directory);
  const waiting = [other.open("one", constants.O_RDONLY), other.open("two", constants.O_RDONLY)];
  other.close();
  other.close();
  for (const open of waiting)
    await expect(open).rejects.toMatchObject({ code: "ECANCELED", errno: 125, syscall: "openat" });
  // Its thread ends by itself.
  for (let turn = 0; turn < 100 && readdirSync("/proc/self/fd").length > before; turn += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
});
