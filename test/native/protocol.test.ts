import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  emitHello,
  emitMap,
  HELPER_FD,
  HELPER_FD_BYTES,
  HELPER_FD_FIELDS,
  HELPER_HELLO,
  HELPER_HELLO_BYTES,
  HELPER_HELLO_FIELDS,
  HELPER_MAP,
  HELPER_MAP_BYTES,
  HELPER_MAP_FIELDS,
  HELPER_VERSION,
  HelperFeature,
  isHelperIoctl,
  parseFd,
  parseHello,
  parseMap,
} from "../../src/serve/helper-protocol.js";
import { clientPath } from "./support.js";

const fields = (struct: string, offsets: Record<string, number>): [string, number][] =>
  Object.entries(offsets).map(([name, offset]) => [`${struct}.${name}`, offset]);

describe("the helper protocol", () => {
  it("has the same numbers, sizes and offsets in C", () => {
    const ours = [
      ["V4L2_CUSE_PROTOCOL_VERSION", HELPER_VERSION],
      ["V4L2_CUSE_FEATURE_MAP", HelperFeature.Map],
      ["V4L2_CUSE_FEATURE_FD", HelperFeature.Fd],
      ["V4L2_CUSE_HELLO", HELPER_HELLO],
      ["V4L2_CUSE_MAP", HELPER_MAP],
      ["V4L2_CUSE_FD", HELPER_FD],
      ["sizeof(struct v4l2_cuse_hello)", HELPER_HELLO_BYTES],
      ["sizeof(struct v4l2_cuse_map)", HELPER_MAP_BYTES],
      ["sizeof(struct v4l2_cuse_fd)", HELPER_FD_BYTES],
      ...fields("v4l2_cuse_hello", HELPER_HELLO_FIELDS),
      ...fields("v4l2_cuse_map", HELPER_MAP_FIELDS),
      ...fields("v4l2_cuse_fd", HELPER_FD_FIELDS),
    ];
    const theirs = execFileSync(clientPath("protocol-dump"), { encoding: "utf8" });
    expect(ours.map(([name, value]) => `${name} ${value}`)).toEqual(theirs.trimEnd().split("\n"));
  });

  it("reads a HELLO and answers it", () => {
    const bytes = Buffer.from("0100000003000000", "hex");
    expect(parseHello(bytes)).toEqual({ version: 1, features: 3 });
    emitHello(bytes, HelperFeature.Map);
    expect(bytes.toString("hex")).toBe("0100000001000000");
  });

  it("reads a MAP and answers it", () => {
    const bytes = Buffer.from(
      "01000000" + // version
        "ffffffff" + // socket: -1
        "0080004000000000" + // offset 0x40008000
        "0000000001000000" + // length 4 GiB
        "03000000" + // PROT_READ | PROT_WRITE
        "01000000" + // MAP_SHARED
        "0000000000000000",
      "hex",
    );
    expect(parseMap(bytes)).toEqual({
      version: 1,
      socket: -1,
      offset: 0x4000_8000n,
      length: 2n ** 32n,
      prot: 3,
      flags: 1,
    });
    emitMap(bytes, 0x1000n);
    expect(bytes.subarray(32).toString("hex")).toBe("0010000000000000");
  });

  it("reads an FD, whose argument is changed in place", () => {
    const bytes = new Uint8Array(HELPER_FD_BYTES);
    new DataView(bytes.buffer).setUint32(8, 0xc0405610, true);
    new DataView(bytes.buffer).setInt32(12, 7, true);
    const { cmd, number, arg } = parseFd(bytes);
    expect([cmd, number]).toEqual([0xc0405610, 7]);
    expect(arg.byteLength).toBe(64);
    arg[0] = 5;
    expect(bytes[16]).toBe(5);
  });

  it("knows its own ioctls from V4L2's", () => {
    expect([HELPER_HELLO, HELPER_MAP, HELPER_FD].every(isHelperIoctl)).toBe(true);
    expect([0x80685600, 0xc0145608, HELPER_HELLO - 2 ** 32].some(isHelperIoctl)).toBe(false);
  });
});
