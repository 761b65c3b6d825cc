/**
 * The form of a media ioctl's definition, as that of a video ioctl (src/v4l2/ioctl/define-ioctl.ts): what it is called,
 * what it does, and how the log shows it. `On` is what it is asked of: a media device, or a request.
 */
import { settle } from "../settle.js";
import type { Awaitable } from "../settle.js";
import { IOCTLS } from "../v4l2/gen/index.js";
import type { ViewClass } from "../v4l2/gen/index.js";
import { describeDialog, emitIoctl, IoctlTable, traced, V4l2Error } from "../v4l2/index.js";
import type { ArgWriter, Call, Description, IoctlBytes, IoctlRow, TraceStream } from "../v4l2/index.js";

/** Every ioctl of media.h. */
export type MediaIoctlName = Extract<keyof typeof IOCTLS, `MEDIA_${string}`>;

/** What a definition works on during one call. */
export interface MediaIoctlContext<View, On> {
  readonly on: On;
  readonly call: Call;
  /** The argument, written in place; counts only after success. */
  readonly view: View;
  /** For the log, what the argument does not say. */
  note: string | undefined;
}

interface MediaIoctlSpec<View, On> {
  readonly name: MediaIoctlName;
  readonly arg: ViewClass<View>;
  /** For the documentation: what a client would not expect. */
  readonly note?: string;
  run(context: MediaIoctlContext<View, On>): Awaitable<void>;
  /** As in a video ioctl's definition: the fields with which the client asks; absent: all. */
  readonly asks?: readonly string[];
  /** Shows the argument. Never throws. */
  describe?(out: ArgWriter, view: View): void;
}

/** A row of a {@link MediaIoctlTable}. */
export interface MediaIoctlDefinition<On> extends IoctlRow {
  readonly note: string | undefined;
  readonly asks: readonly string[] | undefined;
  run(context: MediaIoctlContext<unknown, On>): Awaitable<void>;
  describe(out: ArgWriter, arg: Uint8Array): void;
}

/** Makes a definition of a spec; number and size come from the generated table. */
export function defineMediaIoctl<View, On>(spec: MediaIoctlSpec<View, On>): MediaIoctlDefinition<On> {
  const { name, number, nr, size } = IOCTLS[spec.name];
  return {
    name,
    number,
    nr,
    size,
    arg: spec.arg,
    note: spec.note,
    asks: spec.asks,
    // The table makes the context's view of `arg`.
    run: (context) => spec.run(context as MediaIoctlContext<View, On>),
    describe: (out, arg) => spec.describe?.(out, new spec.arg(arg)),
  };
}

/** Who is asked, and who listens. */
export interface MediaIoctlTarget<On> {
  readonly on: On;
  readonly trace: TraceStream;
  /** Node name. */
  readonly device: string;
  /** Number of the open file. */
  readonly file: bigint;
  /** For the log, of every ioctl that succeeds. */
  readonly note?: string;
}

/** The ioctls of one kind of file, and their way from bytes to what they are asked of. */
export class MediaIoctlTable<On> {
  readonly #kind: string;
  readonly #table: IoctlTable<MediaIoctlDefinition<On>>;

  /**
   * @param kind - What a refusal calls the files, "a request".
   * @throws {Error} Two entries share a number, or an argument has not the size that the number says.
   */
  constructor(kind: string, definitions: readonly MediaIoctlDefinition<On>[]) {
    this.#kind = kind;
    this.#table = new IoctlTable(definitions);
  }

  get all(): readonly MediaIoctlDefinition<On>[] {
    return this.#table.all;
  }

  /** What the log says of an ioctl, from the bytes alone; undefined: it is none of these, or the bytes are too few. */
  describe(cmd: number, { asked, given, note }: IoctlBytes): Description | undefined {
    const definition = this.#table.find(cmd);
    if (definition === undefined) return undefined;
    if (given.byteLength !== definition.size || (asked ?? given).byteLength !== definition.size)
      return undefined;
    return describeBytes(definition, asked, given, note);
  }

  /**
   * Serves one ioctl.
   * @param arg - `_IOC_SIZE(cmd)` bytes, changed in place; counts only after success.
   * @throws {V4l2Error} What the client gets as errno; ENOTTY - no such ioctl.
   */
  serve(target: MediaIoctlTarget<On>, cmd: number, arg: Uint8Array, call: Call): Awaitable<number> {
    const { on, trace, device, file } = target;
    const definition = this.#table.find(cmd);
    const context = {
      on,
      call,
      view: definition && new definition.arg(arg),
      note: target.note,
    };
    // The answer is written over it.
    const asked = trace.active && cmd >>> 30 === READ_AND_WRITE ? arg.slice() : undefined;
    const name = mediaIoctlName(cmd);
    const { client } = call;
    return traced<number>(trace, {
      device,
      name,
      file,
      client,
      run: () => {
        if (definition === undefined) throw new V4l2Error("ENOTTY", `no ioctl of ${this.#kind}: ${name}`);
        return settle(definition.run(context), () => 0);
      },
      ended: (outcome) => {
        const note = outcome.errno === undefined ? context.note : undefined;
        const bytes = { asked, given: arg, askedArray: undefined, givenArray: undefined, note };
        const describe = (): Description => describeBytes(definition, asked, arg, note);
        emitIoctl(trace, { device, name, cmd, file, client, bytes, describe }, outcome);
      },
    });
  }
}

function describeBytes(
  definition: Pick<MediaIoctlDefinition<never>, "asks" | "describe"> | undefined,
  asked: Uint8Array | undefined,
  given: Uint8Array,
  note: string | undefined,
): Description {
  const write = (out: ArgWriter, bytes: Uint8Array): void => {
    if (definition === undefined) out.item("driver-specific ioctl");
    else definition.describe(out, bytes);
    if (note !== undefined) out.item(note);
  };
  return describeDialog(
    (out, bytes) => write(out, bytes.arg),
    asked && { arg: asked, array: undefined },
    { arg: given, array: undefined },
    definition?.asks,
  );
}

const names: ReadonlyMap<number, string> = new Map(
  Object.values(IOCTLS).flatMap(({ name, number }) =>
    name.startsWith("MEDIA_") ? [[number, name] as const] : [],
  ),
);

/** Direction bits of an ioctl's number. */
const READ_AND_WRITE = 3;
const DIRECTIONS = ["--", "-w", "r-", "rw"] as const;

/** `MEDIA_IOC_DEVICE_INFO`; for others the kernel's form, `'|', dir=r-, #0x...`. */
export function mediaIoctlName(cmd: number): string {
  const known = names.get(cmd);
  if (known !== undefined) return known;
  const type = (cmd >>> 8) & 0xff;
  const letter = type >= 0x20 && type < 0x7f ? String.fromCharCode(type) : "v";
  return `'${letter}', dir=${DIRECTIONS[cmd >>> 30] ?? "--"}, #0x${cmd.toString(16).padStart(8, "0")}`;
}
