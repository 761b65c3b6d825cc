/**
 * Where devices meet the kernel: nodes for video and media devices over src/cuse, requests as descriptors, files put into
 * clients over src/graft, and the helper library's protocol.
 *
 * What the layer above may rely on:
 * - A session that has started answers at its node; closing it unplugs the device, and nothing of it is left behind.
 * - The device sees each call with its caller's memory, process and rights, and what it refuses is the client's errno.
 * - What a client closed before a call is closed before the device sees the call, whatever channel the close came on.
 * - A client maps buffers and takes descriptors with the helper library or without it; the device does not know which.
 */
export { ClientFiles, type ClientFilesOptions, type GraftChoice } from "./client-files.js";
export { lackSentences, type Lack } from "./lacks.js";
export { MediaCharDevice, startMediaDevice, type MediaSessionOptions } from "./media-node.js";
export { RequestFiles, type AnonymousFiles } from "./request-files.js";
export { deviceSession, startVideoDevices, startWithMedia } from "./start.js";
export type { DeviceSession, MediaStartOptions, StartOptions } from "./start.js";
export type { Unpluggable } from "./unplug.js";
export { isSupervised, Readiness, type ReadyOptions } from "./readiness.js";
export { serveUntilSignal } from "./until-signal.js";
export { startVideoDevice, VideoCharDevice, type VideoSessionOptions } from "./video-node.js";
/** For `v4l2-cuse doctor`, which tries what a driver may do to clients. */
export { Grafter, pendingCall, TracerError } from "../graft/index.js";
