/** The page of --watch in Debian's Chromium, with drivers on FUSE nodes and clients that know nothing of it. */
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { describeDevice } from "../device/support/device.js";
import type { WatchState } from "../../src/watch/index.js";
import { built, builtRoot } from "../support/built.js";
import { recorded } from "../decoder/recorded.js";
import {
  barsOf,
  openPage,
  pictureOf,
  startBrowser,
  startClient,
  startDecoding,
  startProgram,
  startProxy,
  startWatched,
  type Rgb,
} from "./support.js";

/** `V4L2_CID_BRIGHTNESS`; 128 unless somebody sets it. */
const BRIGHTNESS = 0x0098_0900;
/** 75 % colour bars, from left to right. */
const LEVEL = 191;
const bars: readonly Rgb[] = [7, 6, 3, 2, 5, 4, 1, 0].map(
  (bits) => [bits & 4 ? LEVEL : 0, bits & 2 ? LEVEL : 0, bits & 1 ? LEVEL : 0] as const,
);

/** visl draws in Rec. 709, whatever its format says, and 320x240 is BT.601 unless a format says otherwise. */
const barsOfVisl: readonly Rgb[] = bars.map(([r, g, b]) => {
  const y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const [cb, cr] = [(b - y) / 1.8556, (r - y) / 1.5748];
  const rgb = [y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb] as const;
  return rgb.map((value) => Math.min(255, Math.max(0, value))) as unknown as Rgb;
});

/** Rounded twice, to YCbCr and back, and 5 bits of a component are 8 apart. */
function expectColors(seen: readonly Rgb[], wanted: readonly Rgb[], tolerance = 4): void {
  const difference = Math.max(
    ...wanted.flatMap((color, bar) =>
      color.map((value, part) => Math.abs(value - (seen[bar]?.[part] ?? -1000))),
    ),
  );
  expect(difference, JSON.stringify({ seen, wanted })).toBeLessThanOrEqual(tolerance);
}

const stream = (node: string, format: string, ...more: string[]) =>
  startClient(
    ...["v4l2-ctl", "-d", node, `--set-fmt-video=width=320,height=240,pixelformat=${format}`],
    ...["--stream-mmap", ...more],
  );

/** A frame of eight bars in P010, limited range, BT.601: made here from the definition. */
function p010Frame(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(width * height * 3);
  const at = (x: number): Rgb => bars[Math.floor((x * 8) / width)] ?? [0, 0, 0];
  const code = (value: number): number => Math.round(value * 4) << 6;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [r, g, b] = at(x).map((value) => value / 255) as [number, number, number];
      const luma = 0.299 * r + 0.587 * g + 0.114 * b;
      bytes.writeUInt16LE(code(16 + 219 * luma), 2 * (y * width + x));
      if (y % 2 === 1) continue;
      const place = 2 * width * height + 2 * ((y / 2) * width + (x & ~1));
      bytes.writeUInt16LE(code(128 + (224 * (b - luma)) / 1.772), place);
      bytes.writeUInt16LE(code(128 + (224 * (r - luma)) / 1.402), place + 2);
    }
  return bytes;
}

/**
 * Frame `number` of a clip as ffmpeg's own decoder has it, in RGB by the definition of BT.601 of limited range.
 * @returns 3 bytes for each pixel.
 */
function ffmpegFrame(
  clip: string,
  number: number,
  { width, height }: { readonly width: number; readonly height: number },
): Uint8ClampedArray {
  const [luma, chroma] = [width * height, (width * height) / 4];
  const command = ["-v", "error", "-i", clip, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"];
  const frames = execFileSync("ffmpeg", command, { maxBuffer: 1 << 26 });
  const frame = frames.subarray(number * 1.5 * luma, (number + 1) * 1.5 * luma);
  expect(frame.byteLength).toBe(1.5 * luma);
  const rgb = new Uint8ClampedArray(3 * luma);
  for (let at = 0; at < luma; at++) {
    const place = luma + Math.floor(Math.floor(at / width) / 2) * (width / 2) + Math.floor((at % width) / 2);
    const y = ((frame[at] ?? 0) - 16) * (255 / 219);
    const [cb, cr] = [place, place + chroma].map((from) => ((frame[from] ?? 0) - 128) * (255 / 224)) as [
      number,
      number,
    ];
    rgb.set([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], 3 * at);
  }
  return rgb;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let at = 0; at < a.length; at++) largest = Math.max(largest, Math.abs((a[at] ?? 0) - (b[at] ?? 0)));
  return largest;
}

describeDevice("the page", () => {
  it("shows who streams, and the picture of each format to the pixel", async () => {
    const { node, address } = await startWatched("sample");
    const page = await openPage(await startBrowser(), address);
    await page.getByText("Nobody has it open.").waitFor();
    for (const format of ["YUYV", "NV12", "YU12", "RGB3"]) {
      const client = stream(node, format, "--stream-count=45");
      await page.locator(".clients", { hasText: `v4l2-ctl` }).waitFor();
      await page.locator(".clients", { hasText: `CAPTURE ${format} streaming` }).waitFor();
      expectColors(await barsOf(page, "/1/"), bars);
      expect(await client.result).toBe(0);
      await page.getByText("Nobody has it open.").waitFor();
    }
  });

  it("shows to the pixel what a producer feeds in P010", async () => {
    const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-p010-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "frame");
    writeFileSync(file, p010Frame(320, 240));
    const { node, address } = await startWatched("loopback", "--pair");
    const page = await openPage(await startBrowser(), address);
    startClient(
      ...["v4l2-ctl", "-d", node, "--set-fmt-video-out=width=320,height=240,pixelformat=P010"],
      ...["--stream-out-mmap", `--stream-from=${file}`, "--stream-loop"],
    );
    await page.locator(".clients", { hasText: "OUTPUT P010 streaming" }).waitFor();
    expectColors(await barsOf(page, "/2/", 0), bars);
  });

  it("changes a control: the picture follows, and a client that subscribed is woken", async () => {
    const { node, address } = await startWatched("sample", "--watch-control");
    const page = await openPage(await startBrowser(), address);
    stream(node, "YUYV");
    expectColors(await barsOf(page, "/1/"), bars);
    const waiting = startClient("v4l2-ctl", "-d", node, "--wait-for-event=ctrl=test_pattern");
    await page.locator(".clients li").nth(1).waitFor();
    // It subscribes right after it has opened the node.
    await page.waitForTimeout(500);
    await page.getByLabel("Test Pattern").selectOption({ label: "100% Colorbar" });
    expect(await waiting.result).toBe(0);
    expect(waiting.said()).toMatch(/ctrl|value/);
    const whole = bars.map((color) => color.map((value) => (value === 0 ? 0 : 255)) as unknown as Rgb);
    await expect
      .poll(async () => (await barsOf(page, "/1/"))[0]?.[0], { timeout: 5000 })
      .toBeGreaterThan(250);
    expectColors(await barsOf(page, "/1/"), whole);
    await page.locator(".messages", { hasText: "the page has set" }).waitFor();
  });

  it("shows a decoder's bitstream beside its pictures and its requests in flight, and gives its session away", async () => {
    const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-page-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { address } = await startWatched("visl", "--transtime-ms", "500");
    const page = await openPage(await startBrowser(), address);
    await page.getByText("Nobody has it open.").waitFor();
    startDecoding("v4l2slvp8dec", join(builtRoot, "test/gstreamer/data/vp8.ivf"));
    const output = page.getByRole("article", { name: /OUTPUT of/ });
    const capture = page.getByRole("article", { name: /CAPTURE of/ });
    // Before the last frame is decoded.
    await page
      .getByRole("region", { name: "Requests" })
      .getByText(/queued/)
      .first()
      .waitFor();
    await output.locator(".coded", { hasText: /VP8F[\d,]+ bytes in the last buffer/ }).waitFor();
    await capture.locator("canvas").waitFor();
    const [left, right] = [await output.boundingBox(), await capture.boundingBox()];
    expect(left?.y).toBe(right?.y);
    expect(left?.x).toBeLessThan(right?.x ?? 0);
    expectColors(await barsOf(page, "/9/", 9), barsOfVisl);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "v4l2-tracer" }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^video\d+\.json$/);
    const file = join(folder, "session.json");
    await download.saveAs(file);
    const calls = JSON.parse(readFileSync(file, "utf8")) as readonly { readonly ioctl?: string }[];
    expect(calls.filter(({ ioctl }) => ioctl === "MEDIA_REQUEST_IOC_QUEUE")).toHaveLength(10);
  });

  it("shows a decoder's pictures as ffmpeg decodes them, and what --check says beside the request", async () => {
    const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-page-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const clip = join(builtRoot, "test/gstreamer/data/vp8.ivf");
    const { node, media, address } = await startWatched("decoder", "--check");
    const page = await openPage(await startBrowser(), address);
    await page.getByText("Nobody has it open.").waitFor();
    const client = startDecoding("v4l2slvp8dec", clip);
    // The last of ten frames stays, for the client does.
    const seen = await pictureOf(page, "/9/", 9);
    expect(seen).toMatchObject({ width: 320, height: 240 });
    expect(largestDifference(seen.rgb, ffmpegFrame(clip, 9, seen))).toBeLessThanOrEqual(2);
    await page.locator(".messages .empty").or(page.getByText("None.")).first().waitFor();
    expect(await page.locator(".said li").count()).toBe(0);
    client.stop();
    await client.result;

    // Frames of two streams in turn, whose requests name the wrong references.
    const requests = join(folder, "requests");
    writeFileSync(requests, recorded("vp8", readFileSync(clip), { isMixed: true }));
    startProgram(built("request-client"), node, media, requests, "--rounds", "500");
    const row = page.getByRole("region", { name: "Requests" }).locator("li");
    // Its name, what is in it until it is complete, and the sentence of docs/codecs.md.
    await row
      .filter({ hasText: /^\d+:\d+ .*VIDEO_OUTPUT_MPLANE \d+/ })
      .first()
      .waitFor();
    const text = await row.filter({ hasText: "the bitstream says" }).first().innerText();
    expect(text).toMatch(/^\d+:\d+ /);
    expect(text).toMatch(
      /frame \d+ of file \d+: VP8_FRAME\.\S+ is \d+, the bitstream says \d+ \(\S+, .*section [\d.]+\)/,
    );
  });

  it("changes nothing where it may only look", async () => {
    const { address } = await startWatched("sample");
    const page = await openPage(await startBrowser(), address);
    await expect.poll(() => page.getByLabel("Brightness").isDisabled()).toBe(true);
    const status = await page.evaluate(async () => {
      const change = { device: document.title.split(" ")[0], id: 9963776, value: 1 };
      const headers = { "Content-Type": "application/json" };
      return (await fetch("control", { method: "POST", headers, body: JSON.stringify(change) })).status;
    });
    expect(status).toBe(403);
  });

  it("scrolls and zooms a timeline of a hundred thousand events", { timeout: 240_000 }, async () => {
    const { node, address } = await startWatched("sample", "--unpaced");
    const page = await openPage(await startBrowser(), address);
    const timeline = page.locator(".canvas canvas");
    stream(node, "YUYV");
    await expect
      .poll(async () => Number(await timeline.getAttribute("data-kept")), { timeout: 200_000, interval: 200 })
      .toBeGreaterThan(100_000);
    await timeline.focus();
    await page.getByRole("button", { name: "Pause" }).click();
    for (let zoom = 0; zoom < 6; zoom++) await page.getByRole("button", { name: "Zoom out" }).click();
    await expect.poll(async () => Number(await timeline.getAttribute("data-events"))).toBeGreaterThan(90_000);
    // To the left and back, with all of them in sight.
    const times: number[] = [];
    const pan = async (key: "ArrowLeft" | "ArrowRight"): Promise<string | null> => {
      const before = await timeline.getAttribute("data-end-ns");
      await page.keyboard.press(key);
      await expect
        .poll(() => timeline.getAttribute("data-end-ns"), { timeout: 5000, interval: 20 })
        .not.toBe(before);
      times.push(Number(await timeline.getAttribute("data-draw-ms")));
      return timeline.getAttribute("data-end-ns");
    };
    await timeline.focus();
    for (let step = 0; step < 20; step++) await pan(step % 2 === 0 ? "ArrowLeft" : "ArrowRight");
    times.sort((a, b) => a - b);
    // A machine that runs the rest of the tests beside this; some 20 ms where there is nothing else.
    expect(times[times.length >> 1]).toBeLessThan(150);
    // Nearer, through the newest of them.
    await page.keyboard.press("End");
    for (let zoom = 0; zoom < 6; zoom++) await page.getByRole("button", { name: "Zoom in" }).click();
    await timeline.focus();
    const ends = new Set<string | null>();
    for (let step = 0; step < 5; step++) ends.add(await pan("ArrowLeft"));
    expect(ends.size).toBe(5);
    await page.getByLabel("Search the timeline").fill("dqbuf");
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "The chosen event" }).getByText("VIDIOC_DQBUF").waitFor();
  });

  it("keeps up with several viewers, is readable at 360 pixels, and says when the driver has ended", async () => {
    const driver = await startWatched("sample");
    const { node, address } = driver;
    const context = await startBrowser();
    const pages = [await openPage(context, address), await openPage(context, address)];
    stream(node, "YUYV");
    for (const page of pages) expectColors(await barsOf(page, "/1/"), bars);
    const [page] = pages;
    await page?.bringToFront();
    await page?.setViewportSize({ width: 360, height: 740 });
    expect(await page?.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await driver.stop();
    await page?.getByText("looking for the driver").waitFor();
  });

  it("goes on when the connection was broken, and says what to do when the driver was started anew", async () => {
    const driver = await startWatched("sample");
    const between = await startProxy(driver.port);
    const context = await startBrowser(
      `--host-resolver-rules=MAP 127.0.0.1:${driver.port} 127.0.0.1:${between.port}`,
    );
    const page = await openPage(context, driver.address);
    stream(driver.node, "YUYV");
    expectColors(await barsOf(page, "/1/"), bars);
    await between.close();
    await page.getByRole("alert").getByText("the connection broke. Try 1 of 30").waitFor();
    // What it knew stays.
    await page.getByRole("article", { name: /CAPTURE of v4l2-ctl/ }).waitFor();
    await between.open();
    await page.getByText("live", { exact: true }).waitFor();
    await expect.poll(() => page.getByRole("alert").count()).toBe(0);
    const before = Number(await page.locator("canvas[data-queue]").getAttribute("data-sequence"));
    expectColors(await barsOf(page, "/1/", before + 1), bars);

    driver.pause();
    await page.getByRole("alert").getByText("it is stopped, or busy").waitFor();
    driver.proceed();
    await page.getByText("live", { exact: true }).waitFor();

    await driver.stop();
    await startWatched("sample", "--watch", String(driver.port));
    await page.getByRole("alert").getByText("open the address that it has printed").waitFor();
  });
});

describeDevice("who may not see it", () => {
  it("is a browser without the token, under a name of others, or at another address", async () => {
    const { address, port } = await startWatched("sample");
    const context = await startBrowser("--host-resolver-rules=MAP evil.example 127.0.0.1");
    const page = await context.newPage();
    const path = new URL(address).pathname;
    expect((await page.goto(`http://127.0.0.1:${port}/`))?.status()).toBe(403);
    expect(await page.textContent("body")).toMatch(/^The token is missing or wrong/);
    expect((await page.goto(`http://evil.example:${port}${path}`))?.status()).toBe(403);
    expect((await page.goto(`http://localhost:${port}${path}`))?.status()).toBe(200);
    for (const { address: own } of Object.values(networkInterfaces()).flatMap((each) => each ?? [])) {
      if (own.startsWith("127.") || own.includes(":")) continue;
      await expect(page.goto(`http://${own}:${port}${path}`)).rejects.toThrow("ERR_CONNECTION_REFUSED");
    }
  });

  it("is a page of another origin, even one that knows the token", async () => {
    const { address } = await startWatched("sample", "--watch-control");
    const evil = createServer((_request, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end("<!doctype html><title>evil</title>");
    });
    await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void evil.close());
    const page = await (await startBrowser()).newPage();
    const statuses: number[] = [];
    page.on("response", (response) => {
      if (response.url().startsWith(address)) statuses.push(response.status());
    });
    await page.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`);
    const read = await page.evaluate(async (base) => {
      const body = JSON.stringify({ device: "video0", id: 9963776, value: 1 });
      const tries = [
        fetch(`${base}state`).then((response) => response.text()),
        fetch(`${base}control`, { method: "POST", body, mode: "no-cors" }).then((response) =>
          response.text(),
        ),
        fetch(`${base}state`, { mode: "no-cors" }).then((response) => response.text()),
        new Promise<string>((resolve, reject) => {
          const image = new Image();
          image.onload = () => resolve("an image");
          image.onerror = () => reject(new Error("no image"));
          image.src = `${base}icon.svg`;
        }),
        new Promise<string>((resolve, reject) => {
          const frame = document.createElement("iframe");
          frame.onload = () => {
            try {
              resolve(frame.contentDocument?.body.textContent ?? "");
            } catch {
              reject(new Error("no frame"));
            }
          };
          frame.src = base;
          document.body.append(frame);
        }),
      ];
      const results = await Promise.allSettled(tries);
      return results.map((result) => (result.status === "fulfilled" ? result.value : ""));
    }, address);
    // An answer that may not be read is empty.
    expect(read).toEqual(["", "", "", "", ""]);
    expect(statuses.filter((status) => status !== 403)).toEqual([]);
    expect(statuses.length).toBeGreaterThan(0);
    const { devices } = (await (await fetch(`${address}state`)).json()) as WatchState;
    expect(devices[0]?.controls.find(({ id }) => id === BRIGHTNESS)?.value).toBe(128);
  });
});
