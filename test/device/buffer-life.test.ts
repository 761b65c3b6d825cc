/**
 * What a client is told of its buffers and its queue while it maps, exports, hands on and closes them, and when the device
 * ends (`test/clients/buffer-life.c`): as it is, where the kernel can map, and with the helper. What is right was seen on
 * vivid (kernel 6.12).
 */
import { describe, expect, it } from "vitest";
import { sharedCamera, startCamera, withHelper } from "./support/camera.js";
import { allocated, buffersProgram as program, gone, lives, readOnly, untilEnd } from "./support/buffers.js";
import { describeDevice } from "./support/device.js";
import { kernelMaps } from "./support/plain.js";
import { startProgram, type Client } from "./support/probe.js";

async function linesOf(client: Client): Promise<readonly string[]> {
  const { lines, stderr, code, signal } = await client.result;
  expect({ code, signal }, `${lines.join("\n")}\n${stderr}`).toEqual({ code: 0, signal: null });
  return lines;
}

const asItIs = (node: string, words: string): Client => startProgram(program, [node, ...words.split(" ")]);
const helped = (node: string, words: string): Client => withHelper([program, node, ...words.split(" ")]);

const maps = await kernelMaps();

describeDevice("what a client is told", () => {
  const camera = sharedCamera();

  describe.skipIf(!maps)("as it is", () => {
    it.each(lives)("$title", async ({ words, lines }) => {
      expect(await linesOf(asItIs(camera().node, words))).toEqual(lines);
    });

    it("a file opened O_RDONLY cannot be mapped, and is not grafted; its buffers can be exported", async () => {
      expect(await linesOf(asItIs(camera().node, readOnly.words))).toEqual(readOnly.asItIs);
    });

    it("a descriptor that maps has no data to seek to", async () => {
      const words = "open rw reqbufs 4 seek data";
      expect(await linesOf(asItIs(camera().node, words))).toEqual([...allocated, "seek data: ESPIPE"]);
    });
  });

  describe("with the helper", () => {
    it.each(lives)("$title", async ({ words, lines }) => {
      expect(await linesOf(helped(camera().node, words))).toEqual(lines);
    });

    it("a file opened O_RDONLY cannot be mapped; its buffers can be exported", async () => {
      expect(await linesOf(helped(camera().node, readOnly.words))).toEqual(readOnly.helped);
    });
  });
});

describeDevice("a device that ends", () => {
  const ways: readonly (readonly [string, typeof asItIs])[] = [
    ["as it is", asItIs],
    ["with the helper", helped],
  ];

  it.skipIf(!maps).each(ways)(
    "is ENODEV to a client %s for as long as it has the file open",
    async (_way, start) => {
      const driver = await startCamera();
      const client = start(driver.node, untilEnd);
      await client.line("streaming");
      expect(await driver.stop()).toBe(0);
      expect((await linesOf(client)).slice(-gone.length)).toEqual(gone);
    },
  );
});
