/** The definitions by number, checked when they are put together. */
import type { IoctlDefinition } from "./define-ioctl.js";
import { definitions, subdevDefinitions } from "../definitions/index.js";
import type { DeviceTraits } from "../device-traits.js";
import type { ViewClass } from "../gen/index.js";

const NR_MASK = 0xff;

/** What every table needs of a definition. */
export interface IoctlRow {
  readonly name: string;
  readonly number: number;
  /** The number's lowest byte. */
  readonly nr: number;
  /** Of the argument, bytes. */
  readonly size: number;
  readonly arg: ViewClass<unknown>;
  /** Bytes from the start that the client's values are kept of; all unless given. */
  readonly keepBytes?: number;
}

/** Definitions by number. */
export class IoctlTable<Row extends IoctlRow> {
  readonly #byNr: (Row | undefined)[] = [];
  readonly all: readonly Row[];

  /** @throws {Error} Two entries share a number, or an argument has not the size that the number says. */
  constructor(entries: readonly Row[]) {
    for (const entry of entries) {
      if (this.#byNr[entry.nr] !== undefined) throw new Error(`${entry.name}: its number is taken`);
      const size = (entry.number >>> 16) & 0x3fff;
      if (size !== entry.arg.SIZE || size !== entry.size) {
        throw new Error(`${entry.name}: the number says ${size} bytes, the view has ${entry.arg.SIZE}`);
      }
      if ((entry.keepBytes ?? 0) > size) throw new Error(`${entry.name}: clears behind its end`);
      this.#byNr[entry.nr] = entry;
    }
    this.all = entries;
  }

  /** The definition of exactly this number: direction and size count, as in the kernel. */
  find(cmd: number): Row | undefined {
    const entry = this.#byNr[cmd & NR_MASK];
    return entry !== undefined && entry.number === cmd ? entry : undefined;
  }

  byName(name: Row["name"]): Row {
    const entry = this.all.find((row) => row.name === name);
    if (entry === undefined) throw new Error(`${name} has no definition`);
    return entry;
  }
}

/** Every ioctl of videodev2.h. */
export const ioctlTable = new IoctlTable<IoctlDefinition>(definitions);

/** What a sub-device's node answers: v4l2-subdev.h, and what it has in common with video nodes. */
export const subdevIoctlTable = new IoctlTable<IoctlDefinition>(subdevDefinitions);

/** The names of all ioctls of video nodes and sub-devices. */
export const ioctlNames: readonly string[] = [
  ...new Set([...ioctlTable.all, ...subdevIoctlTable.all].map(({ name }) => name)),
];

/** The ioctls of a kind of node, whether a device has them or not. */
export const ioctlsOf = ({ isSubdev }: DeviceTraits): IoctlTable<IoctlDefinition> =>
  isSubdev ? subdevIoctlTable : ioctlTable;

/** The name for the log: `VIDIOC_QBUF`, or the kernel's words for a number that it does not know. */
export function ioctlName(cmd: number): string {
  const known = ioctlTable.find(cmd) ?? subdevIoctlTable.find(cmd);
  if (known !== undefined) return known.name;
  const type = String.fromCharCode((cmd >>> 8) & 0xff);
  const kind = type === "V" ? "v4l2" : type === "d" ? "v4l2_int" : "unknown";
  const dir = ["--", "-w", "r-", "rw"][cmd >>> 30] ?? "--";
  const letter = type >= " " && type <= "~" ? type : ".";
  const number = `0x${cmd.toString(16).padStart(8, "0")}`;
  return `${kind} ioctl '${letter}', dir=${dir}, #${cmd & NR_MASK} (${number})`;
}
