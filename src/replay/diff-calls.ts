/** The calls of a session, each with the open file that it is matched by, and with its line of the log. */
import { createHash, type Hash } from "node:crypto";
import { withDescription } from "../events/index.js";
import { controlPayloads, kernelLine, prettyLine } from "../v4l2/index.js";
import type { FileEvent, IoctlBytes, IoctlEvent, TraceEvent } from "../v4l2/index.js";
import { nodeKind, RecordedSteps, REQUEST_IOCTLS, type IoctlStep, type Step } from "./session.js";
import { SessionFacts } from "./tracer-file.js";

/** What a client did, and got. */
export type DiffCall = {
  /** The open file, by order of appearance: `client 1, video file 1`. The same file of two sessions has the same name. */
  readonly stream: string;
  /** Of the call in its session. */
  readonly order: number;
  /** Where it stands in the file: `call 12`. */
  readonly where: string;
  /** `VIDIOC_S_FMT`, `open`, `close`, `read`, `write`. */
  readonly name: string;
  /** As the log has it. */
  readonly line: () => string;
} & (
  | {
      readonly kind: "ioctl";
      readonly step: IoctlStep;
      readonly isSubdev: boolean;
      /** Digest of what was written into buffers since the call before; undefined: nobody knows. */
      readonly data: string | undefined;
    }
  | { readonly kind: "file"; readonly asked: number; readonly answered: string }
);

const QUEUES: ReadonlySet<string> = new Set(["VIDIOC_QBUF", "VIDIOC_PREPARE_BUF"]);
const DIGEST_DIGITS = 16;

/** Those will be done again, as often as it takes: how often is a matter of time. */
const isTimely = (errno: string | undefined): boolean =>
  errno === "EAGAIN" || errno === "EINTR" || errno === "ERESTARTSYS";

interface Stream {
  readonly name: string;
  readonly kind: string;
}

/** Numbers clients, and the files of each, in the order in which they appear. */
class Streams {
  readonly #clients = new Map<string, { readonly number: number; readonly files: Map<string, number> }>();
  readonly #files = new Map<string, Stream>();

  of(pid: string, file: string, kind: string): Stream {
    let stream = this.#files.get(file);
    if (stream === undefined) this.#files.set(file, (stream = { name: this.#next(pid, kind), kind }));
    return stream;
  }

  /** The file's name may come again. */
  close(file: string): void {
    this.#files.delete(file);
  }

  #next(pid: string, kind: string): string {
    let client = this.#clients.get(pid);
    if (client === undefined)
      this.#clients.set(pid, (client = { number: this.#clients.size + 1, files: new Map() }));
    const number = (client.files.get(kind) ?? 0) + 1;
    client.files.set(kind, number);
    return `client ${client.number}, ${kind} file ${number}`;
  }
}

/** Makes the calls of steps. */
class Calls {
  readonly #streams = new Streams();
  /** What was written into buffers since the last call. */
  readonly #data = new Map<string, Hash>();
  #order = 0;

  of(step: Step, client: string, line: () => string): DiffCall[] {
    const { where, file } = step;
    if (step.kind === "data") {
      this.#data.set(file, (this.#data.get(file) ?? createHash("sha256")).update(step.bytes));
      return [];
    }
    if (step.kind === "ioctl" && isTimely(step.errno)) return [];
    if (step.kind === "open") this.#streams.close(file);
    // Requests are files for the length of a frame: those of a client are one.
    const isRequest = step.kind === "ioctl" && REQUEST_IOCTLS.has(step.name);
    const { name: stream, kind: node } = isRequest
      ? this.#streams.of(client, `request of ${client}`, "request")
      : this.#streams.of(client, file, step.kind === "open" ? step.node : nodeKind(file));
    const common = { stream, where, order: (this.#order += 1), line };
    switch (step.kind) {
      case "open":
        return [{ ...common, kind: "file", name: "open", asked: step.flags, answered: "success" }];
      case "close":
        this.#streams.close(file);
        this.#data.delete(file);
        return [{ ...common, kind: "file", name: "close", asked: 0, answered: "success" }];
      case "ioctl":
        return [
          {
            ...common,
            kind: "ioctl",
            name: step.name,
            step,
            isSubdev: node === "v4l-subdev",
            data: this.#digest(step),
          },
        ];
    }
  }

  #digest({ name, file }: IoctlStep): string | undefined {
    if (!QUEUES.has(name)) return undefined;
    const hash = this.#data.get(file);
    this.#data.delete(file);
    return hash?.digest("hex").slice(0, DIGEST_DIGITS);
  }

  /** `read` and `write`, which sessions have no steps for. */
  moved({ action, device, file, size, value, errno, pid }: FileEvent, line: () => string): DiffCall[] {
    if (isTimely(errno)) return [];
    const { name: stream } = this.#streams.of(String(pid), `${device}/${file}`, nodeKind(device));
    const order = (this.#order += 1);
    const answered = errno ?? String(value);
    return [{ stream, order, where: action, kind: "file", name: action, asked: size, answered, line }];
  }
}

/** The calls of a recording, event by event. */
export class RecordedCalls {
  readonly #calls = new Calls();
  // Descriptors do not count: no facts are needed.
  readonly #steps = new RecordedSteps(
    new SessionFacts(),
    (bytes) => new Map(controlPayloads(bytes).map(({ index, bytes: payload }) => [index, payload])),
  );
  #dropped = 0;

  /** Events that the recording does not have. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param event - Its bytes may change afterwards. */
  of(event: TraceEvent): DiffCall[] {
    switch (event.kind) {
      case "dropped":
        this.#dropped += event.count;
        return [];
      case "file": {
        const line = (): string => prettyLine(event);
        if (event.action === "read" || event.action === "write") return this.#calls.moved(event, line);
        return this.#all(this.#steps.of(event), event.pid, line);
      }
      case "ioctl": {
        const kept = keep(event);
        return this.#all(this.#steps.of(kept), event.pid, () => prettyLine(kept));
      }
      default:
        return this.#all(this.#steps.of(event), 0, () => "");
    }
  }

  #all(steps: readonly Step[], pid: number, line: () => string): DiffCall[] {
    return steps.flatMap((step) => this.#calls.of(step, String(pid), line));
  }
}

/** With bytes of its own: the reader uses its own again. */
function keep(event: IoctlEvent): IoctlEvent {
  const { asked, given, askedArray, givenArray, note, askedPayloads, givenPayloads } = event.bytes;
  return withDescription(event, {
    asked: copyOf(asked),
    given: new Uint8Array(given),
    askedArray: copyOf(askedArray),
    givenArray: copyOf(givenArray),
    note,
    askedPayloads: copyOf(askedPayloads),
    givenPayloads: copyOf(givenPayloads),
  });
}

const copyOf = (bytes: Uint8Array | undefined): Uint8Array | undefined => bytes && new Uint8Array(bytes);

/** The calls of a file of v4l2-tracer. */
export function* tracerCalls(steps: Iterable<Step>): Generator<DiffCall, void, undefined> {
  const calls = new Calls();
  for (const step of steps) yield* calls.of(step, "", () => tracerLine(step));
}

const nothing = (): Readonly<Record<string, unknown>> => ({});

function tracerLine(step: Step): string {
  if (step.kind !== "ioctl") return `${step.file}: ${step.kind}`;
  const { name, cmd, errno, asked, given } = step;
  const bytes: IoctlBytes = {
    asked: asked.arg,
    given: given.arg,
    askedArray: asked.array,
    givenArray: given.array,
    note: undefined,
  };
  const event: IoctlEvent = {
    kind: "ioctl",
    timeMs: 0,
    monotonicNs: 0,
    device: `file ${step.file}`,
    name,
    cmd,
    pid: 0,
    comm: "",
    file: 0n,
    durationUs: 0,
    result: 0,
    errno,
    detail: undefined,
    bytes,
    text: () => "",
    dialog: () => "",
    args: nothing,
    asked: () => undefined,
  };
  return kernelLine(withDescription(event, bytes));
}
