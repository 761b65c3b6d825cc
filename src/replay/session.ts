/** What a client did, step by step, as recordings and files of v4l2-tracer both have it. */
import type { IoctlEvent, TraceEvent } from "../v4l2/index.js";
import type { SessionFacts } from "./tracer-file.js";

/** `/dev/videoN`, `/dev/mediaN`, `/dev/v4l-subdevN`. */
export type NodeKind = "video" | "media" | "v4l-subdev";

interface StepBase {
  /** Where it stands in the file: `call 12`. */
  readonly where: string;
  /** The open file; requests are files of their own. */
  readonly file: string;
}

/** The argument of an ioctl, with what its pointers lead to. */
export interface IoctlArgument {
  readonly arg: Uint8Array;
  /** Planes of a buffer, or controls. */
  readonly array: Uint8Array | undefined;
  /** Of controls, by their place in the array. */
  readonly payloads: ReadonlyMap<number, Uint8Array>;
}

export interface IoctlStep extends StepBase {
  readonly kind: "ioctl";
  readonly name: string;
  readonly cmd: number;
  /** Whose numbers of descriptors its argument has. */
  readonly process: string;
  readonly asked: IoctlArgument;
  readonly given: IoctlArgument;
  readonly errno: string | undefined;
  /** The file has the answer only: that is what is asked. */
  readonly isGuessed: boolean;
  /** The request that it is done to, by its descriptor in the client. */
  readonly requestFd: number | undefined;
}

export type Step =
  | (StepBase & { readonly kind: "open"; readonly node: NodeKind; readonly flags: number })
  | (StepBase & { readonly kind: "close" })
  | (StepBase & {
      readonly kind: "data";
      readonly type: number;
      readonly index: number;
      readonly plane: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    })
  | IoctlStep;

export function nodeKind(device: string): NodeKind {
  if (device.startsWith("media")) return "media";
  return device.startsWith("v4l-subdev") ? "v4l-subdev" : "video";
}

export const REQUEST_IOCTLS: ReadonlySet<string> = new Set([
  "MEDIA_REQUEST_IOC_QUEUE",
  "MEDIA_REQUEST_IOC_REINIT",
]);

/**
 * The steps of a recording.
 * @param payloadsOf - Reads control payloads.
 * @param facts - Made of the same events.
 */
export class RecordedSteps {
  readonly #facts: SessionFacts;
  readonly #payloadsOf: (bytes: Uint8Array | undefined) => ReadonlyMap<number, Uint8Array>;
  readonly #allocated = new Map<string, number>();
  readonly #open = new Set<string>();
  #calls = 0;

  constructor(
    facts: SessionFacts,
    payloadsOf: (bytes: Uint8Array | undefined) => ReadonlyMap<number, Uint8Array>,
  ) {
    this.#facts = facts;
    this.#payloadsOf = payloadsOf;
  }

  /** None, one, or two: a file that was open before the recording began is opened. */
  of(event: TraceEvent): Step[] {
    switch (event.kind) {
      case "file": {
        const { action, device, file, errno, size: flags } = event;
        const base = { where: `call ${this.#calls}`, file: `${device}/${file}` };
        if (errno !== undefined) return [];
        if (action === "open") return [this.#opened({ ...base, flags })];
        if (action !== "release" || !this.#open.delete(base.file)) return [];
        return [{ ...base, kind: "close" }];
      }
      case "data": {
        const { device, file, type, index, plane, offset, bytes } = event;
        if (file === undefined) return [];
        const base = { where: `call ${this.#calls + 1}`, file: `${device}/${file}` };
        return [{ ...base, kind: "data", type, index, plane, offset, bytes }];
      }
      case "ioctl":
        return this.#ioctl(event);
      default:
        return [];
    }
  }

  #opened({ where, file, flags }: { where: string; file: string; flags: number }): Step {
    this.#open.add(file);
    return { kind: "open", where, file, node: nodeKind(file), flags };
  }

  #ioctl(event: IoctlEvent): Step[] {
    this.#calls += 1;
    const where = `call ${this.#calls}`;
    const { name, cmd, errno, device, file, pid, bytes } = event;
    const key = `${device}/${file}`;
    const fd = /:(\d+)$/.exec(bytes.note ?? "")?.[1];
    const requestFd = REQUEST_IOCTLS.has(name) && fd !== undefined ? Number(fd) : undefined;
    const asked = this.#payloadsOf(bytes.askedPayloads);
    const given = this.#payloadsOf(bytes.givenPayloads);
    const step: IoctlStep = {
      kind: "ioctl",
      where,
      file: key,
      name,
      cmd,
      process: String(pid),
      asked: { arg: bytes.asked ?? bytes.given, array: bytes.askedArray, payloads: asked },
      given: {
        arg: this.#given(event),
        array: bytes.givenArray,
        payloads: asked.size === 0 ? given : new Map([...asked, ...given]),
      },
      errno,
      isGuessed: false,
      requestFd,
    };
    if (requestFd !== undefined || this.#open.has(key)) return [step];
    return [this.#opened({ where, file: key, flags: 2 }), step];
  }

  /** With the helper, a request's descriptor is made up in the client. */
  #given({ name, device, errno, bytes }: IoctlEvent): Uint8Array {
    if (name !== "MEDIA_IOC_REQUEST_ALLOC" || errno !== undefined) return bytes.given;
    const count = this.#allocated.get(device) ?? 0;
    this.#allocated.set(device, count + 1);
    if (bytes.given.byteLength === 4) return bytes.given;
    const given = new Uint8Array(4);
    new DataView(given.buffer).setInt32(0, this.#facts.requestFd(device, count) ?? -1, true);
    return given;
  }
}
