/** The words of `v4l2loopback-ctl`: what its arguments mean, and how it answers. */
import { UsageError } from "../failure.js";

export const usage = `usage: v4l2loopback-ctl COMMAND

  add [-n NAME] [-v] [<device> [<outputdevice>]]   start a device, in a 'v4l2-cuse up' that is started if none runs
  delete <device>...                               end devices
  list                                             the devices
  query <device>...                                what a device is
  set-fps <device> <fps>, get-fps <device>         the rate: 30, or 50/2
  set-caps <device> <caps>, get-caps <device>      the format, kept: UYVY:640x480@30/1, or any
  -v, -h                                           version, this help

A device is /dev/video7 or 7.
`;

/** @throws {UsageError} */
export function deviceNumber(device: string): number {
  const [, digits] = /^(?:.*\/video|video)?(\d{1,3})$/.exec(device) ?? [];
  if (digits === undefined) throw new UsageError(`"${device}" is no device: name it as /dev/video7, or 7`);
  return Number(digits);
}

/** Of `add`. */
export interface AddArguments {
  /** For `v4l2-cuse loopback`. */
  readonly words: readonly string[];
  readonly isVerbose: boolean;
  /** Sentences about what our devices do not need. */
  readonly ignored: readonly string[];
}

const limits: Readonly<Record<string, string>> = {
  "-w": "the width has no limit of its own: -w is ignored",
  "-h": "the height has no limit of its own: -h is ignored",
  "-b": "each program has the buffers that it asks for: -b is ignored",
  "-o": "any number of programs may open the device: -o is ignored",
};

/** @param has - Does `v4l2-cuse loopback` have this option? @throws {UsageError} */
export function addArguments(args: readonly string[], has: (option: string) => boolean): AddArguments {
  const words: string[] = has("compat") ? ["--compat", "v4l2loopback"] : [];
  const ignored: string[] = [];
  const devices: string[] = [];
  let isVerbose = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    const value = (): string => {
      const next = args[++i];
      if (next === undefined) throw new UsageError(`${word} wants a value`);
      return next;
    };
    if (word === "-n" || word === "--name") words.push("--card", value());
    else if (word === "-v" || word === "--verbose") isVerbose = true;
    else if (word === "-x" || word === "--exclusive-caps") exclusive(value(), has, words, ignored);
    else if (Object.hasOwn(limits, word)) {
      value();
      ignored.push(limits[word] ?? "");
    } else if (word.startsWith("-")) throw new UsageError(`add has no option ${word}`);
    else devices.push(word);
  }
  const [capture, output, ...more] = devices.map(deviceNumber);
  if (more.length > 0) throw new UsageError("add wants at most two devices");
  if (output !== undefined && capture !== output && capture !== output + 1) {
    throw new UsageError(
      `the capture device has the number after the output device's: name ${output + 1} ${output}`,
    );
  }
  const first = output ?? capture;
  if (first !== undefined) words.push("--video", String(first));
  if (output !== undefined && output !== capture) words.push("--pair");
  return { words, isVerbose, ignored };
}

function exclusive(
  value: string,
  has: (option: string) => boolean,
  words: string[],
  ignored: string[],
): void {
  if (Number(value) === 0) return;
  if (has("exclusive-caps")) words.push("--exclusive-caps");
  else ignored.push("programs see a camera at any time: -x is ignored");
}

export interface Rate {
  readonly numerator: number;
  readonly denominator: number;
}

/** `30`, `50/2`: frames in seconds. @throws {UsageError} */
export function parseFps(text: string): Rate {
  const [, numerator = "0", denominator = "1"] = /^(\d{1,9})(?:\/(\d{1,9}))?$/.exec(text) ?? [];
  if (Number(numerator) === 0 || Number(denominator) === 0)
    throw new UsageError(`"${text}" is no rate: 30, or 50/2`);
  return { numerator: Number(numerator), denominator: Number(denominator) };
}

/** `30000/1000` is `30/1`. What is no rate stays as it is. */
export function reducedRate(text: string): string {
  const [, numerator = "", denominator = ""] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  let [divisor, rest] = [Number(numerator), Number(denominator)];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return divisor > 0 ? `${Number(numerator) / divisor}/${Number(denominator) / divisor}` : text;
}

export interface Caps {
  readonly fourcc: string;
  readonly width: number;
  readonly height: number;
  readonly fps?: Rate;
}

/** `UYVY:640x480@30/1`. @returns undefined: `any`. @throws {UsageError} */
export function parseCaps(text: string): Caps | undefined {
  if (text === "any") return undefined;
  const [, fourcc, width, height, fps] =
    /^([\x21-\x7e]{4}):(\d{1,5})x(\d{1,5})(?:@([\d/]+))?$/.exec(text) ?? [];
  if (fourcc === undefined)
    throw new UsageError(`"${text}" is no format: <fourcc>:<width>x<height>[@<fps>], or any`);
  return {
    ...{ fourcc, width: Number(width), height: Number(height) },
    ...(fps !== undefined && { fps: parseFps(fps) }),
  };
}

/** @param format - What `v4l2-ctl --get-fmt-video-out` says. @param rate - "30/1", or nothing. */
export function capsText(format: string, rate: string): string {
  const [, width = "0", height = "0"] = /Width\/Height\s*: (\d+)\/(\d+)/.exec(format) ?? [];
  const [, fourcc = ""] = /Pixel Format\s*: '(....)'/.exec(format) ?? [];
  return `${fourcc}:${width}x${height}${rate === "" ? "" : `@${rate}`}`;
}
