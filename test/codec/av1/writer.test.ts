/** What is read and written again has the same bits: every sequence and frame header of every clip. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  Av1Parser,
  obuHeader,
  ObuType,
  sequenceHeader,
  streamObus,
  trailingBits,
  uncompressedHeader,
  type FrameContext,
  type FrameHeader,
  type Obu,
} from "../../../src/codec/av1/index.js";
import { emptyFrameHeader } from "../../../src/codec/av1/frame-header.js";
import { SyntaxReader, SyntaxWriter } from "../../../src/codec/bits/index.js";
import { vectors } from "../support/vectors.js";
import { clipBytes, clipNames } from "./clips.js";
import { layeredStream } from "./layered-stream.js";

/** The payload that our writer makes, with the bits up to the end of its last byte as the OBU type has them. */
function written(obu: Obu, write: (c: SyntaxWriter) => void): Uint8Array {
  const c = new SyntaxWriter("AV1");
  write(c);
  if (obu.header.obu_type === ObuType.Frame) c.alignWith("zero_bit", 0);
  else trailingBits(c, 8 - (c.position & 7));
  return c.finish();
}

/** A header as a frame has it that was read from these bits, with the state that it is read in. */
function readHeader(obu: Obu, context: FrameContext): FrameHeader {
  const frame = emptyFrameHeader();
  uncompressedHeader(new SyntaxReader("AV1", obu.bytes.subarray(obu.payloadOffset)), context, frame);
  return frame;
}

/** @returns The headers that were compared. */
function roundTrip(stream: Uint8Array): number {
  const parser = new Av1Parser();
  let compared = 0;
  for (const obu of streamObus(stream)) {
    const type = obu.header.obu_type;
    const payload = obu.bytes.subarray(obu.payloadOffset);
    const head = new SyntaxWriter("AV1");
    obuHeader(head, { ...obu.header }, obu.bytes.byteLength);
    expect(head.finish()).toEqual(obu.bytes.slice(0, obu.payloadOffset));
    const { seq, midFrame } = parser;
    if (seq !== undefined && !midFrame && (type === ObuType.Frame || type === ObuType.FrameHeader)) {
      const slots = { frames: parser.slots.frames.slice(), valid: parser.slots.valid };
      const { temporal_id: temporalId, spatial_id: spatialId } = obu.header;
      const context = { seq, slots, temporalId, spatialId };
      const header = readHeader(obu, context);
      const before = structuredClone(header);
      const bytes = written(obu, (c) => {
        uncompressedHeader(c, context, header);
      });
      expect(bytes).toEqual(payload.slice(0, bytes.byteLength));
      // The writer runs the same derivations: it must leave all of them as the reader did.
      expect(header).toEqual(before);
      compared += 1;
    }
    parser.parse(obu);
    if (type === ObuType.SequenceHeader) {
      const again = written(obu, (c) => {
        sequenceHeader(c, structuredClone(parser.seq) ?? expect.fail("no sequence header was read"));
      });
      expect(again).toEqual(payload.slice(0, again.byteLength));
      compared += 1;
    }
  }
  return compared;
}

describe("headers that are read and written again", () => {
  it.each(clipNames)("have the bits that they had: %s", (name) => {
    const stream = clipBytes(name);
    if (stream === undefined) return;
    expect(roundTrip(stream)).toBeGreaterThan(1);
  });

  it.each(vectors("av1", [".ivf", ".obu"]))("have the bits that they had: %s", (file) => {
    expect(roundTrip(new Uint8Array(readFileSync(file)))).toBeGreaterThan(10);
  });

  it("have the bits that they had: spatial layers, short signalling", () => {
    expect(roundTrip(layeredStream())).toBe(7);
  });
});
