/** The camera as its users run it, from the command line, and the check that what clients captured is what it drew. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { font8x16 } from "../../../src/tpg/font-8x16.js";
import type { CapturedPlane, Scene } from "../../support/tpg-reference.js";
import { firstDifference, readPixel } from "../../support/tpg-reference.js";
import { until } from "./device.js";
import { startProgram, type Client, type ClientOptions } from "./probe.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const program = `${root}dist/cli/main.js`;

/** Any v4l2-cuse command. */
export function cli(args: readonly string[], options?: ClientOptions): Client {
  if (!existsSync(program)) throw new Error("dist/ is missing: run npm run build");
  return startProgram(process.execPath, [program, ...args], options);
}

/** A client with the helper. */
export function withHelper(args: readonly string[], options?: ClientOptions): Client {
  return cli(["run", "--", ...args], options);
}

/** A client as it is. */
export function withoutHelper([name = "", ...args]: readonly string[], options?: ClientOptions): Client {
  return startProgram(name, args, options);
}

export interface Driver {
  readonly node: string;
  /** The command's own process; its lines are the log. */
  readonly process: Client;
  /** SIGTERM, and the exit status. */
  stop(): Promise<number | null>;
}

let lastNumber = 9;

/** Starts `v4l2-cuse sample` on a node that no other test uses; it is stopped when the test ends. */
export async function startCamera(...args: string[]): Promise<Driver> {
  lastNumber += 1;
  const node = `/dev/video${lastNumber}`;
  const child = cli(["sample", "--video", String(lastNumber), "--log", "json", ...args], {
    timeoutMs: 300_000,
  });
  let ended = false;
  void child.result.then(() => {
    ended = true;
  });
  const stop = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    const { code, stderr } = await child.result;
    if (code !== 0) throw new Error(`the driver ended with status ${code}: ${stderr}`);
    return code;
  };
  onTestFinished(async () => {
    if (ended) return;
    child.kill("SIGTERM");
    await child.result;
  });
  await until(() => ended || existsSync(node), `${node} appears`, 20_000);
  if (ended) throw new Error(`the driver ended: ${(await child.result).stderr}`);
  return { node, process: child, stop };
}

/** What the log says: one object per event. */
export function logged(driver: Driver): Record<string, unknown>[] {
  return driver.process.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

const CHARACTERS = "0123456789. frames";
const TEXT_X = 16;
const TEXT_Y = 16;

/** What the frame itself says: its number and time, read from its pixels. */
export interface Reading {
  readonly sequence: number;
  readonly seconds: string;
}

export function readFrame(scene: Scene, planes: readonly CapturedPlane[]): Reading {
  const first = readLine(scene, planes, TEXT_Y, 12);
  const second = readLine(scene, planes, TEXT_Y + 16, 24);
  const sequence = /^frame +(\d+)/.exec(first)?.[1];
  const seconds = /^(\d+\.\d{6}) s/.exec(second)?.[1];
  if (sequence === undefined || seconds === undefined) {
    throw new Error(`the frame's text is "${first}" and "${second}"`);
  }
  return { sequence: Number(sequence), seconds };
}

function readLine(scene: Scene, planes: readonly CapturedPlane[], y: number, length: number): string {
  let text = "";
  for (let cell = 0; cell < length; cell++) {
    const rows = Array.from({ length: 16 }, (_, row) => {
      let bits = 0;
      for (let column = 0; column < 8; column++) {
        const [bright = 0] = readPixel(scene, planes, TEXT_X + cell * 8 + column, y + row);
        bits = bits * 2 + (bright > 127 ? 1 : 0);
      }
      return bits;
    });
    const found = [...CHARACTERS].find((character) =>
      rows.every((bits, row) => bits === font8x16[character.charCodeAt(0) * 16 + row]),
    );
    // Past the text there are bars.
    if (found === undefined) break;
    text += found;
  }
  return text;
}

/**
 * Compares every pixel of a captured frame with an independent drawing of it.
 * @returns The frame's number and time. @throws Where and how it differs.
 */
export function checkFrame(
  scene: Pick<Scene, "format" | "width" | "height">,
  planes: readonly CapturedPlane[],
): Reading {
  const reading = readFrame(scene, planes);
  const { sequence, seconds } = reading;
  const { width, height } = scene;
  const block = { x: 16 + ((sequence * 4) % (width - 64)), y: height - 32, text: "\u00db".repeat(4) };
  const texts = [
    { x: TEXT_X, y: TEXT_Y, text: `frame ${String(sequence).padStart(6)}` },
    { x: TEXT_X, y: TEXT_Y + 16, text: `${seconds} s` },
    block,
  ];
  const difference = firstDifference({ ...scene, texts }, planes, 0);
  if (difference !== undefined) throw new Error(`frame ${sequence}: ${JSON.stringify(difference)}`);
  return reading;
}

const bytesPerFrame: Readonly<
  Record<string, (width: number, height: number) => [size: number, stride: number]>
> = {
  YUYV: (width, height) => [width * height * 2, width * 2],
  NV12: (width, height) => [(width * height * 3) / 2, width],
  RGB3: (width, height) => [width * height * 3, width * 3],
};

/** Splits a file of raw single-plane frames and checks each. */
export function checkFile(bytes: Uint8Array, scene: Pick<Scene, "format" | "width" | "height">): Reading[] {
  const [size, bytesperline] = bytesPerFrame[scene.format]?.(scene.width, scene.height) ?? [0, 0];
  if (size === 0 || bytes.length === 0 || bytes.length % size !== 0) {
    throw new Error(`${bytes.length} bytes are no whole number of frames of ${size} bytes`);
  }
  const readings: Reading[] = [];
  for (let offset = 0; offset < bytes.length; offset += size) {
    readings.push(checkFrame(scene, [{ bytes: bytes.subarray(offset, offset + size), bytesperline }]));
  }
  return readings;
}
