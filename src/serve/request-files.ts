/**
 * Requests as descriptors: makes them, knows them again when a client names one by its number, and serves what clients
 * do with them. The files themselves are anonymous files of src/cuse.
 */
import type {
  AnonymousFile,
  CharDevice,
  Identified,
  IoctlRequest,
  OpenFile,
  PollRequest,
} from "../cuse/index.js";
import { isSystemError } from "../native.js";
import { mediaRequestIoctls, Request } from "../media/index.js";
import type { MediaDevice, RequestOps, RequestStore } from "../media/index.js";
import type { Call } from "../v4l2/index.js";
import { traceTimes, V4l2Error } from "../v4l2/index.js";
import { AdapterCall, answer, LastClient } from "./client-call.js";

/** Files that clients hold descriptors of; `FuseSession` has these methods. */
export interface AnonymousFiles {
  create<File>(
    device: CharDevice<File>,
    open: (file: OpenFile) => File,
    options?: { readonly label?: string },
  ): Promise<AnonymousFile>;
  identify(tid: number, fd: number): Identified | undefined;
  catchUp(): void;
}

/** One request and its open file. */
class RequestFile {
  constructor(
    readonly request: Request,
    readonly handle: OpenFile,
  ) {}
}

/** What requests need to know of their media device. */
export type RequestDevice = Pick<MediaDevice, "name" | "trace" | "requestOps" | "maxRequests">;

/** The requests of one media device, each an anonymous file. */
export class RequestFiles implements RequestStore, CharDevice<RequestFile> {
  readonly #device: RequestDevice;
  readonly #ops: RequestOps;
  readonly #files: AnonymousFiles;
  readonly #open = new Map<Request, RequestFile>();
  readonly #clients = new LastClient();
  /** Those that clients put something into, and have not queued: all whose end means something to other nodes. */
  readonly #filling = new Set<Request>();
  #lastId = 0;
  #beingMade = 0;

  /** @throws {Error} The driver takes no requests. */
  constructor(device: RequestDevice, files: AnonymousFiles) {
    if (device.requestOps === undefined) throw new Error(`${device.name} takes no requests`);
    this.#device = device;
    this.#ops = device.requestOps;
    this.#files = files;
  }

  /** Requests whose descriptors are not all closed. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Takes note of requests that clients have closed by now. Costs nothing while none is being filled: that an empty
   * request is closed, or one that is queued or complete, changes nothing for anybody else.
   */
  catchUp(): void {
    if (this.#filling.size > 0) this.#files.catchUp();
  }

  /**
   * `MEDIA_IOC_REQUEST_ALLOC`.
   * @returns The request, and its first descriptor, to be given to the client and closed.
   * @throws {V4l2Error} ENOMEM - too many requests, or the kernel has no room for another file; EMFILE, ENFILE.
   */
  async allocate(): Promise<{ readonly request: Request; readonly file: AnonymousFile }> {
    const files = this.#files;
    const limit = this.#device.maxRequests;
    // Those that the client has just closed do not count.
    if (this.#open.size + this.#beingMade >= limit) files.catchUp();
    if (this.#open.size + this.#beingMade >= limit) {
      throw new V4l2Error("ENOMEM", `${limit} requests are open`);
    }
    const request = this.#newRequest();
    this.#beingMade += 1;
    try {
      const file = await files.create(this, (handle) => this.#opened(request, handle), { label: "request" });
      return { request, file };
    } catch (error) {
      const isOurs = isSystemError(error) && (error.code === "EMFILE" || error.code === "ENFILE");
      throw new V4l2Error(isOurs ? error.code : "ENOMEM", `no file for a request: ${String(error)}`);
    } finally {
      this.#beingMade -= 1;
    }
  }

  #newRequest(): Request {
    this.#lastId += 1;
    const { trace, name: device } = this.#device;
    const request: Request = new Request(String(this.#lastId), this.#ops, (from, to) => {
      // A request that was refused is still what it was.
      if (from === "validating" && to === "idle") this.#filling.add(request);
      else this.#filling.delete(request);
      if (trace.active) {
        const buffers = request.objects.flatMap((object) => object.key?.() ?? []);
        trace.emit({ kind: "request", ...traceTimes(), device, request: request.name, from, to, buffers });
      }
      this.#open.get(request)?.handle.notifyPoll();
    });
    return request;
  }

  #opened(request: Request, handle: OpenFile): RequestFile {
    const file = new RequestFile(request, handle);
    this.#open.set(request, file);
    return file;
  }

  byFd(call: Call, fd: number): Request {
    const found = this.#files.identify(call.caller.tid, fd);
    if (found?.device !== this || !(found.file instanceof RequestFile)) {
      throw new V4l2Error("EINVAL", `fd ${fd} is no request of ${this.#device.name}`);
    }
    const { request } = found.file;
    request.seenAs(fd);
    if (request.state === "idle") this.#filling.add(request);
    return request;
  }

  // ---- What clients do with the descriptors --------------------------------------------------------------------------

  open(): never {
    throw new Error("requests are made by allocate()");
  }

  release(file: RequestFile): void {
    this.#open.delete(file.request);
    this.#filling.delete(file.request);
    file.request.close();
  }

  ioctl({ request, handle }: RequestFile, ioctl: IoctlRequest): number | Promise<number> {
    const { trace, name: device } = this.#device;
    const { cmd, arg } = ioctl;
    const call = new AdapterCall(ioctl, this.#clients);
    const target = { on: request, trace, device, file: handle.id, note: `request=${request.name}` };
    return answer(() => mediaRequestIoctls.serve(target, cmd, arg, call));
  }

  poll(file: RequestFile, { events }: PollRequest): number {
    return file.request.poll(events);
  }
}
