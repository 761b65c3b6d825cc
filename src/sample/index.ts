/**
 * `sample`: a virtual camera. It guarantees honest monotonic time stamps and sequence numbers, and pictures that
 * follow from them alone (`drawFrame`), so that whoever captures can check every pixel.
 */
export { Camera, type CameraOptions } from "./camera.js";
export { drawFrame, formatSeconds, type FrameFacts } from "./frame-picture.js";
export type { PacerClock } from "./pacer.js";
export { CameraModule, type CameraModuleOptions } from "./camera-module.js";
