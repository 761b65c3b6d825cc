/**
 * What a driver can implement: one optional method per ioctl, named like the ioctl. A missing one is ENOTTY.
 *
 * Methods see values that the core has already checked as far as it can for every driver: the buffer type
 * belongs to the device, reserved fields are gone, enumerations hold known values, counts are bounded.
 * They may answer at once or by promise; answering at once keeps the ioctl on the fast path.
 *
 * Conventions: an `enum...` or `g...` op that returns `undefined` means "there is none", EINVAL for the client.
 * `s...` ops return what the hardware really does when the client is told that, else nothing.
 * Every op may throw V4l2Error with an errno that the ioctl's documentation lists.
 */
import type { Call, Client } from "./call.js";
import type { SubdevOps } from "./ops-subdev.js";
import type { VideoOps } from "./ops-video.js";
import type {
  Awaitable,
  Buffer,
  BufType,
  CreateBuffers,
  CreateBuffersReply,
  DequeueRequest,
  EnumFmtRequest,
  ExportBuffer,
  ExportedFd,
  FormatDescription,
  Fract,
  FrameInterval,
  FrameSize,
  MetaFormat,
  MmapReply,
  MmapRequest,
  QueryBufferRequest,
  Rect,
  RemoveBuffers,
  RequestBuffers,
  RequestBuffersReply,
  SdrFormat,
  SelectionRequest,
  SetSelectionRequest,
  SlicedVbiFormat,
  VbiFormat,
  VideoBufType,
  VideoFormat,
  WindowFormat,
} from "./values/types.js";
import type {
  EventSubscription,
  ExtControls,
  QueryCtrlReply,
  QueryExtCtrlReply,
  QueryMenuReply,
  StreamParm,
} from "./values/types-device.js";

/** Formats of the queues. Picture queues share `gFmt`, `sFmt`, `tryFmt`; the other kinds have ops of their own. */
export interface FormatOps<File> {
  /** Serves every type that has formats to list. `undefined`: no such index. */
  enumFmt?(file: File, request: EnumFmtRequest): Awaitable<FormatDescription | undefined>;
  gFmt?(file: File, type: VideoBufType): Awaitable<VideoFormat>;
  /**
   * Sets the nearest format that the hardware can do and returns it.
   * @throws {V4l2Error} EBUSY - buffers are allocated.
   */
  sFmt?(file: File, format: VideoFormat): Awaitable<VideoFormat>;
  /** As `sFmt` would answer, without setting. Never EBUSY. */
  tryFmt?(file: File, format: VideoFormat): Awaitable<VideoFormat>;

  gFmtOverlay?(file: File, type: WindowFormat["type"]): Awaitable<WindowFormat>;
  sFmtOverlay?(file: File, format: WindowFormat): Awaitable<WindowFormat>;
  tryFmtOverlay?(file: File, format: WindowFormat): Awaitable<WindowFormat>;
  gFmtVbi?(file: File, type: VbiFormat["type"]): Awaitable<VbiFormat>;
  sFmtVbi?(file: File, format: VbiFormat): Awaitable<VbiFormat>;
  tryFmtVbi?(file: File, format: VbiFormat): Awaitable<VbiFormat>;
  gFmtSlicedVbi?(file: File, type: SlicedVbiFormat["type"]): Awaitable<SlicedVbiFormat>;
  sFmtSlicedVbi?(file: File, format: SlicedVbiFormat): Awaitable<SlicedVbiFormat>;
  tryFmtSlicedVbi?(file: File, format: SlicedVbiFormat): Awaitable<SlicedVbiFormat>;
  gFmtSdr?(file: File, type: SdrFormat["type"]): Awaitable<SdrFormat>;
  sFmtSdr?(file: File, format: SdrFormat): Awaitable<SdrFormat>;
  tryFmtSdr?(file: File, format: SdrFormat): Awaitable<SdrFormat>;
  gFmtMeta?(file: File, type: MetaFormat["type"]): Awaitable<MetaFormat>;
  sFmtMeta?(file: File, format: MetaFormat): Awaitable<MetaFormat>;
  tryFmtMeta?(file: File, format: MetaFormat): Awaitable<MetaFormat>;

  enumFramesizes?(
    file: File,
    request: { readonly index: number; readonly pixelformat: number },
  ): Awaitable<FrameSize | undefined>;
  enumFrameintervals?(
    file: File,
    request: {
      readonly index: number;
      readonly pixelformat: number;
      readonly width: number;
      readonly height: number;
    },
  ): Awaitable<FrameInterval | undefined>;

  /** Frame rate and the like. Absent: G_PARM still answers with the current standard's frame period. */
  gParm?(file: File, type: BufType): Awaitable<StreamParm>;
  sParm?(file: File, parm: StreamParm): Awaitable<StreamParm>;

  /** Serves G_SELECTION, and G_CROP and CROPCAP. */
  gSelection?(file: File, request: SelectionRequest): Awaitable<Rect>;
  /** Serves S_SELECTION and S_CROP. Returns the rectangle that was set. */
  sSelection?(file: File, request: SetSelectionRequest): Awaitable<Rect>;
  /** Pixel aspect (height over width) for CROPCAP; absent is 1:1. */
  gPixelaspect?(file: File, type: BufType): Awaitable<Fract>;
}

/** Buffers; vb2 has them all ready-made. */
export interface BufferOps<File> {
  /**
   * @param request.count - Buffers wanted; 0 frees them all.
   * @returns The count really allocated; it may be lower or higher.
   * @throws {V4l2Error} EBUSY - streaming, or another file owns the queue.
   * @throws {V4l2Error} EINVAL - `memory` is not offered by this queue.
   * @throws {V4l2Error} ENOMEM - not even one buffer fits.
   */
  reqbufs?(file: File, request: RequestBuffers, call: Call): Awaitable<RequestBuffersReply>;
  /** Like `reqbufs`, in addition to the buffers that are there. With count 0 only tells what could be done. */
  createBufs?(file: File, request: CreateBuffers, call: Call): Awaitable<CreateBuffersReply>;
  /** @throws {V4l2Error} EINVAL - no such run of buffers; EBUSY - one of them is in use. */
  removeBufs?(file: File, request: RemoveBuffers, call: Call): Awaitable<void>;
  querybuf?(file: File, request: QueryBufferRequest, call: Call): Awaitable<Buffer>;
  qbuf?(file: File, buffer: Buffer, call: Call): Awaitable<Buffer>;
  prepareBuf?(file: File, buffer: Buffer, call: Call): Awaitable<Buffer>;
  /**
   * @throws {V4l2Error} EAGAIN - nothing is done and the file is O_NONBLOCK.
   * @throws {V4l2Error} EPIPE - the last buffer was already dequeued.
   * @throws {V4l2Error} EINTR - interrupted while waiting.
   */
  dqbuf?(file: File, request: DequeueRequest, call: Call): Awaitable<Buffer>;
  /** Only reached by clients that can receive an fd. */
  expbuf?(file: File, request: ExportBuffer, call: Call): Awaitable<ExportedFd>;
  streamon?(file: File, type: BufType, call: Call): Awaitable<void>;
  streamoff?(file: File, type: BufType, call: Call): Awaitable<void>;
}

/** Event subscription; `events.ts` has helpers. DQEVENT is served by the core from `file.events`. */
export interface EventOps<File> {
  /** @throws {V4l2Error} EINVAL - the device has no such event. */
  subscribeEvent?(file: File, subscription: EventSubscription): Awaitable<void>;
  /** Absent: the core drops the subscription from `file.events`. */
  unsubscribeEvent?(file: File, subscription: EventSubscription): Awaitable<void>;
}

/** The driver's private ioctls. */
export interface DefaultOps<File> {
  /**
   * Any ioctl that is not V4L2's.
   * @param arg - `_IOC_SIZE(cmd)` bytes, changed in place; copied back when the number says so.
   * @param mayChange - Does the caller's priority allow changes?
   * @returns What `ioctl(2)` returns.
   * @throws {V4l2Error} ENOTTY - unknown to the driver too.
   */
  default?(file: File, cmd: number, arg: Uint8Array, call: Call, mayChange: boolean): Awaitable<number>;
}

/** Everything a driver may implement. */
export type IoctlOps<File> = FormatOps<File> &
  BufferOps<File> &
  EventOps<File> &
  VideoOps<File> &
  SubdevOps<File> &
  DefaultOps<File>;

/**
 * The control ioctls, on `file.controls`. `controls/` implements them; a device without a handler answers ENOTTY.
 */
export interface ControlOps {
  /**
   * QUERYCTRL. `id` may carry `V4L2_CTRL_FLAG_NEXT_CTRL` and `..._NEXT_COMPOUND`.
   * @throws {V4l2Error} EINVAL - no such control.
   */
  queryctrl(id: number): QueryCtrlReply;
  queryExtCtrl(id: number): QueryExtCtrlReply;
  /** @throws {V4l2Error} EINVAL - no such control, not a menu, or no such item. */
  querymenu(request: { readonly id: number; readonly index: number }): QueryMenuReply;
  gCtrl(id: number): Awaitable<number>;
  /** @returns The value that was set (rounded, clamped). */
  sCtrl(control: { readonly id: number; readonly value: number }, file: AnyFile): Awaitable<number>;
  /**
   * Values go back through `request.controls`; so do `size` and `request.errorIdx` after a refusal.
   * The core has checked `count` and `which` as far as the kernel's core does.
   */
  gExtCtrls(request: ExtControls, file: AnyFile, call: Call): Awaitable<void>;
  sExtCtrls(request: ExtControls, file: AnyFile, call: Call): Awaitable<void>;
  tryExtCtrls(request: ExtControls, file: AnyFile, call: Call): Awaitable<void>;
  /** Printed by LOG_STATUS: one line per control. */
  logStatus?(print: (line: string) => void): void;
}

/** A file handle whose driver state does not matter: identity and notifications only. */
export interface AnyFile {
  /** The process that opened it; for the log. */
  readonly client?: Client;
  /** Its device; one that is not registered any more is gone. */
  readonly device?: { readonly registered: boolean };
  readonly id: bigint;
  notifyPoll(): void;
}

/** A file as `/proc/<pid>/maps` shows mappings of it. */
export interface MappedFile {
  readonly ino: number;
  readonly path: string;
}

/** The memory that a file's clients map without asking us; see `FileOps.makeBacking`. */
export interface FileBacking {
  /** A descriptor of it; stays its own. */
  readonly fd: number;
  readonly sizeBytes: number;
  /** Freed memory is being given back: who allocates waits for that. Undefined: nobody need wait. Never rejects. */
  readonly settled: Promise<void> | undefined;
  /** Mappings of this file show the memory, too. */
  mappedAs(file: MappedFile): void;
  /** The file is closed, or its client cannot map after all. */
  close(): void;
}

/** The calls besides ioctl. vb2 has read, write, poll and mmap ready-made. */
export interface FileOps<File> {
  /** At most `size` bytes; an empty answer is end of file. `offset` counts within one `read()` call of the client. */
  read?(
    file: File,
    request: { readonly size: number; readonly offset: bigint },
    call: Call,
  ): Awaitable<Uint8Array>;
  /** @returns Bytes taken. `data` is valid until the call settles. */
  write?(
    file: File,
    request: { readonly data: Uint8Array; readonly offset: bigint },
    call: Call,
  ): Awaitable<number>;
  /**
   * @param events - `Poll` bits that the client waits for.
   * @returns `Poll` bits that are true now, except `Pri`: the core adds that for waiting events.
   */
  poll?(file: File, events: number): number;
  /** @throws {V4l2Error} EINVAL - no buffer has that offset. */
  mmap?(file: File, request: MmapRequest, call: Call): Awaitable<MmapReply>;
  /**
   * Makes memory that will hold all MMAP buffers of the file from then on, at the offsets that QUERYBUF tells: for a
   * client whose descriptor becomes one that maps it (docs/graft.md). Without this op, only clients with the helper
   * library map.
   * @throws {V4l2Error} ENOMEM
   */
  makeBacking?(file: File): FileBacking;
}
