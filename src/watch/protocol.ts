/** What the page is told, and what the thread that serves it and the driver's thread say to each other. Types only. */

/** The format of a queue, as VIDIOC_G_FMT would answer. */
export interface ShownFormat {
  readonly width: number;
  readonly height: number;
  readonly pixelformat: number;
  /** `YUYV` */
  readonly fourcc: string;
  readonly field: number;
  readonly planes: readonly { readonly bytesperline: number; readonly sizeimage: number }[];
  readonly colorspace: number;
  readonly ycbcrEnc: number;
  readonly quantization: number;
  readonly xferFunc: number;
}

/** A buffer, as it is now. */
export interface ShownBuffer {
  readonly index: number;
  readonly state: string;
  readonly sequence: number;
  /** Of each plane, bytes. */
  readonly bytesused: readonly number[];
}

/** A queue that somebody uses. */
export interface ShownQueue {
  /** `enum v4l2_buf_type` */
  readonly type: number;
  readonly isOutput: boolean;
  /** The open file that it belongs to, or whose client has allocated the buffers. */
  readonly file: string;
  readonly streaming: boolean;
  readonly memory: string | undefined;
  readonly format: ShownFormat | undefined;
  readonly buffers: readonly ShownBuffer[];
}

/** A control. Values that no widget shows have no `value`. */
export interface ShownControl {
  readonly id: number;
  readonly name: string;
  readonly type: "integer" | "boolean" | "menu" | "button" | "class" | "bitmask" | "other";
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly defaultValue: number;
  readonly value: number | undefined;
  readonly isReadOnly: boolean;
  readonly isInactive: boolean;
  readonly isGrabbed: boolean;
  /** Of menus: those items that there are. */
  readonly items?: readonly { readonly index: number; readonly name: string }[];
}

/** An open file. */
export interface ShownFile {
  readonly file: string;
  readonly pid: number;
  readonly comm: string;
  readonly nonblocking: boolean;
  /** Of a mem2mem device, where each file has its own. */
  readonly controls?: readonly ShownControl[];
}

/** A device. */
export interface ShownDevice {
  /** `video0` */
  readonly name: string;
  readonly driver: string;
  readonly card: string;
  readonly files: readonly ShownFile[];
  readonly queues: readonly ShownQueue[];
  readonly controls: readonly ShownControl[];
}

/** How things are. */
export interface WatchState {
  readonly program: string;
  readonly pid: number;
  readonly monotonicNs: number;
  /** May the page change controls? */
  readonly mayControl: boolean;
  readonly devices: readonly ShownDevice[];
  /** Frames since the driver started. */
  readonly frames: { readonly drawn: number; readonly late: number; readonly lost: number };
}

/** What names a queue. */
export interface QueueKey {
  readonly device: string;
  readonly type: number;
  readonly file: string;
}

/** What goes with a picture's bytes. */
export interface PictureHead {
  readonly format: ShownFormat;
  readonly sequence: number;
  readonly timestampNs: string;
  readonly monotonicNs: number;
  /** Bytes of each memory plane; they are one behind the other. */
  readonly planes: readonly number[];
  /** Counts the pictures of this queue that were shown. */
  readonly number: number;
}

/** A change that the page asks for. */
export interface ControlChange {
  readonly device: string;
  /** Where each file has its own controls. */
  readonly file?: string | undefined;
  readonly id: number;
  readonly value: number;
}

/** From the thread that serves to the driver's. */
export type ThreadMessage =
  | { readonly say: "listening"; readonly port: number }
  | { readonly say: "failed"; readonly reason: string }
  | { readonly say: "state"; readonly question: number }
  | { readonly say: "want"; readonly queue: QueueKey }
  | { readonly say: "change"; readonly question: number; readonly change: ControlChange };

/** And back. */
export type DriverMessage =
  | { readonly say: "state"; readonly question: number; readonly state: WatchState }
  | {
      readonly say: "changed";
      readonly question: number;
      /** Why not; undefined: it is. */
      readonly refusal: string | undefined;
      /** What it is now. */
      readonly value: number | undefined;
    }
  | {
      readonly say: "picture";
      readonly queue: QueueKey;
      readonly head: PictureHead;
      readonly bytes: Uint8Array<ArrayBuffer>;
    };

/** What the thread is started with. */
export interface ThreadStart {
  readonly port: number;
  readonly token: string;
  readonly ring: SharedArrayBuffer;
  /** The head of a recording of the ring. */
  readonly head: Uint8Array;
  /** `video0`, for the names of downloads. */
  readonly name: string;
  readonly mayControl: boolean;
}
