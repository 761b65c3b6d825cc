/**
 * Sessions of clients: as files of v4l2-tracer, played again, and compared.
 *
 * What the layer guarantees: whatever bytes a file has, they give a session or one sentence; nothing is sent to a driver
 * that the file does not name and the uAPI does not know, and no pointer of a file ever reaches a driver.
 */
export { SessionFacts, TracerFile } from "./tracer-file.js";
export type { TracerOptions } from "./tracer-file.js";
export { RecordedSteps } from "./session.js";
export type { IoctlArgument, IoctlStep, NodeKind, Step } from "./session.js";
export { parseTracerFile, TracerError, tracerSteps } from "./tracer-read.js";
export { differenceOf, NEVER_COMPARED } from "./compare.js";
export type { Difference, Ignored } from "./compare.js";
export { sessionDifferences, SessionDiffError } from "./diff.js";
export type { SessionDifference, SessionDiffOptions } from "./diff.js";
export { RecordedCalls, tracerCalls } from "./diff-calls.js";
export type { DiffCall } from "./diff-calls.js";
export { Player, ReplayError } from "./player.js";
export type { Parting, PlayerOptions } from "./player.js";
