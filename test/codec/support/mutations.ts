/** Damaged copies of a stream, the same ones for the same seed. */

/** A small generator of pseudo-random numbers (mulberry32): 0 to 2^32 - 1. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/**
 * Copies with one to eight changes each: a bit turned, a byte replaced, bytes removed or doubled, the end cut off. Most
 * changes are near the start, where the headers are.
 */
export function* mutations(stream: Uint8Array, count: number, seed: number): Generator<Uint8Array> {
  const random = randomNumbers(seed);
  for (let n = 0; n < count; n++) {
    let bytes: Uint8Array = Uint8Array.from(stream);
    for (let changes = 1 + (random() % 8); changes > 0 && bytes.byteLength > 1; changes--) {
      const reach = random() % 3 === 0 ? bytes.byteLength : Math.min(bytes.byteLength, 200);
      const at = random() % reach;
      switch (random() % 5) {
        case 0:
          bytes[at] = random() & 255;
          break;
        case 1: {
          const end = at + 1 + (random() % 8);
          bytes = without(bytes, at, Math.min(end, bytes.byteLength));
          break;
        }
        case 2:
          if (random() % 8 === 0) bytes = bytes.slice(0, at + 1);
          break;
        default:
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (random() & 7));
      }
    }
    yield bytes;
  }
}

function without(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const left = new Uint8Array(bytes.byteLength - (end - start));
  left.set(bytes.subarray(0, start));
  left.set(bytes.subarray(end), start);
  return left;
}
