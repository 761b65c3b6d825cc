/**
 * A loopback device of the whole machine, fed by a program that knows write() only, and captured from by programs of
 * Debian. scripts/loopback-programs has many more of both.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { built } from "../support/built.js";
import { cli, withHelper, withoutHelper } from "./support/camera.js";
import { describeDevice, until } from "./support/device.js";
import { temporaryFolder } from "./support/mem2mem.js";
import type { Client } from "./support/probe.js";

const WIDTH = 320;
const HEIGHT = 240;
const FRAME_BYTES = WIDTH * HEIGHT * 2;
const FILM_FRAMES = 50;
const TAKEN = 12;
const node = "/dev/video10";

const writer = built("frame-writer");

/** No two frames are equal, nor two lines of one. */
const film = Array.from({ length: FILM_FRAMES }, (_frame, number) =>
  Buffer.from(
    Array.from(
      { length: FRAME_BYTES },
      (_byte, at) => 16 + ((number * 4 + at + Math.floor(at / 640) * 3) % 211),
    ),
  ),
);

function keep(client: Client): Client {
  onTestFinished(async () => {
    client.kill("SIGTERM");
    await client.result;
  });
  return client;
}

const consumers: readonly (readonly [string, (file: string) => readonly string[]])[] = [
  [
    "v4l2-ctl",
    (file) => [
      ...["v4l2-ctl", "-d", node, "--stream-mmap", `--stream-count=${TAKEN}`, `--stream-to=${file}`],
    ],
  ],
  [
    "ffmpeg",
    (file) => [
      ...["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "v4l2", "-input_format", "yuyv422"],
      ...["-video_size", `${WIDTH}x${HEIGHT}`, "-i", node, "-frames:v", String(TAKEN)],
      ...["-fps_mode", "passthrough", "-f", "rawvideo", file],
    ],
  ],
];

/** Which of the film's each captured frame is; one that is none of them is -1. */
function numbersIn(file: string): number[] {
  const taken = readFileSync(file);
  expect(taken).toHaveLength(TAKEN * FRAME_BYTES);
  return Array.from({ length: TAKEN }, (_frame, index) =>
    film.findIndex((frame) => frame.equals(taken.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES))),
  );
}

describeDevice("a loopback device that write() feeds", () => {
  it("gives v4l2-ctl and ffmpeg, at once, its frames as they were, in their order", async () => {
    const folder = temporaryFolder(0o777);
    writeFileSync(join(folder, "film"), Buffer.concat(film));
    keep(cli(["loopback", "--video", "10", "--log", "none"]));
    await until(() => existsSync(node), `${node} appears`, 30_000);
    keep(withoutHelper([writer, node, join(folder, "film"), String(WIDTH), String(HEIGHT), "15"]));
    // The producer has set its format.
    let isSet = false;
    for (let tries = 0; tries < 100 && !isSet; tries++) {
      const { lines } = await withHelper(["v4l2-ctl", "-d", node, "--get-fmt-video"]).result;
      isSet = lines.some((line) => line.includes(`${WIDTH}/${HEIGHT}`));
    }
    expect(isSet).toBe(true);
    const runs = consumers.map(([name, take]) => withHelper(take(join(folder, name))).result);
    for (const { code, lines, stderr } of await Promise.all(runs))
      expect(code, `${lines.join("\n")}\n${stderr}`).toBe(0);

    for (const [name] of consumers) {
      const numbers = numbersIn(join(folder, name));
      // Before the producer's first frame there may be one that stands in for it.
      const own = numbers[0] === -1 ? numbers.slice(1) : numbers;
      const text = `${name}: ${String(numbers)}`;
      expect(own, text).not.toContain(-1);
      for (const [index, number] of own.slice(1).entries()) {
        const step = (number - (own[index] ?? 0) + FILM_FRAMES) % FILM_FRAMES;
        expect(step, text).toBeGreaterThan(0);
        // One step back is nearly all forward.
        expect(step, text).toBeLessThan(FILM_FRAMES - 5);
      }
    }
  });
});
