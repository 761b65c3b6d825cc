/**
 * When a client without the helper library allocates buffers that it will map, its descriptor of the node becomes one
 * that can be mapped. This decides when, and what becomes of the call if that does not succeed.
 */
import { settle, unchanged } from "../settle.js";
import type { IoctlRequest } from "../cuse/index.js";
import type { GraftOutcome } from "../graft/index.js";
import { O_ACCMODE, O_CLOEXEC, O_RDWR } from "../linux.js";
import { asError } from "../present.js";
import {
  CreateBuffersView,
  ExportbufferView,
  RemoveBuffersView,
  RequestbuffersView,
  VIDIOC_CREATE_BUFS,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
} from "../v4l2/gen/index.js";
import { Memory, traceTimes } from "../v4l2/index.js";
import type { Awaitable, Client, FileHandle, GraftEvent, TraceStream, VideoDevice } from "../v4l2/index.js";
import type { AdapterCall } from "./client-call.js";
import type { ClientPlaces, NodeSession, Unavailable } from "./client-files.js";
import { IS_32_BIT, NO_DRIVER_MMAP, NO_NODE_MMAP } from "./lacks.js";
import { ReportedClients } from "./reported-clients.js";

/** `offsetof(struct v4l2_exportbuffer, fd)`. */
const EXPBUF_FD_OFFSET = 16;
const NS_PER_MS = 1e6;

/** Is it an ioctl that makes buffers? */
export const allocates = (cmd: number): boolean => cmd === VIDIOC_REQBUFS || cmd === VIDIOC_CREATE_BUFS;

/** May a file that was opened so be mapped? */
export const maps = (flags: number): boolean => (flags & O_ACCMODE) === O_RDWR;

export class Grafting<State> {
  readonly #device: VideoDevice<State>;
  readonly #files: ClientPlaces;
  /** Files of which a client is being grafted; others wait for it. */
  readonly #running = new Map<FileHandle<State>, Running>();
  readonly #reported = new ReportedClients();
  /** Open files that clients may have other descriptors of than the node's. */
  readonly #grafted = new Set<FileHandle<State>>();
  #session: NodeSession | undefined;

  constructor(device: VideoDevice<State>, files: ClientPlaces) {
    this.#device = device;
    this.#files = files;
  }

  started(session: NodeSession): void {
    this.#session = session;
  }

  /** Have clients descriptors of other files than `file` of whose end we may be told late? See late-closes.ts. */
  mayBeLate(file: FileHandle<State>): boolean {
    return this.#grafted.size > (this.#grafted.has(file) ? 1 : 0);
  }

  /** Serves what clients did with those before now. @returns Was a file closed? */
  catchUp(): boolean {
    const { size } = this.#grafted;
    if (size > 0) this.#files.catchUp();
    return this.#grafted.size < size;
  }

  released(file: FileHandle<State>): void {
    this.#grafted.delete(file);
  }

  /** Has the node files that others can take the place of? Not a FUSE node: its own can be mapped, or none can. */
  get #isOnNode(): boolean {
    return this.#session?.canShare !== false;
  }

  get #mapProblem(): string {
    return this.#isOnNode ? (this.#files.mapProblem ?? NO_DRIVER_MMAP) : NO_NODE_MMAP;
  }

  /** Are clients offered MMAP without having said that they have the helper? */
  get canMap(): boolean {
    return this.#files.canMap && this.#isOnNode && this.#device.fileOps.makeBacking !== undefined;
  }

  /**
   * Is this a call that allocates buffers for a client to map, through a descriptor that cannot be mapped yet? Files that
   * were not opened for reading and writing never can (vb2_mmap()); such a client exports its buffers.
   */
  concerns({ flags }: FileHandle<State>, { cmd, arg, isAnonymous }: IoctlRequest): boolean {
    if (isAnonymous || !allocates(cmd) || !maps(flags)) return false;
    const { count, memory } =
      cmd === VIDIOC_REQBUFS ? new RequestbuffersView(arg) : new CreateBuffersView(arg);
    return memory === Memory.Mmap && count > 0;
  }

  /** EXPBUF of a client without the helper: the descriptor is put into its process. */
  deliver(request: IoctlRequest, call: AdapterCall): void {
    if (!this.#files.canInstall) return;
    if (call.is32Bit) {
      this.#explain(call.client, IS_32_BIT, "a descriptor");
      return;
    }
    const closeOnExec = (new ExportbufferView(request.arg).flags & O_CLOEXEC) !== 0;
    const refused = (sentence: string): void => this.#explain(call.client, sentence, "a descriptor");
    call.sendFd = (fd) =>
      this.#files.install({ request, fd, closeOnExec, numberAt: EXPBUF_FD_OFFSET, refused });
  }

  /** REQBUFS and CREATE_BUFS: carried out while the client is being grafted. Answers as `VideoDevice.ioctl`. */
  reqbufs(file: FileHandle<State>, request: IoctlRequest, call: AdapterCall): Awaitable<number> {
    if (!this.canMap) {
      this.#explain(call.client, this.#mapProblem, "mmap()");
      return this.#device.ioctl(file, request.cmd, request.arg, call);
    }
    if (call.is32Bit) {
      this.#explain(call.client, IS_32_BIT, "mmap()");
      return this.#refuse({ file, request, call, isFirst: file.backing === undefined, isUndone: false });
    }
    request.uninterruptible();
    return this.#inTurn(file, request, call);
  }

  async #inTurn(file: FileHandle<State>, request: IoctlRequest, call: AdapterCall): Promise<number> {
    const { pid } = call.client;
    for (let other = this.#running.get(file); other !== undefined; other = this.#running.get(file)) {
      // A thread of the same process: this one's descriptor has been replaced, too, since its call began.
      if ((await other.succeeds) && other.pid === pid)
        return this.#device.ioctl(file, request.cmd, request.arg, call);
    }
    return new Promise((resolve, reject) => {
      const succeeds = this.#graft(file, request, call, { resolve, reject })
        .catch((error: unknown) => {
          reject(asError(error));
          return false;
        })
        .finally(() => this.#running.delete(file));
      this.#running.set(file, { pid, succeeds });
    });
  }

  async #graft(
    file: FileHandle<State>,
    request: IoctlRequest,
    call: AdapterCall,
    { resolve, reject }: Answer,
  ): Promise<boolean> {
    const { cmd, arg } = request;
    const device = this.#device;
    const session = this.#session;
    const shared = session?.share(file.id);
    const isFirst = file.backing === undefined;
    const backing = file.backing ?? device.fileOps.makeBacking?.(file);
    if (session === undefined || shared === undefined || backing === undefined) {
      resolve(device.ioctl(file, cmd, arg, call)); // The device is going.
      return false;
    }
    const attempt = { file, request, call, isFirst, isUndone: false };
    this.#step("begin", file, call.client);
    const outcome = await this.#files.graft({
      session,
      shared,
      request,
      backing,
      flags: file.flags,
      answer: () => {
        file.mapping = { backing };
        if (device.hasFile(file)) this.#grafted.add(file);
        // Before the client hears of it: what it does next finds the file as it was.
        const failed = (error: unknown): never => {
          this.#forgetBacking(attempt);
          throw error;
        };
        try {
          const result = device.ioctl(file, cmd, arg, call);
          resolve(settle<number, number>(result, unchanged, failed));
        } catch (error) {
          this.#forgetBacking(attempt);
          reject(error);
        }
      },
      // Whoever polls the old file asks once more.
      placed: () => {
        this.#step("placed", file, call.client);
        file.notifyPoll();
      },
      undone: () => this.#undo(attempt),
    });
    if (outcome.kind === "grafted") this.#step("grafted", file, call.client);
    else this.#step("refused", file, call.client, outcome.kind === "gone" ? outcome.kind : outcome.sentence);
    try {
      await this.#conclude(outcome, attempt, resolve);
    } finally {
      if (file.backing !== backing || !device.hasFile(file)) backing.close();
    }
    return outcome.kind === "grafted" || isReplaced(outcome);
  }

  async #conclude(
    outcome: GraftOutcome | Unavailable,
    attempt: Attempt<State>,
    resolve: Answer["resolve"],
  ): Promise<void> {
    const { call } = attempt;
    if (outcome.kind === "grafted") {
      const { fdNumbers, stoppedNs, lostRegistrations } = outcome;
      const lost = lostRegistrations > 0 ? `; ${lostRegistrations} epoll entries are lost` : "";
      const ms = (Number(stoppedNs) / NS_PER_MS).toFixed(1);
      this.#say(
        "info",
        call.client,
        `can map buffers now: fd ${fdNumbers.join(", ")} replaced in ${ms} ms${lost}`,
      );
      return;
    }
    // What the call made is in the memory that the descriptor maps since the other thread's call.
    if (isReplaced(outcome)) return;
    if (outcome.kind === "gone") {
      // Its thread has ended. Has another called execve(2), then what the call made belongs to the new program's file.
      if (!outcome.answered) resolve(this.#refuse(attempt));
      return;
    }
    if (!outcome.answered) {
      this.#explain(call.client, outcome.sentence, "mmap()", outcome.reason);
      resolve(this.#refuse(attempt));
      return;
    }
    if (outcome.reason !== "call-failed") {
      // The client was told EINVAL, as by a queue that does not offer MMAP.
      this.#explain(call.client, outcome.sentence, "mmap()", outcome.reason);
      await this.#undo(attempt);
    }
  }

  /** The file has no client that maps, and so no memory of its own; unless others have been grafted before. */
  #forgetBacking({ file, isFirst }: Attempt<State>): void {
    if (!isFirst) return;
    file.mapping = "by-asking";
    this.#grafted.delete(file);
  }

  /** The call is served as one of a client that cannot map. */
  #refuse({ file, isFirst, request: { cmd, arg }, call }: Attempt<State>): Awaitable<number> {
    const { mapping } = file;
    file.mapping = "none";
    try {
      return this.#device.ioctl(file, cmd, arg, call);
    } finally {
      // Others have been grafted before, through the same file.
      if (!isFirst) file.mapping = mapping;
    }
  }

  /** Takes back what a call that succeeded has allocated, once. Never rejects. */
  async #undo(attempt: Attempt<State>): Promise<void> {
    if (attempt.isUndone) return;
    attempt.isUndone = true;
    const { file, request, call, isFirst } = attempt;
    this.#step("undone", file, call.client);
    const [cmd, bytes] = undoing(request);
    try {
      await this.#device.ioctl(file, cmd, bytes, call);
    } catch (error) {
      this.#device.message("warning", `buffers of a client that was not grafted stay: ${String(error)}`);
    }
    this.#forgetBacking(attempt);
    if (isFirst) file.mapping = "none";
  }

  #explain(client: Client, sentence: string, what: string, reason?: string): void {
    const { pid } = client;
    if (!this.#reported.isNew(pid)) return;
    this.#say("warning", client, `cannot be given ${what}: ${sentence}${remedyFor(reason)}`);
  }

  #step(action: GraftEvent["action"], file: FileHandle<State>, client: Client, detail?: string): void {
    graftStep(this.#device, { action, file: file.id, detail }, { client });
  }

  #say(level: "info" | "warning", { comm, pid }: Client, text: string): void {
    this.#device.message(level, `${comm}[${pid}] ${text}`);
  }
}

/** What can be done about a client that was refused a descriptor; nothing where it has brought that about itself. */
function remedyFor(reason: string | undefined): string {
  if (reason === "other-file") return "";
  // Whoever may not trace may mostly not take the helper's socket either: yama's ptrace_scope 3, no CAP_SYS_PTRACE.
  if (reason === "forbidden") return '; "v4l2-cuse doctor" says why, and whether "v4l2-cuse run --" helps';
  return '; start it with "v4l2-cuse run --", or use another I/O method';
}

/**
 * Tells who listens to the device of a step of a graft, or of the helper.
 * @param call - Is asked for its client only then: to look one up takes longer than most calls.
 */
export function graftStep(
  { trace, name: device }: { readonly trace: TraceStream; readonly name: string },
  step: Pick<GraftEvent, "action" | "file"> & { readonly detail?: string | undefined },
  call: { readonly client: Client },
): void {
  if (!trace.active) return;
  const { action, file, detail } = step;
  const { pid, comm } = call.client;
  trace.emit({ kind: "graft", ...traceTimes(), device, action, file, pid, comm, detail });
}

function isReplaced(outcome: GraftOutcome | Unavailable): boolean {
  return outcome.kind === "refused" && outcome.reason === "replaced";
}

/** A graft in progress. */
interface Running {
  readonly pid: number;
  /** Settles when it is over; never rejects. */
  readonly succeeds: Promise<boolean>;
}

interface Answer {
  readonly resolve: (result: Awaitable<number>) => void;
  readonly reject: (error: unknown) => void;
}

/** One try to graft a client. */
interface Attempt<State> {
  readonly file: FileHandle<State>;
  readonly request: IoctlRequest;
  readonly call: AdapterCall;
  /** No client of the file maps yet. */
  readonly isFirst: boolean;
  /** What the call made was taken back. */
  isUndone: boolean;
}

/** The ioctl that frees what this one has made. */
function undoing({ cmd, arg }: IoctlRequest): [number, Uint8Array] {
  if (cmd === VIDIOC_REQBUFS) {
    const bytes = arg.slice();
    new RequestbuffersView(bytes).count = 0;
    return [VIDIOC_REQBUFS, bytes];
  }
  const made = new CreateBuffersView(arg);
  const remove = new RemoveBuffersView(new Uint8Array(RemoveBuffersView.SIZE));
  remove.index = made.index;
  remove.count = made.count;
  remove.type = made.format.type;
  return [VIDIOC_REMOVE_BUFS, remove.bytes];
}
