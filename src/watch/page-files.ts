/** The built page: a few files, read once. What is not among them cannot be asked for, whatever the path. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
}

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** Two folders below the package's root, as source and compiled: see scripts/bundle.ts. */
const folder = fileURLToPath(new URL("../../dist/page", import.meta.url));

/** By path, `/assets/index.js`; the page itself is `/`. @throws {Error} The page was not built. */
export function readPage(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const type = types[entry.name.slice(entry.name.lastIndexOf(".") + 1)];
    if (!entry.isFile() || type === undefined) continue;
    const path = `${entry.parentPath}/${entry.name}`.slice(folder.length);
    files.set(path === "/index.html" ? "/" : path, {
      type,
      bytes: readFileSync(`${folder}${path}`),
    });
  }
  return files;
}
