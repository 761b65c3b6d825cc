/** Takes the colour out of a picture, so that everybody sees that it is an old one. */
import { frameLayout } from "../tpg/index.js";
import { drawableFormat, formatName } from "./shape.js";
import type { Shape } from "./shape.js";

/** Bytes of a pair of pixels that are chroma. */
const chromaBytes: Readonly<Record<string, readonly number[]>> = {
  YUYV: [1, 3],
  YVYU: [1, 3],
  UYVY: [0, 2],
  VYUY: [0, 2],
};
/** R'G'B' in whole bytes: the first byte of the three, and bytes of a pixel. */
const rgbBytes: Readonly<Record<string, readonly [first: number, pixel: number]>> = {
  RGB3: [0, 3],
  BGR3: [0, 3],
  XR24: [0, 4],
  AR24: [0, 4],
  XB24: [0, 4],
  AB24: [0, 4],
  BX24: [1, 4],
  BA24: [1, 4],
  RGB4: [1, 4],
  BGR4: [0, 4],
  RX24: [1, 4],
  RA24: [1, 4],
};
const NEUTRAL = 128;

/** In place. Formats whose colour is not in bytes of its own stay as they are. */
export function takeColour(shape: Shape, bytes: Uint8Array): void {
  const info = drawableFormat(shape.pixelformat);
  if (info === undefined) return;
  const name = formatName(shape.pixelformat);
  const pair = chromaBytes[name];
  const rgb = rgbBytes[name];
  if (pair !== undefined) {
    for (let at = 0; at + 3 < bytes.length; at += 4) for (const byte of pair) bytes[at + byte] = NEUTRAL;
  } else if (rgb !== undefined) {
    takeColourOfRgb(bytes, rgb);
  } else if (info.encoding === "yuv" && info.planes.length > 1) {
    const { width, height, bytesperline } = shape;
    const [, chroma] = frameLayout(info, width, height, { bytesperline: [bytesperline] }).components;
    if (chroma !== undefined) bytes.fill(NEUTRAL, chroma.offset);
  }
}

function takeColourOfRgb(bytes: Uint8Array, [first, pixel]: readonly [number, number]): void {
  for (let at = first; at + 2 < bytes.length; at += pixel) {
    const mean = ((bytes[at] ?? 0) + (bytes[at + 1] ?? 0) + (bytes[at + 2] ?? 0)) / 3;
    bytes.fill(mean, at, at + 3);
  }
}
