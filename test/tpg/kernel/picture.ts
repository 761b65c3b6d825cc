/** One picture to compare, as a line of test/tpg/data/kernel-frames.txt: `NV12 64x48 pattern=4 hflip text=16,1`. */
import {
  Field,
  frameLayout,
  pixelFormatInfo,
  pixelFormats,
  TestPattern,
  type PlaneMemory,
  type TestPatternSettings,
} from "../../../src/tpg/index.js";
import { hasOneField } from "../../../src/tpg/values.js";

/** What bytes hold that no pixel is written to. */
export const UNTOUCHED = 0x5a;

/** The text that pictures with `text=x,y` carry. */
export const TEXT = "fv'`~ Frame 0123:";

export interface Picture {
  readonly settings: Partial<TestPatternSettings> &
    Pick<TestPatternSettings, "width" | "height" | "pixelFormat">;
  /** Frames before this one. */
  readonly advance: number;
  /** Bytes after each line. */
  readonly padding: number;
  readonly text: { readonly x: number; readonly y: number } | undefined;
}

function formatNamed(name: string): number {
  const format = pixelFormats.find((candidate) => candidate.name === name);
  if (format === undefined) throw new Error(`no format ${name}`);
  return format.fourcc;
}

export function parsePicture(line: string): Picture {
  const [name = "", size = "", ...words] = line.split(" ");
  const [width = 0, height = 0] = size.split("x").map(Number);
  const numbers: Record<string, number | boolean> = {};
  let advance = 0;
  let padding = 0;
  let text: Picture["text"];
  const area: Partial<Pick<TestPatternSettings, "crop" | "frameSize">> = {};
  for (const word of words) {
    const [key = "", value] = word.split("=");
    if (key === "advance") advance = Number(value);
    else if (key === "padding") padding = Number(value);
    else if (key === "text") {
      const [x = 0, y = 0] = (value ?? "").split(",").map(Number);
      text = { x, y };
    } else if (key === "crop") {
      const [left = 0, top = 0, cropWidth = 0, cropHeight = 0] = (value ?? "").split(/[,x]/).map(Number);
      Object.assign(area, { crop: { left, top, width: cropWidth, height: cropHeight } });
    } else if (key === "frame") {
      const [frameWidth = 0, frameHeight = 0] = (value ?? "").split("x").map(Number);
      Object.assign(area, { frameSize: { width: frameWidth, height: frameHeight } });
    } else numbers[key] = value === undefined ? true : Number(value);
  }
  const settings = { width, height, pixelFormat: formatNamed(name), ...numbers, ...area };
  return { settings, advance, padding, text };
}

/** Memory for a frame, one array with the planes one after the other, full of `background`. */
export function allocate(
  settings: Picture["settings"],
  padding: number,
  background = UNTOUCHED,
): { frame: Uint8Array; planes: PlaneMemory[] } {
  const format = pixelFormatInfo(settings.pixelFormat);
  if (format === undefined) throw new Error("no format");
  const { width, height } = settings.frameSize ?? settings.crop ?? settings;
  const rows = hasOneField(settings.field ?? Field.None) ? height >> 1 : height;
  const { memoryPlanes: tight } = frameLayout(format, width, rows);
  const bytesperline = tight.map((plane) => plane.bytesperline + padding);
  const { memoryPlanes } = frameLayout(format, width, rows, { bytesperline });
  const frame = new Uint8Array(memoryPlanes.reduce((sum, plane) => sum + plane.sizeimage, 0)).fill(
    background,
  );
  let at = 0;
  const planes = memoryPlanes.map((plane) => {
    const bytes = frame.subarray(at, at + plane.sizeimage);
    at += plane.sizeimage;
    return { bytes, bytesperline: plane.bytesperline };
  });
  return { frame, planes };
}

/** Draws it with our generator. */
export function drawPicture(
  { settings, advance, padding, text }: Picture,
  background = UNTOUCHED,
): Uint8Array {
  const { frame, planes } = allocate(settings, padding, background);
  const pattern = new TestPattern(settings);
  for (let count = 0; count < advance; count++) pattern.advance();
  pattern.fillPlanes(planes);
  if (text !== undefined) pattern.drawText(planes, text.x, text.y, TEXT);
  return frame;
}
