/**
 * Recordings of a device's events, and what can be made of them: files for other tools, and sentences about late frames.
 *
 * What the layer guarantees: to record costs little and never holds a client up; what could not be written is counted and
 * said; a recording is read in constant memory, and whatever bytes it has give events or one {@link RecordingError}.
 */
export { eventFields, eventKinds, EVENTS_VERSION, kindDocs, commonFields, fieldForms } from "./fields.js";
export type { EventField, FieldForm } from "./fields.js";
export { encodeDropped, encodeHead } from "./format.js";
export { EventRing, EventRingReader } from "./ring.js";
export type { RingPiece, RingPlace } from "./ring.js";
export { Recorder } from "./recorder.js";
export type { RecorderOptions } from "./recorder.js";
export { Recording, RecordingError } from "./reader.js";
export { ChromeTrace } from "./chrome.js";
export { ftraceLines } from "./ftrace.js";
export type { FtraceLine } from "./ftrace.js";
export { lateCauses, LateFrames } from "./late.js";
export type { LateCause, LateFrame, LateOptions } from "./late.js";
export { mergedEvents } from "./merge.js";
export { eventSchema } from "./schema.js";
