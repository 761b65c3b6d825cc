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
  /** Other streams of the session that have no more calls. */
  readonly ended: readonly string[];
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
/** Clients without an open file that are remembered: one that comes back later is a new one. */
const MAX_IDLE_CLIENTS = 1024;
/** Forgotten at once: to find the oldest one takes longer the more were deleted before it. */
const FORGOTTEN = MAX_IDLE_CLIENTS / 8;
const NONE: readonly string[] = [];
const NO_PAYLOADS: ReadonlyMap<number, Uint8Array> = new Map();

/** Those will be done again, as often as it takes: how often is a matter of time. */
const isTimely = (errno: string | undefined): boolean =>
  errno === "EAGAIN" || errno === "EINTR" || errno === "ERESTARTSYS";

interface Client {
  readonly pid: string;
  readonly number: number;
  /** Files of each kind that it ever had. */
  readonly files: Map<string, number>;
  /** Files that are open. */
  open: number;
  /** The stream of its requests. */
  requests: string | undefined;
}

interface Stream {
  readonly name: string;
  readonly kind: string;
  readonly client: Client;
}

/** Numbers clients, and the files of each, in the order in which they appear. */
class Streams {
  readonly #clients = new Map<string, Client>();
  /** Those without an open file, in the order in which they closed their last one. */
  readonly #idle = new Set<Client>();
  readonly #files = new Map<string, Stream>();
  #count = 0;
  #ended: string[] = [];

  of(pid: string, file: string, kind: string): Stream {
    let stream = this.#files.get(file);
    if (stream === undefined) {
      const client = this.#client(pid);
      this.#files.set(file, (stream = { name: nextName(client, kind), kind, client }));
      client.open += 1;
      this.#idle.delete(client);
    }
    return stream;
  }

  /** Requests are files for the length of a frame: those of a client are one. */
  requestsOf(pid: string): string {
    const client = this.#client(pid);
    return (client.requests ??= nextName(client, "request"));
  }

  /** The file's name may come again. */
  close(file: string): void {
    const client = this.#files.get(file)?.client;
    if (client === undefined) return;
    this.#files.delete(file);
    client.open -= 1;
    if (client.open === 0) this.#rest(client);
  }

  /** Streams that do not come again, beside those of closed files; each is told once. */
  takeEnded(): readonly string[] {
    if (this.#ended.length === 0) return NONE;
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  #client(pid: string): Client {
    let client = this.#clients.get(pid);
    if (client === undefined) {
      client = { pid, number: (this.#count += 1), files: new Map(), open: 0, requests: undefined };
      this.#clients.set(pid, client);
      this.#rest(client);
    }
    return client;
  }

  #rest(idle: Client): void {
    this.#idle.add(idle);
    if (this.#idle.size <= MAX_IDLE_CLIENTS) return;
    let count = 0;
    for (const client of this.#idle) {
      this.#idle.delete(client);
      this.#clients.delete(client.pid);
      if (client.requests !== undefined) this.#ended.push(client.requests);
      count += 1;
      if (count === FORGOTTEN) return;
    }
  }
}

function nextName({ number, files }: Client, kind: string): string {
  const count = (files.get(kind) ?? 0) + 1;
  files.set(kind, count);
  return `client ${number}, ${kind} file ${count}`;
}

const fileCall = (
  common: Pick<DiffCall, "stream" | "where" | "order" | "line" | "ended">,
  name: string,
  asked: number,
  answered: string,
): DiffCall => ({ ...common, kind: "file", name, asked, answered });

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
    const isRequest = step.kind === "ioctl" && REQUEST_IOCTLS.has(step.name);
    const { name: stream, kind: node } = isRequest
      ? { name: this.#streams.requestsOf(client), kind: "request" }
      : this.#streams.of(client, file, step.kind === "open" ? step.node : nodeKind(file));
    if (step.kind === "close") this.#streams.close(file);
    const [order, ended] = [(this.#order += 1), this.#streams.takeEnded()];
    switch (step.kind) {
      case "open":
        return [fileCall({ stream, where, order, line, ended }, "open", step.flags, "success")];
      case "close":
        this.#data.delete(file);
        return [fileCall({ stream, where, order, line, ended }, "close", 0, "success")];
      case "ioctl":
        // Member by member: objects that are spread into here make all of this three times as slow.
        return [
          {
            stream,
            where,
            order,
            line,
            ended,
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
    const ended = this.#streams.takeEnded();
    return [fileCall({ stream, where: action, order, line, ended }, action, size, answered)];
  }
}

/** The calls of a recording, event by event. */
export class RecordedCalls {
  readonly #calls = new Calls();
  // Descriptors do not count: no facts are needed.
  readonly #steps = new RecordedSteps(new SessionFacts(), (bytes) =>
    bytes === undefined
      ? NO_PAYLOADS
      : new Map(controlPayloads(bytes).map(({ index, bytes: payload }) => [index, payload])),
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
  let size = given.byteLength;
  for (const part of [asked, askedArray, givenArray, askedPayloads, givenPayloads])
    size += part?.byteLength ?? 0;
  // All in one piece: memory outside of the heap is slow to get, and to free.
  const room = new Uint8Array(size);
  let at = 0;
  const copyOf = (part: Uint8Array): Uint8Array => {
    const copy = room.subarray(at, (at += part.byteLength));
    copy.set(part);
    return copy;
  };
  return withDescription(event, {
    asked: asked && copyOf(asked),
    given: copyOf(given),
    askedArray: askedArray && copyOf(askedArray),
    givenArray: givenArray && copyOf(givenArray),
    note,
    askedPayloads: askedPayloads && copyOf(askedPayloads),
    givenPayloads: givenPayloads && copyOf(givenPayloads),
  });
}

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
