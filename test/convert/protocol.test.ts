/** The two descriptions of the converting process's messages say the same. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { convertibleFormats, MAX_PICTURE_SIZE } from "../../src/convert/index.js";
import {
  ANSWER_BYTES,
  decodeAnswer,
  encodeForget,
  encodeJob,
  encodeMemory,
  FitNumber,
  JobFlag,
  MatrixNumber,
  MAX_FORGOTTEN,
  Order,
  PROTOCOL,
  SLOTS,
} from "../../src/convert/protocol.js";

const header = readFileSync(new URL("../../native/convert/protocol.h", import.meta.url), "utf8");
const numbers = Object.fromEntries(
  [...header.matchAll(/^#define CONVERT_(\w+) (\w+)/gm)].map(([, name = "", value]) => [name, Number(value)]),
);

/** The size of a struct, bytes. */
function sizeOf(struct: string): number {
  const body = new RegExp(`struct ${struct} \\{([^}]*)\\}`).exec(header)?.[1] ?? "";
  const fields = [...body.matchAll(/(uint32_t|uint64_t|struct \w+) \w+(?:\[CONVERT_(\w+)\])?;/g)];
  return fields.reduce((sum, [, type = "", count]) => {
    const size = type === "uint32_t" ? 4 : type === "uint64_t" ? 8 : sizeOf(type.slice("struct ".length));
    return sum + size * (count === undefined ? 1 : (numbers[count] ?? NaN));
  }, 0);
}

const picture = {
  ...{ slot: 10, format: 11, width: 12, height: 13, matrix: 14, isFull: true, bytes: 22 },
  planes: [16, 17, 18].map((offset) => ({ offset, bytesPerLine: offset + 3 })),
};

describe("the protocol of the converting process", () => {
  it("has the header's numbers", () => {
    const upper = (names: Readonly<Record<string, number>>): Record<string, number> =>
      Object.fromEntries(Object.entries(names).map(([name, value]) => [name.toUpperCase(), value]));
    expect(numbers).toMatchObject({
      PROTOCOL,
      ...upper(Order),
      ...upper(MatrixNumber),
      ...upper(FitNumber),
      ...upper(JobFlag),
      ...Object.fromEntries(convertibleFormats.map(({ name, number }) => [name, number])),
      SLOTS,
      FORGOTTEN: MAX_FORGOTTEN,
      LARGEST: MAX_PICTURE_SIZE,
    });
  });

  it("has the header's structs", () => {
    expect(encodeMemory(1, 4096, 8192, true).byteLength).toBe(sizeOf("convert_memory"));
    expect(encodeForget([1]).byteLength).toBe(sizeOf("convert_forget"));
    expect(ANSWER_BYTES).toBe(sizeOf("convert_answer"));
    const job = encodeJob({
      ...{ serial: 9, source: picture, destination: picture, fit: 27, flags: 28, quality: 29 },
      part: [23, 24, 25, 26],
    });
    expect(job.byteLength).toBe(sizeOf("convert_job"));
    const words = [10, 11, 12, 13, 14, 1, 16, 17, 18, 19, 20, 21, 22];
    expect([...new Uint32Array(job.buffer)]).toEqual([
      ...[Order.Job, 9, ...words, ...words],
      ...[23, 24, 25, 26, 27, 28, 29],
    ]);
  });

  it("takes nothing from the process that it does not understand", () => {
    expect(decodeAnswer(new Uint8Array(ANSWER_BYTES - 1))).toBeUndefined();
    expect(decodeAnswer(new Uint8Array(Uint32Array.of(1, 99, 0).buffer))).toBeUndefined();
    expect(decodeAnswer(new Uint8Array(Uint32Array.of(1, 2, 3).buffer))).toEqual({
      ...{ serial: 1, status: "too-large", bytes: 3 },
    });
  });
});
