/** FWHT headers of the file that v4l2-ctl wrote from the kernel's vicodec. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CodecError, SyntaxReader, SyntaxWriter } from "../../../src/codec/bits/index.js";
import {
  emptyFwhtHeader,
  frameControls,
  fwhtFrames,
  fwhtHeader,
  FWHT_HEADER_BYTES,
  parseUnits,
} from "../../../src/codec/fwht/index.js";
import { mutations } from "../support/mutations.js";

const stream = readFileSync(new URL("../../gstreamer/data/x.fwht", import.meta.url));

describe("FWHT", () => {
  it("has ten frames of 640x480 that fill the file", () => {
    const frames = [...fwhtFrames(stream)];
    expect(frames.map(({ header }) => [header.version, header.width, header.height])).toEqual(
      Array.from({ length: frames.length }, () => [3, 640, 480]),
    );
    expect(frames.length).toBe(10);
    const last = frames.at(-1);
    expect((last?.offset ?? 0) + FWHT_HEADER_BYTES + (last?.payload.byteLength ?? 0)).toBe(stream.byteLength);
    expect([...parseUnits(stream)].map(({ error }) => error)).toEqual(frames.map(() => undefined));
  });

  it("refers to the frame before, but for I frames", () => {
    const controls = [...frameControls(stream)].map(
      ({ requests }) => requests[0]?.controls.StatelessFwhtParams,
    );
    const I_FRAME = 1 << 10;
    for (const [index, params] of controls.entries()) {
      const isIntra = ((params?.flags ?? 0) & I_FRAME) !== 0;
      expect(params?.backward_ref_ts).toBe(isIntra ? 0n : BigInt(index - 1) * 1000n);
    }
  });

  it("is written again to the same bytes", () => {
    for (const { header, offset } of fwhtFrames(stream)) {
      const writer = new SyntaxWriter("FWHT");
      fwhtHeader(writer, header);
      expect(Buffer.from(writer.finish())).toEqual(stream.subarray(offset, offset + FWHT_HEADER_BYTES));
    }
  });

  it("refuses a header of an unknown version, and says where", () => {
    const bytes = Uint8Array.from(stream.subarray(8, 8 + FWHT_HEADER_BYTES));
    bytes[11] = 4;
    expect(() => {
      fwhtHeader(new SyntaxReader("FWHT", bytes), emptyFwhtHeader());
    }).toThrow("FWHT: version is 4, and the specification allows 1 to 3 (bit 64)");
  });

  it("gives values or a CodecError when it is damaged", () => {
    let refused = 0;
    for (const bytes of mutations(stream, 300, 3)) {
      try {
        for (const { payload } of fwhtFrames(bytes)) expect(payload.byteLength).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
        refused += 1;
      }
      for (const unit of parseUnits(bytes)) expect(unit.length).toBeGreaterThan(0);
    }
    expect(refused).toBeGreaterThan(50);
  });
});
