/** One open file of a device: what `struct v4l2_fh` is in the kernel. */
import type { Call, Client } from "./call.js";
import { V4l2Error } from "./error.js";
import type { Device } from "./device.js";
import type { ControlOps, FileBacking } from "./ops.js";
import { Priority } from "./values/types.js";
import type { Awaitable } from "./values/types.js";
import type { EventSubscription, V4l2Event } from "./values/types-device.js";

/**
 * The events of one file; implemented by `events.ts`.
 * It calls {@link FileHandle.notifyPoll} when an event arrives on an empty queue.
 */
export interface FileEvents {
  /** Events waiting; more than 0 is POLLPRI. */
  readonly pending: number;
  /** Is anything subscribed? poll() asks. */
  readonly subscribed: boolean;
  /**
   * DQEVENT.
   * @throws {V4l2Error} ENOENT - nothing waits and the file is O_NONBLOCK.
   * @throws {V4l2Error} EINTR - interrupted while waiting.
   */
  dequeue(call: Call): Awaitable<V4l2Event>;
  /** UNSUBSCRIBE_EVENT; unknown subscriptions are no error. `EventType.All` drops everything. */
  unsubscribe(subscription: EventSubscription): void;
  /** The file is closed: drops subscriptions, events and waiters. */
  close(): void;
}

/**
 * How clients of a file map its MMAP buffers. "none": they cannot. "by-asking": they ask us where the memory is (the
 * helper library), or their descriptor becomes one that maps once they have buffers. `backing`: their descriptor maps
 * this memory, and we are not asked.
 */
export type Mapping = "none" | "by-asking" | { readonly backing: FileBacking };

/** What is known of a file when it is opened. */
export interface FileHandleOptions<State> {
  readonly device: Device<FileHandle<State>>;
  /** Unique among the open files of a device. */
  readonly id: bigint;
  /** The process that opened the file. */
  readonly client: Client;
  /** `open(2)` flags at the time of opening. */
  readonly flags: number;
  readonly notifyPoll: () => void;
}

/** One open file of a device: who opened it, its priority, controls and events, and the driver's own state. */
export class FileHandle<State = unknown> {
  readonly device: Device<FileHandle<State>>;
  readonly id: bigint;
  readonly client: Client;
  readonly flags: number;
  /** Wakes whoever polls this file; the device's poll op is then asked again. */
  readonly notifyPoll: () => void;

  /** Raised by `S_PRIORITY`; the device counts it (`VideoDevice.setPriority`). */
  priority: Priority = Priority.Interactive;
  /** How this file's clients map buffers. Whoever brings their calls decides it (src/serve), and nobody else. */
  mapping: Mapping = "none";
  /** Control values of this file (mem2mem) or of the device. The open hook may set it. */
  controls: ControlOps | undefined;
  /** What a sub-device's client said that it knows (`V4L2_SUBDEV_CLIENT_CAP_*`). */
  subdevClientCaps = 0n;
  /** Set by the device at open when it has events. */
  events: FileEvents | undefined;

  #state: { readonly value: State } | undefined;

  constructor(options: FileHandleOptions<State>) {
    this.device = options.device;
    this.id = options.id;
    this.client = options.client;
    this.flags = options.flags;
    this.notifyPoll = options.notifyPoll;
  }

  /** What the driver's open hook returned for this file. */
  get state(): State {
    if (this.#state === undefined) throw new Error("the file has no state before the open hook returned");
    return this.#state.value;
  }

  /** Called once, by the device. */
  setState(value: State): void {
    if (this.#state !== undefined) throw new Error("the file's state is set once");
    this.#state = { value };
  }

  /** Are MMAP buffers offered to this file's clients? */
  get canMap(): boolean {
    return this.mapping !== "none";
  }

  /** Where MMAP buffers are, if clients of this file map them without asking us. */
  get backing(): FileBacking | undefined {
    return typeof this.mapping === "object" ? this.mapping.backing : undefined;
  }

  /** The file's controls. @throws {V4l2Error} ENOTTY - it has none. */
  requireControls(): ControlOps {
    if (this.controls === undefined) throw new V4l2Error("ENOTTY", "the device has no controls");
    return this.controls;
  }
}
