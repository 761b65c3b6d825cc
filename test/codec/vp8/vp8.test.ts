/** VP8: conformance streams, clips of libvpx, and what GStreamer submitted for a clip. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { BoolReader, BoolWriter, SyntaxWriter } from "../../../src/codec/bits/index.js";
import { ivfFrames, readIvfHeader } from "../../../src/codec/files/index.js";
import * as vp8 from "../../../src/codec/vp8/index.js";
import { golden } from "../../visl/golden.js";
import { leadingBits } from "../support/clips.js";
import { compareWithGStreamer } from "../support/golden-controls.js";
import { compareHeaders, tracesVp8 } from "../support/headers.js";
import { vectors } from "../support/vectors.js";
import { made, recorded } from "./streams.js";

const streams: readonly (readonly [name: string, file: () => string])[] = [
  ...made,
  ...vectors("vp8", [".ivf"]).map((path) => [basename(path), () => path] as const),
];

/** ffmpeg 7 traces VP8's headers, too. */
const withOracle = tracesVp8();

describe.each(streams)("VP8, %s", (_name, file) => {
  const stream = readFileSync(file());
  const frames = [...ivfFrames(stream)];

  it.runIf(withOracle)("has every element of its headers where ffmpeg has it, with the same value", () => {
    const { elements, differences } = compareHeaders("vp8", file());
    expect(differences).toEqual([]);
    expect(elements).toBeGreaterThan(50);
  });

  it("has partitions that add up to the frame, and a header inside the first one", () => {
    expect(frames.length).toBeGreaterThan(0);
    for (const { data } of frames) {
      const { tag, dctPartSizes, firstPartOffset, headerBits } = vp8.parseFrame(data);
      const sizes = 3 * (dctPartSizes.length - 1) + dctPartSizes.reduce((sum, size) => sum + size, 0);
      expect(firstPartOffset + tag.first_part_size + sizes).toBe(data.byteLength);
      expect([1, 2, 4, 8]).toContain(dctPartSizes.length);
      expect(headerBits).toBeGreaterThan(0);
      expect(headerBits).toBeLessThanOrEqual(tag.first_part_size * 8);
    }
  });

  it("has frame tags, key frame headers and partition sizes that are written to the same bytes", () => {
    for (const { data } of frames) {
      const { tag, key, dctPartSizes, firstPartOffset } = vp8.parseFrame(data);
      const writer = new SyntaxWriter("VP8");
      vp8.frameTag(writer, tag);
      if (key !== undefined) vp8.keyFrameHeader(writer, key);
      expect(Buffer.from(writer.finish())).toEqual(Buffer.from(data.subarray(0, firstPartOffset)));
      const sizes = new SyntaxWriter("VP8");
      vp8.partitionSizes(sizes, [...dctPartSizes], dctPartSizes.length);
      const start = firstPartOffset + tag.first_part_size;
      const end = start + 3 * (dctPartSizes.length - 1);
      expect(Buffer.from(sizes.finish())).toEqual(Buffer.from(data.subarray(start, end)));
    }
  });

  it("has headers that are written to the first partition, less what the decoder has left of it", () => {
    // The macroblocks follow in the same arithmetic code. What is written is the lower bound of the interval, and the
    // decoder's value behind the header is the distance from it.
    for (const { data } of frames) {
      const { tag, key, header, firstPartOffset, headerBits, coderState } = vp8.parseFrame(data);
      const writer = new BoolWriter("VP8");
      vp8.frameHeader(writer, key !== undefined, header);
      const bits = headerBits + 8;
      const first = data.subarray(firstPartOffset, firstPartOffset + tag.first_part_size);
      expect(leadingBits(writer.finish(), bits) + BigInt(coderState.value)).toBe(leadingBits(first, bits));
      expect(coderState.value).toBeLessThan(coderState.range);
    }
  });

  it("has headers that are read again as they were written", () => {
    for (const { data } of frames) {
      const { key, header, headerBits, coderState } = vp8.parseFrame(data);
      const writer = new BoolWriter("VP8");
      vp8.frameHeader(writer, key !== undefined, header);
      const reader = new BoolReader("VP8", writer.finish());
      const again = vp8.emptyFrameHeader(key !== undefined);
      vp8.frameHeader(reader, key !== undefined, again);
      expect(again).toEqual(header);
      expect(reader.position).toBe(headerBits);
      expect(reader.state.range).toBe(coderState.range);
    }
  });

  it("refers only to frames that were decoded before", () => {
    const { width, height } = readIvfHeader(stream);
    const decoded = new Set<bigint>();
    for (const { timestampNs, requests } of vp8.frameControls(stream)) {
      expect(requests).toHaveLength(1);
      const control = requests[0]?.controls.StatelessVp8Frame;
      if (control === undefined) throw new Error("no control");
      const references = [control.last_frame_ts, control.golden_frame_ts, control.alt_frame_ts];
      const isKey = (control.flags & 1n) !== 0n;
      if (isKey) expect(references).toEqual([0n, 0n, 0n]);
      else for (const reference of references) expect(decoded).toContain(reference);
      expect([control.width, control.height]).toEqual([width, height]);
      decoded.add(timestampNs);
    }
    expect(decoded.size).toBe(frames.length);
  });

  it("is explained without an error and without gaps", () => {
    const units = [...vp8.parseUnits(stream)];
    expect(units.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(units.map(({ offset }) => offset)).toEqual(frames.map(({ dataOffset }) => dataOffset));
    for (const { items } of units) {
      const fields = items.flatMap((item) => ("field" in item ? [item.field] : []));
      expect(fields.length).toBeGreaterThan(1056);
      const misplaced = fields.filter(({ bitPosition }, n) => {
        const before = fields[n - 1];
        return bitPosition !== (before === undefined ? 0 : before.bitPosition + before.bitLength);
      });
      // Only the macroblocks are left out, which are between the header and the sizes.
      expect(misplaced.map(({ name, subscripts }) => `${name} ${subscripts.join()}`)).toEqual(
        fields.some(({ name }) => name === "partition_size") ? ["partition_size 0"] : [],
      );
    }
  });
});

describe("the streams above", () => {
  const all = streams.flatMap(([, file]) =>
    [...ivfFrames(readFileSync(file()))].map(({ data }) => vp8.parseFrame(data)),
  );
  const some = (test: (frame: vp8.Vp8Frame) => boolean): boolean => all.some(test);

  it("have what makes VP8 difficult", () => {
    expect(some(({ tag }) => !tag.show_frame)).toBe(true);
    expect(some(({ header }) => header.copy_buffer_to_alternate !== 0)).toBe(true);
    expect(some(({ header }) => !header.refresh_entropy_probs)).toBe(true);
    expect(some(({ header }) => !header.refresh_last)).toBe(true);
    expect(some(({ header }) => header.filter_type === 1)).toBe(true);
    expect(some(({ header }) => header.mv_prob.some((prob) => prob >= 0))).toBe(true);
    expect(new Set(all.map(({ tag }) => tag.version))).toEqual(new Set([0, 1, 2, 3]));
    expect(new Set(all.map(({ dctPartSizes }) => dctPartSizes.length))).toEqual(new Set([1, 2, 4, 8]));
  });

  it.skipIf(streams.length === made.length)(
    "have copies, segments, sign biases and probabilities of modes",
    () => {
      expect(some(({ header }) => header.copy_buffer_to_golden !== 0)).toBe(true);
      expect(some(({ header }) => header.segmentation.update_mb_segmentation_map)).toBe(true);
      expect(some(({ header }) => header.segmentation.update_segment_feature_data)).toBe(true);
      expect(some(({ header }) => header.sign_bias_golden || header.sign_bias_alternate)).toBe(true);
      expect(some(({ header }) => header.intra_16x16_prob !== undefined)).toBe(true);
      expect(some(({ header }) => header.intra_chroma_prob !== undefined)).toBe(true);
    },
  );
});

describe("the controls of a VP8 stream", () => {
  it("equal GStreamer's, line by line", () => {
    const jobs = [...vp8.frameControls(readFileSync(recorded))].flatMap(({ requests }) =>
      requests.map(({ controls: { StatelessVp8Frame: frame } }) => {
        if (frame === undefined) throw new Error("no control");
        return { frame };
      }),
    );
    const { compared, differences } = compareWithGStreamer("vp8", "vp8.ivf", jobs);
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(700);
  });

  it("go with the bytes that GStreamer queued", () => {
    const theirs = golden("vp8.ivf/bitstream-md5.txt").trim().split("\n");
    const ours = [...vp8.frameControls(readFileSync(recorded))].flatMap(({ requests }) =>
      requests.map(({ payload }) => createHash("md5").update(payload).digest("hex")),
    );
    expect(ours).toEqual(theirs.map((line) => line.split(/\s+/)[0]));
  });
});
