import { describe, expect, it } from "vitest";
import { Loopback } from "../../src/loopback/index.js";
import type { LoopbackOptions } from "../../src/loopback/index.js";
import { nearestShape } from "../../src/loopback/shape.js";
import { BufType, Cap, Colorspace, fourcc } from "../../src/v4l2/index.js";
import type { FrameEvent } from "../../src/v4l2/index.js";
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

  it("who listens to events hears of each frame, and of those that a consumer has lost", async () => {
    const all = programs({ interval: { numerator: 1, denominator: 25 } });
    const frames: FrameEvent[] = [];
    all.loopback.devices[0]?.trace.subscribe((event) => {
      if (event.kind === "frame") frames.push(event);
    });
    const producer = all.producer();
    producer.set("GREY", 32, 16);
    producer.start(2);
    const consumer = all.consumer();
    consumer.start(2);
    for (const value of [1, 2, 3, 4]) await producer.show(value);
    await consumer.capture();
    await producer.show(5);
    expect(frames.map(({ action, sequence, index, reason }) => [action, sequence, index, reason])).toEqual([
      ["drawn", 0, 0, undefined],
      ["drawn", 1, 1, undefined],
      ["lost", 2, undefined, "no buffer is queued"],
      ["lost", 3, undefined, "no buffer is queued"],
      ["drawn", 4, 0, undefined],
    ]);
    for (const { file, intervalNs, lateNs } of frames) {
      expect([file, intervalNs]).toEqual([consumer.file.id, 40_000_000]);
      expect(lateNs).toBeLessThan(40_000_000);
    }
    for (const client of [producer, consumer]) client.close();
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

  it("colours are those that the producer set last, whatever the size", () => {
    const producer = programs().producer();
    const set = producer.op("sFmt");
    const wish = { ...producer.set("YUYV", 320, 240), colorspace: Colorspace.Smpte170m };
    expect(set(producer.file, wish)).toMatchObject({ colorspace: Colorspace.Smpte170m });
    expect(producer.format).toMatchObject({ width: 320, colorspace: Colorspace.Smpte170m });
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

  it("files of one program are one camera, but for one that sets a format while another captures", () => {
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

describe("the room for a compressed picture", () => {
  it.each([
    ["MJPG", 640, 480, 0, 2 * 640 * 480],
    ["MJPG", 32, 32, 0, 65_536],
    ["MJPG", 640, 480, 100_000, 100_000],
    ["JPEG", 640, 480, 1, 65_536],
    ["MJPG", 640, 480, 0xffff_ffff, 4 * 640 * 480],
  ])("of %s %i x %i whose producer wants %i bytes is %i", (format, width, height, wanted, room) => {
    const size = { width, height };
    const wish = { pixelformat: fourcc(format), sizeimage: wanted, ...size };
    expect(nearestShape(wish, { ...size, pixelformat: fourcc("YUYV") }).sizeimage).toBe(room);
  });
});

describe("wishes", () => {
  it("a producer is told what the first consumer wants", () => {
    const all = programs({ negotiates: true });
    const consumer = all.consumer();
    consumer.set("NV12", 320, 240);
    consumer.start();
    const producer = all.producer();
    expect(producer.set("YUYV", 1280, 720)).toMatchObject({
      pixelformat: fourcc("NV12"),
      width: 320,
      height: 240,
    });
    consumer.close();
    expect(producer.set("YUYV", 1280, 720)).toMatchObject({ pixelformat: fourcc("YUYV"), width: 1280 });
  });

  it("the module's keep_format gives later producers the first one's format", () => {
    const all = programs({ isV4l2loopback: true });
    const [first, second] = [all.producer(), all.producer()];
    first.set("NV12", 320, 240);
    void first.file.requireControls().sCtrl({ id: 0x0098f900, value: 1 }, first.file);
    first.close();
    expect(second.set("YUYV", 64, 64)).toMatchObject({
      pixelformat: fourcc("NV12"),
      width: 320,
      height: 240,
    });
  });

  it("the module's timeout_image_io takes a picture that stands in for a producer", async () => {
    const all = programs({ isV4l2loopback: true });
    const producer = all.producer();
    producer.set("GREY", 64, 32);
    const other = all.producer();
    void other.file.requireControls().sCtrl({ id: 0x0098f903, value: 1 }, other.file);
    await other.write(new Uint8Array(64 * 32).fill(77));
    other.close();
    void producer.file.requireControls().sCtrl({ id: 0x0098f903, value: 0 }, producer.file);
    const consumer = all.consumer();
    consumer.setRate(100);
    consumer.start();
    expect((await consumer.capture()).bytes).toEqual(new Uint8Array(64 * 32).fill(77));
    consumer.close();
  });

  it("a producer that subscribes hears whether somebody watches", async () => {
    const all = programs();
    const producer = all.producer();
    const usage = 0x10e00001;
    void producer.op("subscribeEvent")(producer.file, { type: usage, id: 0, flags: 0 });
    const heard = async (): Promise<unknown> => {
      const event = await producer.file.events?.dequeue(producer.call);
      return event?.payload;
    };
    const count = (value: number): unknown => ({ kind: "raw", bytes: Uint8Array.of(value, 0, 0, 0) });
    expect(await heard()).toEqual(count(0));
    const consumer = all.consumer();
    consumer.start();
    expect(await heard()).toEqual(count(1));
    consumer.stop();
    expect(await heard()).toEqual(count(0));
  });

  it("a faster consumer gets frames again if the rate is to be kept", async () => {
    const all = programs({ sustainsRate: true });
    const producer = all.producer();
    producer.set("GREY", 64, 32);
    producer.start(2);
    const consumer = all.consumer();
    consumer.setRate(100);
    consumer.start();
    await producer.show(42);
    for (let frame = 0; frame < 5; frame++) expect((await consumer.capture()).bytes[0]).toBe(42);
    consumer.close();
  });

  it("a slower consumer gets as many frames as it asked for", async () => {
    let nowNs = 0n;
    const all = programs({ now: () => nowNs });
    const producer = all.producer();
    producer.set("GREY", 32, 16);
    producer.start(2);
    const consumer = all.consumer();
    consumer.setRate(10);
    consumer.start(8);
    for (let value = 0; value < 21; value++) {
      nowNs += 33_333_333n + (value % 2 === 0 ? 3_000_000n : -3_000_000n);
      await producer.show(value);
    }
    expect(consumer.queue.doneCount).toBe(7);
    consumer.close();
  });
});
