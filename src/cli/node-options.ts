/** The options that every driver command has: which node, who may open it, what is logged. */
import { existsSync, fstatSync } from "node:fs";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import { NameTakenError, type NodeKind } from "../cuse/index.js";
import { Failure } from "./failure.js";
import type { GraftChoice } from "../serve/index.js";
import { addWatchOptions, type WatchCommandOptions } from "./watching.js";

export type LogForm = "pretty" | "json" | "none";

export interface NodeOptions extends WatchCommandOptions {
  readonly video?: number;
  readonly mode?: number;
  readonly group?: string;
  readonly log: LogForm;
  readonly record?: string;
  readonly recordBytes?: number;
  readonly graft: GraftChoice;
  readonly node?: NodeKind;
  readonly nodeFolder?: string;
  readonly readyFd?: number;
  readonly readyFile?: string;
}

const MAX_NODE_NUMBER = 255;

/**
 * Adds `--video`, `--mode`, `--group`, `--node`, `--node-folder`, `--graft`, `--log`, `--ready-fd`, `--ready-file`,
 * `--record`, `--record-bytes`, `--watch` and `--watch-control` to a command.
 */
export function addNodeOptions(command: Command): Command {
  const named = command
    .option("--video <N>", "the number in /dev/videoN (default: the first free one)", parseNodeNumber)
    .option("--mode <octal>", "permissions of the node (default: 0600, or 0660 with --group)", parseMode)
    .option("--group <name>", "group of the node, for example video")
    .addOption(
      new Option(
        "--node <kind>",
        "a CUSE device in /dev, or a file of a FUSE mount (default: CUSE where there is one; V4L2_CUSE_NODE)",
      ).choices(["cuse", "fuse", "auto"]),
    )
    .option(
      "--node-folder <path>",
      "where FUSE nodes appear (default: /run/v4l2-cuse/dev/<name>; V4L2_CUSE_NODE_FOLDER)",
    )
    .addOption(
      new Option("--graft <choice>", "give clients without the helper mmap by replacing their descriptor")
        .choices(["auto", "off"])
        .default("auto"),
    )
    .addOption(
      new Option("--log <form>", "what is printed for each ioctl")
        .choices(["pretty", "json", "none"])
        .default("pretty"),
    )
    .option(
      "--ready-fd <N>",
      "write the nodes' paths to this descriptor when they are there, and close it",
      parseFd,
    )
    .option("--ready-file <path>", "write them to this file, which goes when they go")
    .option(
      "--record <path>",
      "record all events in this file: 'v4l2-cuse events', 'export' and 'explain' read it",
    )
    .option(
      "--record-bytes <size>",
      "with --record: also what OUTPUT buffers hold, so much of each: 4096, 64k, 1M (default: nothing)",
      parseSize,
    );
  return addWatchOptions(named);
}

/** 1 GiB: more than any buffer has. */
const MAX_SIZE = 1 << 30;
const units: Readonly<Record<string, number>> = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

export function parseSize(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,10})([kmg]?)$/i.exec(text) ?? [];
  const size = Number(digits) * (units[unit.toLowerCase()] ?? Number.NaN);
  if (!(size <= MAX_SIZE)) throw new InvalidArgumentError("Name bytes, 1G at most: 4096, 64k, 1M.");
  return size;
}

export function parseNodeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d{1,3}$/.test(text) || number > MAX_NODE_NUMBER) {
    throw new InvalidArgumentError(`A node number is 0 to ${MAX_NODE_NUMBER}.`);
  }
  return number;
}

function parseFd(text: string): number {
  const fd = Number(text);
  if (!/^\d{1,7}$/.test(text) || fd < 3)
    throw new InvalidArgumentError("A descriptor is a number from 3 on.");
  try {
    const facts = fstatSync(fd);
    if (facts.isFIFO() || facts.isSocket() || facts.isFile() || facts.isCharacterDevice()) return fd;
  } catch {
    // It is not open.
  }
  // Node.js has some of its own.
  throw new InvalidArgumentError(
    `Descriptor ${fd} is no pipe, socket or file: open it for this command, as in 3>ready.`,
  );
}

function parseMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text))
    throw new InvalidArgumentError("A mode is three octal digits, for example 0660.");
  return parseInt(text, 8);
}

const NODE_KINDS = ["video", "media", "v4l-subdev"] as const;

/** Which numbers are asked for; without a wish, any will do. */
export interface NodeWishes {
  readonly video?: number;
  readonly media?: number;
  readonly "v4l-subdev"?: number;
}

/**
 * The names of a driver's nodes: `"video3"` for a wish of 3; without a wish the first that is free. A wish is that of the
 * first node of its kind: a second one, asked for from the number behind it, gets the first free number from there.
 */
export class NodeNames {
  readonly #wishes: NodeWishes;
  /** Others have had them before us. */
  readonly #taken = new Set<string>();

  constructor(wishes: NodeWishes) {
    this.#wishes = wishes;
  }

  /** @param from - The least number; a wish below it is another node's. @throws {Failure} None is free. */
  name(kind: keyof NodeWishes, from = 0): string {
    const wish = this.#wishes[kind];
    if (wish !== undefined && wish >= from) return `${kind}${wish}`;
    for (let number = from; number <= MAX_NODE_NUMBER; number++) {
      const name = `${kind}${number}`;
      if (!this.#taken.has(name) && !existsSync(`/dev/${name}`)) return name;
    }
    if (from > MAX_NODE_NUMBER)
      throw new Failure(`there is no number behind ${MAX_NODE_NUMBER} for the second node`);
    throw new Failure(`all of /dev/${kind}${from} to /dev/${kind}${MAX_NODE_NUMBER} exist already`);
  }

  /**
   * Several drivers that start at once see the same number free, and one gets it.
   * @returns Is it worth to try once more, with other names?
   */
  isTaken(error: unknown): boolean {
    if (!(error instanceof NameTakenError)) return false;
    const kind = NODE_KINDS.find((name) => error.nodeName.startsWith(name));
    if (kind === undefined || error.nodeName === `${kind}${this.#wishes[kind]}`) return false;
    if (this.#taken.has(error.nodeName)) return false;
    this.#taken.add(error.nodeName);
    return true;
  }
}
