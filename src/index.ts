/**
 * v4l2-cuse as a library: what a driver is written with. `examples/` and docs/write-your-own-driver.md show how.
 *
 * A mem2mem driver declares an {@link M2mDevice}. Any other declares a {@link VideoDevice} with ops that are named like
 * ioctls, gives it buffer queues ({@link VideoQueue}) and controls ({@link ControlHandler}), and starts it with
 * {@link startVideoDevice}. A driver sees plain typed values only; to refuse a call it throws a {@link V4l2Error}.
 */
export { CuseError, CuseSession, type SessionLog, type SessionOptions } from "./cuse/index.js";
export * from "./v4l2/index.js";
export * from "./vb2/index.js";
export * from "./media/index.js";
export * from "./m2m/index.js";
export * as tpg from "./tpg/index.js";
export { serveUntilSignal } from "./serve.js";
