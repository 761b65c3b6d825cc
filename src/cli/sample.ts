/** `v4l2-cuse sample`: the virtual camera. */
import { Command } from "commander";
import { Camera } from "../sample/index.js";
import { addNodeOptions, type NodeOptions } from "./node-options.js";
import type { Served } from "./serve-nodes.js";
import { serve } from "./serve-nodes.js";
import { deviceSession, startVideoDevice } from "../serve/index.js";

interface SampleOptions extends NodeOptions {
  readonly multiplanar?: boolean;
  readonly unpaced?: boolean;
}

export function sampleCommand(): Command {
  const command = new Command("sample").description("a virtual camera that prints every ioctl it serves");
  return addNodeOptions(command)
    .option(
      "--multiplanar",
      "offer the multi-planar API, with the formats that need it, instead of the single-planar one",
    )
    .option("--unpaced", "hand frames out as fast as they are taken, instead of at the frame rate")
    .action(async (options: SampleOptions) => {
      await serve((names): Served => {
        const { device } = new Camera({
          name: names.name("video"),
          multiplanar: options.multiplanar ?? false,
          unpaced: options.unpaced ?? false,
        });
        return {
          logged: [device],
          start: async (access) => deviceSession(await startVideoDevice(device, access)),
        };
      }, options);
    });
}
