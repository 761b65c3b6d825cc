/** The loopback where pictures are converted: what each consumer gets, and that none holds up another. */
import { afterEach, describe, expect, it } from "vitest";
import { Loopback, PictureConversion } from "../../src/loopback/index.js";
import type { LoopbackOptions } from "../../src/loopback/index.js";
import { fourcc } from "../../src/v4l2/index.js";
import type { FrameEvent } from "../../src/v4l2/index.js";
import { Programs } from "./client.js";

const programs = (options: Partial<LoopbackOptions> = {}): Programs =>
  new Programs(new Loopback({ name: "video0", ...options }));

/** What follows is over when this has run: frames are handed on once the call that brought them is answered. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("with a converter", () => {
  const converted: PictureConversion[] = [];
  const converting = (options: Partial<LoopbackOptions> = {}): Programs => {
    const converter = new PictureConversion();
    converted.push(converter);
    return programs({ converter, ...options });
  };
  afterEach(() => {
    for (const converter of converted.splice(0)) converter.close();
  });

  it("consumers get the format and the size that they ask for, each its own", async () => {
    const all = converting();
    const producer = all.producer();
    producer.set("GREY", 64, 48);
    producer.start(2);
    const wishes = [
      ["NV12", 320, 240, 320 * 240 * 1.5],
      ["RGB3", 640, 480, 640 * 480 * 3],
      ["GREY", 64, 48, 64 * 48],
    ] as const;
    const consumers = wishes.map(([name, width, height]) => {
      const consumer = all.consumer();
      expect(consumer.set(name, width, height)).toMatchObject({ pixelformat: fourcc(name), width, height });
      consumer.start();
      return consumer;
    });
    await producer.show(128);
    for (const [index, consumer] of consumers.entries()) {
      const { bytes } = await consumer.capture();
      expect(bytes).toHaveLength(wishes[index]?.[3] ?? 0);
      for (const byte of bytes.subarray(0, 1000)) expect(Math.abs(byte - 128)).toBeLessThan(4);
      consumer.close();
    }
  });

  it("a consumer of large compressed pictures does not hold up one of small ones", async () => {
    const all = converting();
    const producer = all.producer();
    producer.set("YUYV", 1280, 720);
    producer.start(2);
    const large = all.consumer();
    large.set("MJPG", 3840, 2160);
    large.start(3);
    const small = all.consumer();
    small.set("NV12", 320, 240);
    small.start(3);
    const order: string[] = [];
    // The first one has their processes started.
    for (let frame = 0; frame < 2; frame++) {
      const both = [large, small].map(async (consumer) => {
        const { bytes } = await consumer.capture();
        order.push(consumer === small ? `small of ${bytes.length}` : "large");
      });
      await producer.show(100 + frame);
      await Promise.all(both);
    }
    expect(order.slice(2)).toEqual([`small of ${320 * 240 * 1.5}`, "large"]);
    for (const client of [producer, large, small]) client.close();
  });

  it("has four processes at most, of which one is left when the consumers are gone", async () => {
    const all = converting();
    const [converter] = converted.slice(-1);
    const producer = all.producer();
    producer.set("YUYV", 64, 48);
    producer.start(2);
    const consumers = Array.from({ length: 9 }, () => all.consumer());
    for (const consumer of consumers) {
      consumer.set("NV12", 64, 48);
      consumer.start();
    }
    await producer.show(100);
    for (const consumer of consumers) await consumer.capture();
    expect(new Set(converter?.pids).size).toBe(4);
    for (const consumer of consumers) consumer.close();
    expect(converter?.pids).toHaveLength(1);
    producer.close();
  });

  it("a frame that comes during a conversion is lost for that consumer, and events say why", async () => {
    const steps: string[] = [];
    const converter = new PictureConversion({ observer: (action) => steps.push(action) });
    converted.push(converter);
    const all = programs({ converter });
    const frames: FrameEvent[] = [];
    all.loopback.devices[0]?.trace.subscribe((event) => {
      if (event.kind === "frame") frames.push(event);
    });
    const producer = all.producer();
    producer.set("YUYV", 1280, 720);
    producer.start(3);
    const consumer = all.consumer();
    consumer.set("RGB3", 1920, 1080);
    consumer.start(3);
    producer.enqueue(0);
    await settled();
    producer.enqueue(1);
    await settled();
    await consumer.capture();
    const lost = frames.find(({ action }) => action === "lost");
    expect(lost).toMatchObject({ sequence: 0, reason: "the one before it is being converted" });
    expect(lost?.drawNs).toBeGreaterThan(0);
    expect(frames.find(({ action }) => action === "drawn")?.drawNs).toBeGreaterThan(lost?.drawNs ?? 0);
    expect(steps.slice(0, 3)).toEqual(["started", "sent", "answered"]);
    for (const client of [producer, consumer]) client.close();
  });

  it("a consumer that stops in the middle of a conversion has its buffers back", async () => {
    const all = converting();
    const producer = all.producer();
    producer.set("YUYV", 1280, 720);
    producer.start(2);
    for (let round = 0; round < 10; round++) {
      const consumer = all.consumer();
      consumer.set("RGB3", 1920, 1080);
      consumer.start(2);
      producer.enqueue(0);
      await settled();
      consumer.stop();
      expect(consumer.queue.ownedByDriver).toBe(0);
      consumer.close();
      await producer.dequeue();
    }
  });

  it("a producer that comes back with another format reaches consumers that have buffers", async () => {
    const all = converting();
    const first = all.producer();
    first.set("GREY", 64, 48);
    first.start(2);
    const consumer = all.consumer();
    consumer.start();
    await first.show(50);
    expect((await consumer.capture()).bytes).toEqual(new Uint8Array(64 * 48).fill(50));
    first.close();
    const second = all.producer();
    second.set("NV12", 128, 96);
    second.start(2);
    await second.show(128);
    let frame = await consumer.capture();
    while (Math.abs((frame.bytes[0] ?? 0) - 128) > 4) frame = await consumer.capture();
    expect(frame.bytes).toHaveLength(64 * 48);
    consumer.close();
  });

  it("bars reach consumers whose format nobody draws", async () => {
    const all = converting();
    const consumer = all.consumer();
    consumer.setRate(50);
    consumer.set("MJPG", 320, 240);
    consumer.start();
    const { bytes } = await consumer.capture();
    expect([...bytes.subarray(0, 2), ...bytes.subarray(-2)]).toEqual([0xff, 0xd8, 0xff, 0xd9]);
    consumer.close();
  });

  it("a frame that cannot be converted is told once for each stream", async () => {
    const all = converting();
    const [producer, consumer] = [all.producer(), all.consumer()];
    producer.set("MJPG", 64, 48);
    producer.start(2);
    consumer.set("NV12", 64, 48);
    const said: string[] = [];
    for (const device of all.loopback.devices)
      device.trace.subscribe((event) => {
        if (event.kind === "message" && event.text.includes("dropped")) said.push(event.text);
      });
    const start = "a frame is dropped: MJPG 64x48 cannot become NV12 64x48: ";
    for (const streams of [1, 2]) {
      consumer.start(2);
      for (const value of [1, 2, 3]) {
        await producer.show(value);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(said).toEqual(Array<unknown>(streams).fill(expect.stringContaining(start)));
      consumer.stop();
    }
    for (const client of [producer, consumer]) client.close();
  });

  it("a compressed picture of the largest size has room in its buffer", async () => {
    const all = converting();
    const consumer = all.consumer();
    const { planes } = consumer.set("JPEG", 3840, 2160);
    expect(planes).toEqual([{ bytesperline: 0, sizeimage: 2 * 3840 * 2160 }]);
    consumer.start(2);
    const { bytes } = await consumer.capture();
    expect([...bytes.subarray(0, 2), ...bytes.subarray(-2)]).toEqual([0xff, 0xd8, 0xff, 0xd9]);
    // What did not fit into 64 KiB.
    expect(bytes.length).toBeGreaterThan(65_536);
    consumer.close();
  });
});
