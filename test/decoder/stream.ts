/** Decodes whole streams in a decoder process, from the controls that `src/codec` derives: a client without a device. */
import { createHash } from "node:crypto";
import type { ControlValues, FrameControls, RequestControls, TimestampOf } from "../../src/codec/index.js";
import { av1, defaultTimestampOf, fwht, h264, hevc, mpeg2, vp8, vp9 } from "../../src/codec/index.js";
import { decodedPlanes, layoutOf } from "../../src/decoder/formats.js";
import { decoderCodec } from "../../src/decoder/packets/index.js";
import type { PacketWriter, References } from "../../src/decoder/packets/packet.js";
import { DecoderProcess } from "../../src/decoder/process.js";
import type { Answer } from "../../src/decoder/protocol.js";
import { JobFlag } from "../../src/decoder/protocol.js";
import { BufType, Cid, fourcc, type VideoFormat } from "../../src/v4l2/index.js";
import type { PlaneMemory } from "../../src/vb2/index.js";
import { SharedMemoryProvider } from "../../src/vb2/index.js";

export type CodecName = "h264" | "hevc" | "mpeg2" | "vp8" | "vp9" | "av1" | "fwht";

/** How a client of H.264 or HEVC submits. */
export interface Mode {
  readonly decode: "slice" | "frame";
  readonly startCode: "annex-b" | "none";
}

const frameBased: Mode = { decode: "frame", startCode: "annex-b" };

/** Frames in decoding order. */
export function framesOf(
  codec: CodecName,
  stream: Uint8Array,
  mode: Mode = frameBased,
  timestampOf: TimestampOf = defaultTimestampOf,
): Iterable<FrameControls> {
  const { decode: decodeMode, startCode } = mode;
  switch (codec) {
    case "h264":
      return h264.frameControls(stream, { decodeMode, startCode, timestampOf });
    case "hevc":
      return hevc.frameControls(stream, { decodeMode, startCode, timestampOf });
    case "mpeg2":
      return mpeg2.frameControls(stream, { timestampOf });
    case "vp8":
      return vp8.frameControls(stream, { timestampOf });
    case "vp9":
      return vp9.frameControls(stream, { timestampOf });
    case "av1":
      return av1.frameControls(stream, { timestampOf });
    case "fwht":
      return fwht.frameControls(stream, { timestampOf });
  }
}

/** The controls of a request as a device has them. */
export class FakeControls {
  readonly #values = new Map<number, unknown>();

  constructor(mode: Mode = frameBased) {
    const decodeMode = mode.decode === "slice" ? 0 : 1;
    const startCode = mode.startCode === "none" ? 0 : 1;
    this.#values.set(Cid.StatelessH264DecodeMode, decodeMode).set(Cid.StatelessH264StartCode, startCode);
    this.#values.set(Cid.StatelessHevcDecodeMode, decodeMode).set(Cid.StatelessHevcStartCode, startCode);
  }

  set(controls: ControlValues): void {
    for (const [name, value] of Object.entries(controls))
      this.#values.set(Cid[name as keyof typeof Cid], value);
  }

  /** What a writer of packets asks for: the value. */
  readonly find = (id: number): never => {
    const value = this.#values.get(id);
    // The overloads of the real one tie the value's type to the id.
    return (value === undefined ? undefined : { value }) as never;
  };
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** One open file, so to speak. */
export class StreamDecoder {
  readonly process: DecoderProcess;
  readonly #writer: PacketWriter;
  readonly #number: number;
  readonly #controls: FakeControls;
  readonly #memory = new SharedMemoryProvider({ name: "decoder-test" });
  readonly #source: PlaneMemory;
  readonly #destination: PlaneMemory;
  readonly #format: VideoFormat;

  constructor(
    codec: CodecName,
    size: Size,
    pixelFormat = "NV12",
    mode: Mode = frameBased,
    references: References = "bitstream",
  ) {
    const found = decoderCodec(codec);
    if (found === undefined) throw new Error(`there is no ${codec}`);
    this.#number = found.number;
    this.#writer = found.makeWriter(references);
    this.#controls = new FakeControls(mode);
    this.process = new DecoderProcess();
    const pixelformat = fourcc(pixelFormat);
    const planes = decodedPlanes(pixelformat, size.width, size.height);
    this.#format = { ...size, type: BufType.VideoCaptureMplane, pixelformat, planes } as VideoFormat;
    this.#source = this.#memory.allocPlane(1024 * 1024);
    this.#destination = this.#memory.allocPlane(planes[0]?.sizeimage ?? 0);
  }

  /** The CAPTURE buffer. */
  get picture(): Uint8Array {
    return this.#destination.bytes;
  }

  /** Runs all requests of a frame. @returns The last answer. */
  async frame({ requests, timestampNs }: FrameControls): Promise<Answer | undefined> {
    let answer: Answer | undefined;
    for (const [i, request] of requests.entries()) answer = await this.request(request, timestampNs, i === 0);
    return answer;
  }

  request(request: RequestControls, timestampNs: bigint, isNewFrame: boolean): Promise<Answer | undefined> {
    const { controls, payload, holdCapture: isHeld } = request;
    this.#controls.set(controls);
    this.#source.bytes.set(payload);
    const bitstream = this.#source.bytes.subarray(0, payload.byteLength);
    const packet = this.#writer.packet({
      controls: this.#controls,
      bitstream,
      timestampNs,
      isNewFrame,
      isHeld,
    });
    const { width, height, planes } = this.#format;
    const job = {
      codec: this.#number,
      flags: (packet.flags ?? 0) | (isNewFrame ? JobFlag.NewFrame : 0),
      layout: layoutOf(this.#format),
      ...{ width, height, stride: planes[0]?.bytesperline ?? 0 },
      pieces: packet.pieces,
    };
    return this.process.decode(job, {
      source: { index: 0, memory: this.#source },
      destination: { index: 0, memory: this.#destination },
    });
  }

  /** MD5 of the shown part of the picture, as ffmpeg's framemd5 has it: planar, lines without gaps. */
  sum({ width, height }: Size): string {
    const md5 = createHash("md5");
    const { bytes } = this.#destination;
    const stride = this.#format.planes[0]?.bytesperline ?? 0;
    const isDeep = this.#format.pixelformat === fourcc("P010");
    const chroma = stride * this.#format.height;
    const isPlanar = this.#format.pixelformat === fourcc("YU12");
    const [chromaWidth, chromaHeight] = [Math.ceil(width / 2), Math.ceil(height / 2)];
    const line = (start: number, samples: number, step = 1): void => {
      const row = Buffer.alloc(isDeep ? 2 * samples : samples);
      for (let x = 0; x < samples; x++) {
        if (!isDeep) row[x] = bytes[start + x * step] ?? 0;
        else
          row.writeUInt16LE(
            new DataView(bytes.buffer, bytes.byteOffset).getUint16(start + 2 * x * step, true) >> 6,
            2 * x,
          );
      }
      md5.update(row);
    };
    for (let y = 0; y < height; y++) line(y * stride, width);
    for (const plane of [0, 1]) {
      const sampleBytes = isDeep ? 2 : 1;
      const start = isPlanar
        ? plane * (stride / 2) * Math.ceil(this.#format.height / 2)
        : plane * sampleBytes;
      const lineBytes = isPlanar ? stride / 2 : stride;
      for (let y = 0; y < chromaHeight; y++)
        line(chroma + start + y * lineBytes, chromaWidth, isPlanar ? 1 : 2);
    }
    return md5.digest("hex");
  }

  close(): void {
    this.process.close();
    this.#source.release();
    this.#destination.release();
  }
}
