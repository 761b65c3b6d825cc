/** `v4l2-cuse loopback`: a camera that shows what other programs feed it. */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  DEFAULT_CARD,
  ffmpegCommand,
  ffmpegName,
  formatName,
  LEAST_SIDE,
  Loopback,
  MOST_SIDE,
  OnDemand,
  PictureConversion,
  producerFormats,
  sourceProblem,
} from "../loopback/index.js";
import type { Shape, Size } from "../loopback/index.js";
import { converterProblem, PIXELFORMAT_PNG, type ConverterOptions } from "../convert/index.js";
import { Failure, reasonOf } from "./failure.js";
import { fourcc, workerEvents } from "../v4l2/index.js";
import type { Fract } from "../v4l2/index.js";
import { startVideoDevices } from "../serve/index.js";
import { addNodeOptions, type NodeNames, type NodeOptions } from "./node-options.js";
import { withoutSecrets } from "./secrets.js";
import { serve, type Served } from "./serve-nodes.js";

interface LoopbackCommandOptions extends NodeOptions {
  readonly card?: string;
  readonly compat?: "v4l2loopback";
  readonly pair?: boolean;
  readonly exclusiveCaps?: boolean;
  readonly format?: number;
  readonly size?: Size;
  readonly rate?: Fract;
  readonly timeout: number;
  readonly timestamps: "moment" | "producer";
  readonly onDemand?: string;
  readonly from?: string;
  readonly linger: number;
  readonly picture?: string;
  readonly negotiate?: boolean;
  readonly keepFormat?: boolean;
}

/** A source that brings nothing for so long is opened anew. */
const STALL_MS = 15_000;

export function loopbackCommand(): Command {
  const command = new Command("loopback").description("a camera that shows what another program feeds it");
  return addNodeOptions(command)
    .option("--card <name>", `the name that programs show, cut after 31 bytes (default: "${DEFAULT_CARD}")`)
    .option("--pair", "two nodes: the first is fed, the second is a camera")
    .option("--exclusive-caps", "one node shows one role at a time: it is a camera only while it is fed")
    .option("--format <fourcc>", "the one format that it is fed, for example YUYV", parseFormat)
    .option("--size <WxH>", "the one size that it is fed, for example 1280x720", parseSize)
    .option("--keep-format", "the first producer's format is the next one's, too")
    .option("--negotiate", "a producer is told what the first consumer wants, and brings that")
    .option("--picture <file>", "a PNG or JPEG file that is shown while nobody feeds it, instead of bars")
    .option("--rate <fps>", "frames per second, for example 30 or 30000/1001", parseRate)
    .option(
      "--timeout <s>",
      "when no frame came for so long, the last one is shown in grey; 0: never",
      parseSeconds,
      3,
    )
    .addOption(
      new Option(
        "--timestamps <of>",
        "frames carry the time of the moment when they came, or the producer's own",
      )
        .choices(["moment", "producer"])
        .default("moment"),
    )
    .option(
      "--on-demand <command>",
      "run by sh while somebody watches; it feeds the node $LOOPBACK_NODE",
      parseNotEmpty,
    )
    .addOption(
      new Option(
        "--from <source>",
        "show this while somebody watches, by ffmpeg: a video file, an image, rtsp:// or http://, /dev/videoN, testsrc",
      )
        .conflicts("onDemand")
        .argParser(parseNotEmpty),
    )
    .addOption(
      new Option(
        "--compat <module>",
        "names and controls are the module's, for programs that compare them",
      ).choices(["v4l2loopback"]),
    )
    .option("--linger <s>", "how long that goes on when nobody watches any more", parseSeconds, 2)
    .action(async (options: LoopbackCommandOptions) => {
      const { from } = options;
      const problem = from === undefined ? undefined : sourceProblem(from);
      if (from !== undefined && problem !== undefined)
        throw new Failure(`"${withoutSecrets(from)}" cannot be shown: ${problem}`);
      await serve((names) => served(names, options), options);
    });
}

function parseFormat(text: string): number {
  const format = /^[\x20-\x7e]{1,4}$/.test(text) ? fourcc(text.padEnd(4)) : 0;
  if (producerFormats.includes(format)) return format;
  throw new InvalidArgumentError("It is no format that can be fed; YUYV, NV12, YU12, RGB3 or MJPG are some.");
}

function parseSize(text: string): Size {
  const [, width = 0, height = 0] = (/^(\d{1,5})x(\d{1,5})$/.exec(text) ?? []).map(Number);
  const isRight = (side: number): boolean => side >= LEAST_SIDE && side <= MOST_SIDE && side % 2 === 0;
  if (isRight(width) && isRight(height)) return { width, height };
  throw new InvalidArgumentError(
    `A size is two even numbers from ${LEAST_SIDE} to ${MOST_SIDE}, for example 640x480.`,
  );
}

function parseRate(text: string): Fract {
  const [, frames = 0, seconds = 1] = (/^(\d{1,6})(?:\/(\d{1,6}))?$/.exec(text) ?? []).map((part) =>
    Number(part ?? 1),
  );
  if (frames > 0 && seconds > 0 && frames / seconds <= 1000)
    return { numerator: seconds, denominator: frames };
  throw new InvalidArgumentError("A rate is frames per second, at most 1000, for example 30 or 30000/1001.");
}

function parseNotEmpty(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError("That is no number of seconds from 0 to 86400.");
}

function served(names: NodeNames, options: LoopbackCommandOptions): Served {
  const { card, pair, exclusiveCaps, format, size, rate, timeout, timestamps, from, linger } = options;
  const name = names.name("video");
  const nodes: { path?: string } = {};
  // ffmpeg's messages hold addresses.
  const say = (text: string): void =>
    void process.stderr.write(`v4l2-cuse: ${name}: ${withoutSecrets(text)}\n`);
  const command = from === undefined ? options.onDemand : () => ffmpegCommand(from, wanted());
  const onDemand =
    command === undefined
      ? undefined
      : new OnDemand({
          command,
          lingerMs: linger * 1000,
          environment: () => environmentOf(wanted()),
          log: say,
          ...(from !== undefined && { stall: { limitMs: STALL_MS, idleMs: () => loopback.hub.idleMs } }),
        });
  const picture = options.picture === undefined ? undefined : readPicture(options.picture);
  const converter = conversion({
    log: say,
    // Consumers' pictures are what is converted.
    observer: (...step) => {
      const consumers = loopback.devices.at(-1);
      if (consumers !== undefined) workerEvents(consumers)(...step);
    },
  });
  const loopback: Loopback = new Loopback({
    name,
    ...(card !== undefined && { card }),
    ...(options.compat !== undefined && { isV4l2loopback: true }),
    ...(converter !== undefined && { converter }),
    ...((options.negotiate === true || onDemand !== undefined) && { negotiates: true }),
    ...(options.keepFormat === true && { keepsFormat: true }),
    fixed: { ...(format !== undefined && { pixelformat: format }), ...size },
    timeoutMs: timeout * 1000,
    keepsTimestamps: timestamps === "producer",
    ...(rate !== undefined && { interval: rate }),
    ...(exclusiveCaps === true && { exclusiveCaps }),
    ...(onDemand !== undefined && pair !== true && { isFeeder: (pid) => onDemand.isOurs(pid) }),
    ...(pair === true && { captureName: names.name("video", Number(/\d+$/.exec(name)?.[0]) + 1) }),
  });
  const { hub } = loopback;
  const wanted = (): Wanted => {
    const { numerator, denominator } = hub.wantedInterval;
    return {
      shape: hub.wantedShape,
      rate: `${denominator}/${numerator}`,
      node: nodes.path ?? `/dev/${name}`,
    };
  };
  hub.onWatched = (isWatched) => onDemand?.want(isWatched);
  hub.onMismatch = () => onDemand?.restart();
  if (picture !== undefined) hub.standby.usePicture(picture.bytes, picture.pixelformat);
  return {
    logged: loopback.devices,
    start: async (access) => {
      const session = await startVideoDevices(loopback.devices, access);
      const [path] = session.nodes;
      // `run --device` shows the node in /dev of the namespace that both are in.
      if (path !== undefined) nodes.path = path;
      if (onDemand === undefined) return session;
      // The command ends before its node does, and has no failed write to tell.
      return {
        ...session,
        unplug: async (limitMs) => {
          await onDemand.close();
          await session.unplug?.(limitMs);
        },
      };
    },
    end: async () => {
      await onDemand?.close();
      hub.close();
    },
  };
}

/** What converts; undefined, and said, where that was not built. */
function conversion(
  options: Required<Pick<ConverterOptions, "log" | "observer">>,
): PictureConversion | undefined {
  const problem = converterProblem();
  if (problem === undefined) return new PictureConversion(options);
  options.log(`consumers get the producer's format and no other: ${problem}`);
  return undefined;
}

const MOST_PICTURE_BYTES = 64 * 2 ** 20;

/** @throws {Failure} It cannot be read, or is neither a PNG nor a JPEG file. */
function readPicture(path: string): { readonly bytes: Uint8Array; readonly pixelformat: number } {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new Failure(`the picture ${path} cannot be read: ${reasonOf(error)}`);
  }
  if (bytes.length > MOST_PICTURE_BYTES) throw new Failure(`${path} is too large for a picture`);
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return { bytes, pixelformat: PIXELFORMAT_PNG };
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return { bytes, pixelformat: fourcc("MJPG") };
  throw new Failure(`${path} is neither a PNG nor a JPEG file`);
}

/** What a command is asked to bring. */
interface Wanted {
  readonly shape: Shape;
  readonly rate: string;
  readonly node: string;
}

function environmentOf({ shape, rate, node }: Wanted): Record<string, string> {
  return {
    LOOPBACK_NODE: node,
    LOOPBACK_WIDTH: `${shape.width}`,
    LOOPBACK_HEIGHT: `${shape.height}`,
    LOOPBACK_FOURCC: formatName(shape.pixelformat),
    LOOPBACK_PIX_FMT: ffmpegName(shape.pixelformat) ?? "",
    LOOPBACK_RATE: rate,
  };
}
