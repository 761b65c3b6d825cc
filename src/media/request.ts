/**
 * A media request: controls and buffers that a client queues as one (`struct media_request`).
 *
 * Everything here runs to completion on one thread, so the kernel's locks become order: what may only happen in one
 * state is refused in the others with the errno that the kernel's documentation gives. The state "updating" never
 * shows: nothing can look while an update runs.
 */
import type { MediaRequest, RequestObject, RequestState } from "../v4l2/index.js";
import { Poll, V4l2Error } from "../v4l2/index.js";

/** What a device does with its requests (`struct media_device_ops`). */
export interface RequestOps {
  /**
   * May the request be queued? Runs {@link validateObjects} unless the driver has reasons not to.
   * @throws {V4l2Error} ENOENT - no buffer, or a control that the codec requires is missing; EINVAL - wrong combination.
   */
  validate(request: Request): void;
  /** The request is queued: {@link queueObjects}. Cannot fail. */
  queue(request: Request): void;
}

interface Entry {
  readonly object: RequestObject;
  completed: boolean;
}

/** A request and what is bound to it. */
export class Request implements MediaRequest {
  readonly #id: string;
  readonly #ops: RequestOps;
  readonly #onChange: (from: RequestState, to: RequestState) => void;
  /** Controls first, then buffers in the order they were bound: buffers are queued after what they need. */
  readonly #entries: Entry[] = [];
  #state: RequestState = "idle";
  #incomplete = 0;
  #closed = false;
  #fd: number | undefined;

  /**
   * @param id - Names the request in the log.
   * @param onChange - Called after each change of the state: pollers should look again.
   */
  constructor(id: string, ops: RequestOps, onChange: (from: RequestState, to: RequestState) => void) {
    this.#id = id;
    this.#ops = ops;
    this.#onChange = onChange;
  }

  get state(): RequestState {
    return this.#state;
  }

  /** As the kernel names it, `"12:7"`: the device's twelfth request, seen as descriptor 7. */
  get name(): string {
    return this.#fd === undefined ? this.#id : `${this.#id}:${this.#fd}`;
  }

  /** A client calls it by this number; the first one counts. */
  seenAs(fd: number): void {
    this.#fd ??= fd;
  }

  get objects(): readonly RequestObject[] {
    return this.#entries.map((entry) => entry.object);
  }

  find(owner: object): RequestObject | undefined {
    return this.#entries.find((entry) => entry.object.owner === owner)?.object;
  }

  has(object: RequestObject): boolean {
    return this.#entries.some((entry) => entry.object === object);
  }

  bind(object: RequestObject): void {
    // A control handler adds its values to a queued request when the client gave it none (v4l2_ctrl_request_complete).
    if (this.#state !== "idle" && this.#state !== "queued") {
      throw new V4l2Error("EBUSY", `request ${this.name} is ${this.#state}, nothing can be added`);
    }
    const entry = { object, completed: false };
    if (object.kind === "buffer") this.#entries.push(entry);
    else this.#entries.unshift(entry);
    this.#incomplete += 1;
  }

  unbind(object: RequestObject): void {
    const index = this.#entries.findIndex((entry) => entry.object === object);
    const entry = this.#entries[index];
    if (entry === undefined) return;
    this.#entries.splice(index, 1);
    if (!entry.completed) this.#incomplete -= 1;
    const completes = this.#state === "queued" && this.#incomplete === 0;
    if (completes) this.#become("complete");
    object.unbind?.();
    if (completes) this.#cleanIfClosed();
    else if (this.#state === "idle" && object.kind === "buffer") this.#cleanIfClosed();
  }

  complete(object: RequestObject): void {
    const entry = this.#entries.find((candidate) => candidate.object === object);
    if (entry === undefined || entry.completed) return;
    entry.completed = true;
    this.#incomplete -= 1;
    if (this.#state !== "queued" || this.#incomplete > 0) return;
    this.#become("complete");
    this.#cleanIfClosed();
  }

  /**
   * `MEDIA_REQUEST_IOC_QUEUE`.
   * @throws {V4l2Error} EBUSY - not idle.
   * @throws {V4l2Error} what `validate` throws; the request is idle again then.
   */
  queue(): void {
    if (this.#state !== "idle") {
      throw new V4l2Error("EBUSY", `request ${this.name} is ${this.#state}, not idle`);
    }
    this.#become("validating");
    try {
      this.#ops.validate(this);
    } catch (error) {
      this.#become("idle");
      throw error;
    }
    // First: what queueing sets off may complete the request at once.
    this.#become("queued");
    this.#ops.queue(this);
  }

  /**
   * `MEDIA_REQUEST_IOC_REINIT`: forgets all objects, so that the request can be filled again.
   * @throws {V4l2Error} EBUSY - queued.
   */
  reinit(): void {
    if (this.#state !== "idle" && this.#state !== "complete") {
      throw new V4l2Error("EBUSY", `request ${this.name} is ${this.#state}, neither idle nor complete`);
    }
    this.#clean();
    this.#become("idle");
  }

  /**
   * `Poll` bits that are true now, as the kernel's requests tell them: only who waits for `Pri` learns anything, and
   * a request that is not queued cannot complete.
   */
  poll(events: number): number {
    if ((events & Poll.Pri) === 0) return 0;
    if (this.#state === "complete") return Poll.Pri;
    return this.#state === "queued" ? 0 : Poll.Err;
  }

  /**
   * The last descriptor is closed. A queued request runs to its end first. Buffers in an idle request stay in it until
   * their queue takes them back (STREAMOFF, REQBUFS, close): they hold the request, as in the kernel.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#state !== "queued") this.#cleanIfClosed();
  }

  #cleanIfClosed(): void {
    const isHeld = this.#state === "idle" && this.#entries.some(({ object }) => object.kind === "buffer");
    if (this.#closed && !isHeld && this.#state !== "cleaning") this.#clean();
  }

  #clean(): void {
    this.#become("cleaning");
    for (const { object } of this.#entries.splice(0)) {
      object.unbind?.();
      object.release?.();
    }
    this.#incomplete = 0;
  }

  #become(to: RequestState): void {
    const from = this.#state;
    this.#state = to;
    this.#onChange(from, to);
  }
}

/**
 * The validation that most drivers want (`vb2_request_validate`): at least one buffer, and every object agrees.
 * @throws {V4l2Error} ENOENT - no buffer in the request; or what an object's `prepare` refuses with.
 */
export function validateObjects(request: Request): void {
  if (!request.objects.some((object) => object.kind === "buffer")) {
    throw new V4l2Error("ENOENT", `request ${request.name} has no buffer`);
  }
  const prepared: RequestObject[] = [];
  try {
    for (const object of request.objects) {
      object.prepare?.();
      prepared.push(object);
    }
  } catch (error) {
    for (const object of prepared.reverse()) object.unprepare?.();
    throw error;
  }
}

/** Queues every object, controls before buffers (`vb2_request_queue`). */
export function queueObjects(request: Request): void {
  for (const object of request.objects) {
    // One before it may have been done at once, and with it the request.
    if (request.has(object)) object.queue?.();
  }
}
