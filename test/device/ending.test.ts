/** What clients of each kind of node hear when their driver ends (`test/clients/ending.c`). */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { builtProgram } from "./support/camera.js";
import { describeDevice } from "./support/device.js";
import { startProgram } from "./support/probe.js";
import { built } from "../support/built.js";

const program = built("ending");

describeDevice("a driver that ends", () => {
  it("is told to clients of its video, sub-device and media nodes as by the kernel, until they close", async () => {
    const driver = spawn(process.execPath, [builtProgram(), "sample", "--media", "--log", "none"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => void driver.kill("SIGKILL"));
    const ended = once(driver, "exit") as Promise<[number | null]>;
    const nodes = await new Promise<string[]>((resolve, reject) => {
      let said = "";
      driver.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const names = /^(.*) are ready;/m.exec(said)?.[1];
        if (names !== undefined) resolve(names.split(" and "));
      });
      driver.once("exit", () => reject(new Error(said)));
    });
    const client = startProgram(program, nodes);
    await client.line("open");
    driver.kill("SIGTERM");
    const { lines, stderr, code } = await client.result;
    expect(code, stderr).toBe(0);
    expect([...lines.slice(1)].sort()).toEqual([
      // Differs from video nodes in the kernel, too: media_poll(), media_ioctl(), media_open().
      "media: poll 0x18, ioctl EIO, open ENXIO",
      "v4l-s: poll 0x1a, ioctl ENODEV, open ENODEV",
      "v4l-s: poll 0x1a, ioctl ENODEV, open ENODEV",
      "video: poll 0x1a, ioctl ENODEV, open ENODEV",
    ]);
    expect(await ended).toEqual([0, null]);
  });
});
