import { describe, expect, it } from "vitest";
import { Loopback } from "../../src/loopback/index.js";
import type { LoopbackOptions } from "../../src/loopback/index.js";
import { BufType, Cap, fourcc } from "../../src/v4l2/index.js";
import { errnoOf } from "../support/errno.js";
import { Programs } from "./client.js";

const programs = (options: Partial<LoopbackOptions> = {}): Programs =>
  new Programs(new Loopback({ name: "video0", ...options }));

/** What follows is over when this has run: frames are handed on once the call that brought them is answered. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a producer and its consumers", () => {
  it("each consumer gets every frame, in buffers of its own", async () => {
    const all = programs();
    const producer = all.producer();
    producer.set("YUYV", 64, 32);
    producer.start(2);
    const consumers = [all.consumer(), all.consumer(), all.consumer()];
    for (const consumer of consumers) consumer.start();
    for (const value of [1, 2, 3, 4, 5]) {
      await producer.show(value);
      for (const consumer of consumers) {
        const { bytes, buffer } = await consumer.capture();
        expect(bytes).toEqual(new Uint8Array(64 * 32 * 2).fill(value));
        expect(buffer.sequence).toBe(value - 1);
      }
    }
    for (const client of [producer, ...consumers]) client.close();
  });

  it("a slow consumer loses its own frames, and its sequence numbers tell", async () => {
    const all = programs();
    const producer = all.producer();
    producer.set("GREY", 32, 16);
    producer.start(2);
    const [fast, slow] = [all.consumer(), all.consumer()];
    fast.start(2);
    slow.start(2);
    for (let value = 0; value < 10; value++) {
      await producer.show(value);
      expect((await fast.capture()).bytes[0]).toBe(value);
    }
    const kept = [await slow.capture(), await slow.capture()];
    expect(kept.map(({ bytes }) => bytes[0])).toEqual([0, 1]);
    await producer.show(10);
    const next = await slow.capture();
    expect([next.bytes[0], next.buffer.sequence]).toEqual([10, 10]);
  });

  it("a second producer hears EBUSY until the first one is gone", async () => {
    const all = programs();
    const [first, second] = [all.producer(), all.producer()];
    first.set("YUYV", 64, 32);
    first.start(2);
    expect(errnoOf(() => second.set("YUYV", 32, 32))).toBe("EBUSY");
    expect(errnoOf(() => second.allocate(2))).toBe("EBUSY");
    expect(errnoOf(() => second.allocate(0))).toBe("EBUSY");
    await expect(second.write(new Uint8Array(10))).rejects.toMatchObject({ code: "EBUSY" });
    first.close();
    expect(second.set("YUYV", 32, 32)).toMatchObject({ width: 32, height: 32 });
    second.start(2);
  });

  it("a producer that is killed and comes back finds its consumers where they were", async () => {
    const all = programs();
    const consumer = all.consumer();
    for (let round = 1; round <= 5; round++) {
      const producer = all.producer();
      producer.set("GREY", 32, 16);
      if (round === 1) consumer.start();
      producer.start(2);
      await producer.show(10 * round);
      let frame = await consumer.capture();
      // What stood in for the producer while there was none.
      while (frame.bytes[0] !== 10 * round) frame = await consumer.capture();
      expect(frame.bytes).toEqual(new Uint8Array(32 * 16).fill(10 * round));
      producer.close();
    }
  });

  it("write() brings frames, in pieces of any size", async () => {
    const all = programs();
    const producer = all.producer();
    producer.set("GREY", 32, 16);
    const consumer = all.consumer();
    consumer.start();
    expect(await producer.write(new Uint8Array(300).fill(7))).toBe(300);
    expect(await producer.write(new Uint8Array(300).fill(7))).toBe(212);
    expect((await consumer.capture()).bytes).toEqual(new Uint8Array(512).fill(7));
  });

  it("each write() of a compressed picture is a frame", async () => {
    const all = programs();
    const producer = all.producer();
    producer.set("MJPG", 64, 32);
    const consumer = all.consumer();
    consumer.start();
    for (const length of [1000, 3000, 2000]) {
      await producer.write(new Uint8Array(length).fill(length / 1000));
      expect((await consumer.capture()).bytes).toEqual(new Uint8Array(length).fill(length / 1000));
    }
  });

  it("STREAMON without buffers announces write() once a format is set, and STREAMOFF ends it", async () => {
    const all = programs();
    const producer = all.producer();
    const streamon = (): void =>
      void producer.op("streamon")(producer.file, BufType.VideoOutput, producer.call);
    expect(errnoOf(streamon)).toBe("EINVAL");
    producer.set("GREY", 32, 16);
    streamon();
    const consumer = all.consumer();
    consumer.start();
    await producer.write(new Uint8Array(512).fill(9));
    expect((await consumer.capture()).bytes[0]).toBe(9);
    producer.stop();
    expect(producer.queue.numBuffers).toBe(0);
    expect(all.producer().set("GREY", 64, 16)).toMatchObject({ width: 64 });
  });

  it("frames have the producer's time stamps if that is asked for", async () => {
    const all = programs({ keepsTimestamps: true });
    const producer = all.producer();
    producer.set("GREY", 32, 16);
    producer.start(2);
    const consumer = all.consumer();
    consumer.start();
    producer.enqueue(0, 0, 123_456_789_000n);
    await settled();
    expect((await consumer.capture()).buffer.timestampNs).toBe(123_456_789_000n);
  });
});

describe("formats", () => {
  it("a consumer that names none has the producer's, as it is when buffers are allocated", () => {
    const all = programs();
    const [producer, consumer] = [all.producer(), all.consumer()];
    producer.set("NV12", 320, 240);
    expect(consumer.format).toMatchObject({ pixelformat: fourcc("NV12"), width: 320, height: 240 });
    producer.set("UYVY", 64, 64);
    expect(consumer.format).toMatchObject({ pixelformat: fourcc("UYVY"), width: 64, height: 64 });
    consumer.allocate(2);
    producer.set("YUYV", 32, 32);
    expect(consumer.format).toMatchObject({ pixelformat: fourcc("UYVY"), width: 64, height: 64 });
  });

  it("what the operator fixes is what a producer gets", () => {
    const all = programs({ fixed: { pixelformat: fourcc("YU12"), width: 160, height: 120 } });
    const producer = all.producer();
    expect(producer.format).toMatchObject({ pixelformat: fourcc("YU12"), width: 160, height: 120 });
    expect(producer.set("YUYV", 640, 480)).toMatchObject({
      pixelformat: fourcc("YU12"),
      width: 160,
      height: 120,
    });
  });

  it("longer lines are the producer's if it says a size that goes with them, and nobody's leftovers", () => {
    const producer = programs().producer();
    const wish = { ...producer.format, width: 320, height: 240 };
    const set = producer.op("sFmt");
    expect(
      set(producer.file, { ...wish, planes: [{ bytesperline: 1280, sizeimage: 153_600 }] }),
    ).toMatchObject({
      planes: [{ bytesperline: 640, sizeimage: 153_600 }],
    });
    expect(
      set(producer.file, { ...wish, planes: [{ bytesperline: 768, sizeimage: 768 * 240 }] }),
    ).toMatchObject({
      planes: [{ bytesperline: 768, sizeimage: 768 * 240 }],
    });
  });

  it("files of one program that set nothing are one camera", () => {
    const all = programs();
    all.producer().set("GREY", 32, 16);
    const [first, second] = [all.consumer(7), all.consumer(7)];
    first.start();
    expect(errnoOf(() => second.allocate(2))).toBe("EBUSY");
    second.set("GREY", 32, 16);
    second.start();
    all.consumer().start();
  });
});

describe("while nobody feeds it", () => {
  it("consumers are shown bars at their own rate", async () => {
    const all = programs();
    const consumer = all.consumer();
    consumer.setRate(100);
    consumer.start();
    const first = await consumer.capture();
    const second = await consumer.capture();
    expect(first.buffer.sequence).toBe(0);
    expect(second.buffer.sequence).toBe(1);
    expect(first.bytes).toHaveLength(640 * 480 * 2);
    // Bars: the first line below the text has more than one colour.
    expect(new Set(first.bytes.subarray(640 * 2 * 200, 640 * 2 * 201)).size).toBeGreaterThan(4);
    consumer.close();
  });

  it("the last frame is shown without its colours when the producer has stopped", async () => {
    const all = programs();
    const producer = all.producer();
    producer.set("YUYV", 128, 64);
    producer.start(2);
    const consumer = all.consumer();
    consumer.setRate(100);
    consumer.start();
    await producer.show(200);
    expect((await consumer.capture()).bytes).toEqual(new Uint8Array(128 * 64 * 2).fill(200));
    producer.stop();
    const { bytes } = await consumer.capture();
    const last = bytes.subarray(-256);
    expect(last.filter((_byte, index) => index % 2 === 0)).toEqual(new Uint8Array(128).fill(200));
    expect(last.filter((_byte, index) => index % 2 === 1)).toEqual(new Uint8Array(128).fill(128));
    consumer.close();
  });

  it("a producer that brings nothing for too long counts as gone", async () => {
    const all = programs({ timeoutMs: 50 });
    const producer = all.producer();
    producer.set("YUYV", 128, 64);
    producer.start(2);
    const consumer = all.consumer();
    consumer.setRate(100);
    consumer.start();
    await producer.show(200);
    await consumer.capture();
    const old = await consumer.capture();
    expect(old.bytes.at(-1)).toBe(128);
    await producer.show(90);
    let next = await consumer.capture();
    while (next.bytes.at(-1) === 128) next = await consumer.capture();
    expect(next.bytes.at(-1)).toBe(90);
    consumer.close();
  });
});

describe("nodes", () => {
  it("a pair has a node for each side", () => {
    const { devices } = new Loopback({ name: "video0", captureName: "video1" });
    expect(
      devices.map(({ name, traits }) => [name, traits.deviceCaps & (Cap.VideoOutput | Cap.VideoCapture)]),
    ).toEqual([
      ["video0", Cap.VideoOutput],
      ["video1", Cap.VideoCapture],
    ]);
  });

  it("with exclusive roles a node is an output until it is fed, then a camera for all others", () => {
    const all = programs({ exclusiveCaps: true });
    const [producer, other] = [all.producer(), all.consumer()];
    const roles = (): number[] =>
      [producer, other].map(
        ({ file }) => file.device.identity.deviceCaps & (Cap.VideoOutput | Cap.VideoCapture),
      );
    expect(roles()).toEqual([Cap.VideoOutput, Cap.VideoOutput]);
    expect(other.file.device.accepts("VIDIOC_ENUMINPUT")).toBe(false);
    producer.allocate(2);
    expect(roles()).toEqual([Cap.VideoOutput, Cap.VideoCapture]);
    expect(other.file.device.accepts("VIDIOC_ENUMINPUT")).toBe(true);
    expect(other.file.device.accepts("VIDIOC_ENUMOUTPUT")).toBe(false);
    other.start();
    producer.close();
    // It goes on with what it has.
    expect(other.file.device.identity.deviceCaps & Cap.VideoCapture).toBe(Cap.VideoCapture);
    other.close();
  });
});
