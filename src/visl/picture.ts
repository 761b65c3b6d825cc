/** Draws frames: colour bars, and lines of text over them. */
import type { FrameLayout } from "../tpg/index.js";
import { frameLayout, Pattern, pixelFormatInfo, TestPattern } from "../tpg/index.js";
import type { VideoFormat } from "../v4l2/index.js";

/** The text begins here; each line is as high as its letters. */
const LEFT = 16;
const LINE_HEIGHT = 16;

/** Where a component plane's lines go in the buffer. */
interface Placement {
  readonly offset: number;
  readonly stride: number;
  readonly lineBytes: number;
  readonly rows: number;
}

/** A generator set up for one CAPTURE format. */
export class Picture {
  readonly #pattern: TestPattern;
  readonly #bytesperline: number;
  /** For odd sizes: a frame with lines of even length, and where its lines belong. */
  readonly #detour:
    | { readonly layout: FrameLayout; readonly bytes: Uint8Array; readonly placements: readonly Placement[] }
    | undefined;
  /** A buffer must hold so many bytes. */
  readonly sizeBytes: number;

  /** @throws {RangeError} the generator cannot draw the format. */
  constructor(format: VideoFormat) {
    const { width, height, pixelformat, field, colorspace, ycbcrEnc, quantization, xferFunc } = format;
    const info = pixelFormatInfo(pixelformat);
    if (info === undefined) throw new RangeError(`no picture in pixel format ${pixelformat}`);
    this.#pattern = new TestPattern({
      width,
      height,
      pixelFormat: pixelformat,
      field,
      pattern: Pattern.Bars75,
      colorspace,
      ycbcrEncoding: ycbcrEnc,
      quantization,
      xferFunc,
    });
    const layout = frameLayout(info, width, height);
    this.#bytesperline = layout.memoryPlanes[0]?.bytesperline ?? width;
    const sizeBytes = layout.memoryPlanes[0]?.sizeimage ?? 0;
    if (((width | height) & 1) === 0) {
      this.#detour = undefined;
      this.sizeBytes = sizeBytes;
      return;
    }
    const placements = placeOdd(layout, width, height);
    this.#detour = { layout, bytes: new Uint8Array(sizeBytes), placements };
    this.sizeBytes = Math.max(
      ...placements.map(({ offset, stride, lineBytes, rows }) => offset + (rows - 1) * stride + lineBytes),
    );
  }

  /**
   * Draws a frame into `bytes`.
   * @param lines - From top to bottom; empty ones stay free, and what does not fit is left out.
   * @throws {RangeError} `bytes` are fewer than {@link Picture.sizeBytes}.
   */
  draw(bytes: Uint8Array, lines: readonly string[]): void {
    const detour = this.#detour;
    const planes = [{ bytes: detour?.bytes ?? bytes, bytesperline: this.#bytesperline }];
    this.#pattern.fillPlanes(planes);
    for (const [index, line] of lines.entries()) {
      if (line !== "") this.#pattern.drawText(planes, LEFT, (index + 1) * LINE_HEIGHT, line);
    }
    if (detour === undefined) return;
    if (bytes.length < this.sizeBytes) throw new RangeError(`a frame needs ${this.sizeBytes} bytes`);
    detour.layout.components.forEach((from, index) => {
      const to = detour.placements[index];
      if (to === undefined) return;
      for (let row = 0; row < to.rows; row++) {
        const start = from.offset + row * from.bytesperline;
        bytes.set(detour.bytes.subarray(start, start + to.lineBytes), to.offset + row * to.stride);
      }
    });
  }
}

/**
 * Odd sizes as the original draws them: chroma lines follow each other at the rounded-down width, and a chroma plane
 * begins where half of the lines of the one before would end, so that it covers that one's last line in part.
 */
function placeOdd(layout: FrameLayout, width: number, height: number): Placement[] {
  let offset = 0;
  return layout.components.map((component, index) => {
    // Planes behind the first: chroma, with as many bytes to a line as luma if it is interleaved (NV12), else half.
    const isInterleaved = layout.components.length === 2;
    const stride = index === 0 || isInterleaved ? width : width >> 1;
    const { lineBytes, rows } = component;
    const placement = { offset, stride, lineBytes, rows };
    offset += index === 0 ? stride * height : Math.floor((stride * height) / 2);
    return placement;
  });
}
