/** What v4l2-ctl sets on the camera, while it streams too, and what frames then show. Every pixel is checked. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import {
  checkFile,
  startCamera,
  withHelper,
  withoutHelper,
  type CameraScene,
  type Driver,
} from "./support/camera.js";
import { describeDevice, until } from "./support/device.js";

const size = { width: 320, height: 180 };
const SENSOR = { width: 1920, height: 1080 };

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return join(folder, "frames.raw");
}

/** Runs v4l2-ctl to its end. @returns What it printed. */
async function ctl(driver: Driver, ...args: string[]): Promise<string> {
  const { code, lines, stderr } = await withoutHelper(["v4l2-ctl", "-d", driver.node, ...args]).result;
  expect(code, stderr).toBe(0);
  return `${lines.join("\n")}${stderr}`;
}

function setFormat(driver: Driver, format: string): Promise<string> {
  return ctl(driver, `--set-fmt-video=width=${size.width},height=${size.height},pixelformat=${format}`);
}

async function capture(driver: Driver, scene: CameraScene, how = "--stream-mmap"): Promise<void> {
  const file = temporaryFile();
  const args = ["v4l2-ctl", "-d", driver.node, how, "--stream-count=3", `--stream-to=${file}`];
  expect(await withHelper(args).result).toMatchObject({ code: 0 });
  expect(checkFile(readFileSync(file), scene)).toHaveLength(3);
}

describeDevice("controls", () => {
  it("are listed with their menus", async () => {
    const driver = await startCamera();
    const list = await ctl(driver, "--list-ctrls-menus");
    for (const name of ["brightness", "contrast", "saturation", "hue", "horizontal_flip", "vertical_flip"])
      expect(list).toMatch(new RegExp(`^ +${name} 0x`, "m"));
    expect(list).toMatch(
      /test_pattern 0x009f0903 \(menu\) +: min=0 max=21 default=0 value=0 \(75% Colorbar\)/,
    );
    expect(list).toContain("20: Gray Ramp");
    expect(list).toContain("6: Move Down Fast");
  });

  it("that are out of range are clamped, and menu items that are not there refused", async () => {
    const driver = await startCamera();
    await ctl(driver, "--set-ctrl=brightness=1000");
    expect(await ctl(driver, "--get-ctrl=brightness")).toBe("brightness: 255");
    const refused = await withoutHelper(["v4l2-ctl", "-d", driver.node, "--set-ctrl=test_pattern=22"]).result;
    expect(`${refused.lines.join()}${refused.stderr}`).toContain("Numerical result out of range");
    expect(await ctl(driver, "--get-ctrl=test_pattern")).toContain("0 (75% Colorbar)");
  });

  it("change the picture while it streams", async () => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV");
    const file = temporaryFile();
    const args = ["v4l2-ctl", "-d", driver.node, "--stream-mmap", "--stream-count=60", `--stream-to=${file}`];
    const stream = withHelper(args);
    await until(() => driver.process.lines.some((line) => line.includes("VIDIOC_DQBUF")), "frames flow");
    await ctl(driver, "--set-ctrl=horizontal_flip=1,vertical_flip=1,brightness=170,test_pattern=4");
    expect(await stream.result).toMatchObject({ code: 0 });
    const bytes = readFileSync(file);
    const frame = size.width * size.height * 2;
    const before: CameraScene = { format: "YUYV", ...size };
    const after = { ...before, hflip: true, vflip: true, brightness: 170, pattern: "100% Color Squares" };
    expect(checkFile(bytes.subarray(0, frame), before)).toHaveLength(1);
    expect(checkFile(bytes.subarray(bytes.length - frame), after)).toHaveLength(1);
  });

  it("send events to who waits for them", async () => {
    const driver = await startCamera();
    const waiting = withoutHelper(["v4l2-ctl", "-d", driver.node, "--wait-for-event=ctrl=brightness"], {
      timeoutMs: 20_000,
    });
    await until(
      () => driver.process.lines.some((line) => line.includes("VIDIOC_SUBSCRIBE_EVENT")),
      "the subscription",
    );
    await ctl(driver, "--set-ctrl=contrast=3");
    await ctl(driver, "--set-ctrl=brightness=7");
    const { code, signal } = await waiting.result;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
  });
});

describeDevice("the second input", () => {
  const upsideDown = {
    ...{ ...size, pattern: "100% Color Squares", hflip: true, vflip: true, picture: SENSOR },
    crop: { left: 0, top: 0, ...SENSOR },
  };

  it("is another picture, upside down, of any size", async () => {
    const driver = await startCamera();
    expect(await ctl(driver, "--set-input=1")).toContain("hflip, vflip");
    expect(await ctl(driver, "--list-framesizes=NV12")).toMatch(/Stepwise 16x16 - 1920x1080 with step 2\/2/);
    await setFormat(driver, "NV12");
    await capture(driver, { ...upsideDown, format: "NV12" });
  });

  it.each(["YUYV", "NV12", "RGB3"])("shows what is cropped, scaled: %s", async (format) => {
    const driver = await startCamera();
    await ctl(driver, "--set-input=1", "--set-ctrl=horizontal_flip=1,vertical_flip=1");
    await setFormat(driver, format);
    await ctl(driver, "--set-selection=target=crop,left=500,top=301,width=801,height=500");
    expect(await ctl(driver, "--get-crop")).toContain("Left 500, Top 300, Width 800, Height 500");
    expect(await ctl(driver, "--get-cropcap")).toMatch(/Bounds +: Left 0, Top 0, Width 1920, Height 1080/);
    const crop = { left: 500, top: 300, width: 800, height: 500 };
    const upright = { ...upsideDown, hflip: false, vflip: false, crop, format };
    await capture(driver, upright);
    await capture(driver, upright, "--stream-user");
  });

  it("is not chosen while the first streams", async () => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV");
    const file = temporaryFile();
    const stream = withHelper([
      ...["v4l2-ctl", "-d", driver.node, "--stream-mmap", "--stream-count=100000", `--stream-to=${file}`],
    ]);
    await until(() => driver.process.lines.some((line) => line.includes("VIDIOC_DQBUF")), "frames flow");
    const set = await withoutHelper(["v4l2-ctl", "-d", driver.node, "--set-input=1"]).result;
    expect(`${set.lines.join("\n")}${set.stderr}`).toContain("Device or resource busy");
    // The frame rate may change: the next frames come with the new one.
    await ctl(driver, "--set-parm=10");
    stream.kill("SIGINT");
    await stream.result;
    expect(existsSync(file)).toBe(true);
  });
});
