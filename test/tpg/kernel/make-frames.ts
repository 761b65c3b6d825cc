/**
 * Writes test/tpg/data/kernel-frames.txt: a digest of each picture as the kernel's v4l2-tpg draws it.
 *
 *     npx tsx test/tpg/kernel/make-frames.ts KERNEL_TREE
 *
 * KERNEL_TREE is an unpacked kernel source (Debian's package linux-source-6.12, say). Its tpg is compiled with gcc
 * into a temporary folder; nothing of it is kept.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { font8x16 } from "../../../src/tpg/font-8x16.js";
import { defaultSettings } from "../../../src/tpg/settings.js";
import { allocate, parsePicture, TEXT, type Picture } from "./picture.js";
import { pictures } from "./pictures.js";

const here = dirname(fileURLToPath(import.meta.url));
const [tree] = process.argv.slice(2);
if (tree === undefined) throw new Error("usage: make-frames.ts KERNEL_TREE");

/** The line that reference.c reads. */
function inputLine({ settings, advance, padding, text }: Picture): string {
  const s = { ...defaultSettings, ...settings };
  const numbers = [
    s.pixelFormat,
    s.width,
    s.height,
    s.field,
    s.fieldAlternate,
    s.pattern,
    s.colorspace,
    s.ycbcrEncoding,
    s.quantization,
    s.xferFunc,
    s.brightness,
    s.contrast,
    s.saturation,
    s.hue,
    s.hflip,
    s.vflip,
    s.moveHorizontal,
    s.moveVertical,
    s.alpha,
    s.alphaRedOnly,
    advance,
    padding,
    text?.x ?? 0,
    text?.y ?? 0,
    s.crop?.left ?? 0,
    s.crop?.top ?? 0,
    s.crop?.width ?? 0,
    s.crop?.height ?? 0,
    s.frameSize?.width ?? 0,
    s.frameSize?.height ?? 0,
  ];
  return `${numbers.map(Number).join(" ")} ${text === undefined ? "" : TEXT}`;
}

function compile(folder: string): string {
  const include = join(folder, "include");
  for (const name of ["media/tpg", "linux"]) mkdirSync(join(include, name), { recursive: true });
  copyFileSync(join(tree ?? "", "include/media/tpg/v4l2-tpg.h"), join(include, "media/tpg/v4l2-tpg.h"));
  for (const name of ["videodev2.h", "v4l2-controls.h", "v4l2-common.h"]) {
    copyFileSync(join(tree ?? "", "include/uapi/linux", name), join(include, "linux", name));
  }
  for (const name of ["module.h", "random.h", "slab.h", "vmalloc.h", "compiler.h"]) {
    writeFileSync(join(include, "linux", name), '#include "shim.h"\n');
  }
  for (const name of ["types.h", "errno.h"]) {
    writeFileSync(join(include, "linux", name), `#include_next <linux/${name}>\n#include "shim.h"\n`);
  }
  const tpg = join(tree ?? "", "drivers/media/common/v4l2-tpg");
  const program = join(folder, "reference");
  const sources = [join(here, "reference.c"), join(tpg, "v4l2-tpg-core.c"), join(tpg, "v4l2-tpg-colors.c")];
  execFileSync("gcc", ["-O1", "-w", "-fwrapv", `-I${include}`, `-I${here}`, ...sources, "-o", program]);
  return program;
}

const folder = mkdtempSync(join(tmpdir(), "tpg-reference-"));
try {
  const program = compile(folder);
  const font = join(folder, "font");
  writeFileSync(font, font8x16);
  const parsed = pictures.map(parsePicture);
  const frames = execFileSync(program, [font], {
    input: parsed.map((picture) => inputLine(picture) + "\n").join(""),
    maxBuffer: 256 * 1024 * 1024,
  });
  let at = 0;
  const lines = pictures.map((name, index) => {
    const picture = parsed[index];
    const bytes = picture === undefined ? 0 : allocate(picture.settings, picture.padding).frame.length;
    const digest = createHash("sha256")
      .update(frames.subarray(at, at + bytes))
      .digest("hex");
    at += bytes;
    return `${digest.slice(0, 16)} ${name}`;
  });
  if (at !== frames.length) throw new Error(`the reference wrote ${frames.length} bytes, not ${at}`);
  writeFileSync(join(here, "../data/kernel-frames.txt"), lines.join("\n") + "\n");
} finally {
  rmSync(folder, { recursive: true });
}
