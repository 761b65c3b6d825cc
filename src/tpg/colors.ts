/** From a source colour to the bytes of a pixel: controls, colorspace, quantization. */
import { clamp, convertSrgb, isXvYcc, rgbToYcbcr, ycbcrToRgb, type Triple } from "./colorimetry.js";
import type { Encoding, Pixel } from "./pixel-layouts.js";
import { black, cscBlack, cscWhite, grey75, Pattern, white, type SourceColor } from "./patterns.js";
import type { TestPatternSettings } from "./settings.js";
import {
  defaultQuantization,
  defaultXferFunc,
  defaultYcbcrEncoding,
  Quantization,
  XferFunc,
  YcbcrEncoding,
} from "./values.js";

/** 0.0 of limited range luma, and the neutral value of chroma, in 8.4. */
const FOOT = 16 << 4;
const NEUTRAL = 128 << 4;

/** tpg's sine: 127 times the sine of an angle in whole degrees (rounded towards 0); index 0 is -180, 256 is 180. */
const sine = Int8Array.from({ length: 257 }, (_, index) => {
  const degrees = Math.trunc(((index - 128) * 180) / 128);
  return Math.round(127 * Math.sin((degrees * Math.PI) / 180));
});

function rotation(hue: number): { sin: number; cos: number } {
  const angle = 128 + clamp(hue, -128, 128);
  // tpg: the table has 257 entries and the quarter turn is taken modulo that, one off beyond 90 degrees.
  return { sin: sine[angle] ?? 0, cos: sine[(angle + 64) % 257] ?? 0 };
}

/** Rec. 709 luma of R'G'B', both 8.4; white comes out as 254, as in tpg. */
function luma([r, g, b]: Triple): number {
  return (13879 * r + 46688 * g + 4713 * b) >> 16;
}

/** Full range to limited. */
function limit(level: number): number {
  return Math.trunc((level * 219) / 255) + FOOT;
}

/** Turns source colours into pixels of one format, and remembers them. */
export class Palette {
  readonly #settings: TestPatternSettings;
  readonly #encoding: Encoding;
  readonly #ycbcrEncoding: number;
  readonly #xferFunc: number;
  readonly #limited: boolean;
  readonly #pixels = new Map<SourceColor, Pixel>();

  constructor(settings: TestPatternSettings, encoding: Encoding) {
    this.#settings = settings;
    this.#encoding = encoding;
    const { colorspace, ycbcrEncoding, quantization, xferFunc } = settings;
    this.#ycbcrEncoding =
      ycbcrEncoding === YcbcrEncoding.Default ? defaultYcbcrEncoding(colorspace) : ycbcrEncoding;
    this.#xferFunc = xferFunc === XferFunc.Default ? defaultXferFunc(colorspace) : xferFunc;
    const real =
      quantization === Quantization.Default
        ? defaultQuantization(encoding === "yuv", colorspace)
        : quantization;
    this.#limited = real === Quantization.LimRange;
  }

  pixel(color: SourceColor): Pixel {
    let pixel = this.#pixels.get(color);
    if (pixel === undefined) {
      const [c0, c1, c2] = this.#convert(color);
      const alpha = this.#settings.alphaRedOnly && !color.red ? 0 : this.#settings.alpha & 0xff;
      pixel = { c0, c1, c2, alpha };
      this.#pixels.set(color, pixel);
    }
    return pixel;
  }

  /** The letters: as white as the bars, so that they do not stand out more than those. */
  get textForeground(): Pixel {
    const { pattern } = this.#settings;
    if (pattern === Pattern.Black) return this.pixel(black);
    if (pattern === Pattern.CscBars) return this.pixel(cscWhite);
    return this.pixel(pattern === Pattern.Bars75 ? grey75 : white);
  }

  get textBackground(): Pixel {
    const { pattern } = this.#settings;
    if (pattern === Pattern.Black) return this.pixel(white);
    return this.pixel(pattern === Pattern.CscBars ? cscBlack : black);
  }

  #convert(color: SourceColor): Triple {
    const [r, g, b] = color.rgb;
    const rgb: Triple =
      color.csc && this.#settings.pattern === Pattern.CscBars
        ? convertSrgb(color.rgb, this.#settings.colorspace, this.#xferFunc)
        : [r << 4, g << 4, b << 4];
    switch (this.#encoding) {
      case "luma":
        return [this.#toLuma(luma(rgb)), 0, 0];
      case "yuv":
        return this.#toYcbcr(rgb);
      case "rgb":
        return this.#toRgb(rgb);
    }
  }

  /** tpg: no clamping, a bright enough white wraps around. Quantization does not matter for luma alone. */
  #toLuma(level: number): number {
    const { brightness, contrast } = this.#settings;
    const adjusted =
      brightness === 128 && contrast === 128
        ? level
        : FOOT + Math.trunc(((level - FOOT) * contrast) / 128) + (brightness << 4) - NEUTRAL;
    return (adjusted >> 4) & 0xff;
  }

  #toYcbcr(rgb: Triple): Triple {
    const [y, cb, cr] = this.#adjust(rgbToYcbcr(rgb, this.#ycbcrEncoding, !this.#limited));
    const foot = this.#limited && !isXvYcc(this.#ycbcrEncoding);
    const [low, lumaHigh, chromaHigh] = foot ? [16, 235, 240] : [1, 254, 254];
    return [clamp(y >> 4, low, lumaHigh), clamp(cb >> 4, low, chromaHigh), clamp(cr >> 4, low, chromaHigh)];
  }

  #toRgb(source: Triple): Triple {
    let rgb = source;
    if (!this.#isNeutral()) {
      const ycbcr = rgbToYcbcr(rgb, this.#ycbcrEncoding, !this.#limited);
      rgb = ycbcrToRgb(this.#adjust(ycbcr), this.#ycbcrEncoding, !this.#limited);
    }
    const byte = (level: number): number => ((this.#limited ? limit(level) : level) >> 4) & 0xff;
    return [byte(rgb[0]), byte(rgb[1]), byte(rgb[2])];
  }

  #isNeutral(): boolean {
    const { brightness, contrast, saturation, hue } = this.#settings;
    return brightness === 128 && contrast === 128 && saturation === 128 && hue === 0;
  }

  /** Brightness, contrast, saturation and hue, on 8.4 Y'CbCr. */
  #adjust(ycbcr: Triple): Triple {
    if (this.#isNeutral()) return ycbcr;
    const { brightness, contrast, saturation, hue } = this.#settings;
    const y = FOOT + Math.trunc(((ycbcr[0] - FOOT) * contrast) / 128) + (brightness << 4) - NEUTRAL;
    const cb = ycbcr[1] - NEUTRAL;
    const cr = ycbcr[2] - NEUTRAL;
    const { sin, cos } = rotation(hue);
    const turn = (along: number, across: number): number =>
      Math.trunc((along * cos) / 127) + Math.trunc((across * sin) / 127);
    const scale = (chroma: number): number =>
      NEUTRAL + Math.trunc((chroma * contrast * saturation) / (128 * 128));
    return [y, scale(turn(cb, cr)), scale(turn(cr, -cb))];
  }
}
