/**
 * A media device as its driver declares it: its identity, its graph, and what it does with requests. Knows nothing of
 * how calls arrive: src/serve brings them.
 */
import { ALWAYS_READY } from "../linux.js";
import type { Awaitable, Call, Client, MediaRequest, RequestResolver } from "../v4l2/index.js";
import { fileEvent, Poll, traced, TraceStream, traceTimes, V4l2Error } from "../v4l2/index.js";
import { MediaGraph } from "./graph.js";
import { mediaDeviceIoctls } from "./media-definitions.js";
import type { MediaIoctlDevice } from "./media-definitions.js";
import type { MediaDeviceInfo } from "./media-ioctls.js";
import type { Request, RequestOps } from "./request.js";
import type { RequestStore } from "./request-store.js";

/**
 * Requests of a device that may be open at one time. The kernel has no such limit, but its requests are as small as the
 * client's own entry in the table of descriptors.
 */
const MAX_REQUESTS = 16_384;

/** What a driver declares of its media device. */
export interface MediaDeviceOptions {
  /** Node name, `media0`. */
  readonly name: string;
  readonly info: MediaDeviceInfo;
  /** May still be filled after the device was made: a video node's number is known when the node exists. */
  readonly graph?: MediaGraph;
  /** Absent: the device has no requests. */
  readonly requests?: RequestOps;
  /** Requests that may be open at one time; default 16384. */
  readonly maxRequests?: number;
}

/** An open file of the node. */
export interface MediaFile {
  readonly id: bigint;
  readonly client: Client;
  /** Wakes whoever sleeps in poll(). */
  notifyPoll?(): void;
}

/** A media controller device; `startMediaDevice` or `startWithMedia` makes its node. */
export class MediaDevice implements RequestResolver, MediaIoctlDevice {
  readonly name: string;
  readonly info: MediaDeviceInfo;
  readonly graph: MediaGraph;
  /** What happens on the node and to its requests. */
  readonly trace = new TraceStream();
  /** What the driver does with requests; undefined: it takes none. */
  readonly requestOps: RequestOps | undefined;
  readonly maxRequests: number;
  readonly #files = new Set<MediaFile>();
  #requests: RequestStore | undefined;
  #registered = true;

  constructor(options: MediaDeviceOptions) {
    const { name, info, requests, maxRequests = MAX_REQUESTS } = options;
    this.name = name;
    this.info = info;
    this.graph = options.graph ?? new MediaGraph();
    this.requestOps = requests;
    this.maxRequests = maxRequests;
  }

  /** Does the driver take requests? */
  get hasRequests(): boolean {
    return this.requestOps !== undefined;
  }

  /** False once the device is unplugged: calls answer EIO. */
  get registered(): boolean {
    return this.#registered;
  }

  /** Files and requests whose descriptors are not all closed. */
  get openCount(): number {
    return this.#files.size + this.openRequests;
  }

  /** Requests whose descriptors are not all closed. */
  get openRequests(): number {
    return this.#requests?.size ?? 0;
  }

  /** Requests are made there from now on; `undefined`: there are none any more. */
  useRequests(store: RequestStore | undefined): void {
    this.#requests = store;
  }

  /** @throws {V4l2Error} EBADR - the device has no requests; EINVAL - `fd` is none of its requests. */
  byFd(call: Call, fd: number): MediaRequest {
    if (!this.hasRequests) throw new V4l2Error("EBADR", `${this.name} has no requests`);
    if (this.#requests === undefined) throw new V4l2Error("EINVAL", `${this.name} can make no requests`);
    return this.#requests.byFd(call, fd);
  }

  /** @throws {V4l2Error} ENXIO - the device is gone. */
  open(file: MediaFile): void {
    if (!this.#registered) throw new V4l2Error("ENXIO", "the device is gone");
    this.#files.add(file);
    this.#report(file, "open");
  }

  release(file: MediaFile): void {
    this.#files.delete(file);
    this.#report(file, "release");
  }

  /**
   * @param arg - `_IOC_SIZE(cmd)` bytes, changed in place; counts only after success.
   * @throws {V4l2Error} What the client gets as errno; ENOTTY - no ioctl of a media device; EIO - the device is gone
   *   (which is ENODEV on video nodes: media_ioctl differs from v4l2_ioctl).
   */
  ioctl(file: MediaFile, cmd: number, arg: Uint8Array, call: Call): Awaitable<number> {
    if (!this.#registered) throw new V4l2Error("EIO", "the device is gone");
    const { trace, name: device } = this;
    return mediaDeviceIoctls.serve({ on: this, trace, device, file: file.id }, cmd, arg, call);
  }

  /** `Poll` bits that are true now. */
  poll(): number {
    return this.#registered ? ALWAYS_READY : Poll.Err | Poll.Hup;
  }

  /** The device is gone: every call answers EIO, pollers wake. What was made of requests goes on. */
  unregister(): void {
    if (!this.#registered) return;
    this.#registered = false;
    for (const file of this.#files) file.notifyPoll?.();
  }

  /**
   * Makes a request and gives its descriptor to the caller.
   * @throws {V4l2Error} ENOTTY - no requests, or the caller cannot take a descriptor; EINTR; see {@link RequestStore.allocate}.
   */
  async allocateRequest(call: Call): Promise<Request> {
    if (this.#requests === undefined) throw new V4l2Error("ENOTTY", `${this.name} has no requests`);
    if (call.sendFd === undefined) {
      throw new V4l2Error("ENOTTY", "the client cannot be given a descriptor (no graft, no helper library)");
    }
    const state = { interrupted: false };
    call.onInterrupt(() => {
      state.interrupted = true;
    });
    const { request, file } = await this.#requests.allocate();
    try {
      if (state.interrupted) throw new V4l2Error("EINTR", "the caller was interrupted meanwhile");
      await call.sendFd(file.fd);
    } finally {
      file.close(); // The client has its own now, or nobody wants it.
    }
    return request;
  }

  #report({ id, client }: MediaFile, action: "open" | "release"): void {
    const operation = { device: this.name, name: action, action, file: id, client, size: 0 };
    void traced<number>(this.trace, {
      ...operation,
      run: () => 0,
      ended: (outcome) => {
        this.trace.emit(fileEvent(operation, outcome));
      },
    });
  }

  /** A sentence for the operator. */
  message(level: "info" | "warning" | "error", text: string): void {
    this.trace.message({ kind: "message", ...traceTimes(), device: this.name, level, text });
  }
}
