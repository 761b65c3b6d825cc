/** Finds out what is in a file, and takes it out of its container. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { promisify } from "node:util";
import {
  av1,
  fwht,
  h264,
  hevc,
  isIvf,
  jpeg,
  mpeg2,
  readIvfHeader,
  startCodeUnits,
  vp8,
  vp9,
  type FrameControls,
  type UnitParser,
} from "../../codec/index.js";
import { Failure } from "../failure.js";

/** What is done with the stream of a codec. */
export interface StreamCodec {
  readonly title: string;
  readonly parseUnits: UnitParser;
  /** Undefined where V4L2 has no stateless controls. */
  readonly frameControls?: (stream: Uint8Array) => Iterable<FrameControls>;
}

/** By what `--codec` calls them. */
export const streamCodecs: Readonly<Record<string, StreamCodec>> = {
  h264: { title: "H.264", ...h264 },
  hevc: { title: "HEVC", ...hevc },
  av1: { title: "AV1", ...av1 },
  vp8: { title: "VP8", ...vp8 },
  vp9: { title: "VP9", ...vp9 },
  mpeg2: { title: "MPEG-2", ...mpeg2 },
  fwht: { title: "FWHT", ...fwht },
  jpeg: { title: "JPEG", parseUnits: jpeg.parseUnits },
};

const byExtension: Readonly<Record<string, string>> = {
  ".h264": "h264",
  ".264": "h264",
  ".avc": "h264",
  ".h265": "hevc",
  ".265": "hevc",
  ".hevc": "hevc",
  ".obu": "av1",
  ".m2v": "mpeg2",
  ".jpg": "jpeg",
  ".jpeg": "jpeg",
  ".mjpeg": "jpeg",
  ".mjpg": "jpeg",
  ".fwht": "fwht",
};

/** What ffprobe calls a codec: ours, and the ffmpeg format that stores it alone. */
const unpacked: Readonly<Record<string, readonly [codec: string, format: string]>> = {
  h264: ["h264", "h264"],
  hevc: ["hevc", "hevc"],
  av1: ["av1", "obu"],
  vp8: ["vp8", "ivf"],
  vp9: ["vp9", "ivf"],
  mpeg2video: ["mpeg2", "mpeg2video"],
  mjpeg: ["jpeg", "mjpeg"],
};

const ivfCodecs: Readonly<Record<string, string>> = { AV01: "av1", VP80: "vp8", VP90: "vp9" };

const MOST_BYTES = 2 ** 30;
const TIMEOUT_MS = 60_000;

export interface OpenedStream {
  /** Of {@link streamCodecs}: `"h264"` */
  readonly name: string;
  readonly codec: StreamCodec;
  readonly bytes: Uint8Array;
}

/** @throws {Failure} With status 2: the file cannot be read, or its codec is not known. */
export async function openStream(path: string, wanted: string | undefined): Promise<OpenedStream> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw unusable(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (isContainer(bytes)) return unpack(path, wanted);
  const name = wanted ?? codecOf(bytes, path);
  if (name === undefined) {
    throw unusable(`cannot tell the codec of ${path}: name it with --codec (${codecNames()})`);
  }
  return { name, codec: known(name), bytes };
}

const unusable = (sentence: string): Failure => new Failure(sentence, 2);
const codecNames = (): string => Object.keys(streamCodecs).join(", ");

function known(name: string): StreamCodec {
  const codec = streamCodecs[name];
  if (codec === undefined) throw unusable(`no parser for ${name}: there are ${codecNames()}`);
  return codec;
}

/** MP4 and QuickTime, Matroska and WebM. */
function isContainer(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 8));
  return start.toString("latin1", 4, 8) === "ftyp" || start.toString("hex", 0, 4) === "1a45dfa3";
}

function codecOf(bytes: Uint8Array, path: string): string | undefined {
  // Content that is no other codec's goes before the name.
  const start = Buffer.from(bytes.subarray(0, 8)).toString("hex");
  if (isIvf(bytes)) return bytes.byteLength < 32 ? undefined : ivfCodec(bytes);
  if (start === "4f4f4f4fffffffff" || start.startsWith("72646856")) return "fwht";
  if (start.startsWith("ffd8ff")) return "jpeg";
  if (start.startsWith("000001b3")) return "mpeg2";
  return byExtension[extname(path).toLowerCase()] ?? (start.startsWith("1200") ? "av1" : nalCodec(bytes));
}

function ivfCodec(bytes: Uint8Array): string {
  const fourcc = Buffer.from(bytes.subarray(8, 12)).toString("latin1");
  const codec = ivfCodecs[fourcc];
  if (codec === undefined) throw unusable(`no parser for the IVF codec ${JSON.stringify(fourcc)}`);
  readIvfHeader(bytes);
  return codec;
}

/** H.264 starts with a sequence parameter set or a delimiter, HEVC with a video parameter set or a delimiter. */
function nalCodec(bytes: Uint8Array): string | undefined {
  for (const { offset, data } of startCodeUnits(bytes)) {
    if (offset !== 0) return undefined;
    const [first = 0, second = 0] = data;
    if ((first === 0x40 || first === 0x46) && second === 1) return "hevc";
    return (first & 0x9f) === 7 || first === 9 ? "h264" : undefined;
  }
  return undefined;
}

const execute = promisify(execFile);

/** Takes the first video stream out of a container. */
async function unpack(path: string, wanted: string | undefined): Promise<OpenedStream> {
  const input = ["-v", "error", "-protocol_whitelist", "file"];
  const file = `file:${path}`;
  const select = ["-select_streams", "v:0", "-show_entries", "stream=codec_name", "-of", "csv=p=0"];
  const probed = await child("ffprobe", [...input, ...select, file], path);
  const found = probed.toString("latin1").trim().split("\n")[0] ?? "";
  const [name, format] = unpacked[found] ?? [];
  if (name === undefined || format === undefined) {
    throw unusable(`no parser for what is in ${path}: ${found === "" ? "no video" : found}`);
  }
  const codec = known(name);
  if (wanted !== undefined && wanted !== name) throw unusable(`${path} holds ${name}, not ${wanted}`);
  const copy = ["-map", "0:v:0", "-c", "copy", "-f", format, "pipe:1"];
  const bytes = await child("ffmpeg", [...input, "-nostdin", "-i", file, ...copy], path);
  return { name, codec, bytes };
}

async function child(program: string, args: readonly string[], path: string): Promise<Buffer> {
  try {
    const limits = { maxBuffer: MOST_BYTES, timeout: TIMEOUT_MS };
    return (await execute(program, args, { ...limits, encoding: "buffer" })).stdout;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw unusable(`${path} is a container, which needs ffmpeg: apt-get install ffmpeg`);
    }
    const said =
      error instanceof Error && "stderr" in error ? String(error.stderr).trim().split("\n")[0] : "";
    throw unusable(`${program} cannot read ${path}${said === "" ? "" : `: ${said ?? ""}`}`);
  }
}
