/** The device: what a client sees of its pictures, of broken bitstreams, and of a process that is lost. */
import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { vp8 } from "../../src/codec/index.js";
import { createDecoder, type DecoderDevice, type DecoderOptions } from "../../src/decoder/index.js";
import type { DecoderFile } from "../../src/decoder/file.js";
import { DecoderProcess } from "../../src/decoder/process.js";
import { BufFlag, BufType, Cid, fourcc, type Buffer as V4l2Buffer } from "../../src/v4l2/index.js";
import { SharedMemoryProvider } from "../../src/vb2/index.js";
import type { VislDevice } from "../../src/visl/index.js";
import {
  CtrlVp9FrameView,
  V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING,
  V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING,
} from "../../src/v4l2/gen/index.js";
import { expectErrno } from "../vb2/fakes.js";
import { Bench, CAPTURE, OUTPUT, type Client } from "../visl/client.js";
import { submit, vp8Client } from "../visl/vp8.js";

const clip = (name: string): Uint8Array =>
  readFileSync(new URL(`../gstreamer/data/${name}`, import.meta.url));
const frames = [...vp8.frameControls(clip("vp8.ivf"))].map(
  ({ requests }) => requests[0]?.payload ?? new Uint8Array(0),
);

/** The bench of visl's tests with a decoder on it: both are stateless decoders. */
function bench(options: Partial<DecoderOptions> = {}): Bench {
  return new Bench({ memory: (name: string) => new SharedMemoryProvider({ name }) }, (base) => {
    const { name, mediaName, requests, memory } = base;
    const device: DecoderDevice = createDecoder({
      ...{ name, mediaName, ...options },
      ...(requests !== undefined && { requests }),
      ...(memory !== undefined && { memory }),
    });
    return device as unknown as VislDevice;
  });
}

const fileOf = (client: Client): DecoderFile => client.file.state.state as unknown as DecoderFile;

async function done(client: Client): Promise<V4l2Buffer> {
  for (let i = 0; i < 1000; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    try {
      client.dqbuf(OUTPUT);
      return client.dqbuf(CAPTURE);
    } catch {
      // Not yet: EAGAIN.
    }
  }
  throw new Error("no picture in two seconds");
}

/** Decodes frame `index` of the clip; 0 is the key frame, the others refer to the one before. */
async function decode(client: Client, index: number, payload = frames[index]): Promise<V4l2Buffer> {
  if (payload === undefined) throw new Error("no such frame");
  client.bytes(OUTPUT, 0).set(payload);
  client.qbuf(CAPTURE, index);
  const last = BigInt(Math.max(index - 1, 0)) * 1000n;
  const planes = [{ bytesused: payload.byteLength, length: 0, dataOffset: 0, offset: 0 }];
  submit(client, 0, BigInt(index) * 1000n, { key: index === 0, last }, planes);
  return done(client);
}

function streaming(on = bench()): Client {
  const client = vp8Client(on);
  onTestFinished(() => {
    client.close();
  });
  return client;
}

const isBroken = ({ flags }: V4l2Buffer): boolean => (flags & BufFlag.Error) !== 0;

describe("a decoder", () => {
  it("gives a picture for each request", async () => {
    const client = streaming();
    for (const index of frames.keys()) {
      const buffer = await decode(client, index);
      expect(isBroken(buffer)).toBe(false);
      expect(buffer).toMatchObject({ index, sequence: index, timestampNs: BigInt(index) * 1000n });
      expect(new Set(client.bytes(CAPTURE, index)).size).toBeGreaterThan(50);
    }
    expect(client.bench.messages).toEqual([]);
  });

  it("has a format for each bit depth, once the sequence is known", () => {
    const client = bench().open();
    onTestFinished(() => {
      client.close();
    });
    client.setCoded("VP9F", 175, 143);
    expect(client.formats(CAPTURE)).toEqual([fourcc("NV12"), fourcc("YU12")]);
    expect(client.getFormat(CAPTURE).planes).toEqual([{ bytesperline: 176, sizeimage: 176 * (143 + 72) }]);
    const frame = new CtrlVp9FrameView(new Uint8Array(CtrlVp9FrameView.SIZE));
    frame.bit_depth = 10;
    frame.profile = 2;
    frame.flags = V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING | V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING;
    client.setControls(undefined, [Cid.StatelessVp9Frame, frame.bytes]);
    expect(client.formats(CAPTURE)).toEqual([fourcc("P010")]);
    expect(client.getFormat(CAPTURE)).toMatchObject({
      pixelformat: fourcc("P010"),
      planes: [{ bytesperline: 352, sizeimage: 352 * (143 + 72) }],
    });
    expect(client.formats(CAPTURE, true)).toEqual([fourcc("NV12"), fourcc("YU12"), fourcc("P010")]);
  });

  it("refuses a sequence that fits no format, with EINVAL", () => {
    const client = bench().open();
    onTestFinished(() => {
      client.close();
    });
    client.setCoded("VP9F", 320, 240);
    const set = (profile: number, depth: number, flags: number): void => {
      const frame = new CtrlVp9FrameView(new Uint8Array(CtrlVp9FrameView.SIZE));
      frame.bit_depth = depth;
      frame.profile = profile;
      frame.flags = flags;
      client.setControls(undefined, [Cid.StatelessVp9Frame, frame.bytes]);
    };
    const both = V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING | V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING;
    set(0, 8, both);
    set(2, 10, both);
    expectErrno("EINVAL", () => set(1, 8, 0));
    expectErrno("EINVAL", () => set(1, 8, V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING));
    expectErrno("EINVAL", () => set(2, 12, both));
  });

  it("may get another size while CAPTURE has buffers, and no other codec", () => {
    const client = streaming();
    client.streamoff(OUTPUT);
    client.streamoff(CAPTURE);
    client.reqbufs(OUTPUT, 0);
    client.setCoded("VP8F", 480, 360);
    expect(client.getFormat(CAPTURE)).toMatchObject({ width: 480, height: 360 });
    expectErrno("EBUSY", () => client.setCoded("VP9F", 480, 360));
    client.reqbufs(CAPTURE, 0);
    client.setCoded("VP9F", 480, 360);
  });

  it("gives back a broken bitstream with the error flag, and goes on", async () => {
    const client = streaming();
    await decode(client, 0);
    expect(isBroken(await decode(client, 0, new Uint8Array(50).fill(0xff)))).toBe(true);
    expect(client.bench.messages.at(-1)).toContain("cannot be decoded: ");
    expect(isBroken(await decode(client, 0))).toBe(false);
  });

  it("says that a picture is larger than the format", async () => {
    const client = streaming();
    client.streamoff(CAPTURE);
    client.reqbufs(CAPTURE, 0);
    const format = client.getFormat(CAPTURE);
    client.setFormat({ ...format, type: BufType.VideoCaptureMplane, width: 160, height: 120 });
    client.reqbufs(CAPTURE, 10);
    client.streamon(CAPTURE);
    expect(isBroken(await decode(client, 0))).toBe(true);
    expect(client.bench.messages.at(-1)).toContain("its picture has 320 x 240 pixels, more than");
  });
});

describe("a decoder whose process is lost", () => {
  it("goes on with the next key frame, and logs one line", async () => {
    const client = streaming();
    const key = await decode(client, 0);
    expect(isBroken(key)).toBe(false);
    const picture = client.bytes(CAPTURE, 0).slice();
    const { pid } = fileOf(client).decoding.process ?? {};
    process.kill(pid ?? 0, "SIGKILL");
    // Lost while idle, or with this job: what refers to a lost picture is never guessed.
    expect(isBroken(await decode(client, 1))).toBe(true);
    expect(isBroken(await decode(client, 2))).toBe(true);
    client.bytes(CAPTURE, 0).fill(0);
    expect(isBroken(await decode(client, 0))).toBe(false);
    expect(client.bytes(CAPTURE, 0)).toEqual(picture);
    expect(isBroken(await decode(client, 1))).toBe(false);
    expect(client.bench.messages.filter((text) => text.includes("goes on with another one"))).toHaveLength(1);
    expect(fileOf(client).decoding.process?.pid).not.toBe(pid);
  });

  it("gives the running job back with the error flag", async () => {
    let started = 0;
    const startProcess = (): DecoderProcess => {
      const made = new DecoderProcess();
      started += 1;
      if (started === 1) process.kill(made.pid ?? 0, "SIGKILL");
      return made;
    };
    const client = streaming(bench({ startProcess }));
    expect(isBroken(await decode(client, 0))).toBe(true);
    expect(client.bench.messages).toEqual([
      expect.stringContaining("its decoder process ended (SIGKILL); the next key frame goes on"),
      expect.stringContaining("cannot be decoded: its decoder process ended (SIGKILL)"),
    ]);
    expect(isBroken(await decode(client, 0))).toBe(false);
    expect(started).toBe(2);
  });

  it("survives STREAMOFF and close during a job, whose buffers come back", async () => {
    const client = vp8Client(bench());
    const [payload] = frames;
    if (payload === undefined) throw new Error("no frame");
    for (let round = 0; round < 5; round++) {
      client.bytes(OUTPUT, 0).set(payload);
      client.qbuf(CAPTURE, 0);
      const planes = [{ bytesused: payload.byteLength, length: 0, dataOffset: 0, offset: 0 }];
      const request = submit(client, 0, 0n, { key: true }, planes);
      await new Promise((resolve) => setImmediate(resolve));
      client.streamoff(round % 2 === 0 ? CAPTURE : OUTPUT);
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(request.state).toBe("complete");
      client.streamoff(OUTPUT);
      client.streamoff(CAPTURE);
      client.streamon(OUTPUT);
      client.streamon(CAPTURE);
    }
    expect(isBroken(await decode(client, 0))).toBe(false);
    const { pid } = fileOf(client).decoding.process ?? {};
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
  });
});
