/** Frames of the sample camera, checked pixel by pixel against the independent reference; they say their own number. */
import { font8x16 } from "../../src/tpg/font-8x16.js";
import type { CapturedPlane, Scene } from "./tpg-reference.js";
import { firstDifference, readPixel } from "./tpg-reference.js";

const CHARACTERS = "0123456789. frames";
const TEXT_X = 16;
const TEXT_Y = 16;

/** What the frame itself says: its number and time, read from its pixels. */
export interface Reading {
  readonly sequence: number;
  readonly seconds: string;
}

/** What is set on the camera. */
export type CameraScene = Omit<Scene, "texts">;

export function readFrame(scene: CameraScene, planes: readonly CapturedPlane[]): Reading {
  const first = readLine(scene, planes, TEXT_Y, 12);
  const second = readLine(scene, planes, TEXT_Y + 16, 24);
  const sequence = /^frame +(\d+)/.exec(first)?.[1];
  const seconds = /^(\d+\.\d{6}) s/.exec(second)?.[1];
  if (sequence === undefined || seconds === undefined) {
    throw new Error(`the frame's text is "${first}" and "${second}"`);
  }
  return { sequence: Number(sequence), seconds };
}

/** Text is flipped with the picture. */
function readLine(scene: CameraScene, planes: readonly CapturedPlane[], y: number, length: number): string {
  const { width, height, hflip = false, vflip = false } = scene;
  const middle = scene.format === "RGBP" ? 15 : 127;
  const isInk = (x: number, row: number): boolean => {
    const [bright = 0] = readPixel(scene, planes, hflip ? width - 1 - x : x, vflip ? height - 1 - row : row);
    return bright > middle;
  };
  let text = "";
  for (let cell = 0; cell < length; cell++) {
    const rows = Array.from({ length: 16 }, (_, row) => {
      let bits = 0;
      for (let column = 0; column < 8; column++) {
        bits = bits * 2 + (isInk(TEXT_X + cell * 8 + column, y + row) ? 1 : 0);
      }
      return bits;
    });
    const found = [...CHARACTERS].find((character) =>
      rows.every((bits, row) => bits === font8x16[character.charCodeAt(0) * 16 + row]),
    );
    // Past the text there are bars.
    if (found === undefined) break;
    text += found;
  }
  return text;
}

/** The text and the block that frame `sequence` has. */
export function frameTexts({ width, height }: CameraScene, { sequence, seconds }: Reading): Scene["texts"] {
  return [
    { x: TEXT_X, y: TEXT_Y, text: `frame ${String(sequence).padStart(6)}` },
    { x: TEXT_X, y: TEXT_Y + 16, text: `${seconds} s` },
    {
      x: 16 + ((sequence * 4) % Math.max(1, width - 64)),
      y: height - 32,
      text: "\u00db".repeat(4),
    },
  ];
}

/** How a frame differs from what it must be; undefined when it does not. The picture moves with the frame's number. */
export function frameDifference(
  scene: CameraScene,
  planes: readonly CapturedPlane[],
  reading: Reading,
): string | undefined {
  const texts = frameTexts(scene, reading) ?? [];
  return firstDifference({ ...scene, texts }, planes, reading.sequence);
}

/**
 * Compares every pixel of a captured frame with an independent drawing of it.
 * @returns The frame's number and time. @throws Where and how it differs.
 */
export function checkFrame(scene: CameraScene, planes: readonly CapturedPlane[]): Reading {
  const reading = readFrame(scene, planes);
  const difference = frameDifference(scene, planes, reading);
  if (difference !== undefined) throw new Error(`frame ${reading.sequence}: ${difference}`);
  return reading;
}

/** Per plane: bytes of a line for each pixel, and lines for each line of the picture. */
type PlaneSizes = readonly (readonly [perPixel: number, lines: number])[];

const planeSizes = new Map<string, PlaneSizes>();
const sized = (names: string, ...sizes: PlaneSizes): void => {
  for (const name of names.split(" ")) planeSizes.set(name, sizes);
};
sized("GREY", [1, 1]);
sized("YUYV UYVY YVYU VYUY RGBP", [2, 1]);
sized("RGB3 BGR3", [3, 1]);
sized("XR24 AR24 BX24 BA24", [4, 1]);
sized("NV12 NV21 YU12 YV12", [1, 1.5]);
sized("NV16 NV61 422P", [1, 2]);
sized("NM12 NM21", [1, 1], [1, 0.5]);
sized("NM16", [1, 1], [1, 1]);
sized("YM12 YM21", [1, 1], [0.5, 0.5], [0.5, 0.5]);
sized("YM16", [1, 1], [0.5, 1], [0.5, 1]);

/** The planes of a frame in a file, where they follow each other without padding. */
export function splitFrame(bytes: Uint8Array, { format, width, height }: CameraScene): CapturedPlane[] {
  let at = 0;
  return (planeSizes.get(format) ?? []).map(([perPixel, lines]) => {
    const size = perPixel * width * lines * height;
    at += size;
    return { bytes: bytes.subarray(at - size, at), bytesperline: perPixel * width };
  });
}

/** Bytes of a frame without padding. */
export function frameBytes({ format, width, height }: CameraScene): number {
  const sizes = planeSizes.get(format) ?? [];
  return sizes.reduce((sum, [perPixel, lines]) => sum + perPixel * lines * width * height, 0);
}

/** Splits a file of raw frames and checks each. */
export function checkFile(bytes: Uint8Array, scene: CameraScene): Reading[] {
  const size = frameBytes(scene);
  if (size === 0 || bytes.length === 0 || bytes.length % size !== 0) {
    throw new Error(`${bytes.length} bytes are no whole number of frames of ${size} bytes`);
  }
  const readings: Reading[] = [];
  for (let offset = 0; offset < bytes.length; offset += size) {
    readings.push(checkFrame(scene, splitFrame(bytes.subarray(offset, offset + size), scene)));
  }
  return readings;
}
