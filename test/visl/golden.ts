/** What the kernel's visl (6.12) and v4l2-ctl printed; see data/README.md. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

export function golden(name: string): string {
  const bytes = readFileSync(new URL(`data/${name}`, import.meta.url));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}

/** The parts of a text that follow its lines `== heading`. */
export function sections(text: string): Map<string, string> {
  const parts = text.split(/^== (.*)\n/m);
  const found = new Map<string, string>();
  for (let index = 1; index < parts.length; index += 2) {
    found.set(parts[index] ?? "", parts[index + 1] ?? "");
  }
  return found;
}
