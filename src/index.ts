/**
 * v4l2-cuse as a library: what a driver is written with. `examples/` and docs/write-your-own-driver.md show how.
 *
 * A mem2mem driver declares an {@link M2mDevice}. Any other declares a {@link VideoDevice} with ops that are named like
 * ioctls, gives it buffer queues ({@link VideoQueue}) and controls ({@link ControlHandler}), and starts it with
 * {@link startVideoDevice}. A driver sees plain typed values only; to refuse a call it throws a {@link V4l2Error}.
 *
 * Values and types are named one by one: what is not here is not for drivers, and may change.
 */
export type * from "./api-types.js";

// A device
export { DriverTasks, V4l2Error, VideoDevice, errnoNumber } from "./v4l2/index.js";
export {
  deviceSession,
  serveUntilSignal,
  startMediaDevice,
  startVideoDevice,
  startVideoDevices,
  startWithMedia,
} from "./serve/index.js";
export { CuseError } from "./cuse/index.js";

// Formats and everything else that ioctls carry
export {
  anyFormat,
  CAP_TIMEPERFRAME,
  Cap,
  Colorspace,
  DecCmd,
  EDID_BLOCK_BYTES,
  EncCmd,
  Field,
  FmtFlag,
  fourcc,
  InputCap,
  InputType,
  isVideoFormat,
  MAX_PLANES,
  OutputType,
  PixFmtFlag,
  Poll,
  Priority,
  Quantization,
  SelectionFlag,
  SelectionTarget,
  singleInput,
  Std,
  TunerCap,
  TunerType,
  XferFunc,
  YcbcrEnc,
} from "./v4l2/index.js";

// Buffers
export {
  BufCap,
  BufFlag,
  BufType,
  isBufType,
  isMultiplanar,
  isOutput,
  isVideoBufType,
  Memory,
  MemoryFlag,
} from "./v4l2/index.js";
export {
  bufferOps,
  DEFAULT_HANDLE_BYTES,
  DEFAULT_PLANE_BYTES,
  fileOps,
  MemoryBudget,
  processBudget,
  SharedMemoryProvider,
  sizedByFormat,
  VideoBuffer,
  VideoQueue,
} from "./vb2/index.js";

// Controls
export {
  Cid,
  ControlHandler,
  CtrlChange,
  CtrlClass,
  CtrlFlag,
  CtrlNext,
  CtrlType,
  CtrlWhich,
  PRIVATE_BASE,
  standardIntMenu,
  standardMenu,
  standardName,
} from "./v4l2/index.js";

// Events
export {
  EventSubFlag,
  eventQueue,
  EventType,
  queueEvent,
  SourceChange,
  subscribeControlEvent,
  subscribeEvent,
  subscribeSourceChange,
} from "./v4l2/index.js";

// The log: a device's `trace`
export { jsonLine, kernelLine, logListener, prettyLine } from "./v4l2/index.js";

// The media controller, requests
export {
  buildM2mGraph,
  EntityFunction,
  InterfaceType,
  LinkFlag,
  MediaDevice,
  MediaGraph,
  PadFlag,
  queueObjects,
  validateObjects,
} from "./media/index.js";

// Sub-devices
export { startPipeline, SubDevice, SubdevState } from "./subdev/index.js";
export { MbusCode, RouteFlag, SubdevFormatWhence } from "./v4l2/index.js";

// mem2mem
export {
  copyMetadata,
  M2mContext,
  M2mDevice,
  M2mScheduler,
  m2mBufferOps,
  m2mFileOps,
  m2mFormatOps,
  queueM2mRequest,
  statefulDecoderOps,
  statefulEncoderOps,
  statelessDecoderOps,
} from "./m2m/index.js";

// Test pictures
/** Test pictures, frame by frame, in the formats of capture devices. */
export * as tpg from "./tpg/index.js";
