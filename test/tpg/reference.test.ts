/** The drawn picture against the per-pixel definition of it, which device tests rely on. */
import { describe, expect, it } from "vitest";
import {
  Field,
  fourcc,
  frameLayout,
  horizontalMovementNames,
  patternNames,
  pixelFormatInfo,
  Quantization,
  TestPattern,
  verticalMovementNames,
  YcbcrEncoding,
} from "../../src/tpg/index.js";
import { firstDifference, referenceFormats, type Scene } from "../support/tpg-reference.js";

/** The scene as our generator draws its frame `frame`. */
function draw(scene: Scene, frame: number) {
  const { width, height, hflip = false, vflip = false } = scene;
  const pixelFormat = fourcc(scene.format);
  const format = pixelFormatInfo(pixelFormat);
  if (format === undefined) throw new Error(`no format ${scene.format}`);
  const planes = frameLayout(format, width, height).memoryPlanes.map(({ bytesperline, sizeimage }) => ({
    bytes: new Uint8Array(sizeimage),
    bytesperline,
  }));
  const pattern = new TestPattern({
    ...(scene.picture ?? { width, height }),
    crop: scene.crop,
    frameSize: scene.crop === undefined ? undefined : { width, height },
    brightness: scene.brightness ?? 128,
    pixelFormat,
    field: Field.None,
    pattern: patternNames.indexOf(scene.pattern ?? "75% Colorbar"),
    moveHorizontal: horizontalMovementNames.indexOf(scene.horizontal ?? "No Movement"),
    moveVertical: verticalMovementNames.indexOf(scene.vertical ?? "No Movement"),
    ycbcrEncoding: scene.encoding === "709" ? YcbcrEncoding.Rec709 : YcbcrEncoding.Bt601,
    quantization: scene.fullRange === true ? Quantization.FullRange : Quantization.Default,
    hflip,
    vflip,
  });
  for (let count = 0; count < frame; count++) pattern.advance();
  pattern.fillPlanes(planes);
  for (const { x, y, text } of scene.texts ?? []) pattern.drawText(planes, x, y, text);
  return planes;
}

function differences(scenes: readonly Scene[], frames: readonly number[]): string[] {
  return scenes
    .flatMap((scene) => frames.map((frame) => firstDifference(scene, draw(scene, frame), frame)))
    .filter((difference) => difference !== undefined);
}

const size = { width: 96, height: 40 };
const texts = [
  { x: 16, y: 16, text: "frame 0123" },
  { x: 5, y: 3, text: "odd" },
];

const squares = { pattern: "100% Color Squares", horizontal: "Move Left", vertical: "Move Up" };
const picture = { width: 160, height: 120 };
/** Enlarged, reduced, and both at once. */
const zoomed = [
  { picture, crop: { left: 34, top: 22, width: 48, height: 20 }, ...squares },
  { picture, crop: { left: 2, top: 0, width: 150, height: 112 }, ...squares, hflip: true, vflip: true },
  { picture, crop: { left: 22, top: 10, width: 68, height: 100 }, pattern: "1x1 Checkers" },
];

describe("every pixel is the one that the definition gives", () => {
  it.each(referenceFormats)("%s", (format) => {
    const scenes: Scene[] = [
      { ...size, format, texts },
      { ...size, format, texts, pattern: "100% Color Squares", encoding: "709", horizontal: "Move Left" },
      { ...size, format, texts, pattern: "Gray Ramp", fullRange: true, vertical: "Move Down Fast" },
      { ...size, format, pattern: "100% Color Squares", hflip: true, vflip: true, horizontal: "Move Right" },
      ...zoomed.map((view): Scene => ({ ...size, format, texts, ...view })),
    ];
    expect(differences(scenes, [0, 5])).toEqual([]);
  });

  const known = patternNames.filter((name) => !/CSC|Green Checkers|Noise/.test(name));
  it.each(known)("%s", (pattern) => {
    const scenes = ["YUYV", "NV12", "RGB3"].map((format): Scene => ({ ...size, format, pattern, texts }));
    expect(differences(scenes, [0])).toEqual([]);
  });

  it.each([...horizontalMovementNames, ...verticalMovementNames])("%s", (movement) => {
    const scene: Scene = /Left|Right/.test(movement)
      ? { width: 656, height: 8, format: "NV12", horizontal: movement }
      : { width: 656, height: 16, format: "NV12", vertical: movement, pattern: "100% Color Squares" };
    expect(differences([scene], [0, 1, 2, 3])).toEqual([]);
  });
});

describe("brightness", () => {
  it.each([0, 100, 200, 255])("%i", (brightness) => {
    const scenes = ["YUYV", "NV12", "YU12"].map((format): Scene => ({ ...size, format, texts, brightness }));
    expect(differences(scenes, [0])).toEqual([]);
  });
});

describe("the reference notices", () => {
  const scene: Scene = { ...size, format: "NV12", texts, horizontal: "Move Left Slow" };

  it("a single wrong bit", () => {
    const planes = draw(scene, 1);
    const bytes = planes[0]?.bytes ?? new Uint8Array();
    bytes[96 * 40 + 96 * 10 + 33] = (bytes[96 * 40 + 96 * 10 + 33] ?? 0) ^ 1;
    expect(firstDifference(scene, planes, 1)).toMatch(/at \(32, 20\)/);
  });

  it("the wrong frame", () => {
    expect(firstDifference(scene, draw(scene, 1), 2)).toBeDefined();
  });
});
