/** Clips that ffmpeg's encoders make for a test. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A folder that is removed when the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-codec-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Does ffmpeg have an encoder? */
export function hasEncoder(encoder: string): boolean {
  const { status, stdout } = spawnSync("ffmpeg", ["-hide_banner", "-encoders"], { encoding: "utf8" });
  return status === 0 && new RegExp(`\\b${encoder}\\b`).test(stdout);
}

/**
 * Encodes a moving test picture to `file`.
 * @param options - Of the encoder and the output.
 */
export function encode(
  file: string,
  options: readonly string[],
  source = "testsrc2=s=176x144:r=25:d=0.8",
): void {
  const { status, stderr } = spawnSync(
    "ffmpeg",
    ["-hide_banner", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-threads", "1", ...options, file],
    { encoding: "utf8", timeout: 60_000 },
  );
  if (status !== 0) throw new Error(`ffmpeg ${options.join(" ")}: ${stderr}`);
}
