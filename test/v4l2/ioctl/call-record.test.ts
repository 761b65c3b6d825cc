/** Payloads of controls, as recordings have them. */
import { describe, expect, it } from "vitest";
import { controlPayloads, PayloadLog } from "../../../src/v4l2/ioctl/call-record.js";

const LIMIT = 192 * 1024;

describe("payloads of controls", () => {
  it("are read as they were written, empty ones too", () => {
    const log = new PayloadLog();
    log.add(2, Uint8Array.of(1, 2, 3));
    log.add(0, new Uint8Array());
    const payloads = controlPayloads(log.bytes).map(({ index, bytes }) => [index, ...bytes]);
    expect(payloads).toEqual([[2, 1, 2, 3], [0]]);
    expect(controlPayloads(undefined)).toEqual([]);
  });

  it("are read as far as they are whole", () => {
    const log = new PayloadLog();
    log.add(1, Uint8Array.of(5));
    log.add(2, Uint8Array.of(6, 7));
    const { bytes } = log;
    const read = (length: number): number => controlPayloads(bytes.subarray(0, length)).length;
    expect([0, 7, 8, 9, 16, 17, 18, 19].map(read)).toEqual([0, 0, 0, 1, 1, 1, 1, 2]);
  });

  it("are kept up to a limit", () => {
    const log = new PayloadLog();
    log.add(1, new Uint8Array(LIMIT - 8 - 8 - 1));
    log.add(2, new Uint8Array(2));
    expect(log.bytes.byteLength).toBe(LIMIT - 9);
    log.add(3, new Uint8Array(1));
    expect(controlPayloads(log.bytes).map(({ index }) => index)).toEqual([1, 3]);
    log.add(4, new Uint8Array());
    expect(log.bytes.byteLength).toBe(LIMIT);
  });
});
