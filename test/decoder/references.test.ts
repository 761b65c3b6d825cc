/**
 * A client that names another picture than its bitstream means: `--check` says so, whatever the codec. The picture is the
 * bitstream's all the same, or with `--references client` another one, where that can be had.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import type { FrameControls } from "../../src/codec/index.js";
import type { References } from "../../src/decoder/index.js";
import { codecChecks } from "../../src/stateless/check/codecs.js";
import { describeDisagreement } from "../../src/stateless/check/compare.js";
import { framesOf, StreamDecoder, type CodecName } from "./stream.js";

const large = { width: 320, height: 240 };

interface Clip {
  readonly codec: CodecName;
  readonly name: string;
  /** What the check calls the field. */
  readonly field: RegExp;
  /** Can the picture be decoded from the client's? */
  readonly follows?: boolean;
}

const clips: readonly Clip[] = [
  { codec: "h264", name: "h264_main_b.h264", field: /dpb\[\d*\]\.reference_ts/ },
  { codec: "hevc", name: "hevc_main_b.h265", field: /dpb\[\d*\]\.timestamp/, follows: true },
  { codec: "mpeg2", name: "mpeg2_b.m2v", field: /forward_ref_ts/ },
  { codec: "vp8", name: "vp8.ivf", field: /last_frame_ts/ },
  { codec: "vp9", name: "vp9.ivf", field: /last_frame_ts/ },
  { codec: "av1", name: "av1.ivf", field: /reference_frame_ts\[\d*\]/, follows: true },
];

const WRONG_FROM = 4;

/** A value with every reference to one picture turned into one to another. */
function referringTo(value: unknown, from: bigint, to: bigint): unknown {
  if (value === from) return to;
  if (Array.isArray(value)) return value.map((element) => referringTo(element, from, to));
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      // Counts, flags and sizes may be the same number.
      typeof field === "bigint" && !/(_ts|timestamp)$/.test(name) ? field : referringTo(field, from, to),
    ]),
  );
}

/** The frames of a clip; from the fifth on, what refers to a picture after the second refers to the second. */
function wrongFrames({ codec, name }: Clip): {
  readonly right: FrameControls[];
  readonly wrong: FrameControls[];
} {
  const stream = readFileSync(new URL(`../gstreamer/data/${name}`, import.meta.url));
  // Those that are only shown again have no requests.
  const right = [...framesOf(codec, stream)].filter(({ requests }) => requests.length > 0);
  // Not the first one, whose time stamp 0 could mean that there is none.
  const [, named] = right;
  if (named === undefined) throw new Error("no frame");
  const wrong = right.map((frame, i) => {
    if (i < WRONG_FROM) return frame;
    const before = right.slice(2, i).map(({ timestampNs }) => timestampNs);
    const requests = frame.requests.map((request) => ({
      ...request,
      controls: before.reduce<object>(
        (controls, timestamp) => referringTo(controls, timestamp, named.timestampNs) as object,
        request.controls,
      ),
    }));
    return { ...frame, requests };
  });
  return { right, wrong };
}

function disagreements(codec: CodecName, frames: readonly FrameControls[]): string[] {
  const check = codecChecks[codec]?.start();
  if (check === undefined) throw new Error(`${codec} has no check`);
  return frames.flatMap(({ requests, timestampNs }) =>
    requests.flatMap(({ controls, payload, holdCapture }) =>
      check
        .check({ controls, bitstream: payload, timestampNs, holdCapture })
        .disagreements.map(describeDisagreement),
    ),
  );
}

async function sums(
  codec: CodecName,
  frames: readonly FrameControls[],
  references: References,
): Promise<string[]> {
  const decoder = new StreamDecoder(codec, large, "NV12", undefined, references);
  onTestFinished(() => {
    decoder.close();
  });
  const pictures: string[] = [];
  for (const frame of frames) {
    await decoder.frame(frame);
    pictures.push(decoder.sum(large));
  }
  return pictures;
}

describe("a wrong reference", () => {
  it.each(clips)("of $codec is what the check reports, and right ones are not", (clip) => {
    const { right, wrong } = wrongFrames(clip);
    expect(disagreements(clip.codec, right)).toEqual([]);
    expect(disagreements(clip.codec, wrong)).toContainEqual(expect.stringMatching(clip.field));
  });

  it("of FWHT is reported, too: its frames refer to the one before", () => {
    const check = codecChecks["fwht"]?.start();
    const said = [0n, 1000n, 1000n, 2000n].map((backward_ref_ts, i) => {
      const isIntra = i === 0;
      const params = { version: 3, width: 640, height: 480, colorspace: 3, xfer_func: 0, ycbcr_enc: 0 };
      const StatelessFwhtParams = {
        ...params,
        quantization: 0,
        flags: isIntra ? 656384 : 655360,
        backward_ref_ts,
      };
      const request = {
        bitstream: new Uint8Array(100),
        holdCapture: false,
        timestampNs: BigInt(i + 1) * 1000n,
      };
      return check
        ?.check({ ...request, controls: { StatelessFwhtParams } })
        .disagreements.map(describeDisagreement);
    });
    const wrong = expect.stringMatching("FWHT_PARAMS.backward_ref_ts is 1000, .* 2000") as unknown;
    expect(said).toEqual([[], [], [wrong], [expect.stringContaining("backward_ref_ts is 2000")]]);
  });

  it.each(clips)("of $codec changes no picture unless the client's references are to count", async (clip) => {
    const { right, wrong } = wrongFrames(clip);
    const wanted = await sums(clip.codec, right, "bitstream");
    expect(await sums(clip.codec, wrong, "bitstream")).toEqual(wanted);
    expect(await sums(clip.codec, right, "client")).toEqual(wanted);
    const others = await sums(clip.codec, wrong, "client");
    expect(others.slice(0, WRONG_FROM)).toEqual(wanted.slice(0, WRONG_FROM));
    if (clip.follows === true) expect(others).not.toEqual(wanted);
    else expect(others).toEqual(wanted);
  });
});
