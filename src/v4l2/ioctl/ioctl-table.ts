/** The definitions by number, checked when they are put together. */
import type { IoctlDefinition } from "./define-ioctl.js";
import { definitions } from "../definitions/index.js";
import { IOCTLS } from "../gen/index.js";
import type { IoctlName } from "../device.js";

const NR_MASK = 0xff;

/** Request numbers of the 32-bit layouts: a 32-bit client, or an old 32-bit `time_t`. */
const names32: ReadonlyMap<number, string> = new Map(
  Object.values(IOCTLS).flatMap((entry): [number, string][] => {
    const numbers: number[] = [];
    if ("number32" in entry) numbers.push(entry.number32);
    if ("number32Time64" in entry) numbers.push(entry.number32Time64);
    return numbers.map((number) => [number, entry.name]);
  }),
);

export class IoctlTable {
  readonly #byNr: (IoctlDefinition | undefined)[] = [];
  readonly all: readonly IoctlDefinition[];

  /** @throws {Error} Two entries share a number, or an argument has not the size that the number says. */
  constructor(entries: readonly IoctlDefinition[]) {
    for (const entry of entries) {
      if (this.#byNr[entry.nr] !== undefined) throw new Error(`${entry.name}: its number is taken`);
      const size = (entry.number >>> 16) & 0x3fff;
      if (size !== entry.arg.SIZE || size !== entry.size) {
        throw new Error(`${entry.name}: the number says ${size} bytes, the view has ${entry.arg.SIZE}`);
      }
      if (entry.keepBytes > size) throw new Error(`${entry.name}: clears behind its end`);
      this.#byNr[entry.nr] = entry;
    }
    this.all = entries;
  }

  /** The definition of exactly this number: direction and size count, as in the kernel. */
  find(cmd: number): IoctlDefinition | undefined {
    const entry = this.#byNr[cmd & NR_MASK];
    return entry !== undefined && entry.number === cmd ? entry : undefined;
  }

  byName(name: IoctlName): IoctlDefinition {
    const entry = this.#byNr[IOCTLS[name].nr];
    if (entry === undefined) throw new Error(`${name} has no definition`);
    return entry;
  }
}

/** Every ioctl of videodev2.h. */
export const ioctlTable = new IoctlTable(definitions);

/** The ioctl whose 32-bit layout has this number. */
export function name32(cmd: number): string | undefined {
  return names32.get(cmd);
}

/** The name for the log: `VIDIOC_QBUF`, or the kernel's words for a number that it does not know. */
export function ioctlName(cmd: number): string {
  const known = ioctlTable.find(cmd);
  if (known !== undefined) return known.name;
  const type = String.fromCharCode((cmd >>> 8) & 0xff);
  const kind = type === "V" ? "v4l2" : type === "d" ? "v4l2_int" : "unknown";
  const dir = ["--", "-w", "r-", "rw"][cmd >>> 30] ?? "--";
  const letter = type >= " " && type <= "~" ? type : ".";
  const number = `0x${cmd.toString(16).padStart(8, "0")}`;
  return `${kind} ioctl '${letter}', dir=${dir}, #${cmd & NR_MASK} (${number})`;
}
