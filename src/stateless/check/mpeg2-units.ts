/** What an OUTPUT buffer of MPEG-2 holds: always slices, and the headers before them if the client passes these, too. */
import { CodecError, mpeg2, RecordingReader, startCodeUnits, SyntaxReader } from "../../codec/index.js";
import type { FieldSink } from "../../codec/index.js";

/** No picture has more slices, and a buffer that is all start codes ends here. */
const MAX_UNITS = 16384;

export interface PictureUnits {
  readonly sequence: mpeg2.SequenceHeader | undefined;
  readonly sequenceExtension: mpeg2.SequenceExtension | undefined;
  readonly matrices: mpeg2.QuantMatrixExtension | undefined;
  readonly picture: mpeg2.PictureHeader | undefined;
  readonly pictureExtension: mpeg2.PictureCodingExtension | undefined;
  readonly slices: number;
  /** The highest row of macroblocks with a slice, from 1. */
  readonly lastRow: number;
}

/**
 * @param verticalSize - Lines of the frame: in tall ones the position of a slice has more bits.
 * @throws {CodecError} A header or the start of a slice is violated.
 */
export function pictureUnits(bitstream: Uint8Array, verticalSize: number, sink?: FieldSink): PictureUnits {
  const reader = sink === undefined ? new SyntaxReader("MPEG-2") : new RecordingReader("MPEG-2", sink);
  const parser = new mpeg2.Mpeg2Parser();
  const units: { -readonly [Name in keyof PictureUnits]: PictureUnits[Name] } = {
    sequence: undefined,
    sequenceExtension: undefined,
    matrices: undefined,
    picture: undefined,
    pictureExtension: undefined,
    slices: 0,
    lastRow: 0,
  };
  let count = 0;
  for (const { data } of startCodeUnits(bitstream, true)) {
    count += 1;
    if (count > MAX_UNITS) break;
    const code = data[0] ?? mpeg2.StartCode.UserData;
    reader.load(data);
    if (code >= mpeg2.StartCode.FirstSlice && code <= mpeg2.StartCode.LastSlice) {
      const slice = mpeg2.emptySliceHeader();
      mpeg2.sliceHeader(reader, slice, verticalSize);
      const row = slice.slice_vertical_position + 128 * slice.slice_vertical_position_extension;
      units.slices += 1;
      units.lastRow = Math.max(units.lastRow, row);
      continue;
    }
    const isSecondPicture = code === mpeg2.StartCode.Picture && units.slices > 0;
    if (isSecondPicture) throw new CodecError("a second picture starts in the buffer", { codec: "MPEG-2" });
    const unit = parser.parse(reader, code);
    if (unit.kind === "sequence") units.sequence = unit.header;
    else if (unit.kind === "sequence-extension") units.sequenceExtension = unit.extension;
    else if (unit.kind === "quant-matrix-extension") units.matrices = unit.extension;
    else if (unit.kind === "picture") units.picture = unit.picture;
    else if (unit.kind === "picture-coding-extension") units.pictureExtension = unit.extension;
  }
  return units;
}
