/** A client's side of the control ioctls: memory with addresses, `struct v4l2_ext_control`s, files with events. */
import type { Call } from "../../../src/v4l2/call.js";
import type { ControlHandler } from "../../../src/v4l2/controls/index.js";
import { V4l2Error } from "../../../src/v4l2/error.js";
import { EventQueue } from "../../../src/v4l2/events.js";
import type { EventFile } from "../../../src/v4l2/events.js";
import type { MediaRequest, RequestObject, RequestState } from "../../../src/v4l2/media-request.js";
import { EventSubFlag, EventType } from "../../../src/v4l2/values/types-device.js";
import type { ExtControl, ExtControls, V4l2Event } from "../../../src/v4l2/values/types-device.js";

export class FakeFile implements EventFile {
  static #count = 0n;
  readonly id = FakeFile.#count++;
  readonly events = new EventQueue(this);
  notifications = 0;

  notifyPoll(): void {
    this.notifications++;
  }

  listen(controls: ControlHandler, id: number, flags = 0): void {
    controls.subscribeEvent(this, { type: EventType.Ctrl, id, flags });
  }

  /** Like {@link listen}, own changes included. */
  listenToAll(controls: ControlHandler, id: number): void {
    this.listen(controls, id, EventSubFlag.AllowFeedback);
  }

  drain(): V4l2Event[] {
    const events: V4l2Event[] = [];
    while (this.events.pending > 0) events.push(this.events.dequeue(call) as V4l2Event);
    return events;
  }

  /** `[id, changes, value]` of the control events that wait. */
  changes(): (readonly [number, number, bigint])[] {
    return this.drain().map(({ id, payload }) =>
      payload.kind === "ctrl" ? [id, payload.changes, payload.value64] : [id, -1, 0n],
    );
  }
}

export const call: Call = {
  caller: { tid: 1, uid: 0, gid: 0 },
  client: { pid: 1, comm: "test" },
  memory: { read: () => undefined, write: () => undefined },
  nonblocking: () => true,
  onInterrupt: () => undefined,
  isAdmin: () => false,
};

export interface ExtOptions {
  readonly value?: number | bigint;
  /** Makes the control one with a payload of that size. */
  readonly payload?: Uint8Array;
  /** What the client says; by default the payload's length. */
  readonly size?: number;
  readonly fault?: "read" | "write" | "both";
}

/** One control as a client passes it. `payload` is the client's memory, `value64` the union. */
export class FakeExtControl implements ExtControl {
  size: number;
  readonly payload: Uint8Array;
  readonly #union = new DataView(new ArrayBuffer(8));
  readonly #fault: ExtOptions["fault"];
  writes = 0;

  constructor(
    readonly id: number,
    { value = 0, payload, size, fault }: ExtOptions = {},
  ) {
    this.payload = payload ?? new Uint8Array(0);
    this.size = size ?? this.payload.length;
    this.#fault = fault;
    if (typeof value === "bigint") this.value64 = value;
    else this.value = value;
  }

  get value(): number {
    return this.#union.getInt32(0, true);
  }
  set value(value: number) {
    this.#union.setInt32(0, value, true);
  }

  get value64(): bigint {
    return this.#union.getBigInt64(0, true);
  }
  set value64(value: bigint) {
    this.#union.setBigInt64(0, value, true);
  }

  readPayload(sizeBytes: number): Uint8Array {
    if (this.#fault === "read" || this.#fault === "both" || sizeBytes > this.payload.length) {
      throw new V4l2Error("EFAULT", "the client's memory ends");
    }
    return this.payload.slice(0, sizeBytes);
  }

  writePayload(bytes: Uint8Array): void {
    if (this.#fault === "write" || this.#fault === "both" || bytes.length > this.payload.length) {
      throw new V4l2Error("EFAULT", "the client's memory ends");
    }
    this.payload.set(bytes);
    this.writes++;
  }
}

export const ext = (id: number, options?: ExtOptions): FakeExtControl => new FakeExtControl(id, options);

/** NUL terminated, in a buffer of `size` bytes. */
export function text(value: string, size = value.length + 1): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(new TextEncoder().encode(value).subarray(0, size));
  return bytes;
}

export function extControls(controls: readonly ExtControl[], which = 0, requestFd = -1): ExtControls {
  return { which, requestFd, controls, errorIdx: controls.length };
}

/** The errno that `run` is refused with, or "ok". Anything but a V4l2Error goes up. */
export function outcome(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof V4l2Error) return error.code;
    throw error;
  }
  return "ok";
}

export type Verb = "gExtCtrls" | "sExtCtrls" | "tryExtCtrls";

/** `[errno or "ok", errorIdx]` of one of the extended ioctls. */
export function extOutcome(
  controls: ControlHandler,
  verb: Verb,
  list: readonly ExtControl[],
  {
    which = 0,
    file = new FakeFile(),
    requestFd = -1,
  }: { which?: number; file?: FakeFile; requestFd?: number } = {},
): [string, number] {
  const request = extControls(list, which, requestFd);
  const code = outcome(() => controls[verb](request, file, call));
  return [code, request.errorIdx];
}

/** A media request that does what src/media's does, as far as controls notice. */
export class FakeRequest implements MediaRequest {
  state: RequestState = "idle";
  readonly name = "1:2";
  readonly completed = new Set<RequestObject>();
  readonly #objects: RequestObject[] = [];

  get objects(): readonly RequestObject[] {
    return this.#objects;
  }

  find(owner: object): RequestObject | undefined {
    return this.#objects.find((object) => object.owner === owner);
  }

  bind(object: RequestObject): void {
    if (this.state !== "idle" && this.state !== "queued")
      throw new V4l2Error("EBUSY", `request is ${this.state}`);
    this.#objects.push(object);
  }

  unbind(object: RequestObject): void {
    this.#objects.splice(this.#objects.indexOf(object), 1);
    object.unbind?.();
  }

  complete(object: RequestObject): void {
    this.completed.add(object);
    this.state = "complete";
  }

  queue(): void {
    this.state = "validating";
    for (const object of this.#objects) object.prepare?.();
    this.state = "queued";
    for (const object of this.#objects) object.queue?.();
  }

  reinit(): void {
    for (const object of this.#objects.splice(0)) {
      object.unbind?.();
      object.release?.();
    }
    this.completed.clear();
    this.state = "idle";
  }
}
