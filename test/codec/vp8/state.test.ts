/** What a VP8 frame leaves for those that follow, and what damaged frames are answered with. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  BoolReader,
  BoolWriter,
  CodecError,
  SyntaxReader,
  SyntaxWriter,
} from "../../../src/codec/bits/index.js";
import { ivfFrames } from "../../../src/codec/files/index.js";
import * as vp8 from "../../../src/codec/vp8/index.js";
import { mutations } from "../support/mutations.js";

const recorded = fileURLToPath(new URL("../../gstreamer/data/vp8.ivf", import.meta.url));

/** A frame with the header elements that are given. */
function frame(isKey: boolean, elements: Partial<vp8.FrameHeader> = {}): vp8.Vp8Frame {
  return {
    tag: { key_frame: isKey ? 0 : 1, version: 0, show_frame: true, first_part_size: 0 },
    key: isKey ? { width: 16, height: 16, horizontal_scale: 0, vertical_scale: 0 } : undefined,
    header: { ...vp8.emptyFrameHeader(isKey), refresh_entropy_probs: true, ...elements },
    firstPartOffset: 0,
    headerBits: 0,
    coderState: { range: 255, value: 0, bitCount: 0 },
    dctPartSizes: [0],
  };
}

describe("the state that VP8 frames leave", () => {
  it("has references that were copied to the alternate one before to the golden one", () => {
    const state = new vp8.Vp8State();
    const decode = (next: vp8.Vp8Frame, timestampNs: bigint): void => {
      state.apply(next);
      state.finish(next, timestampNs);
    };
    decode(frame(true), 1n);
    decode(frame(false, { refresh_last: true }), 2n);
    expect(state.references).toEqual({ last: 2n, golden: 1n, alternate: 1n });
    decode(frame(false, { refresh_alternate_frame: true }), 3n);
    decode(frame(false, { copy_buffer_to_golden: 1 }), 4n);
    expect(state.references).toEqual({ last: 2n, golden: 2n, alternate: 3n });
    decode(frame(false, { copy_buffer_to_golden: 2, copy_buffer_to_alternate: 2 }), 5n);
    expect(state.references).toEqual({ last: 2n, golden: 2n, alternate: 2n });
    decode(frame(false, { refresh_golden_frame: true, copy_buffer_to_alternate: 2 }), 6n);
    expect(state.references).toEqual({ last: 2n, golden: 6n, alternate: 2n });
  });

  it("has the probabilities from before a frame that keeps its own to itself, and the first ones after a key frame", () => {
    const state = new vp8.Vp8State();
    const coeff_prob = new Int16Array(1056).fill(-1);
    coeff_prob[40] = 7;
    const passing = frame(false, {
      refresh_entropy_probs: false,
      coeff_prob,
      intra_16x16_prob: [1, 2, 3, 4],
    });
    state.apply(frame(true));
    state.finish(frame(true), 1n);
    const before = state.entropy.coeff[40];
    state.apply(passing);
    expect([state.entropy.coeff[40], state.entropy.yMode]).toEqual([7, [1, 2, 3, 4]]);
    state.finish(passing, 2n);
    expect([state.entropy.coeff[40], state.entropy.yMode]).toEqual([before, [112, 86, 140, 37]]);
    const lasting = frame(false, { coeff_prob });
    state.apply(lasting);
    state.finish(lasting, 3n);
    expect(state.entropy.coeff[40]).toBe(7);
    state.apply(frame(true));
    expect(state.entropy.coeff[40]).toBe(before);
  });

  it("has segments and filter deltas until they are sent again", () => {
    const state = new vp8.Vp8State();
    const segmentation = {
      segmentation_enabled: true,
      update_mb_segmentation_map: true,
      update_segment_feature_data: true,
      segment_feature_mode: 1,
      quantizer_update: [5, undefined, -3, -0],
      lf_update: [undefined, 1, 2, 3],
      segment_prob: [9, undefined, 8],
    };
    const deltas = {
      loop_filter_adj_enable: true,
      mode_ref_lf_delta_update: true,
      ref_frame_delta: [2, undefined, -2, undefined],
      mb_mode_delta: [undefined, undefined, undefined, 4],
    };
    state.apply(frame(true));
    state.finish(frame(true), 1n);
    for (const next of [frame(false, { segmentation, deltas }), frame(false)]) {
      state.apply(next);
      state.finish(next, 2n);
      const { segment, lf } = vp8.frameControl(next, state);
      expect(segment.quant_update).toEqual([5, 0, -3, 0]);
      expect(segment.lf_update).toEqual([0, 1, 2, 3]);
      expect(segment.segment_probs).toEqual([9, 255, 8]);
      expect(segment.flags & 8).toBe(0);
      expect(lf.ref_frm_delta).toEqual([2, 0, -2, 0]);
      expect(lf.mb_mode_delta).toEqual([0, 0, 0, 4]);
    }
    state.apply(frame(true));
    expect(vp8.frameControl(frame(true), state).segment.quant_update).toEqual([0, 0, 0, 0]);
    expect(state.refFrameDelta).toEqual([0, 0, 0, 0]);
  });
});

describe("a VP8 frame header", () => {
  it("is read as it was written, with every element that a frame can have", () => {
    const header: vp8.FrameHeader = {
      ...vp8.emptyFrameHeader(false),
      segmentation: {
        segmentation_enabled: true,
        update_mb_segmentation_map: true,
        update_segment_feature_data: true,
        segment_feature_mode: 1,
        quantizer_update: [127, undefined, -127, -0],
        lf_update: [undefined, 63, -63, 0],
        segment_prob: [0, undefined, 255],
      },
      filter_type: 1,
      loop_filter_level: 63,
      sharpness_level: 7,
      deltas: {
        loop_filter_adj_enable: true,
        mode_ref_lf_delta_update: true,
        ref_frame_delta: [63, undefined, -63, -0],
        mb_mode_delta: [undefined, 1, -1, 0],
      },
      log2_nbr_of_dct_partitions: 3,
      quant_indices: {
        y_ac_qi: 127,
        y_dc_delta: -15,
        y2_dc_delta: 15,
        y2_ac_delta: -0,
        uv_dc_delta: 0,
        uv_ac_delta: undefined,
      },
      copy_buffer_to_golden: 2,
      copy_buffer_to_alternate: 1,
      sign_bias_golden: true,
      refresh_last: true,
      coeff_prob: Int16Array.from({ length: 1056 }, (_, i) => (i % 5 === 0 ? -1 : i & 255)),
      mb_no_skip_coeff: true,
      prob_skip_false: 255,
      prob_intra: 1,
      prob_last: 2,
      prob_gf: 3,
      intra_16x16_prob: [4, 5, 6, 7],
      intra_chroma_prob: [8, 9, 10],
      mv_prob: Int16Array.from({ length: 38 }, (_, i) => (i === 0 ? 1 : i % 3 === 0 ? -1 : 6 * i)),
    };
    const writer = new BoolWriter("VP8");
    vp8.frameHeader(writer, false, structuredClone(header));
    const again = vp8.emptyFrameHeader(false);
    vp8.frameHeader(new BoolReader("VP8", writer.finish()), false, again);
    expect(again).toEqual(header);
  });

  it("may not copy from a frame that there is not", () => {
    const header = { ...vp8.emptyFrameHeader(false), copy_buffer_to_golden: 3 };
    expect(() => vp8.frameHeader(new BoolWriter("VP8"), false, header)).toThrow(/names no frame/);
  });
});

describe("a VP8 key frame header", () => {
  it("has sizes and scales in little-endian words", () => {
    const header = { width: 0x2345, horizontal_scale: 1, height: 0x1fe, vertical_scale: 3 };
    const writer = new SyntaxWriter("VP8");
    vp8.keyFrameHeader(writer, header);
    const bytes = writer.finish();
    expect(Buffer.from(bytes).toString("hex")).toBe("9d012a4563fec1");
    const again = vp8.emptyKeyFrameHeader();
    vp8.keyFrameHeader(new SyntaxReader("VP8", bytes), again);
    expect(again).toEqual(header);
  });
});

describe("damaged VP8", () => {
  const frames = [...ivfFrames(readFileSync(recorded))];
  const first = frames[0]?.data ?? new Uint8Array(0);
  const alone = (data: Uint8Array): { data: Uint8Array; dataOffset: number }[] => [{ data, dataOffset: 0 }];

  it.each([
    ["an inter frame first", frames.slice(1), /before any key frame/],
    ["an empty frame", alone(new Uint8Array(0)), /ends inside/],
    ["a cut first partition", alone(first.subarray(0, 300)), /first partition has 725 bytes, and 290 are/],
    ["no start code", alone(Uint8Array.of(0x10, 0, 0, 1, 2, 3, 0, 0, 0, 0)), /start_code/],
    ["no pixels", alone(Uint8Array.of(0x10, 0, 0, 0x9d, 1, 0x2a, 0, 0x40, 16, 0)), /0x16/],
  ])("is refused with a reason: %s", (_name, damaged, reason) => {
    const decode = (): unknown => [...vp8.controlsOf(damaged)];
    expect(decode).toThrow(reason);
    expect(decode).toThrow(CodecError);
  });

  it("is refused where the header needs more than the first partition has", () => {
    const tag = vp8.emptyFrameTag();
    vp8.frameTag(new SyntaxReader("VP8", first), tag);
    const writer = new SyntaxWriter("VP8");
    vp8.frameTag(writer, { ...tag, first_part_size: 200 });
    const damaged = Uint8Array.from([...writer.finish(), ...first.subarray(3)]);
    expect(() => vp8.parseFrame(damaged)).toThrow(/the data ends inside/);
  });

  it("gives values or a CodecError, in bounded time", () => {
    let refused = 0;
    let accepted = 0;
    for (const [seed, { data }] of frames.entries()) {
      for (const bytes of mutations(data, 100, seed)) {
        const start = performance.now();
        try {
          const stream = [...alone(first), ...alone(bytes)];
          for (const { requests } of vp8.controlsOf(stream)) expect(requests).toHaveLength(1);
          accepted += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
          refused += 1;
        }
        expect(performance.now() - start).toBeLessThan(500);
      }
    }
    expect(refused).toBeGreaterThan(50);
    expect(accepted).toBeGreaterThan(50);
  });

  it("is explained as far as it goes", () => {
    for (const bytes of mutations(readFileSync(recorded), 100, 6386)) {
      try {
        for (const unit of vp8.parseUnits(bytes)) expect(unit.length).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
      }
    }
  });
});
