/**
 * `v4l2-cuse run` and what its clients see of sysfs, on real nodes. The client looks with libudev, the shell and
 * v4l-utils; some of it as an ordinary user.
 */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { helperPath } from "../../src/native.js";
import { cli } from "./support/camera.js";
import { compile } from "./support/compile.js";
import { describeDevice, freeName, startDevice, until } from "./support/device.js";
import { EchoDevice } from "./support/echo-device.js";
import { startMediaPair, TinyVideo } from "./support/media-pair.js";
import { runProgram, type ClientOptions, type ClientResult } from "./support/probe.js";
import { builtProgram, builtRoot } from "../support/built.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const udevProbe = join(builtRoot, "out/test/udev-probe");
const main = builtProgram();
const cuse = "/sys/devices/virtual/cuse";

/** Numbers that neither a real device nor another test has. */
let last = 40;
const nextNumber = (): number => (last += 1);

const visl = (number: number): { driver: string; card: string; busInfo: string } => ({
  driver: "visl",
  card: "visl",
  busInfo: `platform:visl.${number}`,
});

/** `v4l2-cuse run OPTIONS -- COMMAND` */
const run = (command: readonly string[], options: readonly string[] = []): Promise<ClientResult> =>
  cli(["run", ...options, "--", ...command]).result;
const shell = async (script: string, options?: readonly string[]): Promise<readonly string[]> => {
  const { lines, stderr, code } = await run(["sh", "-c", script], options);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return lines;
};
const lookUp = async (...what: string[]): Promise<readonly string[]> =>
  (await run([udevProbe, ...what])).lines;

/** A user with the rights of a group, and without root. */
const asUser = (command: readonly string[], options: ClientOptions = {}): Promise<ClientResult> =>
  runProgram("setpriv", ["--reuid=4711", "--regid=4711", "--groups=4712", "--", ...command], options);
const MEMBERS = 4712;

describeDevice("v4l2-cuse run", () => {
  beforeAll(() => compile(here("support/udev-probe.c"), udevProbe, "-ldl"));

  it("lets libudev find the nodes by subsystem and by number, below one parent", async () => {
    const number = nextNumber();
    const { video, media } = await startMediaPair(number, visl(number));
    const parent = `${cuse}/visl.${number}`;
    const videoLine = `${parent}/video4linux/video${number} video4linux /dev/video${number} parent ${parent} platform`;
    const mediaLine = `${parent}/media${number} media /dev/media${number} parent ${parent} platform`;
    const found = await lookUp(
      "video4linux",
      "media",
      `c:${video.major}:${video.minor}`,
      `c:${media.major}:${media.minor}`,
    );
    expect(found).toEqual([videoLine, mediaLine, videoLine, mediaLine]);
  });

  it("shows the files that a kernel driver's nodes have", async () => {
    const number = nextNumber();
    const { video } = await startMediaPair(number, visl(number));
    const lines = await shell(
      `cd /sys/dev/char/${video.major}:${video.minor} && pwd -P && ls && cat dev name index uevent && ` +
        `readlink device subsystem && cd device/ && ls && cat uevent media${number}/model`,
    );
    expect(lines).toEqual([
      `${cuse}/visl.${number}/video4linux/video${number}`,
      ...["dev", "device", "index", "name", "subsystem", "uevent"],
      `${video.major}:${video.minor}`,
      "visl",
      "0",
      `MAJOR=${video.major}`,
      `MINOR=${video.minor}`,
      `DEVNAME=video${number}`,
      `../../../visl.${number}`,
      "../../../../../../class/video4linux",
      ...[`media${number}`, "modalias", "subsystem", "uevent", "video4linux"],
      "DRIVER=visl",
      "MODALIAS=platform:visl",
      "visl",
    ]);
  });

  it("leaves the rest of sysfs as it is", async () => {
    const number = nextNumber();
    const foreign = freeName();
    await startDevice(new EchoDevice(), { name: foreign });
    await startMediaPair(number, visl(number));
    const places = [
      "/sys/class/mem/null",
      "/sys/class/tty/tty0",
      "/sys/bus/platform",
      "/sys/bus/cpu/devices/cpu0",
      `/sys/class/cuse/${foreign}`,
      `/sys/class/cuse/${foreign}/subsystem`,
    ];
    const [plain, viewed] = [
      execFileSync("stat", ["-L", "-c", "%i %F", ...places], { encoding: "utf8" })
        .trimEnd()
        .split("\n"),
      await shell(`stat -L -c '%i %F' ${places.join(" ")}`),
    ];
    expect(viewed).toEqual(plain);
    expect(await shell("realpath /sys/class/mem/null /sys/bus/cpu/devices/cpu0")).toEqual([
      "/sys/devices/virtual/mem/null",
      "/sys/devices/system/cpu/cpu0",
    ]);
    const names = (await shell("ls /sys/class /sys/bus")).filter(
      (name) => !name.endsWith(":") && name !== "",
    );
    const own = [...readdirSync("/sys/class"), ...readdirSync("/sys/bus")];
    expect(new Set(names)).toEqual(new Set([...own, "video4linux", "media"]));
    expect((await run(["touch", "/sys/class/new"])).stderr).toContain("Read-only file system");
  });

  it("shows several devices, each with what belongs to it", async () => {
    const [first, second, camera] = [nextNumber(), nextNumber(), nextNumber()];
    await startMediaPair(first, visl(first));
    // Says of itself that it is the first one; its topology knows better.
    await startMediaPair(second, visl(first));
    const identity = { driver: "sample", card: "A camera", busInfo: "" };
    await startDevice(new TinyVideo(identity, 0x05200001), { name: `video${camera}` });
    expect(
      await shell(
        `cd ${cuse} && find . -mindepth 1 -maxdepth 1 -type d | sort && ls visl.${second} && cat sample.${camera}/video4linux/*/name`,
      ),
    ).toEqual([
      `./sample.${camera}`,
      `./visl.${first}`,
      `./visl.${second}`,
      ...[`media${second}`, "modalias", "subsystem", "uevent", "video4linux"],
      "A camera",
    ]);
  });

  it("lets v4l2-ctl and v4l2-compliance find the media node of a video node", async () => {
    const number = nextNumber();
    await startMediaPair(number, visl(number));
    const listed = (await shell(`v4l2-ctl -d /dev/video${number} --list-devices`)).join("\n");
    expect(listed).toContain(`visl (platform:visl.${number}):\n\t/dev/video${number}\n\t/dev/media${number}`);
    const info = (await shell(`v4l2-ctl -d /dev/video${number} --info`)).join("\n");
    expect(info).toContain("Media Driver Info:");
    expect(info).toContain("Interface Info:");
  });

  it("replaces what udev knows of the nodes, for the client only", async () => {
    const number = nextNumber();
    const { video } = await startMediaPair(number, visl(number));
    const record = `/run/udev/data/c${video.major}:${video.minor}`;
    if (!existsSync(record)) {
      const made = mkdirSync(dirname(record), { recursive: true });
      writeFileSync(record, "I:5\nV:1\n");
      onTestFinished(() => {
        rmSync(made ?? record, { recursive: true });
      });
    }
    const before = readFileSync(record, "utf8");
    expect(await shell(`cat ${record}`)).toEqual([
      "I:1",
      "E:ID_V4L_VERSION=2",
      "E:ID_V4L_PRODUCT=visl",
      "E:ID_V4L_CAPABILITIES=:",
      "V:1",
    ]);
    expect(readFileSync(record, "utf8")).toBe(before);
  });

  it("is not noticed by anybody else, and leaves nothing behind, not even when it is killed", async () => {
    const number = nextNumber();
    await startMediaPair(number, visl(number));
    const mounts = (): string => readFileSync("/proc/self/mountinfo", "utf8");
    const before = mounts();
    const client = cli(["run", "--", "sh", "-c", "echo $$; exec sleep 60"]);
    const pid = await client.line(/^\d+$/);
    expect(readFileSync(`/proc/${pid}/mountinfo`, "utf8")).toContain(`${cuse} ro,`);
    expect(mounts()).toBe(before);
    client.kill("SIGKILL");
    await until(
      () => readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync("/proc/self/ns/mnt"),
      "a namespace apart",
    );
    process.kill(Number(pid), "SIGKILL");
    await client.result;
    expect(mounts()).toBe(before);
    expect(readdirSync("/sys/class")).not.toContain("video4linux");
    expect(readlinkSync(`/sys/class/cuse/video${number}`)).toBe(`../../devices/virtual/cuse/video${number}`);
  });

  it("passes on where the client is, and its umask", async () => {
    const number = nextNumber();
    await startMediaPair(number, visl(number));
    const folder = mkdtempSync("/tmp/where-");
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const script = `cd ${folder} && umask 027 && exec node ${main} run -- sh -c 'pwd -P; umask; ls /sys/class/video4linux'`;
    expect((await runProgram("sh", ["-c", script])).lines).toEqual([folder, "0027", `video${number}`]);
  });

  it("works in itself", async () => {
    const number = nextNumber();
    await startMediaPair(number, visl(number));
    expect(await shell(`node ${main} run -- ls /sys/class/video4linux`)).toEqual([`video${number}`]);
  });

  it("leaves sysfs alone when asked to, and where there is no node", async () => {
    const script = "ls /sys/class; echo ${SYSTEMD_DEVICE_VERIFY_SYSFS-unset}; readlink /proc/$PPID/ns/mnt";
    const plain = [...readdirSync("/sys/class"), "unset", readlinkSync("/proc/self/ns/mnt")];
    expect(await shell(script)).toEqual(plain);
    const number = nextNumber();
    await startMediaPair(number, visl(number));
    expect(await shell(script, ["--no-sysfs"])).toEqual(plain);
  });
});

describeDevice("v4l2-cuse run without root", () => {
  it("gives the view from a user namespace, and no rights with it", async () => {
    const number = nextNumber();
    await startMediaPair(number, visl(number), { mode: 0o660, group: MEMBERS });
    const script = `id -u; grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status; cat /sys/class/video4linux/video${number}/name; exit 3`;
    const { lines, code, stderr } = await asUser([process.execPath, main, "run", "--", "sh", "-c", script]);
    const none = "0000000000000000";
    expect([...lines, code, stderr]).toEqual([
      "4711",
      `CapPrm:\t${none}`,
      `CapEff:\t${none}`,
      `CapAmb:\t${none}`,
      "visl", // so it could be asked, with the rights of the group
      3,
      "",
    ]);
    const alone = `cat /sys/class/video4linux/video${number}/name; echo \${LD_PRELOAD-unset}`;
    expect(
      await asUser([process.execPath, main, "run", "--no-helper", "--", "sh", "-c", alone]),
    ).toMatchObject({ lines: ["visl", "unset"], stderr: "", code: 0 });
  });

  it("says in one line what is missing where that is forbidden, unless asked not to", async () => {
    const limit = "/proc/sys/user/max_user_namespaces";
    const before = readFileSync(limit, "utf8");
    onTestFinished(() => {
      writeFileSync(limit, before);
    });
    writeFileSync(limit, "0");
    const number = nextNumber();
    await startMediaPair(number, visl(number), { mode: 0o660, group: MEMBERS });
    const client = ["sh", "-c", "ls /sys/class/video4linux 2>&1; exit 4"];
    const loud = await asUser([process.execPath, main, "run", ...client]);
    expect(loud.stderr).toBe(
      "v4l2-cuse: without root the client sees no sysfs view: " +
        "udev-based programs such as GStreamer's v4l2codecs will not find the device\n",
    );
    expect([loud.code, loud.lines[0]]).toEqual([4, expect.stringContaining("No such file")]);
    expect(await asUser([process.execPath, main, "run", "--quiet", ...client])).toMatchObject({
      stderr: "",
      code: 4,
    });
  });

  it("cannot become another user", async () => {
    const { code, stderr } = await asUser([process.execPath, main, "run", "--user", "root", "true"]);
    expect([code, stderr]).toEqual([1, "v4l2-cuse: --user needs root: start v4l2-cuse run with sudo\n"]);
  });
});

describeDevice("v4l2-cuse run --user", () => {
  /** Runs `v4l2-cuse run --user` where /etc has a user of that name in two groups. */
  async function runAs(user: string, command: readonly string[]): Promise<ClientResult> {
    const folder = mkdtempSync("/tmp/user-");
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    // Where this user may read it, whoever's home the checkout is in.
    for (const file of ["v4l2_cuse.node", "libv4l2-cuse.so"])
      copyFileSync(join(dirname(helperPath()), file), `${folder}/${file}`);
    execFileSync("chmod", ["755", folder]);
    writeFileSync(`${folder}/passwd`, "root:x:0:0::/root:/bin/sh\nmarta:x:4711:4711::/home/marta:/bin/sh\n");
    writeFileSync(`${folder}/group`, `root:x:0:\nmarta:x:4711:\nmembers:x:${MEMBERS}:marta\n`);
    const binds = ["passwd", "group"]
      .map((file) => `mount --bind ${folder}/${file} /etc/${file}`)
      .join(" && ");
    const script = `${binds} && exec "$@"`;
    const launcher = [process.execPath, main, "run", "--user", user, "--", ...command];
    return runProgram("unshare", ["--mount", "sh", "-c", script, "sh", ...launcher], {
      env: { ...process.env, V4L2_CUSE_NATIVE: folder },
    });
  }

  it("runs the client as that user with all groups, in the view", async () => {
    const number = nextNumber();
    await startMediaPair(number, visl(number), { mode: 0o660, group: MEMBERS });
    const script = `id -u; id -G; echo $HOME $USER $LOGNAME; cat /sys/class/video4linux/video${number}/name; v4l2-ctl -d ${number} --info | grep 'Driver name' | head -n 1; grep CapEff /proc/self/status`;
    const { lines, stderr } = await runAs("marta", ["sh", "-c", script]);
    expect(stderr).toBe("");
    expect(lines).toEqual([
      "4711",
      "4711 4712",
      "/home/marta marta marta",
      "visl",
      "\tDriver name      : visl",
      "CapEff:\t0000000000000000",
    ]);
  });

  it("takes a number too, passes exit statuses on, and takes no one who is not there", async () => {
    expect((await runAs("4711", ["id", "-un"])).lines).toEqual(["marta"]);
    expect(await runAs("marta", ["/nowhere/client"])).toMatchObject({ code: 127 });
    expect(await runAs("marta", ["sh", "-c", "kill -KILL $$"])).toMatchObject({ code: 137 });
    expect(await runAs("nobody-else", ["true"])).toMatchObject({
      code: 1,
      stderr: "v4l2-cuse: there is no user nobody-else\n",
    });
  });
});
