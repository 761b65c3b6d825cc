/**
 * Test pattern generator: draws colour bars, ramps, checkers, noise and text into frames of any common pixel format,
 * at the speed of memory copies, and with the same bits as the kernel's v4l2-tpg.
 *
 * What this layer guarantees to the layers above:
 *  - it knows no devices and no buffers, only bytes: a frame is one `PlaneMemory` for each memory plane;
 *  - it writes pixels and nothing else: padding at the end of lines and memory after the picture stay as they are;
 *  - the picture follows from the settings and the number of `advance` calls alone, so that a test can know it;
 *  - `pixelFormatInfo` and `frameLayout` are what a driver needs for its format ioctls: planes, strides, sizes.
 *
 * Numbers for fields, colorspaces and so on are those of videodev2.h; 0 is always "default".
 *
 * ```ts
 * const layout = frameLayout(format, 640, 480);
 * const pattern = new TestPattern({ width: 640, height: 480, pixelFormat: fourcc("NV12") });
 * pattern.fillPlanes([{ bytes, bytesperline: layout.memoryPlanes[0].bytesperline }]);
 * pattern.drawText(planes, 16, 16, "hello");
 * pattern.advance();
 * ```
 *
 * Of tpg it leaves out: composing into a part of a frame, borders and squares, Bayer and HSV formats, the R'G'B' range
 * of HDMI sources, and the signals of TV standards.
 */
export { TestPattern, type PlaneMemory } from "./test-pattern.js";
export {
  fourcc,
  frameLayout,
  pixelFormatInfo,
  pixelFormats,
  type ComponentLayout,
  type FrameLayout,
  type LayoutWishes,
  type PixelFormatInfo,
  type PlaneFormat,
} from "./pixel-layouts.js";
export { Pattern, patternNames } from "./patterns.js";
export {
  Movement,
  horizontalMovementNames,
  verticalMovementNames,
  type Area,
  type InitialSettings,
  type TestPatternSettings,
} from "./settings.js";
export { Colorspace, Field, Quantization, XferFunc, YcbcrEncoding } from "./values.js";
