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
export { fileSink, streamSink } from "./sinks.js";
export type { RecordSink } from "./sinks.js";
export { followEvents } from "./follow.js";
export type { Follower, FollowOptions } from "./follow.js";
export { Recording, RecordingError, withDescription } from "./reader.js";
export { LiveRecording } from "./live.js";
export { ChromeTrace } from "./chrome.js";
export { ftraceLines } from "./ftrace.js";
export type { FtraceLine } from "./ftrace.js";
export { lateCauses, LateFrames } from "./late.js";
export type { LateCause, LateFrame, LateOptions } from "./late.js";
export { mergedEvents } from "./merge.js";
export { Expectations } from "./expectations.js";
export type { ExpectationsOptions, RuleResult } from "./expectations.js";
export { junitXml } from "./junit.js";
export { MAX_RULES, parseRule, parseRules, RuleError } from "./rules.js";
export type { Rule } from "./rules.js";
export { eventSchema } from "./schema.js";
