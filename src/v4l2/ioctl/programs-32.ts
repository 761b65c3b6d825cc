/**
 * Ioctls of 32-bit programs on a 64-bit kernel. Their pointers and longs have 4 bytes, on x86 their 64-bit members start at
 * any multiple of 4, and their `time_t` has 32 or 64 bits. Where that changes the argument, it changes the number of the
 * ioctl: so each such number stands for one of ours, in one layout.
 */
import { IOCTLS, IOCTLS_32, layouts, STRUCTS_32 } from "../gen/index.js";
import type { Abi32 } from "../gen/index.js";
import { compileTranslation } from "../../uapi/translate.js";
import type { Translation, UnionChoice } from "../../uapi/translate.js";
import type { Structs32 } from "../call.js";
import type { IoctlName } from "../device.js";

/** Whose 32-bit programs: those of x86-64 kernels, or those of arm64 kernels. */
export type Processor32 = "i386" | "arm";

/** One ioctl with the argument of 32-bit programs. */
export interface Ioctl32 {
  readonly name: IoctlName | `MEDIA_${string}`;
  /** What 64-bit programs call it by. */
  readonly number: number;
  /** The argument. */
  readonly arg: Translation;
  /** What the argument points to. */
  readonly structs: Structs32;
}

/** `struct v4l2_format`: the window of an overlay has pointers; the other members are the same for all (v4l2_format32). */
const FORMAT: UnionChoice = {
  struct: "v4l2_format",
  union: "fmt",
  by: "type",
  // V4L2_BUF_TYPE_VIDEO_OVERLAY and V4L2_BUF_TYPE_VIDEO_OUTPUT_OVERLAY.
  members: { 3: "win", 8: "win" },
  others: "raw_data",
};

/** The structs of one ABI; each is worked out when it is first used. */
class AbiStructs implements Structs32 {
  readonly #known = new Map<string, Translation>();
  readonly #theirs: typeof layouts;

  constructor(abi: Abi32) {
    const own = STRUCTS_32.filter(([abis]) => abis.includes(abi));
    this.#theirs = layouts.with(Object.fromEntries(own.map(([, name, definition]) => [name, definition])));
  }

  of(struct: string): Translation {
    let known = this.#known.get(struct);
    if (known === undefined) {
      known = compileTranslation(struct, {
        ours: (name) => layouts.get(name),
        theirs: (name) => this.#theirs.get(name),
        choices: [FORMAT],
      });
      this.#known.set(struct, known);
    }
    return known;
  }
}

/** The ioctls that a processor's 32-bit programs call by another number. */
export class Ioctls32 {
  readonly #byNumber = new Map<number, Ioctl32>();

  constructor(processor: Processor32) {
    const ours = (abi: Abi32): boolean => abi.startsWith(processor);
    const structs = new Map<Abi32, AbiStructs>();
    const structsOf = (abi: Abi32): AbiStructs => {
      const known = structs.get(abi) ?? new AbiStructs(abi);
      structs.set(abi, known);
      return known;
    };
    for (const [abis, name, number] of IOCTLS_32) {
      const abi = abis.find(ours);
      if (abi === undefined) continue;
      const entry = IOCTLS[name];
      const of = structsOf(abi);
      const struct = entry.arg.replace(/^struct /, "");
      this.#byNumber.set(number, {
        name,
        number: entry.number,
        structs: of,
        get arg() {
          return of.of(struct);
        },
      });
    }
  }

  /** The numbers. */
  get numbers(): Iterable<number> {
    return this.#byNumber.keys();
  }

  /** The ioctl of this number; undefined where 64-bit programs have the same number and the same argument, or none. */
  find(cmd: number): Ioctl32 | undefined {
    return this.#byNumber.get(cmd);
  }
}

let own: Ioctls32 | undefined;

/** Those of this machine's 32-bit programs. */
export function ioctls32(): Ioctls32 {
  return (own ??= new Ioctls32(process.arch === "arm64" ? "arm" : "i386"));
}
