/** JPEG segments: of pictures that ffmpeg makes, and by hand. */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { CodecError, SyntaxReader, SyntaxWriter } from "../../../src/codec/bits/index.js";
import * as jpeg from "../../../src/codec/jpeg/index.js";
import { mutations } from "../support/mutations.js";

/** Pictures behind each other. @param options - Of ffmpeg's encoder. */
function pictures(...options: string[]): Uint8Array {
  const source = ["-f", "lavfi", "-i", "testsrc2=size=120x90"];
  const { status, stdout, stderr } = spawnSync(
    "ffmpeg",
    ["-v", "error", ...source, "-frames:v", "2", "-c:v", "mjpeg", ...options, "-f", "mjpeg", "-"],
    { timeout: 60_000 },
  );
  if (status !== 0) throw new Error(stderr.toString());
  return stdout;
}

describe.each([
  ["4:2:0", ["-pix_fmt", "yuvj420p"], [2, 2]],
  ["4:2:2", ["-pix_fmt", "yuvj422p"], [2, 1]],
  ["4:4:4 with default Huffman tables", ["-pix_fmt", "yuvj444p", "-huffman", "0"], [1, 1]],
])("JPEG of %s", (_name, options, [h, v]) => {
  const stream = pictures(...options);
  const units = [...jpeg.jpegUnits(stream)];

  it("has two pictures from SOI to EOI", () => {
    const names = units.map(({ marker }) => jpeg.markerName(marker));
    expect(names.filter((name) => name === "SOI")).toHaveLength(2);
    expect(names.filter((name) => name === "EOI")).toHaveLength(2);
    expect(names.filter((name) => name === "SOS")).toHaveLength(2);
    expect(names.at(-1)).toBe("EOI");
  });

  it("says the size and the sampling of the picture", () => {
    const headers = units.flatMap(({ segment }) => (segment.kind === "frame" ? [segment.header] : []));
    expect(headers.map(({ X, Y, P }) => [X, Y, P])).toEqual([
      [120, 90, 8],
      [120, 90, 8],
    ]);
    // ffmpeg may write 4:4:4 as twice the smallest factors: what counts is luma beside chroma.
    const [luma, chroma] = headers[0]?.components ?? [];
    expect([(luma?.H ?? 0) / (chroma?.H ?? 1), (luma?.V ?? 0) / (chroma?.V ?? 1)]).toEqual([h, v]);
  });

  it("is written again to the same bytes", () => {
    let written = 0;
    for (const { segment, data, marker } of units) {
      const writer = new SyntaxWriter("JPEG");
      switch (segment.kind) {
        case "frame":
          jpeg.frameHeader(writer, segment.header);
          break;
        case "scan":
          jpeg.scanHeader(writer, segment.header);
          break;
        case "quantization":
          jpeg.quantizationTables(writer, { tables: [...segment.tables] });
          break;
        case "huffman":
          jpeg.huffmanTables(writer, { tables: [...segment.tables] });
          break;
        case "opaque":
          jpeg.opaqueSegment(writer, marker === jpeg.Marker.COM ? "C" : "P", marker, { ...segment });
          break;
        default:
          continue;
      }
      expect(Buffer.from(writer.finish())).toEqual(Buffer.from(data));
      written += 1;
    }
    expect(written).toBeGreaterThan(8);
  });

  it("gives values or a CodecError when it is damaged", () => {
    let refused = 0;
    for (const bytes of mutations(stream, 400, 81)) {
      try {
        for (const unit of jpeg.jpegUnits(bytes)) expect(unit.data.byteLength).toBeGreaterThan(1);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
        refused += 1;
      }
      for (const unit of jpeg.parseUnits(bytes)) expect(unit.length).toBeGreaterThanOrEqual(0);
    }
    expect(refused).toBeGreaterThan(50);
  });
});

describe("JPEG markers", () => {
  it("may have fill bytes in front, and restart markers are part of a scan", () => {
    const scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x12, 0xff, 0, 0xff, 0xd3, 0x34];
    const stream = Uint8Array.from([0xff, 0xff, 0xd8, ...scan, 0xff, 0xff, 0xff, 0xd9]);
    expect(
      [...jpeg.jpegPieces(stream)].map(({ marker, offset }) => [jpeg.markerName(marker), offset]),
    ).toEqual([
      ["SOI", 1],
      ["SOS", 3],
      ["EOI", 21],
    ]);
  });

  it("name the place of a value that is not allowed", () => {
    const bytes = Uint8Array.of(0xff, 0xc0, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x51, 0);
    expect(() => jpeg.parseSegment(new SyntaxReader("JPEG", bytes), 0xc0)).toThrow(
      "JPEG: H is 5, and the specification allows 1 to 4 (section B.1.1.4, bit 88)",
    );
  });
});
