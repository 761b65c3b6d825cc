/** A media device with the graph and the names of the kernel's visl, as in the recordings in test/media/data. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  buildM2mGraph,
  EntityFunction,
  MediaDevice,
  type MediaDeviceOptions,
} from "../../../src/media/index.js";

/** 6.12.107, whose visl was recorded. */
const VERSION = (6 << 16) | (12 << 8) | 107;

/** @param options - With a graph: that one in place of visl's. */
export function vislMedia(options: Partial<MediaDeviceOptions> = {}): MediaDevice {
  const device = new MediaDevice({
    name: "media0",
    info: { driver: "visl", model: "visl", busInfo: "platform:visl", version: VERSION },
    ...options,
  });
  if (options.graph !== undefined) return device;
  buildM2mGraph(device.graph, "visl", EntityFunction.VideoDecoder, { major: 81, minor: 0 });
  return device;
}

/** Text of a file in test/media/data. */
export const golden = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../data/${name}`, import.meta.url)), "utf8");

/** An open file of a client. */
export const mediaFile = { id: 1n, client: { pid: 1234, comm: "media-ctl" } };
