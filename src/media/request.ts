/**
 * A media request: controls and buffers that a client queues as one (`struct media_request`).
 *
 * Everything here runs to completion on one thread, so the kernel's locks become order: what may only happen
 * in one state is refused in the others with the errno that `media-request` documents.
 */
import type { MediaRequest, RequestObject, RequestState } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";

/** What a device does with its requests (`struct media_device_ops`). */
export interface RequestOps {
  /**
   * May the request be queued? Runs `prepare` of its objects unless the driver adds checks of its own.
   * @throws {V4l2Error} ENOENT - no buffer, or a control that the codec requires is missing; EINVAL - wrong combination.
   */
  validate(request: Request): void;
  /** The request is queued; cannot fail. */
  queue(request: Request): void;
}

interface Entry {
  readonly object: RequestObject;
  completed: boolean;
}

export class Request implements MediaRequest {
  readonly name: string;
  readonly #ops: RequestOps;
  /** Controls first, then buffers in the order they were bound: buffers are queued after what they need. */
  readonly #entries: Entry[] = [];
  #state: RequestState = "idle";
  #incomplete = 0;
  #closed = false;
  #readers = 0;
  readonly #onChange: () => void;

  /** @param onChange - Called when pollers should look again. */
  constructor(name: string, ops: RequestOps, onChange: () => void) {
    this.name = name;
    this.#ops = ops;
    this.#onChange = onChange;
  }

  get state(): RequestState {
    return this.#state;
  }

  get objects(): readonly RequestObject[] {
    return this.#entries.map((entry) => entry.object);
  }

  find(owner: object): RequestObject | undefined {
    return this.#entries.find((entry) => entry.object.owner === owner)?.object;
  }

  /** Is the object bound and done? Control values may be read then. */
  isCompleted(object: RequestObject): boolean {
    return this.#entries.some((entry) => entry.object === object && entry.completed);
  }

  bind(object: RequestObject): void {
    // A control handler adds its object to a queued request when the client gave it none (request setup).
    if (this.#state !== "idle" && this.#state !== "updating" && this.#state !== "queued") {
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
    object.unbind?.();
    if (this.#state === "queued" && this.#incomplete === 0) this.#becomeComplete();
  }

  complete(object: RequestObject): void {
    const entry = this.#entries.find((candidate) => candidate.object === object);
    if (entry === undefined || entry.completed) return;
    entry.completed = true;
    this.#incomplete -= 1;
    if (this.#state === "queued" && this.#incomplete === 0) this.#becomeComplete();
  }

  #becomeComplete(): void {
    this.#state = "complete";
    this.#onChange();
    if (this.#closed) this.#clean();
  }

  /**
   * `MEDIA_REQUEST_IOC_QUEUE`.
   * @throws {V4l2Error} EBUSY - not idle.
   * @throws {V4l2Error} what `validate` throws; the request is idle again then.
   */
  queue(): void {
    if (this.#state !== "idle")
      throw new V4l2Error("EBUSY", `request ${this.name} is ${this.#state}, not idle`);
    this.#state = "validating";
    try {
      this.#ops.validate(this);
    } catch (error) {
      this.#state = "idle";
      throw error;
    }
    this.#state = "queued";
    this.#ops.queue(this);
  }

  /**
   * `MEDIA_REQUEST_IOC_REINIT`: forgets all objects, so that the request can be filled again.
   * @throws {V4l2Error} EBUSY - queued, or somebody reads its values.
   */
  reinit(): void {
    if (this.#state !== "idle" && this.#state !== "complete") {
      throw new V4l2Error("EBUSY", `request ${this.name} is ${this.#state}, neither idle nor complete`);
    }
    if (this.#readers > 0) throw new V4l2Error("EBUSY", `request ${this.name} is being read`);
    this.#clean();
    this.#state = "idle";
  }

  /** Keeps the request complete while `read` runs. */
  access<T>(read: () => T): T {
    if (this.#state !== "complete")
      throw new V4l2Error("EBUSY", `request ${this.name} is ${this.#state}, not complete`);
    this.#readers += 1;
    try {
      return read();
    } finally {
      this.#readers -= 1;
    }
  }

  /** The last fd is closed. A queued request runs to its end first. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#state !== "queued") this.#clean();
  }

  #clean(): void {
    this.#state = "cleaning";
    for (const entry of this.#entries.splice(0)) {
      entry.object.unbind?.();
      entry.object.release?.();
    }
    this.#incomplete = 0;
    this.#onChange();
  }
}

/**
 * The validation that most drivers want (`vb2_request_validate`): at least one buffer, and every object agrees.
 * @throws {V4l2Error} ENOENT - no buffer in the request.
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

/** Queues every object, controls before buffers (`v4l2_m2m_request_queue`). */
export function queueObjects(request: Request): void {
  for (const object of request.objects) object.queue?.();
}
