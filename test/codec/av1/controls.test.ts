/** The controls against those that GStreamer told the kernel's visl, and what follows from a stream besides. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { frameControls } from "../../../src/codec/av1/index.js";
import { emptyFrameHeader } from "../../../src/codec/av1/frame-header.js";
import { emptyReferenceSlots, setFrameRefs } from "../../../src/codec/av1/references.js";
import { isWarpValid } from "../../../src/codec/av1/syntax-global-motion.js";
import { emptySequenceHeader } from "../../../src/codec/av1/syntax-sequence.js";
import type { ControlValues, FrameControls } from "../../../src/codec/index.js";
import { av1FilmGrain, av1Frame, av1Sequence } from "../../../src/v4l2/controls/rules-av1.js";
import {
  CtrlAv1FilmGrainView,
  CtrlAv1FrameView,
  CtrlAv1SequenceView,
  layouts,
} from "../../../src/v4l2/gen/index.js";
import { golden } from "../../visl/golden.js";
import { compareWithGStreamer } from "../support/golden-controls.js";
import { clipBytes, clipNames } from "./clips.js";
import { layeredStream } from "./layered-stream.js";

const av1 = new Uint8Array(readFileSync(new URL("../../gstreamer/data/av1.ivf", import.meta.url)));

/** With GStreamer's time stamps, which count the frames that are shown again too. */
function asGStreamer(stream: Uint8Array): FrameControls[] {
  const numbers: bigint[] = [];
  for (const [i, { requests }] of [...frameControls(stream)].entries()) {
    if (requests.length > 0) numbers.push(BigInt(i) * 1000n);
  }
  return [...frameControls(stream, { timestampOf: (index) => numbers[index] ?? -1n })];
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a control is missing");
  return value;
}

function* jobs(frames: readonly FrameControls[]): Generator<Required<Pick<ControlValues, AllOf>>> {
  for (const { requests } of frames) {
    for (const { controls } of requests) {
      yield {
        StatelessAv1Sequence: must(controls.StatelessAv1Sequence),
        StatelessAv1Frame: must(controls.StatelessAv1Frame),
        StatelessAv1FilmGrain: must(controls.StatelessAv1FilmGrain),
        StatelessAv1TileGroupEntry: must(controls.StatelessAv1TileGroupEntry),
      };
    }
  }
}
type AllOf =
  "StatelessAv1Sequence" | "StatelessAv1Frame" | "StatelessAv1FilmGrain" | "StatelessAv1TileGroupEntry";

/** `V4L2_CUSE_SHARED`, or the folder `shared` beside the repository; says so where the file is not there. */
function sharedFile(name: string): string {
  const given = process.env["V4L2_CUSE_SHARED"];
  const beside = ["../../../../shared/", "../../../../../shared/"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const paths = (given === undefined ? beside : [`${given}/`]).map((folder) => `${folder}${name}`);
  const found = paths.find((path) => existsSync(path));
  if (found === undefined)
    console.warn(`No ${paths[0] ?? name}: set V4L2_CUSE_SHARED. Its test is left out.`);
  return found ?? "";
}

describe("what GStreamer tells visl of the clip av1.ivf", () => {
  it("is what follows from the stream, in every line of the kernel's trace", () => {
    const values = [...jobs(asGStreamer(av1))].map((controls) => ({
      sequence: controls.StatelessAv1Sequence,
      frame: controls.StatelessAv1Frame,
      filmGrain: controls.StatelessAv1FilmGrain,
      tile: must(controls.StatelessAv1TileGroupEntry[0]),
    }));
    const { compared, jobs: count, differences } = compareWithGStreamer("av1", "av1.ivf", values);
    console.info(`${count} jobs, ${compared} lines`);
    expect(differences).toEqual([]);
    expect(count).toBe(11);
    expect(compared).toBeGreaterThan(900);
  });

  it("has the same bitstream in each buffer", () => {
    const md5s = golden("av1.ivf/bitstream-md5.txt")
      .trim()
      .split("\n")
      .map((line) => line.split(/ +/) as [string, string]);
    const wanted = md5s
      .sort(([, a], [, b]) => Number(a.replace(/\D+/g, "")) - Number(b.replace(/\D+/g, "")))
      .map(([md5]) => md5);
    const found = asGStreamer(av1)
      .flatMap(({ requests }) => requests)
      .map(({ payload }) => createHash("md5").update(payload).digest("hex"));
    expect(found).toEqual(wanted);
  });

  const tracer = sharedFile("golden/v4l2-tracer/av1.ivf.json.gz");
  it.skipIf(!existsSync(tracer))("is the same in what the trace leaves out, as v4l2-tracer shows it", () => {
    const calls = JSON.parse(gunzipSync(readFileSync(tracer)).toString()) as {
      from_userspace?: { v4l2_ext_controls?: { controls?: Record<string, Record<string, unknown>>[] } };
    }[];
    const theirs = calls
      .flatMap((call) => call.from_userspace?.v4l2_ext_controls?.controls ?? [])
      .flatMap(({ v4l2_ctrl_av1_frame: frame }) => (frame === undefined ? [] : [frame]));
    const ours = [...jobs(asGStreamer(av1))].map(({ StatelessAv1Frame: frame }) => frame);
    expect(theirs).toHaveLength(ours.length);
    for (const [i, frame] of ours.entries()) {
      const { type, params, invalid } = frame.global_motion;
      expect(theirs[i]?.["v4l2_av1_global_motion"], `frame ${i}`).toMatchObject({
        type,
        params: params.flat(),
        invalid,
      });
      expect(theirs[i]).toMatchObject({
        frame_type: frame.frame_type,
        interpolation_filter: frame.interpolation_filter,
        tx_mode: frame.tx_mode,
        ref_frame_idx: frame.ref_frame_idx,
        order_hints: frame.order_hints,
      });
    }
  });
});

describe("controls of every clip", () => {
  it.each(clipNames)("are accepted by the kernel's own checks: %s", (name) => {
    const stream = clipBytes(name);
    if (stream === undefined) return;
    let frames = 0;
    for (const controls of jobs([...frameControls(stream)])) {
      const sequence = new Uint8Array(CtrlAv1SequenceView.SIZE);
      layouts.write("v4l2_ctrl_av1_sequence", sequence, controls.StatelessAv1Sequence);
      av1Sequence(sequence).check();
      const frame = new Uint8Array(CtrlAv1FrameView.SIZE);
      layouts.write("v4l2_ctrl_av1_frame", frame, controls.StatelessAv1Frame);
      av1Frame(frame).check();
      const grain = new Uint8Array(CtrlAv1FilmGrainView.SIZE);
      layouts.write("v4l2_ctrl_av1_film_grain", grain, controls.StatelessAv1FilmGrain);
      av1FilmGrain(grain).check();
      const { tile_cols, tile_rows } = controls.StatelessAv1Frame.tile_info;
      expect(controls.StatelessAv1TileGroupEntry).toHaveLength(tile_cols * tile_rows);
      frames += 1;
    }
    expect(frames).toBeGreaterThan(0);
  });
});

describe("frames of several tile groups", () => {
  it("are one buffer, in which each tile starts where its entry says", () => {
    const stream = clipBytes("tile-groups");
    if (stream === undefined) return;
    for (const { requests } of frameControls(stream)) {
      for (const { controls, payload } of requests) {
        const entries = must(controls.StatelessAv1TileGroupEntry);
        const bytes = must(controls.StatelessAv1Frame).tile_info.tile_size_bytes;
        expect(entries.length).toBeGreaterThan(4);
        for (const [i, { tile_offset, tile_size }] of entries.entries()) {
          const next = entries[i + 1];
          const end = tile_offset + tile_size;
          // Behind a tile comes the size of the next, unless that ends its group; or the two bytes that start a group.
          if (next === undefined) expect(end).toBe(payload.byteLength);
          else expect([bytes, 0, 2 + bytes, 2]).toContain(next.tile_offset - end);
        }
      }
    }
  });
});

describe("Annex B", () => {
  it("gives the same controls as the low-overhead format", () => {
    const [annexB, lowOverhead] = [clipBytes("annex-b"), clipBytes("low-overhead")];
    if (annexB === undefined || lowOverhead === undefined) return;
    const strip = (frames: Iterable<FrameControls>): unknown[] =>
      [...frames].map((frame) => ({ ...frame, streamOffset: 0 }));
    expect(strip(frameControls(annexB))).toEqual(strip(frameControls(lowOverhead)));
  });
});

describe("spatial layers", () => {
  it("show the highest layer of each temporal unit", () => {
    const frames = [...frameControls(layeredStream())];
    expect(frames.map(({ shown }) => shown)).toEqual([false, true, false, false, true, true]);
    expect(frames.at(-1)?.showsExistingNs).toBe(2000n);
  });

  it("are left out of an operating point without them", () => {
    const sizes = [...frameControls(layeredStream(), { operatingPoint: 1 })].map(
      ({ requests }) => requests[0]?.controls.StatelessAv1Frame?.upscaled_width,
    );
    expect(sizes).toEqual([320, 320, undefined]);
  });
});

describe("set_frame_refs()", () => {
  it("finds the references by their order hints, the nearest first", () => {
    const seq = { ...emptySequenceHeader(), enable_order_hint: true, orderHintBits: 7 };
    const slots = emptyReferenceSlots();
    for (const [i, order_hint] of [10, 12, 8, 30, 24, 6, 20, 4].entries()) {
      slots.frames[i] = { ...emptyFrameHeader(), order_hint };
    }
    const frame = { ...emptyFrameHeader(), order_hint: 16, last_frame_idx: 1, gold_frame_idx: 7 };
    setFrameRefs(seq, slots, frame, (sentence) => {
      throw new Error(sentence);
    });
    // LAST 12, LAST2 10, LAST3 8, GOLDEN 4, BWDREF 20, ALTREF2 24, ALTREF 30.
    expect([...frame.ref_frame_idx]).toEqual([1, 0, 2, 7, 6, 4, 3]);
  });
});

describe("the setup shear process", () => {
  it.each([
    ["no motion", [0, 0, 65536, 0, 0, 65536], true],
    ["a small rotation", [0, 0, 65500, 700, -700, 65500], true],
    ["too much shear across", [0, 0, 65536, 9400, 0, 65536], false],
    ["as much shear across as there may be", [0, 0, 65536, 9300, 0, 65536], true],
    ["too much shear down", [0, 0, 65536, 0, 16384, 65536], false],
    ["as much shear down as there may be", [0, 0, 65536, 0, 16300, 65536], true],
  ])("says of %s whether the warp filter can do it", (_, params, valid) => {
    expect(isWarpValid(Int32Array.from(params))).toBe(valid);
  });
});
