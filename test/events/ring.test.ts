/** The ring of newest events: what a reader gets while a writer overwrites it. */
import { expect, it } from "vitest";
import { encodeHead, EventRing, EventRingReader, Recording } from "../../src/events/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";

const head = encodeHead({ program: "test", timeMs: 0, monotonicNs: 0 });
const message = (n: number, text: string): TraceEvent => ({
  ...{ kind: "message", timeMs: 0, monotonicNs: n, device: `video${n % 3}`, level: "info" },
  text,
});

function numbersIn(pieces: readonly Uint8Array[]): number[] {
  return [...new Recording(Buffer.concat([head, ...pieces]), "ring").events()].map(
    ({ monotonicNs }) => monotonicNs,
  );
}

it("gives all events in their order while there is room", () => {
  const ring = new EventRing();
  for (let n = 0; n < 5000; n++) ring.take(message(n, `event ${n}`));
  const pieces = [...new EventRingReader(ring.memory).pieces()];
  expect(numbersIn(pieces)).toEqual(Array.from({ length: 5000 }, (_none, n) => n));
});

it("has the newest megabytes when more came than fit, readable from their beginning", () => {
  const ring = new EventRing();
  const text = "x".repeat(1000);
  for (let n = 0; n < 20_000; n++) ring.take(message(n, text));
  const numbers = numbersIn([...new EventRingReader(ring.memory).pieces()]);
  expect(numbers.at(-1)).toBe(19_999);
  expect(numbers.length).toBeGreaterThan(6000);
  expect(numbers).toEqual(numbers.map((_n, index) => 20_000 - numbers.length + index));
});

it("tells a reader that was overtaken how many events it lost", () => {
  const ring = new EventRing();
  const reader = new EventRingReader(ring.memory);
  const place = reader.oldest();
  ring.take(message(0, "first"));
  const first = reader.read(place, 1 << 20);
  expect(first.lost).toBe(0);
  const text = "x".repeat(1000);
  for (let n = 1; n < 20_000; n++) ring.take(message(n, text));
  const pieces = [];
  let lost = 0;
  for (;;) {
    const piece = reader.read(place, 1 << 20);
    lost += piece.lost;
    if (piece.bytes.byteLength === 0) break;
    pieces.push(piece.bytes);
  }
  const numbers = numbersIn(pieces);
  expect(lost).toBe((numbers[0] ?? 0) - 1);
  expect(numbers.at(-1)).toBe(19_999);
});

it("gives pieces of whole records, no larger than asked for", () => {
  const ring = new EventRing();
  for (let n = 0; n < 1000; n++) ring.take(message(n, "some text"));
  const reader = new EventRingReader(ring.memory);
  const place = reader.oldest();
  const pieces = [];
  for (;;) {
    const { bytes } = reader.read(place, 500);
    if (bytes.byteLength === 0) break;
    expect(bytes.byteLength).toBeLessThanOrEqual(500);
    pieces.push(bytes);
  }
  expect(pieces.length).toBeGreaterThan(50);
  expect(numbersIn(pieces)).toHaveLength(1000);
});
