/** `v4l2-cuse sample`: the virtual camera. */
import { Command, Option } from "commander";
import { Camera, CameraModule, type PacerClock } from "../sample/index.js";
import { addNodeOptions, type NodeNames, type NodeOptions } from "./node-options.js";
import { UsageError } from "./failure.js";
import type { Served } from "./serve-nodes.js";
import { serve } from "./serve-nodes.js";
import { deviceSession, startVideoDevice, startWithMedia } from "../serve/index.js";

interface SampleOptions extends NodeOptions {
  readonly multiplanar?: boolean;
  readonly unpaced?: boolean;
  readonly media?: boolean;
  readonly clock: PacerClock;
}

export function sampleCommand(): Command {
  const command = new Command("sample").description("a virtual camera that prints every ioctl it serves");
  return addNodeOptions(command)
    .option(
      "--multiplanar",
      "offer the multi-planar API, with the formats that need it, instead of the single-planar one",
    )
    .option("--unpaced", "hand frames out as fast as they are taken, instead of at the frame rate")
    .addOption(
      new Option(
        "--clock <kind>",
        "virtual: time stamps step by the frame interval from 0, whenever frames are taken, so that frame n is the same bytes in every run and none is lost",
      )
        .choices(["real", "virtual"])
        .default("real"),
    )
    .option("--media", "a camera made of parts: sensor and bridge as sub-devices, configured with media-ctl")
    .action(async ({ media: inParts, ...options }: SampleOptions) => {
      if (options.unpaced === true && options.clock === "virtual")
        throw new UsageError(
          "--unpaced has the time at which frames are taken: leave it out with --clock virtual",
        );
      await serve((names): Served => {
        if (inParts === true) return servedModule(names, options);
        const { device } = new Camera({
          name: names.name("video"),
          multiplanar: options.multiplanar ?? false,
          unpaced: options.unpaced ?? false,
          clock: options.clock,
        });
        return {
          logged: [device],
          start: async (access) => deviceSession(await startVideoDevice(device, access)),
        };
      }, options);
    });
}

/** The camera that is made of parts. */
function servedModule(names: NodeNames, { unpaced = false, clock }: Omit<SampleOptions, "media">): Served {
  const sensor = names.name("v4l-subdev");
  const bridge = names.name("v4l-subdev", Number(/\d+$/.exec(sensor)?.[0]) + 1);
  const camera = new CameraModule({
    name: names.name("video"),
    mediaName: names.name("media"),
    subDeviceNames: [sensor, bridge],
    unpaced,
    clock,
  });
  const subDevices = [camera.sensor.device, camera.bridge.device];
  return {
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
  };
}
