/** Bits, and the pattern by which every codec describes its syntax: see `src/codec/index.ts`. */
export { BitReader } from "./bit-reader.js";
export { BitWriter } from "./bit-writer.js";
export { BoolReader, BoolWriter, RecordingBoolReader } from "./bool-coder.js";
export type { BoolCoder, BoolState } from "./bool-coder.js";
export type { Coder, Field, FieldSink, Heading } from "./coder.js";
export { CodecError } from "./error.js";
export type { CodecErrorPlace } from "./error.js";
export { bitInNal, countRemoved, escapeRbsp, RbspBuffer } from "./rbsp.js";
export type { Rbsp } from "./rbsp.js";
export { signedSubexpWithRef, unsignedSubexpWithRef } from "./subexp.js";
export { RecordingReader, SyntaxReader } from "./syntax-reader.js";
export { SyntaxWriter } from "./syntax-writer.js";
