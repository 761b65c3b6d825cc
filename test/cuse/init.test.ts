/** What a FUSE channel is set up for. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { FuseInitOutView } from "../../src/cuse/gen/fuse.js";
import { answerFuseInit, fuseTransferBytes } from "../../src/cuse/init.js";
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
  expect([withLimit("256\n"), withLimit("65535\n"), withLimit("16\n"), withLimit("1\n")]).toEqual([
    MIB,
    MIB,
    65536,
    4096,
  ]);
  const { bytes } = answerFuseInit(INIT, { transferBytes: 65536 });
  expect(new FuseInitOutView(bytes).max_write).toBe(65536);
});
