import { describe, expect, it } from "vitest";
import { BitstreamStore } from "../../src/stateless/index.js";

describe("bitstream dumps", () => {
  it("are copies, found by the number of their buffer", () => {
    const store = new BitstreamStore();
    const payload = new Uint8Array([1, 2, 3]);
    expect(store.add(4, payload)).toBeUndefined();
    payload.fill(0);
    expect(store.find("bitstream4")?.bytes).toEqual(new Uint8Array([1, 2, 3]));
    expect([...store.dumps].map(({ name }) => name)).toEqual(["bitstream4"]);
  });

  it("keep the first of two with the same number", () => {
    const store = new BitstreamStore();
    store.add(0, new Uint8Array(1));
    expect(store.add(0, new Uint8Array(2))).toMatch(/exists/);
    expect(store.sizeBytes).toBe(1);
    store.clear();
    expect([store.count, store.sizeBytes]).toEqual([0, 0]);
  });
});
