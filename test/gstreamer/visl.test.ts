/**
 * GStreamer's stateless decoders on visl, in the Debian 13 root of scripts/guest: it finds them by itself, and the
 * frames are, bit for bit, those that the kernel's own visl made of the same clips. With the helper, and with the view of
 * sysfs alone: then buffers and requests come by grafts.
 */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cli, withHelper } from "../device/support/camera.js";
import { onFuseNodes } from "../device/support/device.js";
import { temporaryFolder } from "../device/support/mem2mem.js";
import { startVisl } from "../device/support/visl.js";
import { clips, decode, decoding, frameSums, goldenSums, gstCommand } from "./support.js";

const timeoutMs = 100_000;

describe("GStreamer on visl", () => {
  it("lists a decoder for each codec", async () => {
    await startVisl();
    const { lines, code } = await withHelper(["gst-inspect-1.0", "v4l2codecs"], { timeoutMs }).result;
    expect(code).toBe(0);
    for (const decoder of new Set(clips.map(([, name]) => name))) {
      expect(
        lines.some((line) => line.trim().startsWith(`${decoder}:`)),
        decoder,
      ).toBe(true);
    }
  });

  it.each(clips)(
    "decodes %s with %s to the frames of the kernel's visl",
    async (clip, decoder, width, height) => {
      await startVisl();
      const output = join(temporaryFolder(), "frames.nv12");
      expect(await decode(clip, decoder, output).result).toMatchObject({ code: 0 });
      expect(frameSums(output, width, height)).toEqual(goldenSums(clip));
    },
  );

  it.skipIf(onFuseNodes)("decodes without the helper, too", async () => {
    const visl = await startVisl("--log", "json");
    for (const [clip, decoder, width, height] of clips) {
      if (!["vp8.ivf", "vp9.ivf", "h264_720p.h264"].includes(clip)) continue;
      const output = join(temporaryFolder(), "frames.nv12");
      const command = gstCommand(decoding(clip, decoder, output));
      const client = cli(["run", "--no-helper", "--", ...command], { timeoutMs });
      expect(await client.result).toMatchObject({ code: 0 });
      expect(frameSums(output, width, height), clip).toEqual(goldenSums(clip));
    }
    await visl.stop();
    const events = visl.process.lines.map((line) => JSON.parse(line) as { kind: string; text: string });
    const messages = events.filter(({ kind }) => kind === "message").map(({ text }) => text);
    // It opens the device O_RDONLY and exports its buffers: there is nothing to graft.
    expect(messages).toEqual([]);
  });
});
