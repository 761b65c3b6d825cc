/** `--from SOURCE`: the ffmpeg command that brings a file, an address, another camera or a test picture. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync, type Stats } from "node:fs";
import type { CommandLine } from "./on-demand.js";
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

/** One picture, which ffmpeg's image2 repeats; a GIF is a film. */
const IMAGE = /\.(png|jpe?g|bmp|webp|tiff?)$/i;
const ADDRESS = /^([a-z][a-z0-9+.-]*):\/\//i;
/** Before the host, or behind a question mark: where addresses have passwords. */
const HAS_SECRETS = /^[^:]+:\/\/(?:[^/]*@|[^?]*\?.)/;
/** What ffmpeg reads that is no protocol of its list. */
const DEMUXED = ["rtsp", "rtsps"];
/** ffmpeg is looked at for so long when it is asked what a file is. In an emulated machine it takes seconds. */
const PROBE_MS = 30_000;

const isCamera = (source: string): boolean => /^\/dev\/video\d+$/.test(source);
const schemeOf = (source: string): string | undefined => ADDRESS.exec(source)?.[1]?.toLowerCase();

/** Where a file is, for ffmpeg: a name that begins with a dash is no option. */
const pathOf = (source: string): string => {
  const path = schemeOf(source) === "file" ? source.slice("file:".length) : source;
  return path.startsWith("/") ? path : `./${path}`;
};

/**
 * The command for a source: it writes to `node`, paced, in the shape and at the rate that are asked for. An address that
 * may hold a password is not among its arguments, which every user of the machine sees.
 * @param source - A path, an address, `/dev/videoN` or `testsrc`.
 */
export function ffmpegCommand(
  source: string,
  { shape, rate, node }: { readonly shape: Shape; readonly rate: string; readonly node: string },
): CommandLine {
  const { width, height } = shape;
  const fit =
    `scale=${width}:${height}:force_original_aspect_ratio=decrease,` +
    `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2,setsar=1,fps=${rate}`;
  const { words, input } = inputOf(source, shape, rate);
  return {
    words: [
      "ffmpeg",
      ...["-hide_banner", "-loglevel", "error"],
      ...words,
      ...["-an", "-sn", "-dn", "-vf", fit, "-pix_fmt", ffmpegName(shape.pixelformat) ?? "yuyv422"],
      ...["-c:v", "rawvideo", "-f", "v4l2", node],
    ],
    ...(input !== undefined && { input }),
  };
}

function inputOf(
  source: string,
  { width, height }: Shape,
  rate: string,
): { readonly words: readonly string[]; readonly input?: string } {
  if (source === "testsrc") {
    return {
      words: ["-nostdin", "-re", "-f", "lavfi", "-i", `testsrc2=size=${width}x${height}:rate=${rate}`],
    };
  }
  if (isCamera(source)) return { words: ["-nostdin", "-f", "v4l2", "-i", source] };
  const scheme = schemeOf(source);
  if (scheme !== undefined && scheme !== "file") return addressInput(source, scheme);
  const path = pathOf(source);
  return {
    words: IMAGE.test(path)
      ? ["-nostdin", "-re", "-f", "image2", "-pattern_type", "none", "-loop", "1", "-i", path]
      : ["-nostdin", "-re", "-stream_loop", "-1", "-i", path],
  };
}

function addressInput(
  source: string,
  scheme: string,
): { readonly words: readonly string[]; readonly input?: string } {
  const isRtsp = DEMUXED.includes(scheme);
  // A camera paces itself.
  const pace = isRtsp ? ["-fflags", "nobuffer"] : ["-re"];
  if (!HAS_SECRETS.test(source)) {
    return { words: ["-nostdin", ...(isRtsp ? ["-rtsp_transport", "tcp"] : []), ...pace, "-i", source] };
  }
  // A list of one address on standard input. Of its own options ffmpeg takes RTSP's transport from the address, too.
  const address = isRtsp ? `${source}${source.includes("?") ? "&" : "?"}tcp` : source;
  const protocols = [
    "pipe",
    "tcp",
    "udp",
    "rtp",
    "tls",
    "crypto",
    "http",
    "https",
    "httpproxy",
    "rtsp",
    "rtsps",
  ];
  return {
    words: [
      ...["-f", "concat", "-safe", "0"],
      ...["-protocol_whitelist", [...new Set([...protocols, scheme])].join(",")],
      ...pace,
      ...["-i", "pipe:0"],
    ],
    input: `ffconcat version 1.0\nfile '${address.replaceAll("'", "'\\''")}'\n`,
  };
}

/**
 * Why a source cannot be shown, as one sentence; undefined: nothing is known against it. Of an address only the scheme is
 * looked at, because a camera may be switched on later.
 */
export function sourceProblem(source: string): string | undefined {
  // eslint-disable-next-line no-control-regex -- these are what no name of a source has
  if (/[\x00-\x1f]/.test(source)) return "it has a line break or another control character";
  const known = spawnSync("ffmpeg", ["-hide_banner", "-loglevel", "quiet", "-protocols"], {
    encoding: "utf8",
    timeout: PROBE_MS,
  });
  if (known.error !== undefined && (known.error as NodeJS.ErrnoException).code === "ENOENT")
    return "it needs ffmpeg, which is not here: install the package ffmpeg";
  if (source === "testsrc") return undefined;
  const scheme = schemeOf(source);
  if (scheme !== undefined && scheme !== "file") {
    const protocols = [...DEMUXED, ...known.stdout.split(/\s+/)];
    return known.status !== 0 || protocols.includes(scheme)
      ? undefined
      : `ffmpeg knows no addresses that begin with ${scheme}://, but rtsp://, http:// and https://, for example`;
  }
  return fileProblem(source);
}

function fileProblem(source: string): string | undefined {
  const path = pathOf(source);
  let facts: Stats;
  try {
    facts = statSync(path);
    accessSync(path, constants.R_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR")
      return isCamera(source) ? "there is no such camera" : "there is no such file";
    return code === "EACCES" ? "it may not be read" : `it cannot be read: ${message}`;
  }
  if (facts.isDirectory()) return "it is a folder: name a file in it";
  // A pipe or a device loses what is read from it.
  if (!facts.isFile()) return undefined;
  const { words } = inputOf(source, { width: 0, height: 0 } as Shape, "1");
  const paceless = words.filter((word) => word !== "-re");
  const { status, stderr } = spawnSync(
    "ffmpeg",
    [
      "-hide_banner",
      "-loglevel",
      "error",
      ...paceless,
      ...["-map", "0:v:0", "-frames:v", "1", "-f", "null", "-"],
    ],
    { encoding: "utf8", timeout: PROBE_MS },
  );
  if (status === 0 || status === null) return undefined;
  const [said = ""] = stderr.split("\n").filter((line) => line !== "");
  return /matches no streams/.test(said)
    ? "there is no picture in it, only sound or text"
    : `ffmpeg finds no picture in it: ${said.replace(`${path}: `, "")}`;
}
