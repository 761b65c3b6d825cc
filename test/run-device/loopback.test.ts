/**
 * The loopback with programs of Debian 13 on both sides: what ffmpeg and GStreamer feed it is what v4l2-ctl, ffmpeg and
 * GStreamer capture, bit for bit where nothing is converted.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findings } from "../compliance/support.js";
import { builtProgram } from "../device/support/camera.js";
import { onFuseNodes } from "../device/support/device.js";
import { startProgram, type Client } from "../device/support/probe.js";

/** Programs that are killed; 1000 for a whole run. */
const RESTARTS = Number(process.env["V4L2_CUSE_LOOPBACK_RESTARTS"] ?? 20);
const WIDTH = 320;
const HEIGHT = 240;
const FRAME_BYTES = WIDTH * HEIGHT * 2;

/** The program that converts is built for the libraries of the root that this runs in. */
const withDecoder = fileURLToPath(new URL("../../scripts/lib/with-decoder", import.meta.url));

let parent = "";
beforeAll(() => {
  const built = spawnSync(withDecoder, ["true"], { encoding: "utf8" });
  expect(built.status, built.stderr).toBe(0);
  parent = mkdtempSync(join(tmpdir(), "v4l2-cuse-loopback-"));
  const film = spawnSync(
    "ffmpeg",
    [
      ...[
        "-nostdin",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "color=c=0x20c040:size=160x120:rate=10",
        "-t",
        "0.5",
      ],
      join(parent, "film.mkv"),
    ],
    { encoding: "utf8" },
  );
  expect(film.status, film.stderr).toBe(0);
}, 120_000);
afterAll(() => {
  rmSync(parent, { recursive: true });
});

function start(options: string, client: readonly string[], timeoutMs = 100_000): Client {
  const run = [builtProgram(), "run", "--device", `loopback ${options}`, "--", ...client];
  return startProgram(withDecoder, [process.execPath, ...run], { timeoutMs });
}

/** Runs a script with a folder as "$0" in the shell. @returns Its output, and the folder. */
async function run(
  options: string,
  script: string,
  timeoutMs?: number,
): Promise<{ text: string; folder: string }> {
  const folder = mkdtempSync(join(parent, "test-"));
  const { code, lines, stderr } = await start(options, ["bash", "-ec", script, folder], timeoutMs).result;
  const text = lines.join("\n");
  expect(code, `${text}\n${stderr}`).toBe(0);
  return { text: `${text}\n${stderr}`, folder };
}

/** Puts out frames of which each has one value in every byte: 16, 17, 18 and so on, again from 16 after 200. */
const framesOf = (count: number): string =>
  `for i in $(seq 0 ${count - 1}); do head -c ${FRAME_BYTES} /dev/zero | tr '\\0' "\\\\$(printf %o $((16 + i % 185)))"; done > "$0/in.raw"`;

/** The values of frames, each of which has one. */
function valuesIn(path: string): number[] {
  const bytes = readFileSync(path);
  expect(bytes.length % FRAME_BYTES).toBe(0);
  return Array.from({ length: bytes.length / FRAME_BYTES }, (_frame, index) => {
    const frame = bytes.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES);
    const value = frame[0] ?? 0;
    expect(
      frame.every((byte) => byte === value),
      `frame ${index} is of one piece`,
    ).toBe(true);
    return value;
  });
}

/** Are they frames of the producer's, in its order? */
function expectInOrder(values: readonly number[]): void {
  for (const [index, value] of values.entries()) {
    expect(value).toBeGreaterThanOrEqual(16);
    if (index > 0) expect((value - (values[index - 1] ?? 0) + 185) % 185).toBeGreaterThan(0);
  }
}

const producers: readonly (readonly [string, string])[] = [
  [
    "ffmpeg's write()",
    `ffmpeg -nostdin -loglevel error -re -f rawvideo -pixel_format yuyv422 -video_size ${WIDTH}x${HEIGHT} -framerate 30 -i "$0/in.raw" -c:v rawvideo -f v4l2 /dev/video0`,
  ],
  ...(["mmap", "dmabuf"] as const).map(
    (mode) =>
      [
        `GStreamer's v4l2sink io-mode=${mode}`,
        `gst-launch-1.0 -q filesrc location="$0/in.raw" ! rawvideoparse format=yuy2 width=${WIDTH} height=${HEIGHT} framerate=30/1 ! capssetter caps=video/x-raw,colorimetry=bt601 ! v4l2sink device=/dev/video0 io-mode=${mode}`,
      ] as const,
  ),
];
const consumers: readonly (readonly [string, string])[] = [
  ["v4l2-ctl", 'v4l2-ctl --stream-mmap --stream-count=20 --stream-to="$0/out.raw"'],
  ["v4l2-ctl --stream-user", 'v4l2-ctl --stream-user --stream-count=20 --stream-to="$0/out.raw"'],
  ["read()", `head -c ${20 * FRAME_BYTES} /dev/video0 > "$0/out.raw"`],
  [
    "ffmpeg",
    'ffmpeg -nostdin -loglevel error -f v4l2 -input_format yuyv422 -i /dev/video0 -frames:v 20 -fps_mode passthrough -f rawvideo "$0/out.raw"',
  ],
  [
    "GStreamer",
    'gst-launch-1.0 -q v4l2src device=/dev/video0 num-buffers=20 ! video/x-raw,format=YUY2,width=320,height=240 ! filesink location="$0/out.raw"',
  ],
];

/** Waits until frames come: the producer has set its format and put some out. */
const untilFed = `for i in $(seq 1200); do v4l2-ctl --get-fmt-video | grep -q '${WIDTH}/${HEIGHT}' && break; sleep 0.05; done; sleep 0.5`;

describe.runIf(onFuseNodes)("the loopback", () => {
  it.each(
    producers.flatMap(([from, feed]) => consumers.map(([to, take]) => [from, to, feed, take] as const)),
  )("hands on what comes from %s to %s", async (_from, _to, feed, take) => {
    const { folder } = await run(
      "",
      `${framesOf(30)}; for i in $(seq 20); do cat "$0/in.raw"; done > "$0/long.raw"; mv "$0/long.raw" "$0/in.raw"
         ${feed} & ${untilFed}; timeout 60 ${take}; kill $! 2>/dev/null; wait || true`,
    );
    const values = valuesIn(join(folder, "out.raw"));
    expect(values).toHaveLength(20);
    expectInOrder(values.map((value) => value));
  });

  it("gives three consumers at once three formats and sizes", async () => {
    const { folder } = await run(
      "",
      `ffmpeg -nostdin -loglevel error -re -f lavfi -i color=c=0x20c040:size=640x480:rate=30 -pix_fmt yuyv422 -f v4l2 /dev/video0 &
       # The picture that says that nobody feeds it is not of one colour.
       for i in $(seq 60); do
         timeout 20 v4l2-ctl --stream-mmap --stream-count=1 --stream-to="$0/probe" >/dev/null
         [ "$(head -c 4 "$0/probe" | od -A n -t x1)" = "$(tail -c 4 "$0/probe" | od -A n -t x1)" ] && break
         sleep 0.2
       done
       jobs=()
       take() { timeout 60 v4l2-ctl --set-fmt-video=width=$1,height=$2,pixelformat=$3 --stream-mmap --stream-skip=3 --stream-count=5 --stream-to="$0/$3"; }
       take 320 240 NV12 & jobs+=($!); take 800 600 RGB3 & jobs+=($!); take 640 480 YUYV & jobs+=($!)
       wait "\${jobs[@]}"; kill %1; wait || true`,
    );
    expect(readFileSync(join(folder, "NV12"))).toHaveLength(5 * 320 * 240 * 1.5);
    expect(readFileSync(join(folder, "YUYV"))).toHaveLength(5 * 640 * 480 * 2);
    const rgb = readFileSync(join(folder, "RGB3"));
    expect(rgb).toHaveLength(5 * 800 * 600 * 3);
    const [red = 0, green = 0, blue = 0] = rgb.subarray(3 * (800 * 300 + 400));
    for (const [is, wanted] of [
      [red, 0x20],
      [green, 0xc0],
      [blue, 0x40],
    ] as const)
      expect(Math.abs(is - wanted)).toBeLessThan(6);
  });

  it("starts a command once for all who watch, and ends it after them", async () => {
    const { folder } = await run(
      `--linger 1 --size 320x240 --on-demand 'echo "$LOOPBACK_WIDTH $LOOPBACK_HEIGHT $LOOPBACK_FOURCC $LOOPBACK_RATE" >> '"$0"'; sleep 1003.7'`.replace(
        "'\"$0\"'",
        join(parent, "starts"),
      ),
      `v4l2-ctl --stream-mmap --stream-count=20 & one=$!
       sleep 0.3; v4l2-ctl --stream-mmap --stream-count=5; wait $one
       pgrep -x -f 'sleep 1003.7' > "$0/during" || true
       for i in $(seq 400); do pgrep -x -f 'sleep 1003.7' > "$0/after" || break; sleep 0.05; done`,
    );
    expect(readFileSync(join(parent, "starts"), "utf8")).toBe("320 240 YUYV 30/1\n");
    expect(readFileSync(join(folder, "during"), "utf8")).not.toBe("");
    expect(readFileSync(join(folder, "after"), "utf8")).toBe("");
  });

  it(
    `outlives ${RESTARTS} producers and consumers that are killed, and a consumer beside them sees nothing of it`,
    async () => {
      const { text } = await run(
        "",
        `driver=$(pgrep -P $PPID -f "main.js loopback"); count() { ls /proc/$driver/fd | wc -l; }
       v4l2-ctl --stream-mmap --stream-count=10000000 > /dev/null 2>&1 & steady=$!
       sleep 1; before=$(count)
       for i in $(seq ${RESTARTS}); do
         case $((RANDOM % 3)) in
           0) cat /dev/zero > /dev/video0 & ;;
           1) head -c 3072000 /dev/zero > /dev/video0 & ;;
           2) v4l2-ctl --stream-out-mmap --stream-count=10 > /dev/null 2>&1 & ;;
         esac
         first=$!
         case $((RANDOM % 3)) in
           0) v4l2-ctl --stream-mmap --stream-count=1000 > /dev/null 2>&1 & ;;
           1) cat /dev/video0 > /dev/null & ;;
           2) v4l2-ctl --stream-user --stream-count=3 > /dev/null 2>&1 & ;;
         esac
         second=$!
         sleep 0.0$((RANDOM % 10))
         if ((RANDOM % 2)); then set -- $first $second; else set -- $second $first; fi
         for pid; do kill -9 $pid || true; wait $pid || true; done 2> /dev/null
         kill -0 $steady
       done
       sleep 1; kill $steady; echo "more descriptors: $(($(count) - before))"
       timeout 20 v4l2-ctl --stream-mmap --stream-count=3 > /dev/null; echo goes on`,
        200_000 + RESTARTS * 1000,
      );
      expect(text).toContain("goes on");
      expect(Number(/more descriptors: (-?\d+)/.exec(text)?.[1])).toBeLessThan(5);
    },
    220_000 + RESTARTS * 1000,
  );

  it("says at once that a file to show is not there, and starts no client", async () => {
    const { code, lines, stderr } = await start("--from nothere.mp4", ["echo", "started"]).result;
    expect(code).not.toBe(0);
    expect(lines).toEqual([]);
    expect(stderr).toContain('"nothere.mp4" cannot be shown: there is no such file');
  });

  it("shows a film again and again", async () => {
    const { folder } = await run(
      `--from ${join(parent, "film.mkv")}`,
      'v4l2-ctl --set-fmt-video=width=320,height=240,pixelformat=NV12 --stream-mmap --stream-skip=10 --stream-count=30 --stream-to="$0/out.raw"',
    );
    const bytes = readFileSync(join(folder, "out.raw"));
    const frameBytes = 320 * 240 * 1.5;
    expect(bytes).toHaveLength(30 * frameBytes);
    // Luma of 0x20c040, in the middle of the last one.
    const middle = bytes[29 * frameBytes + 320 * 120 + 160] ?? 0;
    expect(Math.abs(middle - 127)).toBeLessThan(8);
  });

  it.each([
    ["the node of a pair that is fed", "--pair", "/dev/video0", ""],
    ["the node of a pair that is a camera", "--pair", "/dev/video1", ""],
    ["an exclusive node that nobody feeds", "--exclusive-caps", "/dev/video0", ""],
    [
      "an exclusive node that is fed",
      "--exclusive-caps",
      "/dev/video0",
      "ffmpeg -nostdin -loglevel error -re -f lavfi -i testsrc=size=640x480:rate=30 -pix_fmt yuyv422 -f v4l2 /dev/video0 & for i in $(seq 400); do v4l2-ctl -D | grep -q 'Video Capture' && break; sleep 0.1; done;",
    ],
  ])(
    "v4l2-compliance finds nothing wrong with %s",
    async (_what, options, node, before) => {
      const script = `${before} v4l2-compliance -d ${node} -s; status=$?; kill %1 2>/dev/null; exit $status`;
      const found = await findings(start(options, ["bash", "-c", script], 300_000));
      expect(found.failures, found.text).toEqual([]);
      expect(found.warnings, found.text).toEqual([]);
      expect(found.succeeded).toBe(found.total);
      expect(found.total).toBeGreaterThan(50);
    },
    320_000,
  );
});
