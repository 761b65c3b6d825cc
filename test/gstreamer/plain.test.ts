/**
 * GStreamer, ffmpeg, v4l2-ctl and Python of Debian 13 on the camera, with no helper and no wrapper: their buffers are mapped by
 * grafts. Every pixel is checked, also when GStreamer changes the format while it plays.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkFile, startCamera, withoutHelper } from "../device/support/camera.js";
import { describeDevice } from "../device/support/device.js";
import { temporaryFolder } from "../device/support/mem2mem.js";
import { expectGrafts } from "../device/support/plain.js";
import { frameBytes, type CameraScene } from "../support/camera-frame.js";

/** Of a client, on a busy machine. */
const timeoutMs = 150_000;
const size = { width: 320, height: 180 };
const capsChanger = built("gst-caps");

const caps = (format: string, { width, height } = size): string =>
  `video/x-raw,format=${format},width=${width},height=${height},framerate=30/1`;

/** Captures NODE COUNT FILE in the current format. Python looks how long a file is before it maps it. */
const PYTHON = `
import fcntl, mmap, os, struct, sys
node, count, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
fd = os.open(node, os.O_RDWR)
def buffer(request, index):
    argument = bytearray(88)
    struct.pack_into("II", argument, 0, index, 1)
    struct.pack_into("I", argument, 60, 1)
    fcntl.ioctl(fd, request, argument)
    return struct.unpack_from("I", argument, 0)[0], struct.unpack_from("I", argument, 8)[0], *struct.unpack_from("IxxxxI", argument, 64)
QUERYBUF, QBUF, DQBUF = 0xc0585609, 0xc058560f, 0xc0585611
allocated = fcntl.ioctl(fd, 0xc0145608, struct.pack("5I", 3, 1, 1, 0, 0))
maps = []
for index in range(struct.unpack_from("I", allocated)[0]):
    _, _, offset, length = buffer(QUERYBUF, index)
    maps.append(mmap.mmap(fd, length, offset=offset))
    buffer(QBUF, index)
fcntl.ioctl(fd, 0x40045612, struct.pack("I", 1))
with open(path, "wb") as file:
    for _ in range(count):
        index, bytesused, _, _ = buffer(DQBUF, 0)
        file.write(maps[index][:bytesused])
        buffer(QBUF, index)
`;
import { built } from "../support/built.js";

describeDevice("without a helper, on the camera,", () => {
  it.each([
    ["auto", "NV12", "NV12", 1],
    ["mmap", "YUY2", "YUYV", 1],
    ["dmabuf", "YUY2", "YUYV", 1],
    ["userptr", "YUY2", "YUYV", 0],
    ["rw", "NV12", "NV12", 0],
  ])("v4l2src io-mode=%s captures %s", async (mode, gstFormat, format, grafts) => {
    const driver = await startCamera();
    const file = join(temporaryFolder(), "frames.raw");
    // v4l2src takes memory of other elements only; videoconvert has some, and just swaps the bytes of each pair.
    const swap = mode === "userptr" ? ["!", "videoconvert", "!", "video/x-raw,format=UYVY"] : [];
    const command = [
      ...["gst-launch-1.0", "-q", "v4l2src", `device=${driver.node}`, `io-mode=${mode}`, "num-buffers=4"],
      ...["!", caps(gstFormat), ...swap, "!", "filesink", `location=${file}`],
    ];
    expect(await withoutHelper(command, { timeoutMs }).result).toMatchObject({ code: 0 });
    const bytes = readFileSync(file);
    if (mode === "userptr") bytes.swap16();
    expect(checkFile(bytes, { format, ...size })).toHaveLength(4);
    await expectGrafts(driver, grafts);
  });

  it.each(["mmap", "dmabuf"])("v4l2src io-mode=%s changes the format while it plays", async (mode) => {
    const driver = await startCamera();
    const folder = temporaryFolder();
    const scenes: (CameraScene & { readonly gst: string })[] = [
      { gst: "YUY2", format: "YUYV", ...size },
      { gst: "NV12", format: "NV12", width: 640, height: 360 },
      { gst: "GRAY8", format: "GREY", width: 320, height: 240 },
      { gst: "YUY2", format: "YUYV", width: 640, height: 480 },
    ];
    const [first = "", ...others] = scenes.map(({ gst, ...scene }) => caps(gst, scene));
    const pipeline =
      `v4l2src device=${driver.node} io-mode=${mode} ! capsfilter name=caps caps=${first} ! ` +
      `multifilesink name=sink async=false sync=false location=${folder}/%05d.raw`;
    const client = withoutHelper([capsChanger, "3", pipeline, ...others], { timeoutMs });
    expect(await client.result).toMatchObject({ code: 0 });
    // A file for each frame, and the frames of each format together.
    const frames = readdirSync(folder)
      .sort()
      .map((name) => readFileSync(join(folder, name)));
    for (const scene of scenes) {
      const end = frames.findIndex((frame) => frame.length !== frameBytes(scene));
      const those = frames.splice(0, end < 0 ? frames.length : end);
      // One of three may be the one that was on its way when the format was changed.
      expect(those.length).toBeGreaterThanOrEqual(2);
      for (const frame of those) expect(checkFile(frame, scene)).toHaveLength(1);
    }
    expect(frames).toEqual([]);
    await expectGrafts(driver, 1);
    expect(await driver.stop()).toBe(0);
  });

  it("ffmpeg, v4l2-ctl and Python record", async () => {
    const driver = await startCamera();
    const [first, second] = [join(temporaryFolder(), "first"), join(temporaryFolder(), "second")] as const;
    const ffmpeg = [
      ...["ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "v4l2", "-input_format", "yuyv422"],
      ...["-framerate", "30", "-video_size", `${size.width}x${size.height}`, "-i", driver.node],
      ...["-frames:v", "4", "-f", "rawvideo", "-pix_fmt", "yuyv422", "-fps_mode", "passthrough", first],
    ];
    expect(await withoutHelper(ffmpeg, { timeoutMs }).result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(first), { format: "YUYV", ...size })).toHaveLength(4);
    const format = `--set-fmt-video=width=${size.width},height=${size.height},pixelformat=NV12`;
    const v4l2ctl = [
      ...["v4l2-ctl", "-d", driver.node, format],
      ...["--stream-mmap", "--stream-count=5", `--stream-to=${second}`],
    ];
    expect(await withoutHelper(v4l2ctl, { timeoutMs }).result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(second), { format: "NV12", ...size })).toHaveLength(5);
    const third = join(temporaryFolder(), "third");
    const python = ["python3", "-c", PYTHON, driver.node, "5", third];
    expect(await withoutHelper(python, { timeoutMs }).result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(third), { format: "NV12", ...size })).toHaveLength(5);
    await expectGrafts(driver, 3);
  });
});
