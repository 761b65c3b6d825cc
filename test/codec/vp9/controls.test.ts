/** The controls of VP9 streams: against GStreamer's, and what follows from the state that frames leave. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BoolReader, BoolWriter } from "../../../src/codec/bits/index.js";
import { ivfFrames } from "../../../src/codec/files/index.js";
import type { FrameControls } from "../../../src/codec/index.js";
import * as vp9 from "../../../src/codec/vp9/index.js";
import { layouts } from "../../../src/v4l2/gen/index.js";
import { golden } from "../../visl/golden.js";
import { compareWithGStreamer } from "../support/golden-controls.js";
import { recorded, streams } from "./streams.js";
import { difficult, inter, Vp9Stream } from "./synthetic.js";

function controls({ requests }: FrameControls): {
  frame: NonNullable<FrameControls["requests"][0]["controls"]["StatelessVp9Frame"]>;
  probabilities: NonNullable<FrameControls["requests"][0]["controls"]["StatelessVp9CompressedHdr"]>;
} {
  const { StatelessVp9Frame: frame, StatelessVp9CompressedHdr: probabilities } = requests[0]?.controls ?? {};
  if (frame === undefined || probabilities === undefined) throw new Error("no controls");
  return { frame, probabilities };
}

describe("the controls of a VP9 stream", () => {
  it("equal GStreamer's, line by line", () => {
    const jobs = [...vp9.frameControls(readFileSync(recorded))].map(controls);
    const { compared, differences } = compareWithGStreamer("vp9", "vp9.ivf", jobs);
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(1400);
  });

  it("go with the bytes that GStreamer queued", () => {
    const theirs = golden("vp9.ivf/bitstream-md5.txt").trim().split("\n");
    const ours = [...vp9.frameControls(readFileSync(recorded))].flatMap(({ requests }) =>
      requests.map(({ payload }) => createHash("md5").update(payload).digest("hex")),
    );
    expect(ours).toEqual(theirs.map((line) => line.split(/\s+/)[0]));
  });
});

describe.each(streams)("VP9, %s", (_name, file) => {
  it("refers only to frames that were decoded before, and shows one frame of each chunk", () => {
    const stream = readFileSync(file());
    const decoded = new Set<bigint>();
    let shown = 0;
    for (const picture of vp9.frameControls(stream)) {
      shown += Number(picture.shown);
      if (picture.requests.length === 0) {
        expect(decoded).toContain(picture.showsExistingNs);
        continue;
      }
      const { frame } = controls(picture);
      const isIntra = (frame.flags & 0b1001) !== 0;
      const references = [frame.last_frame_ts, frame.golden_frame_ts, frame.alt_frame_ts];
      if (isIntra) expect(references).toEqual([0n, 0n, 0n]);
      else for (const reference of references) expect(decoded).toContain(reference);
      expect(decoded).not.toContain(picture.timestampNs);
      decoded.add(picture.timestampNs);
    }
    expect(shown).toBe([...ivfFrames(stream)].length);
  });
});

describe("the streams above", () => {
  const all = streams.flatMap(([, file]) => [...vp9.frameControls(readFileSync(file()))]);
  const frames = all.filter(({ requests }) => requests.length > 0).map(controls);

  it("have what makes VP9 difficult", () => {
    expect(all.some(({ shown }) => !shown)).toBe(true);
    expect(all.some(({ showsExistingNs }) => showsExistingNs !== undefined)).toBe(true);
    const values = <Value>(of: (job: (typeof frames)[0]) => Value): Set<Value> => new Set(frames.map(of));
    expect(values(({ frame }) => frame.profile)).toEqual(new Set([0, 1, 2, 3]));
    expect(values(({ frame }) => frame.bit_depth)).toEqual(new Set([8, 10, 12]));
    expect(values(({ frame }) => frame.reference_mode)).toEqual(new Set([0, 2]));
    expect(values(({ frame }) => frame.reset_frame_context)).toEqual(new Set([0, 1]));
    expect(values(({ frame }) => frame.interpolation_filter)).toEqual(new Set([0, 1, 2, 4]));
    expect(values(({ probabilities }) => probabilities.tx_mode)).toEqual(new Set([0, 1, 2, 3, 4]));
    const bits = frames.reduce((sum, { frame }) => sum | frame.flags, 0);
    expect(bits).toBe(0b11_1111_1111);
    expect(frames.reduce((sum, { frame }) => sum | frame.seg.flags, 0)).toBe(0b1_1111);
    expect(frames.some(({ frame }) => frame.tile_cols_log2 === 3 && frame.tile_rows_log2 === 1)).toBe(true);
  });
});

describe("the state that VP9 frames leave", () => {
  const jobs = (stream: Vp9Stream): ReturnType<typeof controls>[] =>
    [...vp9.frameControls(stream.ivf)].filter(({ requests }) => requests.length > 0).map(controls);

  it("has pictures in slots, with sizes that later frames take", () => {
    const sizes = jobs(difficult()).map(({ frame }) => [
      frame.frame_width_minus_1 + 1,
      frame.frame_height_minus_1 + 1,
      frame.last_frame_ts,
      frame.golden_frame_ts,
      frame.alt_frame_ts,
    ]);
    expect(sizes).toEqual([
      [640, 64, 0n, 0n, 0n],
      [400, 40, 0n, 0n, 0n],
      [640, 64, 0n, 1000n, 1000n],
      [400, 40, 2000n, 1000n, 1000n],
      [320, 32, 2000n, 1000n, 1000n],
      [640, 64, 2000n, 1000n, 1000n],
      [4096, 8, 0n, 0n, 0n],
    ]);
  });

  it("has segments and filter deltas until a frame that is independent of the past", () => {
    const [, , sent, , kept, independent] = jobs(difficult()).map(({ frame }) => frame);
    expect(sent?.seg.tree_probs).toEqual([1, 2, 255, 4, 5, 6, 7]);
    expect(sent?.seg.pred_probs).toEqual([255, 100, 200]);
    expect(sent?.seg.feature_enabled).toEqual([0, 1, 2, 4, 8, 0, 0, 0]);
    expect(sent?.seg.feature_data.slice(0, 4)).toEqual([
      [0, 0, 0, 0],
      [-17, 0, 0, 0],
      [0, 63, 0, 0],
      [0, 0, 2, 0],
    ]);
    expect(sent?.seg.flags).toBe(0b1_1111);
    expect(kept?.seg.feature_enabled).toEqual([0, 1, 2, 4, 8, 0, 0, 0]);
    expect(kept?.seg.flags).toBe(0b1_0001);
    expect([kept?.lf.ref_deltas, kept?.lf.mode_deltas]).toEqual([
      [1, 63, -63, -1],
      [0, -1],
    ]);
    expect(independent?.seg.feature_enabled).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect([independent?.lf.ref_deltas, independent?.lf.mode_deltas]).toEqual([
      [1, 0, -1, -1],
      [0, 0],
    ]);
  });

  it("has contexts as the stream names them: the driver resets them", () => {
    const [, intraOnly, , inside, , resilient] = jobs(difficult()).map(({ frame }) => frame);
    expect([intraOnly?.reset_frame_context, intraOnly?.frame_context_idx]).toEqual([1, 3]);
    expect(inside?.reset_frame_context).toBe(0);
    expect([resilient?.reset_frame_context, resilient?.frame_context_idx]).toEqual([0, 1]);
    expect(intraOnly?.render_width_minus_1).toBe(499);
    expect(inside?.ref_frame_sign_bias).toBe(4);
  });

  it.each([
    ["a slot that is empty", { ref_frame_idx: [0, 5, 0] }, /slot 5 is empty/],
    [
      "a size that no reference can be scaled to",
      { found_ref: undefined, size: { width: 31, height: 32 } },
      /scaled to 31x32/,
    ],
    [
      "a size that is too large",
      { found_ref: undefined, size: { width: 1025, height: 64 } },
      /scaled to 1025x64/,
    ],
  ])("does not allow a frame with %s", (_name, elements, reason) => {
    const stream = new Vp9Stream();
    const intraOnly = {
      frame_type: vp9.FrameType.NonKey,
      show_frame: false,
      intra_only: true,
      refresh_frame_flags: 0b111,
      size: { width: 64, height: 64 },
    };
    stream.frame(intraOnly);
    expect(() => stream.frame({ ...inter, ...elements })).toThrow(reason);
  });

  it("does not allow references of another format", () => {
    const stream = new Vp9Stream();
    stream.frame({ size: { width: 64, height: 64 } });
    stream.frame({
      frame_type: vp9.FrameType.NonKey,
      show_frame: false,
      intra_only: true,
      profile: 2,
      color: { ...vp9.emptyColorConfig(), bit_depth: 12 },
      refresh_frame_flags: 0b10,
      size: { width: 64, height: 64 },
    });
    expect(() => stream.frame(inter)).toThrow(/another bit depth/);
  });
});

describe("changes of probabilities", () => {
  const frame = {
    ...vp9.emptyUncompressedHeader(),
    ...inter,
    quantization: {
      base_q_idx: 1,
      delta_q_y_dc: undefined,
      delta_q_uv_dc: undefined,
      delta_q_uv_ac: undefined,
    },
    interpolation_filter: vp9.SWITCHABLE,
    allow_high_precision_mv: true,
  };

  it("are read as they were written: every code, in every table", () => {
    const header = { ...vp9.emptyCompressedHeader(), tx_mode: 4, reference_mode: 2 };
    let code = 0;
    for (const [name, value] of Object.entries(header)) {
      // `all` is the same memory, and the syntax has no changes of the modes of chroma.
      if (value instanceof Int16Array && name !== "all" && name !== "uv_mode_probs") {
        const codes = name.startsWith("mv_") ? 128 : 255;
        value.forEach((_, i) => (value[i] = (code += 37) % codes));
      }
    }
    header.coef_update.fill(true);
    for (const changes of header.coef_probs) {
      // The first band has three contexts.
      changes.forEach(
        (_, i) => (changes[i] = Math.floor(i / 18) % 6 === 0 && i % 18 >= 9 ? -1 : code++ % 255),
      );
    }
    const writer = new BoolWriter("VP9");
    vp9.compressedHeader(writer, structuredClone(header), frame);
    const again = vp9.emptyCompressedHeader();
    vp9.compressedHeader(new BoolReader("VP9", writer.finish()), again, frame);
    expect(again).toEqual(header);
  });

  it("are found in the bytes of a control, and no others but where the first band has no coefficient", () => {
    const header = { ...vp9.emptyCompressedHeader(), tx_mode: 4 };
    header.skip_prob.set([-1, 7, 126]);
    header.mv_hp_prob.set([5, -1]);
    for (const table of header.coef_probs)
      for (const at of vp9.codedCoefficients) if (at % 3 === 0) table[at] = at % 255;
    const type = layouts.struct("v4l2_ctrl_vp9_compressed_hdr");
    const bytes = new Uint8Array(type.size);
    type.write(bytes, vp9.compressedControl(header));
    expect(vp9.isCompressedControl(header, bytes)).toBe(true);
    const free = Array.from({ length: type.size }, (_, at) => at).filter((at) => {
      const other = bytes.slice();
      other[at] = (other[at] ?? 0) ^ 1;
      return vp9.isCompressedControl(header, other);
    });
    // Four sizes, two planes and two references: the last three of the six contexts of the first band.
    expect(free).toHaveLength(4 * 2 * 2 * 3 * 3);
    expect(free.slice(0, 10)).toEqual([...Array.from({ length: 9 }, (_, i) => 13 + 9 + i), 13 + 108 + 9]);
    expect(vp9.isCompressedControl(header, bytes.subarray(1))).toBe(false);
  });

  it("are told as distances, of which every one has a code and every thirteenth a short one", () => {
    const header = vp9.emptyCompressedHeader();
    const table = header.coef_probs[0];
    for (let code = 0; code < 255; code += 1) table?.set([code], code);
    const told = vp9.compressedControl(header).coef[0]?.flat(4) ?? [];
    expect(told.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => 7 + 13 * i));
    expect(told.slice(20, 33)).toEqual([1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14]);
    expect(told.slice(0, 254).sort((a, b) => a - b)).toEqual(Array.from({ length: 254 }, (_, i) => i + 1));
    expect(told.slice(253, 256)).toEqual([expect.any(Number), 253, 0]);
  });

  it("are told as new probabilities where they are of motion vectors", () => {
    const header = vp9.emptyCompressedHeader();
    header.mv_joint_probs.set([0, -1, 127]);
    expect(vp9.compressedControl(header).mv.joint).toEqual([1, 0, 255]);
  });
});
