/**
 * What unmodified programs of Debian 13 do with devices of their own (`run --device`), as root and as an ordinary user:
 * frames are checked in every pixel, or are, bit for bit, those of the kernel's visl. No test sees another's device, so
 * all run beside each other, v4l2-compliance first: it sleeps most of the time.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext } from "vitest";
import { nobodysUserNamespaces } from "../support/user-namespaces.js";
import { findings } from "../compliance/support.js";
import { builtProgram, checkFile } from "../device/support/camera.js";
import { onFuseNodes } from "../device/support/device.js";
import { startProgram, type Client } from "../device/support/probe.js";
import { clips, decoding, frameSums, goldenSums, gstCommand } from "../gstreamer/support.js";

const NOBODY = 65534;
const size = { width: 320, height: 180 };
const format = `--set-fmt-video=width=${size.width},height=${size.height},pixelformat=YUYV`;

/** nobody, with a home, in a mount namespace whose /dev/fuse has the mode that most systems give it. */
const asNobody = [
  "unshare",
  "--mount",
  "sh",
  "-ec",
  `mount -t tmpfs none /mnt; mknod -m 666 /mnt/fuse c 10 229; mkdir -m 777 /mnt/home; mount --bind /mnt/fuse /dev/fuse
   export HOME=/mnt/home; exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups "$@"`,
  "sh",
];

const namespaces = nobodysUserNamespaces();
const users: readonly (readonly [string, readonly string[]])[] = [
  ["root", ["env"]],
  [`an ordinary user${namespaces.why}`, asNobody],
];
/** Before each test of such a user. */
function needs(user: readonly string[], { skip }: TestContext): void {
  skip(user === asNobody && namespaces.isMissing, namespaces.why);
}

let parent = "";
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), "v4l2-cuse-run-"));
  chmodSync(parent, 0o755);
});
afterAll(() => {
  rmSync(parent, { recursive: true });
});

/** A folder in which every user may write. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(parent, "test-"));
  chmodSync(folder, 0o777);
  return folder;
}

function start(
  user: readonly string[],
  devices: readonly string[],
  client: readonly string[],
  timeoutMs = 100_000,
): Client {
  const options = devices.flatMap((device) => ["--device", device]);
  const [program = "", ...args] = [
    ...user,
    process.execPath,
    builtProgram(),
    "run",
    ...options,
    "--",
    ...client,
  ];
  return startProgram(program, args, { timeoutMs });
}

const asEither = describe.runIf(onFuseNodes).concurrent;

asEither.each(users)("v4l2-compliance on a device of its own, as %s,", (_who, user) => {
  beforeEach((context) => {
    needs(user, context);
  });

  it.each([
    // Every format, size and rate: as many tests as that, or something was left out.
    ["sample --unpaced", ["-d", "/dev/video0", "-s", "-f"], { atLeast: 1500 }],
    ["visl", ["-m", "/dev/media0", "-s"], { exactly: 66 }],
  ] as const)(
    "finds nothing wrong with %s",
    async (device, options, tests) => {
      const found = await findings(start(user, [device], ["v4l2-compliance", ...options], 400_000));
      expect(found.failures, found.text).toEqual([]);
      expect(found.warnings, found.text).toEqual([]);
      expect(found.succeeded).toBe(found.total);
      if ("exactly" in tests) expect(found.total).toBe(tests.exactly);
      else expect(found.total).toBeGreaterThan(tests.atLeast);
    },
    420_000,
  );
});

asEither.each(users)("with devices of its own, as %s,", (_who, user) => {
  beforeEach((context) => {
    needs(user, context);
  });

  /** Runs a client in the shell; "$0" is a file for frames. @returns What it printed, and the file. */
  async function run(devices: readonly string[], script: string): Promise<{ text: string; file: string }> {
    const folder = temporaryFolder();
    const file = join(folder, "frames");
    const { code, lines, stderr } = await start(user, devices, ["sh", "-ec", script, file]).result;
    const text = lines.join("\n");
    expect(code, `${text}\n${stderr}`).toBe(0);
    return { text, file };
  }

  it("v4l2-ctl lists and shows the camera", async () => {
    const { text } = await run(["sample"], "v4l2-ctl --list-devices; v4l2-ctl --all");
    expect(text).toMatch(/^v4l2-cuse sample camera \(platform:video0\):\n\t\/dev\/video0$/m);
    expect(text).toMatch(/^\tCard type +: v4l2-cuse sample camera$/m);
  });

  it.each([
    ["--stream-mmap", "v4l2-ctl --stream-mmap --stream-count=5"],
    ["--stream-user", "v4l2-ctl --stream-user --stream-count=5"],
    ["read", `dd iflag=fullblock bs=${size.width * size.height * 2} count=5 if=/dev/video0 of="$0"; true`],
  ])("v4l2-ctl captures with %s", async (_how, command) => {
    const { file } = await run(
      ["sample --unpaced"],
      `v4l2-ctl ${format}; ${command} ${command.startsWith("dd") ? "" : '--stream-to="$0"'}`,
    );
    expect(checkFile(readFileSync(file), { format: "YUYV", ...size })).toHaveLength(5);
  });

  it("ffmpeg captures", async () => {
    const { file } = await run(
      ["sample"],
      `ffmpeg -loglevel error -f v4l2 -input_format yuyv422 -video_size ${size.width}x${size.height} \\
         -i /dev/video0 -frames:v 5 -f rawvideo -pix_fmt yuyv422 "$0"`,
    );
    expect(checkFile(readFileSync(file), { format: "YUYV", ...size })).toHaveLength(5);
  });

  it.each(["mmap", "dmabuf", "rw"])("v4l2src io-mode=%s captures", async (mode) => {
    const { file } = await run(
      ["sample"],
      `gst-launch-1.0 -q v4l2src io-mode=${mode} num-buffers=5 ! \\
         video/x-raw,format=YUY2,width=${size.width},height=${size.height} ! filesink location="$0"`,
    );
    expect(checkFile(readFileSync(file), { format: "YUYV", ...size })).toHaveLength(5);
  });

  it.each(clips)(
    "GStreamer decodes %s with %s to the frames of the kernel's visl",
    async (clip, decoder, width, height) => {
      const output = join(temporaryFolder(), "frames.nv12");
      expect(await start(user, ["visl"], gstCommand(decoding(clip, decoder, output))).result).toMatchObject({
        code: 0,
      });
      expect(frameSums(output, width, height)).toEqual(goldenSums(clip));
    },
  );

  it("two clients at once do not see each other's device", async () => {
    const folder = temporaryFolder();
    // Each waits until the other has its device, so both are there.
    const meet = (mine: string, other: string): string[] => [
      "sh",
      "-ec",
      `touch ${folder}/${mine}; until test -e ${folder}/${other}; do sleep 0.05; done
       ls /dev | grep -E '^(video|media)' || true; ls /sys/class/video4linux; v4l2-ctl --info | grep 'Card type'
       touch ${folder}/${mine}.done; until test -e ${folder}/${other}.done; do sleep 0.05; done`,
    ];
    const [one, two] = await Promise.all([
      start(user, ["sample"], meet("one", "two")).result,
      start(user, ["visl"], meet("two", "one")).result,
    ]);
    expect(one.lines).toEqual(["video0", "video0", "\tCard type        : v4l2-cuse sample camera"]);
    expect(two.lines).toEqual(["media0", "video0", "video0", "\tCard type        : visl"]);
    expect(statSync("/dev/video0", { throwIfNoEntry: false })).toBeUndefined();
  });

  it("is refused devices in a client that has some, in one sentence", async () => {
    const { text } = await run(
      ["sample"],
      `'${process.execPath}' '${builtProgram()}' run --device visl -- true 2>&1 || echo $?`,
    );
    expect(text).toBe(
      "v4l2-cuse: this is a client of another 'v4l2-cuse run' already: name all devices there\n1",
    );
  });
});
