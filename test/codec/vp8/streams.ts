/** The VP8 streams of the tests. */
import { fileURLToPath } from "node:url";
import { vpxClip } from "../support/clips.js";

/** The clip that GStreamer's controls were recorded for. */
export const recorded = fileURLToPath(new URL("../../gstreamer/data/vp8.ivf", import.meta.url));
const larger = fileURLToPath(new URL("../../gstreamer/data/vp8_720p.ivf", import.meta.url));

const realtime = ["-deadline", "realtime", "-cpu-used", "-5"];
const layers =
  "ts_number_layers=3:ts_target_bitrate=50,100,200:ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3";
const hidden = ["-b:v", "200k", "-auto-alt-ref", "1", "-lag-in-frames", "25"];

/** Names, and functions that make a clip when it is not there yet. */
export const made: readonly (readonly [name: string, file: () => string])[] = [
  ["the clip of the golden recordings", () => recorded],
  ["720p", () => larger],
  ["hidden frames", () => vpxClip("vp8-hidden", "libvpx", hidden, 2)],
  [
    "error resilience, eight partitions",
    () => vpxClip("vp8-resilient", "libvpx", ["-error-resilient", "default+partitions", "-slices", "8"]),
  ],
  ["an odd size", () => vpxClip("vp8-odd", "libvpx", ["-slices", "4", "-vf", "scale=175:143"])],
  ["the simple filter", () => vpxClip("vp8-simple", "libvpx", ["-profile:v", "1", "-sharpness", "5"])],
  ["profile 2", () => vpxClip("vp8-profile2", "libvpx", ["-profile:v", "2"])],
  ["full pixel motion", () => vpxClip("vp8-fullpixel", "libvpx", ["-profile:v", "3"])],
  ["real time", () => vpxClip("vp8-two", "libvpx", ["-static-thresh", "1000", "-slices", "2", ...realtime])],
  [
    "temporal layers",
    () =>
      vpxClip("vp8-layers", "libvpx", [
        "-b:v",
        "200k",
        ...realtime,
        "-error-resilient",
        "default",
        "-ts-parameters",
        layers,
      ]),
  ],
  ["noise at a low rate", () => vpxClip("vp8-low", "libvpx", ["-b:v", "30k", "-vf", "noise=alls=40:allf=t"])],
];
