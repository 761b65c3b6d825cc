/**
 * Media requests as far as V4L2 needs to know them: buffers and controls that are queued as one.
 * src/media implements this; a device that supports requests is given a {@link RequestResolver}.
 */
import type { Call } from "./call.js";
import type { BufferKey } from "./trace/trace.js";

/** `enum media_request_state`. */
export type RequestState = "idle" | "validating" | "queued" | "complete" | "cleaning" | "updating";

/** Something bound into a request: a buffer, or the control values of one handler (`struct media_request_object`). */
export interface RequestObject {
  /** The queue or control handler that made it; one object per owner and request, except buffers. */
  readonly owner: object;
  readonly kind: "buffer" | "controls";
  /** Of a buffer: which one it is, for events. */
  key?(): BufferKey | undefined;
  /** Called by the request while it is being queued; throws to refuse. */
  prepare?(): void;
  /** Undoes `prepare` when a later object refused. */
  unprepare?(): void;
  /** The request is queued: work may start. */
  queue?(): void;
  /** The object left the request (reinit or close before it was queued). */
  unbind?(): void;
  /** The request forgets the object. */
  release?(): void;
}

/** A request as V4L2 sees it: its state, and what is bound to it. */
export interface MediaRequest {
  readonly state: RequestState;
  /** For the log, as the kernel names it: `"12:7"`, the device's twelfth request, descriptor 7. */
  readonly name: string;
  readonly objects: readonly RequestObject[];
  /** The object of `owner`, if one is bound. */
  find(owner: object): RequestObject | undefined;
  /** @throws {V4l2Error} EBUSY - the request is not idle. */
  bind(object: RequestObject): void;
  unbind(object: RequestObject): void;
  /** The object's part is done; when all are, the request is complete and its pollers wake. */
  complete(object: RequestObject): void;
}

/** Finds requests by the descriptors that clients name; a {@link MediaDevice} is one. */
export interface RequestResolver {
  /**
   * @param fd - Number in the calling process.
   * @throws {V4l2Error} EINVAL - no request of this device's media controller.
   */
  byFd(call: Call, fd: number): MediaRequest;
}
