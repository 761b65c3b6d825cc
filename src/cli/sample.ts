/** `v4l2-cuse sample`: the virtual camera. */
import { Command } from "commander";
import { Camera, CameraModule } from "../sample/index.js";
import { addNodeOptions, nodeName, type NodeOptions } from "./node-options.js";
import type { Served } from "./serve-nodes.js";
import { serve } from "./serve-nodes.js";
import { deviceSession, startVideoDevice, startWithMedia } from "../serve/index.js";

interface SampleOptions extends NodeOptions {
  readonly multiplanar?: boolean;
  readonly unpaced?: boolean;
  readonly media?: boolean;
}

export function sampleCommand(): Command {
  const command = new Command("sample").description("a virtual camera that prints every ioctl it serves");
  return addNodeOptions(command)
    .option(
      "--multiplanar",
      "offer the multi-planar API, with the formats that need it, instead of the single-planar one",
    )
    .option("--unpaced", "hand frames out as fast as they are taken, instead of at the frame rate")
    .option("--media", "a camera made of parts: sensor and bridge as sub-devices, configured with media-ctl")
    .action(async (options: SampleOptions) => {
      if (options.media === true) return serveModule(options);
      const camera = new Camera({
        name: nodeName("video", options.video),
        multiplanar: options.multiplanar ?? false,
        unpaced: options.unpaced ?? false,
      });
      const { device } = camera;
      const start: Served["start"] = async (access) => deviceSession(await startVideoDevice(device, access));
      await serve({ logged: [device], start }, options);
    });
}

/** The camera that is made of parts. */
async function serveModule(options: SampleOptions): Promise<void> {
  const sensor = nodeName("v4l-subdev", undefined);
  const bridge = nodeName("v4l-subdev", undefined, Number(/\d+$/.exec(sensor)?.[0]) + 1);
  const camera = new CameraModule({
    name: nodeName("video", options.video),
    mediaName: nodeName("media", undefined),
    subDeviceNames: [sensor, bridge],
    unpaced: options.unpaced ?? false,
  });
  const subDevices = [camera.sensor.device, camera.bridge.device];
  await serve(
    {
      logged: [camera.video, camera.media, ...subDevices],
      start: (access) =>
        startWithMedia(
          camera.video,
          camera.media,
          (...graph) => {
            camera.describe(...graph);
          },
          { ...access, subDevices },
        ),
    },
    options,
  );
}
