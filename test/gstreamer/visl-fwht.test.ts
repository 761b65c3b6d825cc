/** v4l2-ctl 1.30 decodes FWHT statelessly on visl: the kernel's frames, but for the clock's time stamps on them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { withHelper } from "../device/support/camera.js";
import { temporaryFolder } from "../device/support/mem2mem.js";
import { startVisl } from "../device/support/visl.js";
import { frameTexts } from "../visl/debug-text.js";
import { golden } from "../visl/golden.js";
import { drawnSums, sayFrames } from "./drawn.js";
import { data } from "./support.js";

const [width, height] = [640, 480];
const frameSize = (width * height * 3) / 2;
/** A letter, and where the text begins. */
const cell = { width: 8, height: 16, left: 16, top: 16 };

/** Letters of one line, [from, to). */
interface Letters {
  readonly line: number;
  readonly from: number;
  readonly to: number;
}

/** The rows of bytes under some letters: 16 of luma, 8 of chroma, which is half as high and as wide in bytes. */
function* rowsOf(frame: Uint8Array, { line, from, to }: Letters): Generator<Uint8Array> {
  const y = cell.top + line * cell.height;
  const [left, right] = [from, to].map((letter) => cell.left + letter * cell.width);
  for (let row = 0; row < cell.height; row++) {
    yield frame.subarray((y + row) * width + (left ?? 0), (y + row) * width + (right ?? 0));
  }
  for (let row = 0; row < cell.height / 2; row++) {
    const start = (height + y / 2 + row) * width;
    yield frame.subarray(start + (left ?? 0), start + (right ?? 0));
  }
}

const bytesOf = (frame: Uint8Array, letters: Letters): Buffer => Buffer.concat([...rowsOf(frame, letters)]);

/** A number from the clock: of the frame itself, or of the one that it refers to. The first frame refers to 0. */
const clockTime = /(?<=^sequence:\d+ timestamp:|^backwards_ref_ts: )[1-9]\d*/;

/**
 * Takes the clock's numbers out of both frames and returns what follows them in their lines. A clock that shows fewer
 * digits moves that part of its line to the left; it is compared on its own.
 */
function takeOutClock(ours: Frame, kernels: Frame): { readonly ours: Buffer; readonly kernels: Buffer }[] {
  return kernels.text.flatMap((kernelLine, line) => {
    const ourLine = ours.text[line] ?? "";
    const [kernelNumber, ourNumber] = [clockTime.exec(kernelLine), clockTime.exec(ourLine)];
    expect(ourLine.replace(clockTime, "")).toBe(kernelLine.replace(clockTime, ""));
    if (kernelNumber === null || ourNumber === null) return [];
    const from = kernelNumber.index;
    const isMoved = ourNumber[0].length !== kernelNumber[0].length;
    const to = isMoved ? Math.max(ourLine.length, kernelLine.length) : from + kernelNumber[0].length;
    const behind = ({ bytes, text }: Frame, number: string): Buffer =>
      bytesOf(bytes, { line, from: from + number.length, to: text[line]?.length ?? 0 });
    const rest = { ours: behind(ours, ourNumber[0]), kernels: behind(kernels, kernelNumber[0]) };
    for (const { bytes } of [ours, kernels]) for (const row of rowsOf(bytes, { line, from, to })) row.fill(0);
    return [rest];
  });
}

interface Frame {
  readonly bytes: Buffer;
  readonly text: readonly string[];
}

const framesOf = (bytes: Buffer, texts: readonly (readonly string[])[]): Frame[] =>
  texts
    .slice(0, bytes.length / frameSize)
    .map((text, index) => ({ bytes: bytes.subarray(index * frameSize, (index + 1) * frameSize), text }));

it("v4l2-ctl decodes FWHT to the frames of the kernel's visl", async () => {
  const visl = await startVisl(...sayFrames);
  const output = join(temporaryFolder(), "frames.nv12");
  const { code, stderr } = await withHelper(
    [
      ...["v4l2-ctl", "-d", visl.video, "-x", `width=${width},height=${height},pixelformat=SFWH`],
      ...["--stream-mmap", "--stream-out-mmap", "--stream-from-hdr", data("x.fwht"), "--stream-to", output],
    ],
    { timeoutMs: 100_000 },
  ).result;
  expect({ code, failed: /fail|error|returned -1/i.exec(stderr) }, stderr).toEqual({ code: 0, failed: null });

  const texts = frameTexts(visl.process.lines.join("\n"));
  const ours = framesOf(readFileSync(output), texts);
  expect(ours).toHaveLength(10);
  expect(ours.map(({ bytes }) => createHash("md5").update(bytes).digest("hex"))).toEqual(
    drawnSums(visl.process.lines),
  );
  const file = new URL("../visl/data/fwht/first2.nv12.gz", import.meta.url);
  const kernels = framesOf(gunzipSync(readFileSync(file)), frameTexts(golden("fwht/dmesg.txt.gz")));
  expect(kernels).toHaveLength(2);
  kernels.forEach((kernel, index) => {
    const our = ours[index];
    if (our === undefined) throw new Error("not so many frames");
    for (const rest of takeOutClock(our, kernel)) expect(rest.ours.equals(rest.kernels)).toBe(true);
    expect(our.bytes.equals(kernel.bytes)).toBe(true);
  });
  // Each frame refers to the one before it, by its time stamp.
  const times = texts.map((text) => /timestamp:(\d+)/.exec(text[0] ?? "")?.[1]);
  const references = texts.map((text) => /backwards_ref_ts: (\d+)/.exec(text.join("\n"))?.[1]);
  expect(references).toEqual(["0", ...times.slice(0, -1)]);
});
