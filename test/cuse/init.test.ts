/** What a FUSE channel is set up for. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  CUSE_INIT_INFO_MAX,
  CuseInitInView,
  CuseInitOutView,
  FUSE_INIT_EXT,
  FUSE_PASSTHROUGH,
  FuseInitInView,
  FuseInitOutView,
} from "../../src/cuse/gen/fuse.js";
import { answerCuseInit, answerFuseInit, fuseTransferBytes } from "../../src/cuse/init.js";
import { hex } from "../support/hex.js";

/** `struct fuse_init_in` of a Linux 6.12: 7.41, max_readahead 128 KiB, flags, flags2 with FUSE_PASSTHROUGH. */
const INIT = hex`
  07000000 29000000 00000200 fbfbff73 bd000000
  00000000 00000000 00000000 00000000 00000000 00000000
  00000000 00000000 00000000 00000000 00000000
`;
/** Of a Linux 5.15, 7.34: 16 bytes without flags2. */
const OLD_INIT = hex`07000000 22000000 00000200 fbfbff33`;
const MIB = 1 << 20;

it("a file system can map other files where the kernel offers it", () => {
  const canMap = (init: Uint8Array) => answerFuseInit(init, { transferBytes: MIB }).passthrough;
  expect([canMap(INIT), canMap(OLD_INIT)]).toEqual([true, false]);
});

it.each([
  ["both flags", FUSE_INIT_EXT, FUSE_PASSTHROUGH, true],
  ["no further flags", 0, FUSE_PASSTHROUGH, false],
  ["further flags, but not that one", FUSE_INIT_EXT, 0xffffffff00000000n & ~FUSE_PASSTHROUGH, false],
])("a kernel that offers %s lets a file system map other files, or not", (_what, flags, flags2, expected) => {
  const offer = new FuseInitInView(INIT.slice());
  offer.flags = flags;
  offer.flags2 = Number(flags2 >> 32n);
  const { bytes, passthrough } = answerFuseInit(offer.bytes, { transferBytes: MIB });
  const answer = new FuseInitOutView(bytes);
  expect(passthrough).toBe(expected);
  expect([answer.flags, answer.flags2, answer.max_stack_depth]).toEqual(
    expected ? [FUSE_INIT_EXT, Number(FUSE_PASSTHROUGH >> 32n), 1] : [0, 0, 0],
  );
});

describe("a character device", () => {
  const number = { major: 0, minor: 0 };
  const offer = (major: number, minor: number): Uint8Array => {
    const view = new CuseInitInView(new Uint8Array(CuseInitInView.SIZE));
    Object.assign(view, { major, minor });
    return view.bytes;
  };

  it.each([
    [7, 16, true],
    [7, 15, false],
    [6, 41, false],
    [8, 16, false],
  ])("is made by a kernel that speaks FUSE %i.%i: %s", (major, minor, isMade) => {
    const make = (): Uint8Array => answerCuseInit(offer(major, minor), "video0", number);
    if (isMade) expect(make().byteLength).toBe(CuseInitOutView.SIZE + "DEVNAME=video0\0".length);
    else expect(make).toThrow(`This kernel speaks FUSE ${major}.${minor}`);
  });

  it("has a name of as many bytes as the kernel takes", () => {
    const most = CUSE_INIT_INFO_MAX - "DEVNAME=\0".length;
    const make = (bytes: number) => (): unknown => answerCuseInit(offer(7, 41), "v".repeat(bytes), number);
    expect(make(most)).not.toThrow();
    expect(make(most + 1)).toThrow("The device name is too long.");
  });
});

it("a message carries 1 MiB, or what an administrator allows", () => {
  const folder = mkdtempSync(join(tmpdir(), "limit-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const limit = join(folder, "max_pages_limit");
  const withLimit = (text: string): number => {
    writeFileSync(limit, text);
    return fuseTransferBytes(limit);
  };
  expect(fuseTransferBytes(limit)).toBe(MIB); // Before Linux 6.13.
  expect(["256\n", "65535\n", "16\n", "1\n", "0\n"].map(withLimit)).toEqual([MIB, MIB, 65536, 4096, 4096]);
  const { bytes } = answerFuseInit(INIT, { transferBytes: 65536 });
  expect(new FuseInitOutView(bytes).max_write).toBe(65536);
});
