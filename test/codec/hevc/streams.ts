/** The streams that the tests of HEVC read. */
import { fileURLToPath } from "node:url";
import { encode, hasEncoder } from "../support/encode.js";
import { vectors } from "../support/vectors.js";

export interface Stream {
  readonly name: string;
  readonly path: string;
}

interface Recipe {
  /** Of libx265, on top of one thread and few messages. */
  readonly params: string;
  readonly options?: readonly string[];
  readonly source?: string;
}

const small = "testsrc2=s=176x144:r=25:d=0.8";
const fading = `${small},fade=in:0:20`;

/** What libx265 can vary in headers. */
const recipes: Readonly<Record<string, Recipe>> = {
  "slices, access unit delimiters, hashes": { params: "slices=3:ctu=16:aud=1:hash=1:keyint=10" },
  "wavefronts, entry points": { params: "wpp=1:ctu=16:pools=2:frame-threads=1" },
  "weighted prediction": { params: "weightp=1:weightb=1:ref=4:bframes=3", source: fading },
  "b-pyramid, deep": { params: "b-pyramid=1:bframes=8:b-adapt=0:ref=5" },
  "open gop, leading pictures": { params: "open-gop=1:keyint=8:min-keyint=8:bframes=4:b-adapt=0:scenecut=0" },
  "open gop with RADL pictures": { params: "radl=2:no-open-gop=1:keyint=8:min-keyint=8:bframes=4:b-adapt=0" },
  "8 references": { params: "ref=8:bframes=0:keyint=20" },
  "temporal layers": { params: "temporal-layers=2:bframes=3:b-adapt=0" },
  "Main 10": { params: "bframes=2", options: ["-pix_fmt", "yuv420p10le"] },
  "4:2:2, 10 bit": { params: "bframes=2:cbqpoffs=3:crqpoffs=-4", options: ["-pix_fmt", "yuv422p10le"] },
  "4:4:4, 12 bit": { params: "bframes=2", options: ["-pix_fmt", "yuv444p12le"] },
  "4:4:4 with default scaling lists": { params: "scaling-list=default", options: ["-pix_fmt", "yuv444p"] },
  monochrome: { params: "bframes=2", options: ["-pix_fmt", "gray"] },
  "default scaling lists": { params: "scaling-list=default" },
  "cropping, sample aspect ratio, colours": {
    params:
      "sar=1:range=full:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:overscan=crop:chromaloc=2:display-window=2,4,6,8",
    source: "testsrc2=s=190x150:r=25:d=0.4",
  },
  "fields with picture timing": { params: "interlace=tff:bframes=2:ref=3", options: ["-field_order", "tt"] },
  "pulldown, HRD": { params: "hrd=1:vbv-bufsize=500:vbv-maxrate=500:bitrate=400:repeat-headers=1:keyint=8" },
  lossless: { params: "lossless=1:cu-lossless=1" },
  "no filters": { params: "no-deblock=1:no-sao=1:tskip=1:no-signhide=1:no-wpp=1" },
  "deblocking offsets, small blocks": {
    params: "deblock=-2,3:ctu=16:min-cu-size=8:max-tu-size=4:rect=1:amp=1",
  },
  "constrained intra, intra refresh": { params: "constrained-intra=1:intra-refresh=1:keyint=10" },
  "mastering display, light level": {
    params:
      "hdr10=1:max-cll=1000,400:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)",
    options: ["-pix_fmt", "yuv420p10le"],
  },
};

/** The clip that GStreamer decoded on the kernel's visl. */
export const clips: readonly Stream[] = [
  {
    name: "hevc_main_b.h265",
    path: fileURLToPath(new URL("../../gstreamer/data/hevc_main_b.h265", import.meta.url)),
  },
];

export const conformance: readonly Stream[] = vectors("hevc", [".h265", ".265", ".hevc", ".bit"]).map(
  (path) => ({ name: path.replace(/.*\//, ""), path }),
);

/** Encodes each recipe into a folder; says so and gives none without libx265. */
export function encodedClips(folder: string): Stream[] {
  if (!hasEncoder("libx265")) {
    console.warn("No ffmpeg with libx265: the clips that it would make are left out.");
    return [];
  }
  return Object.entries(recipes).map(([name, { params, options = [], source = small }], i) => {
    const path = `${folder}/${i}.h265`;
    const x265 = `log-level=error:rc-lookahead=15:pools=1:frame-threads=1:${params}`;
    encode(path, ["-c:v", "libx265", "-preset", "ultrafast", ...options, "-x265-params", x265], source);
    return { name, path };
  });
}
