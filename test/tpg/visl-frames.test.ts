/**
 * The frames that the kernel's visl made of real clips, from the text that it logged for each. In data/visl-frames.txt
 * a frame begins with `# CLIP frame N WxH MD5`; its lines of text follow, an empty one where visl left one out.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Colorspace, Field, fourcc, Pattern, TestPattern } from "../../src/tpg/index.js";

interface VislFrame {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly md5: string;
  readonly lines: readonly string[];
}

function readFrames(): VislFrame[] {
  const text = readFileSync(new URL("data/visl-frames.txt", import.meta.url), "utf8");
  return text
    .split(/^# /m)
    .slice(1)
    .map((block) => {
      const [heading = "", ...lines] = block.replace(/\n$/, "").split("\n");
      const [, name = "", width, height, md5 = ""] = /^(.*) (\d+)x(\d+) (\w+)$/.exec(heading) ?? [];
      return { name, width: Number(width), height: Number(height), md5, lines };
    });
}

describe("visl's frames", () => {
  const frames = readFrames();

  it("are the decoded frames of eight clips, and four with verbose text", () => {
    expect(frames).toHaveLength(6 * 10 + 2 * 6 + 2 * 2);
  });

  it.each(frames)("$name", ({ width, height, md5, lines }) => {
    const pattern = new TestPattern({
      width,
      height,
      pixelFormat: fourcc("NV12"),
      field: Field.None,
      pattern: Pattern.Bars75,
      colorspace: Colorspace.Rec709,
    });
    const bytes = new Uint8Array((width * height * 3) / 2);
    const planes = [{ bytes, bytesperline: width }];
    pattern.fillPlanes(planes);
    lines.forEach((line, index) => {
      if (line !== "") pattern.drawText(planes, 16, 16 * (index + 1), line);
    });
    expect(createHash("md5").update(bytes).digest("hex")).toBe(md5);
  });
});
