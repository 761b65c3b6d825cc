/** How numbers and foreign text are printed: the kernel's words, and nothing that a terminal would obey. */
import { describe, expect, it } from "vitest";
import { BufType, bufTypeName, bufTypes, escapeText, fourcc, fourccText } from "../../../src/v4l2/index.js";
import { fieldNames, mbusName, memoryNames, nameOf } from "../../../src/v4l2/values/names.js";

describe("a word of the kernel's", () => {
  it.each([
    ["the last buffer type", bufTypeName(14), "meta-out"],
    ["a buffer type beyond it", bufTypeName(15), "unknown"],
    ["a memory that has no word", nameOf(memoryNames, 0), "(null)"],
    ["the last field", nameOf(fieldNames, 9), "interlaced-bt"],
    ["a field beyond it", nameOf(fieldNames, 10), "unknown"],
    ["a media bus code", mbusName(0x200f), "MEDIA_BUS_FMT_UYVY8_1X16"],
    ["a media bus code that nobody knows", mbusName(0xfe), "0x00fe"],
  ])("for %s", (_what, word, expected) => {
    expect(word).toBe(expected);
  });

  it("is there for every buffer type, and leads back to it", () => {
    expect(Object.values(bufTypes).sort((a, b) => a - b)).toEqual(
      Object.values(BufType).sort((a, b) => a - b),
    );
    for (const [name, type] of Object.entries(bufTypes)) expect(bufTypeName(type)).toBe(name);
  });
});

describe("foreign text", () => {
  it.each([
    ["plain text ~\u00a0\u00e9\u2027\u202f", "plain text ~\u00a0\u00e9\u2027\u202f"],
    ["\x00\n\x1b[2J\x1f", "\\x00\\x0a\\x1b[2J\\x1f"],
    ["\x7f\x80\x9f", "\\x7f\\x80\\x9f"],
    ["\u2028\u202e\u2066\ufffd", "\\u{2028}\\u{202e}\\u{2066}\\u{fffd}"],
  ])("%j is shown as %j", (text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });
});

describe("a four-character code", () => {
  it.each([
    [fourcc("NV12"), "NV12 little-endian (0x3231564e)"],
    [(fourcc("NV12") | 0x8000_0000) >>> 0, "NV12 big-endian (0xb231564e)"],
    [0x7f7e_201f, ". ~. little-endian (0x7f7e201f)"],
    [1, ".... little-endian (0x00000001)"],
  ])("%i is %s", (code, text) => {
    expect(fourccText(code)).toBe(text);
  });
});
