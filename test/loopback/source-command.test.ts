/** `--from`: what is refused before anything starts, and what ffmpeg is told. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ffmpegCommand, sourceProblem } from "../../src/loopback/index.js";
import { defaultShape } from "../../src/loopback/shape.js";

const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-source-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const target = { shape: defaultShape, rate: "30/1", node: "/dev/video9" };

function make(name: string, ...input: readonly string[]): void {
  const made = spawnSync("ffmpeg", ["-v", "error", ...input, join(folder, name)], { encoding: "utf8" });
  expect(made.status, made.stderr).toBe(0);
}

const picture = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10"];
const pictures = ["film.mkv", "film.gif", "still.png", "still %d.png", "still.jpg"];
beforeAll(() => {
  for (const name of pictures)
    make(
      name,
      ...picture,
      ...(name.startsWith("still") ? ["-update", "1", "-frames:v", "1"] : ["-t", "0.3"]),
    );
  make("sound.wav", "-f", "lavfi", "-i", "sine", "-t", "0.1");
  writeFileSync(join(folder, "notes.txt"), "no picture\n");
});

describe("a source", () => {
  it.each(pictures)("%s is shown, again and again", (name) => {
    const source = join(folder, name);
    expect(sourceProblem(source)).toBeUndefined();
    expect(sourceProblem(`file://${source}`)).toBeUndefined();
    const { words } = ffmpegCommand(source, target);
    const shown = [
      ...words.slice(1, words.indexOf("-f", words.indexOf("-vf"))),
      "-frames:v",
      "40",
      "-f",
      "null",
      "-",
    ];
    const { status, stderr } = spawnSync("ffmpeg", shown, { encoding: "utf8", timeout: 20_000 });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it.each([
    ["nothere.mp4", /^there is no such file$/],
    ["/dev/video255", /^there is no such camera$/],
    [folder, /^it is a folder/],
    [join(folder, "sound.wav"), /^there is no picture in it/],
    [join(folder, "notes.txt"), /^ffmpeg finds no picture in it: \S/],
    ["rstp://camera/stream", /^ffmpeg knows no addresses that begin with rstp:/],
    ["http://camera/\nfile '/etc/shadow'", /^it has a line break/],
  ])("%j is refused", (source, problem) => {
    expect(sourceProblem(source)).toMatch(problem);
  });

  it.each(["testsrc", "rtsp://camera.invalid/stream", "https://camera.invalid/a.m3u8"])(
    "%s is taken as it is",
    (source) => {
      expect(sourceProblem(source)).toBeUndefined();
    },
  );

  it("with a password is not in the arguments, which all users see", () => {
    for (const source of ["rtsp://me:it's@camera/stream", "http://camera/a.cgi?user=me&pwd=it's"]) {
      const { words, input } = ffmpegCommand(source, target);
      expect(words.join(" ")).not.toContain("it's");
      expect(input?.split("\n")[1]).toContain("it'\\''s");
      expect(words).not.toContain("-nostdin");
    }
  });
});
