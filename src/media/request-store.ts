/** Where the requests of a media device are: made, and found again by the descriptors that clients name. */
import type { Call } from "../v4l2/index.js";
import type { Request } from "./request.js";

/** A request that was made, and its first descriptor. */
export interface AllocatedRequest {
  readonly request: Request;
  /** Ours; to be given to the client, and closed. */
  readonly file: {
    readonly fd: number;
    close(): void;
  };
}

/** What a media device needs of whoever makes files for its requests; src/serve does. */
export interface RequestStore {
  /** Requests whose descriptors are not all closed. */
  readonly size: number;
  /**
   * Makes a request.
   * @throws {V4l2Error} ENOMEM - too many requests, or the kernel has no room for another file; EMFILE, ENFILE.
   */
  allocate(): Promise<AllocatedRequest>;
  /**
   * @param fd - Number in the calling process.
   * @throws {V4l2Error} EINVAL - no request of this device.
   */
  byFd(call: Call, fd: number): Request;
}
