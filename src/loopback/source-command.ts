/** `--from SOURCE`: the ffmpeg command that brings a file, an address, another camera or a test picture. */
import { formatName } from "./shape.js";
import type { Shape } from "./shape.js";

/** What ffmpeg calls our formats; others are brought as yuyv422. */
const pixelFormatNames: Readonly<Record<string, string>> = {
  YUYV: "yuyv422",
  UYVY: "uyvy422",
  YVYU: "yvyu422",
  NV12: "nv12",
  NV21: "nv21",
  NV16: "nv16",
  YU12: "yuv420p",
  "422P": "yuv422p",
  RGB3: "rgb24",
  BGR3: "bgr24",
  XR24: "bgr0",
  AR24: "bgra",
  BX24: "0rgb",
  GREY: "gray",
  Y16: "gray16le",
  RGBP: "rgb565le",
};

/** What ffmpeg calls the format. Undefined: it has none that its v4l2 output knows. */
export const ffmpegName = (pixelformat: number): string | undefined =>
  pixelFormatNames[formatName(pixelformat)];

const IMAGE = /\.(png|jpe?g|bmp|webp|tiff?|gif)$/i;
const ADDRESS = /^([a-z][a-z0-9+.-]*):\/\//i;

/**
 * The command for a source: it writes to `node`, paced, in the shape and at the rate that are asked for.
 * @param source - A path, an address, `/dev/videoN` or `testsrc`.
 */
export function ffmpegCommand(
  source: string,
  { shape, rate, node }: { readonly shape: Shape; readonly rate: string; readonly node: string },
): readonly [string, ...string[]] {
  const { width, height } = shape;
  const fit =
    `scale=${width}:${height}:force_original_aspect_ratio=decrease,` +
    `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2,setsar=1,fps=${rate}`;
  return [
    "ffmpeg",
    ...["-nostdin", "-hide_banner", "-loglevel", "error"],
    ...inputOptions(source, shape, rate),
    ...["-an", "-sn", "-dn", "-vf", fit, "-pix_fmt", ffmpegName(shape.pixelformat) ?? "yuyv422"],
    ...["-c:v", "rawvideo", "-f", "v4l2", node],
  ];
}

function inputOptions(source: string, { width, height }: Shape, rate: string): string[] {
  if (source === "testsrc") {
    return ["-re", "-f", "lavfi", "-i", `testsrc2=size=${width}x${height}:rate=${rate}`];
  }
  if (/^\/dev\/video\d+$/.test(source)) return ["-f", "v4l2", "-i", source];
  const scheme = ADDRESS.exec(source)?.[1]?.toLowerCase();
  if (scheme === "rtsp" || scheme === "rtsps") {
    return ["-rtsp_transport", "tcp", "-fflags", "nobuffer", "-i", source];
  }
  if (scheme !== undefined && scheme !== "file") return ["-re", "-i", source];
  // A name that begins with a dash is no option.
  const path = scheme === "file" || source.startsWith("/") ? source : `./${source}`;
  return IMAGE.test(source) ? ["-re", "-loop", "1", "-i", path] : ["-re", "-stream_loop", "-1", "-i", path];
}
