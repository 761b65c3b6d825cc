import { describe, expect, it } from "vitest";
import type { VideoFormat } from "../../src/v4l2/index.js";
import { BufType, Colorspace, Field, Quantization, fourcc } from "../../src/v4l2/index.js";
import { findCodec, statelessCodecs } from "../../src/stateless/index.js";
import type { Formats } from "../../src/visl/formats.js";
import {
  allDecodedFormats,
  decodedFormats,
  defaultFormats,
  setCoded,
  setDecoded,
  tryCoded,
  tryDecoded,
} from "../../src/visl/formats.js";
import { golden, sections } from "./golden.js";
import { fourccText, printFormat, printFormatList, printSize } from "./v4l2-ctl.js";

const { VideoCaptureMplane, VideoOutputMplane } = BufType;

/** What `v4l2-ctl --set-fmt-video-out=...` does: changes what G_FMT says, and sets that. */
function withCoded(changes: Partial<VideoFormat>): Formats {
  return setCoded({ ...defaultFormats().coded, ...changes });
}

/** `v4l2-ctl --get-fmt-video --get-fmt-video-out`. */
const printBoth = ({ decoded, coded }: Formats): string => printFormat(decoded) + printFormat(coded);

const captureList = printFormatList(VideoCaptureMplane, decodedFormats);

describe("formats, as v4l2-ctl prints the kernel's", () => {
  it("lists the decoded formats", () => {
    expect(captureList).toBe(golden("list-formats.txt.gz"));
  });

  it("lists the coded formats with their sizes", () => {
    const list = printFormatList(
      VideoOutputMplane,
      statelessCodecs.map(({ pixelformat }) => pixelformat),
      (pixelformat) => findCodec(statelessCodecs, pixelformat)?.sizes,
    );
    expect(list).toBe(golden("list-formats-out-ext.txt.gz"));
  });

  it("has the frame sizes of each coded format, and none of decoded ones", () => {
    for (const [name, text] of sections(golden("frmsizes-all.txt.gz"))) {
      const sizes = findCodec(statelessCodecs, fourcc(name))?.sizes;
      const shown = sizes === undefined ? "" : `\t${printSize(sizes)}\n`;
      expect(text.startsWith(`ioctl: VIDIOC_ENUM_FRAMESIZES\n${shown}`)).toBe(true);
      expect(text.includes("Size:")).toBe(sizes !== undefined);
    }
  });

  it("starts with FWHT", () => {
    const text = golden("get-fmt.txt.gz").replace(/^VIDIOC.*\n/gm, "");
    expect(text.startsWith(printBoth(defaultFormats()))).toBe(true);
  });

  it("fits CAPTURE to OUTPUT, for each coded format", () => {
    for (const [name, text] of sections(golden("list-formats-out-ext-after-each.txt.gz"))) {
      if (text.startsWith("The pixelformat")) continue;
      const formats = withCoded({ pixelformat: fourcc(name), width: 640, height: 480 });
      expect(printBoth(formats) + captureList).toBe(text);
    }
  });

  const sized = sections(golden("set-formats.txt.gz"));

  it("was asked for seven coded formats in six sizes each", () => {
    expect(sized.size).toBe(42);
  });

  it.each([...sized])("S_FMT of OUTPUT %s", (heading, text) => {
    const [, name = "", width, height] = /^(....) (\d+)x(\d+)$/.exec(heading) ?? [];
    const wish = { pixelformat: fourcc(name), width: Number(width), height: Number(height) };
    expect(printBoth(withCoded(wish)) + captureList).toBe(text);
  });

  it("sets the other decoded format, and goes back to the first with the next S_FMT of OUTPUT", () => {
    const formats = defaultFormats();
    const other = setDecoded(formats, { ...formats.decoded, pixelformat: fourcc("YU12") });
    const [first = "", second = ""] = golden("set-yu12.txt.gz")
      .split(/^VIDIOC_G_FMT: ok\nVIDIOC_S_FMT: ok\n/m)
      .slice(1);
    expect(first.startsWith(printFormat(other.decoded))).toBe(true);
    const back = setCoded({ ...other.coded, pixelformat: fourcc("VP8F"), width: 320, height: 240 });
    const [coded, decoded, again] = second.split("VIDIOC_G_FMT: ok\n");
    expect([coded, decoded, again]).toEqual([back.coded, back.decoded, back.coded].map(printFormat));
  });
});

describe("TRY_FMT of OUTPUT", () => {
  const wish = defaultFormats().coded;

  it("takes the default for an unknown pixel format", () => {
    expect(fourccText(tryCoded({ ...wish, pixelformat: fourcc("NV12") }).pixelformat)).toBe("SFWH");
  });

  it("keeps the client's buffer size, and makes one of at least 256 KiB when there is none", () => {
    const sizeimage = (size: Partial<VideoFormat>): number | undefined =>
      tryCoded({ ...wish, pixelformat: fourcc("S264"), ...size }).planes[0]?.sizeimage;
    expect(sizeimage({ planes: [{ bytesperline: 0, sizeimage: 1 }] })).toBe(1);
    expect(sizeimage({ planes: [], width: 320, height: 240 })).toBe(262144);
    expect(sizeimage({ planes: [], width: 1920, height: 1080 })).toBe(1920 * 1080 * 3);
  });

  it("has no fields", () => {
    expect(tryCoded({ ...wish, field: Field.Interlaced }).field).toBe(Field.None);
  });
});

describe("CAPTURE", () => {
  it("inherits the colorimetry of OUTPUT, but is drawn with Rec. 709 until it is set itself", () => {
    const formats = withCoded({ colorspace: Colorspace.Bt2020, quantization: Quantization.FullRange });
    expect(formats.decoded.colorspace).toBe(Colorspace.Bt2020);
    expect(formats.decoded.quantization).toBe(Quantization.FullRange);
    expect(formats.drawn.colorspace).toBe(Colorspace.Rec709);
    expect(setDecoded(formats, formats.decoded).drawn.colorspace).toBe(Colorspace.Bt2020);
  });

  it("is limited by the sizes of the coded format", () => {
    const { codec, decoded } = withCoded({ pixelformat: fourcc("MG2S") });
    expect(tryDecoded({ ...decoded, width: 5000, height: 1 }, codec)).toMatchObject({
      width: 1920,
      height: 16,
    });
  });

  it("lists P010 only when asked for everything", () => {
    expect(decodedFormats.map(fourccText)).toEqual(["NV12", "YU12"]);
    expect(allDecodedFormats.map(fourccText)).toEqual(["NV12", "YU12", "P010"]);
  });
});
