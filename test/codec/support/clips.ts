/** Clips that ffmpeg's encoders make once, in out/codec-clips. */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const out = fileURLToPath(new URL("../../../out/codec-clips/", import.meta.url));

function ffmpeg(options: readonly string[]): void {
  const { status, stderr } = spawnSync("ffmpeg", ["-hide_banner", "-v", "error", "-y", ...options], {
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`ffmpeg ${options.join(" ")}: ${stderr}`);
}

/** A file of the folder of clips: its full path. @param make - Writes the file that it is given. */
export function clip(name: string, make: (unfinished: string) => void): string {
  const file = `${out}${name}`;
  if (existsSync(file)) return file;
  mkdirSync(out, { recursive: true });
  const unfinished = `${out}${randomUUID()}.${name}`;
  make(unfinished);
  renameSync(unfinished, file);
  return file;
}

/**
 * An IVF file of libvpx's encoder, 30 frames long.
 * @param options - Of the encoder and the output.
 * @param passes - Two passes find places for hidden frames.
 */
export function vpxClip(
  name: string,
  encoder: "libvpx" | "libvpx-vp9",
  options: readonly string[],
  passes: 1 | 2 = 1,
  source = "testsrc2=s=176x144:r=25",
): string {
  return clip(`${name}.ivf`, (unfinished) => {
    const input = ["-f", "lavfi", "-i", source, "-threads", "1", "-frames:v", "30"];
    const log = ["-passlogfile", `${unfinished}.log`];
    const common = [...input, "-c:v", encoder, ...options];
    if (passes === 2) ffmpeg([...common, "-pass", "1", ...log, "-f", "null", "-"]);
    ffmpeg([...common, ...(passes === 2 ? ["-pass", "2", ...log] : []), "-f", "ivf", unfinished]);
    rmSync(`${unfinished}.log-0.log`, { force: true });
  });
}

/** Bytes as one number, the first most significant, cut after `bits` bits; 0 bits follow the bytes. */
export function leadingBits(bytes: Uint8Array, bits: number): bigint {
  const padded = new Uint8Array(Math.max(bytes.byteLength, Math.ceil(bits / 8)));
  padded.set(bytes);
  return BigInt(`0x0${Buffer.from(padded).toString("hex")}`) >> BigInt(padded.byteLength * 8 - bits);
}
