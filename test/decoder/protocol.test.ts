/** The two descriptions of the decoder process's messages say the same. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  ANSWER_BYTES,
  CAPTURE_SLOT,
  CodecNumber,
  decodeAnswer,
  encodeForget,
  encodeJob,
  encodeMemory,
  Feature,
  JobFlag,
  LayoutNumber,
  MAX_INLINE,
  MAX_PIECES,
  Order,
  PROTOCOL,
  SLOTS,
} from "../../src/decoder/protocol.js";
import { decodeHello, HELLO_BYTES } from "../../src/worker/index.js";

const header = readFileSync(new URL("../../native/decoder/protocol.h", import.meta.url), "utf8");
const numbers = Object.fromEntries(
  [...header.matchAll(/^#define DECODER_(\w+) (\w+)/gm)].map(([, name = "", value]) => [name, Number(value)]),
);

/** The fields of a struct, with their widths in bytes. */
function fieldsOf(struct: string): { readonly name: string; readonly bytes: number }[] {
  const body = new RegExp(`struct ${struct} \\{([^}]*)\\}`).exec(header)?.[1] ?? "";
  return [...body.matchAll(/uint(32|64)_t (\w+);/g)].map(([, bits, name = ""]) => ({
    name,
    bytes: Number(bits) / 8,
  }));
}

const sizeOf = (struct: string): number => fieldsOf(struct).reduce((sum, { bytes }) => sum + bytes, 0);

const job = {
  ...{ serial: 1, codec: 2, flags: 3, source: 4, destination: 5, layout: 6, width: 7, height: 8, stride: 9 },
  pieces: [],
};

describe("the protocol of the decoder process", () => {
  it("has the header's numbers", () => {
    const upper = (names: Readonly<Record<string, number>>): Record<string, number> =>
      Object.fromEntries(Object.entries(names).map(([name, value]) => [name.toUpperCase(), value]));
    expect(numbers).toMatchObject({
      PROTOCOL,
      ...upper(Order),
      ...upper(CodecNumber),
      ...LayoutNumber,
      HAS_DAV1D: Feature.HasDav1d,
      IS_NOBODY: Feature.IsNobody,
      IS_FILTERED: Feature.IsFiltered,
      NEW_FRAME: JobFlag.NewFrame,
      MORE: JobFlag.More,
      SLICES: JobFlag.Slices,
      RESTART: JobFlag.Restart,
      SLOTS,
      CAPTURE_SLOT,
      PIECES: MAX_PIECES,
      INLINE: MAX_INLINE,
    });
  });

  it("has the header's structs", () => {
    expect(encodeMemory(1, 4096, 8192).byteLength).toBe(sizeOf("decoder_memory"));
    expect(encodeForget(1, 2).byteLength).toBe(sizeOf("decoder_forget"));
    expect(encodeJob(job).byteLength).toBe(sizeOf("decoder_job"));
    expect(HELLO_BYTES).toBe(sizeOf("decoder_hello"));
    expect(ANSWER_BYTES).toBe(sizeOf("decoder_answer"));
    const words = new Uint32Array(encodeJob(job).buffer);
    const named = { order: Order.Job, ...job, pieces: 0, inlined: 0 };
    for (const [i, { name }] of fieldsOf("decoder_job").entries()) {
      expect([name, words[i]]).toEqual([name, named[name as keyof typeof named]]);
    }
  });

  it("puts pieces behind the job, and our bytes behind them", () => {
    const pieces = [Uint8Array.of(1, 2, 3), { offset: 10, size: 20 }, Uint8Array.of(4)];
    const message = encodeJob({ ...job, pieces });
    const start = sizeOf("decoder_job");
    expect([...new Uint32Array(message.buffer, start, 9)]).toEqual([0, 0, 3, 1, 10, 20, 0, 3, 1]);
    expect([...message.subarray(start + 3 * sizeOf("decoder_piece"))]).toEqual([1, 2, 3, 4]);
  });

  it("refuses more than a message holds", () => {
    const piece = { offset: 0, size: 1 };
    expect(() => encodeJob({ ...job, pieces: new Array(MAX_PIECES + 1).fill(piece) })).toThrow(RangeError);
    expect(() => encodeJob({ ...job, pieces: [new Uint8Array(MAX_INLINE + 1)] })).toThrow(RangeError);
  });

  it("takes nothing from the process that it does not understand", () => {
    expect(decodeHello(new Uint8Array(HELLO_BYTES + 1))).toBeUndefined();
    expect(decodeAnswer(new Uint8Array(ANSWER_BYTES - 1))).toBeUndefined();
    expect(decodeAnswer(new Uint8Array(Uint32Array.of(1, 99, 0, 0).buffer))).toBeUndefined();
    expect(decodeAnswer(new Uint8Array(Uint32Array.of(1, 4, 640, 480).buffer))).toEqual({
      ...{ serial: 1, status: "larger", width: 640, height: 480 },
    });
  });
});
