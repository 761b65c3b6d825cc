/** H.264 NAL units from values: 7.3.1. */
import { escapeRbsp, SyntaxWriter, type Coder } from "../bits/index.js";
import { CODEC } from "./parse.js";
import { nalUnitHeader } from "./syntax-nal.js";

/**
 * A NAL unit without start code, of the highest `nal_ref_idc`.
 * @param write - Its RBSP: calls a syntax function.
 * @throws {CodecError} A value that the specification does not allow.
 */
export function writeNalUnit(nal_unit_type: number, write: (c: Coder) => void): Uint8Array {
  const writer = new SyntaxWriter(CODEC);
  nalUnitHeader(writer, { nal_ref_idc: 3, nal_unit_type });
  write(writer);
  return escapeRbsp(writer.finish());
}
