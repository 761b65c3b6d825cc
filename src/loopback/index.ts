/**
 * The loopback device: a camera that shows what another program feeds it.
 *
 * What the layer guarantees: one producer at a time, any number of consumers, each with a queue, a format, a size and a
 * rate of its own; a slow consumer loses its own frames and nobody else's; consumers get pictures whether somebody feeds the
 * device or not, and hear nothing of producers that come, go or crash.
 */
export { DEFAULT_CARD, Loopback } from "./device.js";
export type { LoopbackOptions } from "./device.js";
export { OnDemand, type CommandLine, type OnDemandOptions } from "./on-demand.js";
export { formatName, LEAST_SIDE, MOST_SIDE, producerFormats, type Shape, type Size } from "./shape.js";
export { ffmpegCommand, ffmpegName, sourceProblem } from "./source-command.js";
export { PictureConversion } from "./picture-conversion.js";
