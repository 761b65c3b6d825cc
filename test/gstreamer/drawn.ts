/** The frames that visl should have drawn, by what it says it has drawn. */
import { createHash } from "node:crypto";
import { fourcc } from "../../src/v4l2/index.js";
import { defaultFormats, setCoded } from "../../src/visl/formats.js";
import { Picture } from "../../src/visl/picture.js";
import { frameTexts } from "../visl/debug-text.js";

/** Options that make visl say what it draws. */
export const sayFrames = [
  "--log",
  "pretty",
  "--debug",
  "--dprintk-frame-start",
  "0",
  "--dprintk-nframes",
  "1000",
];

const pictures = new Map<string, { readonly picture: Picture; readonly bytes: Uint8Array }>();

function pictureOf(coded: string, size: string): { readonly picture: Picture; readonly bytes: Uint8Array } {
  const known = pictures.get(`${coded} ${size}`);
  if (known !== undefined) return known;
  const [width = 0, height = 0] = size.split("x").map(Number);
  const { drawn } = setCoded({ ...defaultFormats().coded, pixelformat: fourcc(coded), width, height });
  const made = { picture: new Picture(drawn), bytes: new Uint8Array((width * height * 3) / 2) };
  pictures.set(`${coded} ${size}`, made);
  return made;
}

/** @returns The MD5 of each frame, in decoding order, NV12. */
export function drawnSums(log: readonly string[]): string[] {
  return frameTexts(log.join("\n")).map((text) => {
    const all = text.join("\n");
    const [, coded = ""] = /OUTPUT pixelformat: (\w{4})/.exec(all) ?? [];
    const [, size = ""] = /CAPTURE pixelformat: NV12, resolution: (\d+x\d+)/.exec(all) ?? [];
    const { picture, bytes } = pictureOf(coded, size);
    picture.draw(bytes, text);
    return createHash("md5").update(bytes).digest("hex");
  });
}
