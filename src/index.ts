/**
 * v4l2-cuse as a library: what a driver is written with. `examples/` and docs/write-your-own-driver.md show how.
 *
 * A driver declares a `VideoDevice` with ops that are named like ioctls, gives it buffer queues (`VideoQueue`, or
 * `M2mContext` for mem2mem), controls (`ControlHandler`), perhaps a media controller with requests, and starts it with
 * `startVideoDevice`. It sees plain typed values only.
 */
export { CuseError, CuseSession, type SessionLog, type SessionOptions } from "./cuse/index.js";
export * from "./v4l2/index.js";
export * from "./vb2/index.js";
export * from "./m2m/index.js";
export * as tpg from "./tpg/index.js";
