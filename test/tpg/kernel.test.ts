/** Our pictures against the kernel's own v4l2-tpg, bit for bit. test/tpg/kernel/make-frames.ts made the digests. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { drawPicture, parsePicture } from "./kernel/picture.js";

/** Picture names with the digest of the kernel's drawing, by pixel format. */
function readExpected(): Map<string, Map<string, string>> {
  const text = readFileSync(new URL("data/kernel-frames.txt", import.meta.url), "utf8");
  const byFormat = new Map<string, Map<string, string>>();
  for (const line of text.trimEnd().split("\n")) {
    const picture = line.slice(17);
    const [format = ""] = picture.split(" ");
    const pictures = byFormat.get(format) ?? new Map<string, string>();
    byFormat.set(format, pictures.set(picture, line.slice(0, 16)));
  }
  return byFormat;
}

describe("v4l2-tpg draws the same", () => {
  it.each([...readExpected()])("%s", (_format, pictures) => {
    const drawn = [...pictures.keys()].map((picture): [string, string] => {
      const frame = drawPicture(parsePicture(picture));
      return [picture, createHash("sha256").update(frame).digest("hex").slice(0, 16)];
    });
    expect(new Map(drawn)).toEqual(pictures);
  });
});
