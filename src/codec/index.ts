/**
 * Bitstreams: readers and writers for every codec, and the V4L2 stateless controls that follow from a stream.
 *
 * What the layers above may rely on: any bytes give a value or one {@link CodecError} with a sentence, in bounded time
 * and memory, and no value outside what the specification allows gets past. Nothing here opens a device.
 *
 * A syntax structure is one function over a `Coder` (`bits/coder.ts`):
 *
 *     export function picParameterSet(c: Coder, pps: Pps): void {
 *       c.structure("pic_parameter_set_rbsp", "7.3.2.2");
 *       pps.pic_parameter_set_id = c.ue("pic_parameter_set_id", pps.pic_parameter_set_id, 0, 255);
 *       pps.entropy_coding_mode_flag = c.flag("entropy_coding_mode_flag", pps.entropy_coding_mode_flag);
 *       for (let i = 0; i < count; i++) {
 *         pps.run_length_minus1[i] = c.ue("run_length_minus1", pps.run_length_minus1[i], 0, max, i);
 *       }
 *       c.rbspTrailingBits();
 *     }
 *
 * `SyntaxReader` runs it to parse (it ignores the values it is handed), `SyntaxWriter` to write, and `RecordingReader`
 * to tell a sink the name, subscripts, bit position, length and value of each element. So the three cannot disagree,
 * and nothing is allocated per element unless someone records. Boolean coded headers (VP8, VP9) do the same with a
 * `BoolCoder`. Rules for such functions:
 *
 * - Names and sections are the specification's. Values that it infers are plain assignments in the same function.
 * - Every bound of a loop comes from an element whose range was checked (`ue` with a range, `uRange`, `c.error()`).
 * - The object is made by `emptyX()` with all members present, so that its shape never changes.
 *
 * Each codec is a folder: `syntax*.ts` (the functions), `parse.ts` (units, and the state that parsing needs:
 * `parseUnits`, a `UnitParser`), `controls.ts` (`frameControls(stream, options)`, which yields {@link FrameControls}),
 * `index.ts`. Control values have the types of `src/v4l2`, of which this layer imports only types.
 */
export {
  BitReader,
  CodecError,
  countRemoved,
  escapeRbsp,
  RbspBuffer,
  RecordingReader,
  SyntaxReader,
  SyntaxWriter,
} from "./bits/index.js";
export type { Coder, Field, FieldSink, Heading } from "./bits/index.js";
export * from "./files/index.js";
export { defaultTimestampOf, flagBits } from "./frame-controls.js";
export type {
  ControlValues,
  FrameControls,
  FrameControlsOptions,
  RequestControls,
  StatelessName,
  TimestampOf,
} from "./frame-controls.js";
export type { ParsedUnit, UnitItem, UnitParser } from "./unit.js";
export * as hevc from "./hevc/index.js";
export * as h264 from "./h264/index.js";
export * as av1 from "./av1/index.js";
export * as fwht from "./fwht/index.js";
export * as jpeg from "./jpeg/index.js";
export * as mpeg2 from "./mpeg2/index.js";
export * as vp8 from "./vp8/index.js";
export * as vp9 from "./vp9/index.js";
