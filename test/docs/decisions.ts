/**
 * What is done about each command of README.md, CONTRIBUTING.md and docs/: it is run as it stands, or by another test, or it cannot be
 * run, for a reason. A command without a line here fails test/docs/commands.test.ts.
 */

/** Starts a device, which stays until the next one of the page, or the end of the page. */
interface Serves {
  readonly serves: true;
  readonly edits?: Edits;
}
interface Runs {
  /** Exit status 0, and this in what it prints. */
  readonly prints?: string | RegExp;
  /** Where it stands between the reader and a test: too long, endless, of a file that only the reader has. */
  readonly edits?: Edits;
  /** A client of a device of the same page; on FUSE nodes it is started by `v4l2-cuse run`, which CUSE nodes do not need. */
  readonly client?: true;
  /** In the repository, not in a folder of its own. */
  readonly here?: true;
}
export type Edits = readonly (readonly [from: string, to: string])[];
/** Another test or script does so. `text`: what of it stands there. */
interface By {
  readonly by: string;
  readonly text: string;
}
interface Not {
  readonly not: string;
}
export type Decision = Runs | Serves | By | Not;

const serves = (edits?: Edits): Serves => ({ serves: true, ...(edits && { edits }) });
const client = (prints?: string | RegExp, edits?: Edits): Runs => ({
  client: true,
  ...(prints !== undefined && { prints }),
  ...(edits && { edits }),
});
const ownDriver: By = { by: "scripts/lib/own-driver", text: "follow" };
const ownDriverRuns: By = { by: "test/device/own-driver.test.ts", text: "guide" };
const short: Edits = [["-t 5", "-t 1"]];
const endless: Edits = [["--stream-mmap", "--stream-mmap --stream-count=3"]];
// As a window would have it: pictures in memory. To fakesink alone, v4l2codecs would offer memory of a device.
const headless: Edits = [["autovideosink", "video/x-raw ! fakesink"]];
const guest =
  "a guest kernel is another machine, which takes longer than all of this: the stages guest and device-6.12 of scripts/test start it";

const trial =
  "it makes a system of its own and downloads hundreds of megabytes; docs/install.md has what came of it";
const measures = "it measures for minutes, and what it measures depends on the machine";

/** By page, in the order of its commands. */
export const decisions: Readonly<
  Record<string, readonly (readonly [command: string, decision: Decision])[]>
> = {
  "README.md": [
    [
      "v4l2-cuse run --device sample --log-file calls.log -- v4l2-ctl -d /dev/video0 --set-fmt-video=width=701 --stream-mmap --stream-count=30 --stream-to=frames",
      {},
    ],
    ["scripts/demo", { not: "it installs packages and shows pictures for minutes" }],
    ["scripts/test", { not: "it is what runs this" }],
    ["scripts/setup", { by: "scripts/test", text: "scripts/setup --dev" }],
    ["npm link", { not: "it writes outside of the checkout: here, the command is one of the test's" }],
    ["v4l2-cuse run --device sample -- ffmpeg -f v4l2 -i /dev/video0 -t 5 clip.mkv", { edits: short }],
    ["v4l2-cuse run --device visl -- gst-inspect-1.0 v4l2codecs", { prints: "v4l2slh264dec" }],
    [
      "v4l2-cuse run --device decoder -- gst-launch-1.0 filesrc location=clip.ivf ! ivfparse ! v4l2slvp8dec ! videoconvert ! autovideosink",
      { edits: headless, prints: "Got EOS" },
    ],
    ["v4l2-cuse run --device 'sample --media' -- media-ctl -p", { prints: "bridge" }],
    [
      "v4l2-cuse run --device ./dist/my-camera.js -- bash",
      { by: "test/fuse-node/run-device.test.ts", text: "--device" },
    ],
    ["sudo v4l2-cuse sample --group video", serves()],
    ["v4l2-ctl -d /dev/video0 --all", client("v4l2-cuse sample camera")],
    ["ffmpeg -f v4l2 -i /dev/video0 -t 5 clip.mkv", client(undefined, [["-t 5 clip", "-t 1 -y clip"]])],
    [
      "v4l2-cuse run -- ffmpeg -f v4l2 -i /dev/video0 -t 5 clip.mkv",
      { edits: [["-t 5 clip", "-t 1 -y clip"]] },
    ],
    [
      "sudo v4l2-cuse loopback --group video --from rtsp://camera/stream",
      { not: "there is no such camera; test/run-device/loopback.test.ts has --from with other sources" },
    ],
    ["sudo v4l2-cuse loopback --group video", serves()],
    ["sudo v4l2-cuse up devices.yaml", { by: "test/fuse-node/up.test.ts", text: "$CLI up " }],
    ["v4l2-cuse parse clip.h264", { prints: "seq_parameter_set" }],
    ["v4l2-cuse parse clip.h264 --controls", { prints: "H264_DECODE_PARAMS" }],
  ],
  "CONTRIBUTING.md": [
    ["scripts/setup", { by: "scripts/test", text: "scripts/setup --dev" }],
    ["scripts/test", { not: "it is what runs this" }],
    ["npx vitest run --project unit", { by: "scripts/test", text: "vitest unit here" }],
    [
      "scripts/guest -- npx vitest run --project device",
      { by: "scripts/test", text: "vitest device --kernel 6.12" },
    ],
    [
      "scripts/lib/with-fuse-nodes npx vitest run --project device",
      { by: "scripts/test", text: 'scripts/lib/with-fuse-nodes "$@")' },
    ],
    ["npx vitest run --project emulated", { by: "scripts/test", text: "vitest emulated here" }],
    ["npm run lint", { by: "scripts/test", text: "plain npm run lint" }],
    ["npm run format", { not: "it changes the checkout; the stage lint checks what it would change" }],
    ["npm run docs:api", { by: "package.json", text: '"lint:docs": "typedoc --emit none' }],
    ["npm run lint:docs", { by: "package.json", text: "npm run lint:docs" }],
    ["scripts/gen-uapi", { by: "scripts/test", text: "scripts/gen-uapi --check" }],
    [
      "scripts/lib/i386-programs",
      { by: "test/compliance/programs-32.test.ts", text: "scripts/lib/i386-programs" },
    ],
    ["scripts/package", { not: "it takes minutes, and compilers for two processors" }],
    [
      "scripts/lib/package-trial deb|npm|action SUITE",
      {
        not: trial,
      },
    ],
    ["scripts/lib/arm64-package-trial", { not: "ten minutes in an emulated machine" }],
    ["scripts/mutate vb2 m2m", { not: "it runs the unit tests of these folders hundreds of times" }],
    ["scripts/bench", { not: measures }],
    ["scripts/bench-decoder", { not: measures }],
    ["scripts/bench-loopback", { not: measures }],
    ["scripts/soak-loopback [FRAMES]", { not: measures }],
    ["scripts/loopback-programs", { not: "it installs programs with windows" }],
    ["scripts/retrace-recordings", { not: "it takes a package of a suite that changes every day" }],
    ["scripts/compare-decoder FOLDER", { not: "it wants a folder of streams, which nobody may pass on" }],
    ["npx vitest run test/v4l2/docs -u", { by: "test/v4l2/docs.test.ts", text: "ioctls.md" }],
    ["scripts/gen-uapi --offline", { by: "scripts/uapi/main.ts", text: "scripts/gen-uapi --offline" }],
    ["npm run lint:layers", { by: "package.json", text: "npm run lint:layers" }],
    ["scripts/lib/own-driver", { by: "scripts/test", text: "scripts/lib/own-driver" }],
  ],
  "docs/codecs.md": [
    [
      "v4l2-cuse run --device 'visl --check' --log-file check.log -- gst-launch-1.0 filesrc location=clip.h264 ! h264parse ! v4l2slh264dec ! fakesink",
      { prints: "Got EOS" },
    ],
    ["grep ' of file ' check.log", { edits: [["grep", "! grep"]] }],
  ],
  "docs/decoder.md": [
    [
      "v4l2-cuse run --device decoder -- gst-launch-1.0 filesrc location=clip.h264 ! h264parse ! v4l2slh264dec ! videoconvert ! autovideosink",
      { edits: headless, prints: "Got EOS" },
    ],
    ["scripts/fluster-suite FOLDER", { not: "fluster is not packaged" }],
    [
      "v4l2-cuse run --device decoder -- fluster --test-suites-dir out/fluster/suites --resources out/fluster/resources run -j 1 -d GStreamer-H.264-V4L2SL-Gst1.0",
      { not: "fluster is not packaged" },
    ],
  ],
  "docs/device-kinds.md": [
    [
      "sudo npx tsx examples/kinds/output.ts video0",
      { by: "test/compliance/device-kinds.test.ts", text: "kinds" },
    ],
    [
      "npx v4l2-cuse run -- v4l2-compliance -d /dev/video0 -s",
      { by: "test/compliance/device-kinds.test.ts", text: "kinds" },
    ],
  ],
  "docs/devices-file.md": [
    [
      'v4l2loopback-ctl add -n "My camera" /dev/video7',
      { by: "test/fuse-node/up.test.ts", text: '$CTL add -n "My camera" /dev/video75' },
    ],
    ["v4l2loopback-ctl list", { by: "test/fuse-node/up.test.ts", text: "$CTL list" }],
    [
      "v4l2loopback-ctl set-caps /dev/video7 YUYV:1280x720@30",
      { by: "test/cli/loopback-ctl.test.ts", text: "set-caps" },
    ],
    ["v4l2loopback-ctl delete /dev/video7", { by: "test/fuse-node/up.test.ts", text: "$CTL delete 75" }],
  ],
  "docs/diff.md": [
    [
      "v4l2-cuse run --device 'sample --clock virtual' --record a.rec -- v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=9",
      {},
    ],
    [
      "v4l2-cuse run --device 'sample --clock virtual' --record b.rec -- v4l2-ctl -d /dev/video0 --set-fmt-video=width=320,height=240 --stream-mmap --stream-count=9",
      {},
    ],
    ["v4l2-cuse diff a.rec b.rec", { by: "test/run-device/diff.test.ts", text: '"diff"' }],
  ],
  "docs/expect.md": [
    [
      "v4l2-cuse run --device sample --record session.rec -- v4l2-ctl -d /dev/video0 --set-fmt-video=width=320,height=240 --stream-mmap --stream-count=100",
      {},
    ],
    [
      "v4l2-cuse expect session.rec 'frames >= 100' 'VIDIOC_S_FMT before VIDIOC_STREAMON' 'no errors except EINVAL,ENODATA'",
      { prints: "# all rules hold" },
    ],
  ],
  "docs/fuse-nodes.md": [
    ["v4l2-cuse sample --node fuse --node-folder /tmp/nodes &", serves([[" &", ""]])],
    ["ffmpeg -f v4l2 -i /tmp/nodes/video0 -frames:v 30 out.mkv", {}],
    [
      "scripts/lib/with-fuse-nodes npx vitest run --project device test/device/mem2mem-jobs.test.ts",
      { by: "scripts/test", text: 'scripts/lib/with-fuse-nodes "$@")' },
    ],
    [
      "STORM_ROUNDS=1000 HOSTILE_CALLS=250000 scripts/lib/with-fuse-nodes npx vitest run --project device graft-storm hostile",
      { not: "it takes ten minutes; the stage native-device runs both small" },
    ],
  ],
  "docs/guest.md": [
    ["scripts/guest -- v4l2-ctl --list-devices", { not: guest }],
    [
      "scripts/guest --kernel 6.1 -- npx vitest run --project device",
      { by: "scripts/test", text: "device --kernel 6.1" },
    ],
    ["scripts/guest --root trixie -- gst-inspect-1.0 v4l2codecs", { not: guest }],
    [
      "scripts/guest --kernel debian-13 -- dist/cli/main.js doctor",
      { by: "test/emulated/debian-13.test.ts", text: "doctor" },
    ],
    [
      "scripts/guest --kernel debian-13-arm64 -- dist/cli/main.js doctor",
      { by: "scripts/test", text: "arm64-guest" },
    ],
    ["scripts/guest -- bash", { not: "it waits for a person" }],
    [
      "scripts/guest --join -- v4l2-ctl -d /dev/video0 --all",
      { by: "scripts/lib/guest-check", text: "--join" },
    ],
    ["scripts/guest --join -- bash", { not: "it waits for a person" }],
    [
      "scripts/lib/built-for-arm64 npx vitest run --project arm64",
      { by: "scripts/test", text: "vitest arm64 cross" },
    ],
    [
      "ARM64_KERNEL=debian-13-arm64-16k npx vitest run --project arm64",
      {
        not: "an emulated machine takes minutes, and the stage arm64-guest starts the one with pages of 4 KiB",
      },
    ],
  ],
  "docs/install.md": [
    [
      "sudo apt-get install ./v4l2-cuse_*_amd64.deb",
      { by: "scripts/lib/package-trial-steps", text: "apt-get install --yes ./v4l2-cuse_*_amd64.deb" },
    ],
    [
      "v4l2-cuse run --device sample -- v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=10",
      {
        by: "scripts/lib/package-trial-steps",
        text: "frames v4l2-cuse run --device sample --",
      },
    ],
    ["npm install v4l2-cuse-*.tgz", { by: "scripts/lib/package-trial-steps", text: "./v4l2-cuse-*.tgz" }],
    [
      "npx v4l2-cuse run --device sample -- v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=10",
      { by: "scripts/lib/package-trial-steps", text: "frames npx v4l2-cuse run --device sample --" },
    ],
    ["scripts/lib/package-trial deb trixie", { not: trial }],
    ["scripts/lib/package-trial npm trixie", { not: trial }],
    ["scripts/lib/package-trial action trixie", { not: trial }],
    ["sudo systemctl enable --now v4l2-cuse@webcam", { not: "no systemd runs in CI" }],
    ["sudo v4l2-cuse list --socket /run/v4l2-cuse/units/webcam/control", { not: "it asks the unit above" }],
  ],
  "docs/late-frames.md": [
    ["v4l2-cuse sample --record slow.rec &", serves([[" &", ""]])],
    [
      "v4l2-ctl -d /dev/video0 --stream-mmap=3 --stream-count=60 --stream-to=/mnt/slow/frames",
      client(undefined, [["60 --stream-to=/mnt/slow/frames", "10 --stream-to=frames"]]),
    ],
    // Of a driver that still runs.
    ["v4l2-cuse explain slow.rec", {}],
  ],
  "docs/loopback.md": [
    [
      'v4l2-cuse loopback --from rtsp://camera.local/stream --card "Front door"',
      { not: "there is no such camera; test/run-device/loopback.test.ts has --from with other sources" },
    ],
    ['v4l2-cuse loopback --exclusive-caps --card "OBS Virtual Camera"', serves()],
    [
      "mkdir -p ~/obs-bin && ln -sf /bin/true ~/obs-bin/modinfo && ln -sf /bin/true ~/obs-bin/pkexec",
      { not: "it is for OBS Studio, which needs a screen" },
    ],
    [
      "PATH=~/obs-bin:$PATH obs",
      { not: "OBS Studio needs a screen; scripts/loopback-programs has one for it" },
    ],
    ["v4l2-cuse loopback", serves()],
    ["ffmpeg -re -i film.mp4 -pix_fmt yuyv422 -f v4l2 /dev/video0", client()],
    [
      "gst-launch-1.0 videotestsrc ! v4l2sink device=/dev/video0",
      client("Got EOS", [["videotestsrc", "videotestsrc num-buffers=10"]]),
    ],
    [
      "v4l2-cuse loopback --on-demand 'gst-launch-1.0 libcamerasrc ! videoconvert ! v4l2sink device=$LOOPBACK_NODE'",
      { not: "there is no camera; test/run-device/loopback.test.ts has --on-demand with other commands" },
    ],
  ],
  "docs/programs-32.md": [
    [
      "v4l2-cuse run --device sample -- /opt/i386/bin/v4l2-ctl -d /dev/video0 --stream-mmap",
      { by: "test/compliance/programs-32.test.ts", text: "v4l2-ctl" },
    ],
  ],
  "docs/replay.md": [
    [
      "v4l2-cuse run --device 'visl --record session --record-bytes 4M' -- gst-launch-1.0 filesrc location=clip.ivf ! ivfparse ! v4l2slvp8dec ! fakesink",
      { prints: "Got EOS" },
    ],
    [
      "v4l2-cuse run --device visl -- v4l2-cuse replay session -d /dev/video0 -m /dev/media0",
      { prints: /^\d{3} calls were answered as in session$/m },
    ],
    [
      "v4l2-cuse run --device visl -- env -u LD_PRELOAD v4l2-tracer retrace session.json",
      { not: "Debian 13 has no v4l2-tracer; scripts/retrace-recordings runs that of Debian's next suite" },
    ],
  ],
  "docs/run.md": [
    ["v4l2-cuse run --device sample -- v4l2-ctl -d /dev/video0 --stream-mmap", { edits: endless }],
    ["v4l2-cuse run --device 'sample --multiplanar' --device visl -- bash", {}],
    ["v4l2-cuse run -- gst-inspect-1.0 v4l2codecs", { prints: "v4l2codecs" }],
  ],
  "docs/sample.md": [
    ["sudo node dist/cli/main.js sample --group video", { ...serves(), edits: [["dist/", "$REPO/dist/"]] }],
    ["v4l2-ctl -d /dev/video0 --all --list-formats-ext --list-ctrls-menus", client("horizontal_movement")],
    ["v4l2-ctl -d /dev/video0 --set-input 1", client("upside down")],
    ["v4l2-ctl -d /dev/video0 --set-selection target=crop,left=480,top=270,width=960,height=540", client()],
    [
      "v4l2-ctl -d /dev/video0 --wait-for-event=ctrl=brightness &",
      { by: "test/device/camera-controls.test.ts", text: "brightness" },
    ],
    ["v4l2-ctl -d /dev/video0 --set-ctrl brightness=200", client()],
    [
      "v4l2-cuse run --quiet --device 'sample --clock virtual' -- v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=10 --stream-to=frames",
      {},
    ],
  ],
  "docs/sub-devices.md": [
    [
      `v4l2-cuse run --device 'sample --media' -- sh -c '
media-ctl -p
media-ctl -V "\\"bridge\\":0[crop:(480,270)/640x360], \\"bridge\\":1[fmt:UYVY8_1X16/320x180]"
v4l2-ctl -d /dev/v4l-subdev0 -c exposure=2000,vertical_blanking=45
v4l2-ctl -v width=320,height=180,pixelformat=YUYV --stream-mmap --stream-count=30'`,
      { prints: "sensor" },
    ],
  ],
  "docs/visl.md": [
    ["sudo v4l2-cuse visl --group video --trace vp8", serves()],
    [
      "v4l2-cuse run -- gst-launch-1.0 filesrc location=clip.ivf ! ivfparse ! v4l2slvp8dec ! videoconvert ! autovideosink",
      { edits: headless, prints: "Got EOS" },
    ],
  ],
  "docs/write-your-own-driver.md": [
    ["(cd v4l2-cuse && npm pack)", ownDriver],
    ["mkdir my-camera && cd my-camera", ownDriver],
    ["npm init --yes", ownDriver],
    ["npm pkg set type=module", ownDriver],
    ["npm install ../v4l2-cuse/v4l2-cuse-0.1.0.tgz", ownDriver],
    ["npm install --save-dev typescript@5.9 @types/node@20", ownDriver],
    ["npx tsc", ownDriver],
    ["sudo node dist/camera.js video0", ownDriverRuns],
    ["v4l2-ctl -d /dev/video0 --all", ownDriverRuns],
    [
      "npx v4l2-cuse run -- v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=5 --stream-to=mmap.yuv",
      ownDriverRuns,
    ],
    [
      "npx v4l2-cuse run -- ffmpeg -f v4l2 -i /dev/video0 -c copy -frames:v 5 -f rawvideo -y ffmpeg.yuv",
      ownDriverRuns,
    ],
    ["v4l2-ctl -d /dev/video0 --stream-user --stream-count=5 --stream-to=user.yuv", ownDriverRuns],
    ["head -c 153600 /dev/video0 >read.yuv", ownDriverRuns],
    ["npx v4l2-cuse run -- v4l2-compliance -d /dev/video0 -s", ownDriverRuns],
    ["v4l2-ctl -d /dev/video0 --list-ctrls", ownDriverRuns],
    ["v4l2-ctl -d /dev/video0 --set-ctrl=brightness=100", ownDriverRuns],
    ["v4l2-ctl -d /dev/video0 --stream-user --stream-count=5 --stream-to=bright.yuv", ownDriverRuns],
    ["v4l2-ctl -d /dev/video0 --wait-for-event=frame_sync &", ownDriverRuns],
    ["v4l2-ctl -d /dev/video0 --stream-user --stream-count=100", ownDriverRuns],
    ["wait", ownDriverRuns],
    ["cp node_modules/v4l2-cuse/examples/mem2mem.ts src/", ownDriver],
    ["npx tsc", ownDriver],
    ["sudo node dist/mem2mem.js --video 0 --media 0", ownDriverRuns],
    [
      "npx v4l2-cuse run -- v4l2-ctl -d /dev/video0 --set-ctrl=horizontal_flip=1 --stream-out-mmap --stream-mmap --stream-count=5 --stream-to=mirrored.rgb",
      ownDriverRuns,
    ],
  ],
};
