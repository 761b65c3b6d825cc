/** The VP9 streams of the tests. */
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { vpxClip } from "../support/clips.js";
import { temporaryFolder } from "../support/encode.js";
import { vectors } from "../support/vectors.js";
import { difficult } from "./synthetic.js";

/** The clip that GStreamer's controls were recorded for. */
export const recorded = fileURLToPath(new URL("../../gstreamer/data/vp9.ivf", import.meta.url));

const hidden = ["-b:v", "200k", "-auto-alt-ref", "1", "-lag-in-frames", "25"];
const realtime = ["-b:v", "200k", "-deadline", "realtime", "-cpu-used", "7"];
const layers =
  "ts_number_layers=3:ts_target_bitrate=50,100,200:ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3";

const vp9 = (name: string, options: readonly string[], passes: 1 | 2 = 1, source?: string): string =>
  vpxClip(`vp9-${name}`, "libvpx-vp9", options, passes, source);
const format = (pixFmt: string): string => vp9(pixFmt, ["-pix_fmt", pixFmt, "-frames:v", "6", "-speed", "4"]);

/** Names, and functions that make a clip when it is not there yet. */
export const made: readonly (readonly [name: string, file: () => string])[] = [
  ["the clip of the golden recordings", () => recorded],
  ["hidden frames in superframes", () => vp9("hidden", hidden, 2)],
  ["many hidden frames", () => vp9("hidden6", [...hidden.slice(0, 3), "6", ...hidden.slice(4)], 2)],
  ["error resilience", () => vp9("resilient", ["-error-resilient", "1", ...realtime])],
  ["an odd size", () => vp9("odd", ["-vf", "scale=175:143", "-frame-parallel", "0"])],
  [
    "tiles",
    () =>
      vp9(
        "tiles",
        ["-tile-columns", "2", "-tile-rows", "2", "-frames:v", "4", ...realtime],
        1,
        "testsrc2=s=1040x136:r=25",
      ),
  ],
  ["4:4:4", () => format("yuv444p")],
  ["4:2:2", () => format("yuv422p")],
  ["4:4:0", () => format("yuv440p")],
  ["RGB", () => format("gbrp")],
  ["10 bits", () => format("yuv420p10le")],
  ["12 bits, 4:4:4", () => format("yuv444p12le")],
  ["no loss", () => vp9("lossless", ["-lossless", "1", "-frames:v", "4", "-speed", "6"])],
  ["segments by variance", () => vp9("aq1", ["-aq-mode", "1", "-speed", "4"])],
  ["segments by complexity", () => vp9("aq2", ["-aq-mode", "2", "-speed", "4", "-b:v", "100k"])],
  ["cyclic refresh", () => vp9("aq3", ["-aq-mode", "3", ...realtime])],
  ["screen content", () => vp9("screen", ["-tune-content", "1", ...realtime])],
  ["temporal layers", () => vp9("layers", ["-ts-parameters", layers, "-error-resilient", "1", ...realtime])],
  ["sharpness and full range", () => vp9("full", ["-sharpness", "4", "-color_range", "pc", ...realtime])],
];

const conformance: readonly (readonly [name: string, file: () => string])[] = vectors("vp9", [".ivf"]).map(
  (path) => [basename(path), () => path] as const,
);

/** Is written anew: a clip would outlive what wrote it. */
function written(): string {
  const file = `${temporaryFolder()}/difficult.ivf`;
  writeFileSync(file, difficult().ivf);
  return file;
}

export const streams = [...made, ...conformance, ["what libvpx's encoder does not make", written] as const];
