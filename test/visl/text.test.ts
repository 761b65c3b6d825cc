import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Colorspace, fourcc } from "../../src/v4l2/index.js";
import type { BufferState } from "../../src/vb2/index.js";
import { av1 } from "../../src/stateless/codecs/av1.js";
import { fwht } from "../../src/stateless/codecs/fwht.js";
import { h264 } from "../../src/stateless/codecs/h264.js";
import { hevc } from "../../src/stateless/codecs/hevc.js";
import { vp8 } from "../../src/stateless/codecs/vp8.js";
import type { StatelessCodec } from "../../src/stateless/index.js";
import type { Formats } from "../../src/visl/formats.js";
import { defaultFormats, setCoded, setDecoded } from "../../src/visl/formats.js";
import { Picture } from "../../src/visl/picture.js";
import type { CaptureBufferStatus, FrameFacts, OutputBufferStatus } from "../../src/visl/text.js";
import { frameText } from "../../src/visl/text.js";
import { frameTexts } from "./debug-text.js";
import { golden } from "./golden.js";
import type { Codec } from "../stateless/trace-text.js";
import { readFrames } from "../stateless/trace-text.js";

/** The formats that GStreamer sets; it says that there are no planes, but fills in the size of one. */
function formatsOf(name: string, width: number, height: number): Formats {
  const unnamedPlane = { bytesperline: 0, sizeimage: Math.max(256 * 1024, (width * height * 3) / 2) };
  const { coded } = defaultFormats();
  const pixelformat = fourcc(name);
  return setCoded({ ...coded, planes: [], unnamedPlane, width, height, pixelformat, colorspace: 0 });
}

/** Sequence and time stamp are not in the traces. */
function timesOf(lines: readonly string[]): Pick<FrameFacts, "sequence" | "timestampNs"> {
  const [, sequence, timestamp = ""] = /sequence:(\d+) timestamp:(-?\d+)/.exec(lines[0] ?? "") ?? [];
  return { sequence: Number(sequence), timestampNs: BigInt(timestamp) };
}

const clips: readonly (readonly [clip: string, codec: Codec, fourcc: string])[] = [
  ["mpeg2_b.m2v", "mpeg2", "MG2S"],
  ["vp8.ivf", "vp8", "VP8F"],
  ["vp9.ivf", "vp9", "VP9F"],
  ["h264_main_b.h264", "h264", "S264"],
  ["hevc_main_b.h265", "hevc", "S265"],
  ["av1.ivf", "av1", "AV1F"],
];

describe.each(clips)("the frames of %s", (clip, codec, name) => {
  const texts = frameTexts(golden(`${clip}/dmesg.txt.gz`));
  const jobs = readFrames(codec, golden(`${clip}/trace-controls.txt.gz`));
  const { coded, decoded, drawn } = formatsOf(name, 320, 240);

  it("have the kernel's text, made of the controls in its trace", () => {
    expect(jobs).toHaveLength(texts.length);
    const made = jobs.map((frame, index) =>
      frameText({
        frame,
        ...timesOf(texts[index] ?? []),
        coded,
        decoded,
        verbose: undefined,
      }),
    );
    expect(made).toEqual(texts);
  });

  it("are the kernel's, bit for bit", () => {
    const picture = new Picture(drawn);
    const bytes = new Uint8Array(picture.sizeBytes);
    const md5s = texts.map((lines) => {
      picture.draw(bytes, lines);
      return createHash("md5").update(bytes).digest("hex");
    });
    // AV1 has a frame that is never shown.
    const shown = golden(`${clip}/frame-md5.txt`).match(/[\da-f]{32}/g) ?? [];
    expect(shown).toHaveLength(10);
    expect([...md5s].sort()).toEqual(expect.arrayContaining([...shown].sort()));
  });
});

/** Takes verbose text apart into the facts it tells of. */
function parseVerbose(
  codec: StatelessCodec,
  lines: readonly string[],
): Pick<FrameFacts, "frame" | "verbose"> {
  const [, h = 0, m = 0, s = 0, ms = 0] = /^stream time: (\d+):(\d+):(\d+):(\d+)/.exec(lines[0] ?? "") ?? [];
  const references: { name: string; timestampNs: bigint }[] = [];
  const indices = new Map<bigint, number>();
  const output: OutputBufferStatus[] = [];
  const capture: CaptureBufferStatus[] = [];
  const state = (text = ""): BufferState => text.toLowerCase() as BufferState;
  for (const line of lines) {
    const reference = /^(\S+?): ?(-?\d+), vb2_in?de?x: (\d+)$/.exec(line);
    if (reference !== null) {
      const timestampNs = BigInt(reference[2] ?? "");
      references.push({ name: reference[1] ?? "", timestampNs });
      indices.set(timestampNs, Number(reference[3]));
    }
    const out =
      /^index: (\d+), state: (\w+), request_fd: (-?\d+), bytesused\[0\]: (\d+) length\[0\]: (\d+) data_offset\[0\]: (\d+)$/.exec(
        line,
      );
    if (out !== null) {
      const [index = 0, requestFd = 0, bytesused = 0, length = 0, dataOffset = 0] = [1, 3, 4, 5, 6].map(
        (group) => Number(out[group]),
      );
      output.push({ index, state: state(out[2]), requestFd, planes: [{ bytesused, length, dataOffset }] });
    }
    const cap = /^index: (\d+), status: (\w+), timestamp: (\d+), is_held: ([01])$/.exec(line);
    if (cap !== null) {
      const timestampNs = BigInt(cap[3] ?? "");
      capture.push({ index: Number(cap[1]), state: state(cap[2]), timestampNs, isHeld: cap[4] === "1" });
    }
  }
  const streamTimeMs = ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000 + Number(ms);
  const verbose = { streamTimeMs, findCapture: (ts: bigint) => indices.get(ts), output, capture };
  const order = lines.find((line) => line.startsWith("H264: "));
  return { frame: { codec, order, references: () => references }, verbose };
}

describe.each([
  ["vp8_720p.ivf", vp8, "VP8F"],
  ["h264_720p.h264", h264, "S264"],
] as const)("verbose text of %s", (clip, codec, name) => {
  const texts = frameTexts(golden(`${clip}/dmesg-verbose.txt.gz`));

  it("is the kernel's", () => {
    expect(texts).toHaveLength(6);
    const { coded, decoded } = formatsOf(name, 1280, 720);
    const made = texts.map((lines) =>
      frameText({ ...timesOf(lines), ...parseVerbose(codec, lines), coded, decoded }),
    );
    expect(made).toEqual(texts);
  });
});

describe("text", () => {
  const { coded, decoded } = defaultFormats();
  const refersTo = (codec: StatelessCodec, name: string, timestampNs: bigint): FrameFacts["frame"] => ({
    codec,
    order: undefined,
    references: () => [{ name, timestampNs }],
  });
  const facts: FrameFacts = {
    frame: refersTo(fwht, "backwards_ref_ts", 2n ** 64n - 1n),
    sequence: 0,
    timestampNs: 20392763000n,
    coded,
    decoded,
    verbose: undefined,
  };

  it("of FWHT frames is the kernel's", () => {
    const [first] = frameTexts(golden("fwht/dmesg.txt.gz"));
    const wish = { ...coded, width: 640, height: 480 };
    const frame = refersTo(fwht, "backwards_ref_ts", 0n);
    expect(frameText({ ...facts, ...setCoded(wish), frame })).toEqual(first);
  });

  it("shows the largest time stamp as -1, but that of a DPB entry as 32 bits", () => {
    expect(frameText(facts)).toContain("backwards_ref_ts: -1");
    const frame = refersTo(hevc, "dpb[0]", 2n ** 64n - 1n);
    expect(frameText({ ...facts, frame })).toContain("dpb[0]:4294967295");
  });

  it("names the CAPTURE buffer of a reference only when there is one", () => {
    const verbose = { streamTimeMs: 90_061_001, findCapture: () => 7, output: [], capture: [] };
    expect(frameText({ ...facts, verbose })).toContain("backwards_ref_ts: -1, vb2_idx: 7");
    expect(frameText({ ...facts, verbose })[0]).toMatch(/^stream time: 01:01:01:001 sequence:0/);
    const none = { ...verbose, findCapture: () => undefined };
    expect(frameText({ ...facts, verbose: none })).toContain("backwards_ref_ts: -1");
  });

  it("of the state of many buffers ends where the original's memory for it does", () => {
    const capture = Array.from({ length: 64 }, (_, index) => ({
      index,
      state: "in-request" as const,
      timestampNs: 0n,
      isHeld: false,
    }));
    const verbose = { streamTimeMs: 0, findCapture: () => undefined, output: [], capture };
    const lines = frameText({ ...facts, verbose });
    const status = lines.slice(lines.indexOf("Capture queue status:") + 1);
    expect(status).toHaveLength(64);
    expect(status.join("")).toHaveLength(2047);
    expect(status[0]).toBe("index: 0, status: In request, timestamp: 0, is_held: 0");
  });
});

describe("AV1 references", () => {
  const frame = {
    ref_frame_idx: [-1, 0, 7, -2, 3, 3, 3],
    reference_frame_ts: [10n, 11n, 12n, 13n, 14n, 15n, 16n, 17n],
    order_hints: [0, 0, 0, 0, 5, 6, 7, 8],
  };

  it("of index -1 show what lies before the time stamps, as the original does", () => {
    const values = { frame } as unknown as Parameters<typeof av1.frameOf>[0];
    const references = av1.frameOf(values).references();
    expect(references.map(({ timestampNs }) => timestampNs)).toEqual([
      7n | (8n << 32n),
      10n,
      17n,
      5n | (6n << 32n),
      13n,
      13n,
      13n,
    ]);
  });
});

/**
 * MD5 of buffers that the kernel's v4l2-tpg (6.12, compiled as test/tpg/kernel does it) drew with the calls that visl
 * makes: planes one after the other at their rounded-down sizes, in memory of `sizeimage` bytes full of 0x5a.
 */
const kernelPictures: readonly (readonly [name: string, width: number, height: number, md5: string])[] = [
  ["NV12", 320, 240, "68054c1a491396d4ecaa99bcc207ac99"],
  ["NV12", 321, 241, "0b7a6da7067b7061cccb2e85b58f9c6d"],
  ["YU12", 321, 241, "a4130d35ed83f4a8682fa62ffe0c807f"],
  ["YU12", 320, 241, "dc82e64a16268233ceac5f2a8c590162"],
  ["YU12", 321, 240, "f454b8c6ff9f2b3acf2e1647784b00b4"],
  ["NV12", 65, 64, "62c925cadf9ab48d2779ffc6555391e9"],
];

describe("pictures", () => {
  const lines = [
    "sequence:0 timestamp:0 field:none",
    "",
    "Reference frames:",
    "last_ref_ts: 0",
    "golden_ref_ts: 0 and a long line that goes far beyond the right edge of most pictures that are tested here",
  ];

  it.each(kernelPictures)("%s %dx%d are those of the kernel's generator", (name, width, height, md5) => {
    const formats = formatsOf("S264", width, height);
    const { decoded } = setDecoded(formats, {
      ...formats.decoded,
      pixelformat: fourcc(name),
      colorspace: Colorspace.Rec709,
    });
    const picture = new Picture(decoded);
    const bytes = new Uint8Array(decoded.planes[0]?.sizeimage ?? 0).fill(0x5a);
    picture.draw(bytes, lines);
    expect(createHash("md5").update(bytes).digest("hex")).toBe(md5);
    expect(() => {
      picture.draw(new Uint8Array(picture.sizeBytes - 1), lines);
    }).toThrow(RangeError);
  });
});
