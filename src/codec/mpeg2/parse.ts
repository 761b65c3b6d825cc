/** The units of an MPEG-2 video stream, and what of them holds for those that follow. */
import { RecordingReader, SyntaxReader } from "../bits/index.js";
import type { Coder } from "../bits/index.js";
import { startCodeUnits } from "../files/index.js";
import { recorded, type ParsedUnit } from "../unit.js";
import {
  emptyGroupHeader,
  emptyPictureCodingExtension,
  emptyPictureHeader,
  emptyQuantMatrixExtension,
  emptySequenceDisplayExtension,
  emptySequenceExtension,
  emptySequenceHeader,
  emptySliceHeader,
  ExtensionId,
  frameCentreOffsets,
  groupHeader,
  pictureCodingExtension,
  pictureDisplayExtension,
  pictureHeader,
  quantMatrixExtension,
  sequenceDisplayExtension,
  sequenceExtension,
  sequenceHeader,
  sliceHeader,
  StartCode,
  type GroupHeader,
  type PictureCodingExtension,
  type PictureHeader,
  type QuantMatrixExtension,
  type SequenceDisplayExtension,
  type SequenceExtension,
  type SequenceHeader,
  type SliceHeader,
} from "./syntax.js";

/** What a start code introduces. */
export type Mpeg2Unit =
  | { readonly kind: "sequence"; readonly header: SequenceHeader }
  | { readonly kind: "sequence-extension"; readonly extension: SequenceExtension }
  | { readonly kind: "sequence-display-extension"; readonly extension: SequenceDisplayExtension }
  | { readonly kind: "quant-matrix-extension"; readonly extension: QuantMatrixExtension }
  | { readonly kind: "group"; readonly group: GroupHeader }
  | { readonly kind: "picture"; readonly picture: PictureHeader }
  | { readonly kind: "picture-coding-extension"; readonly extension: PictureCodingExtension }
  | { readonly kind: "slice"; readonly slice: SliceHeader }
  /** Nothing of it is of use to a decoder: user data, an extension for display, the end of the sequence. */
  | { readonly kind: "other"; readonly name: string };

const extensionNames: Readonly<Record<number, string>> = {
  [ExtensionId.Copyright]: "Copyright Extension",
  [ExtensionId.SequenceScalable]: "Sequence Scalable Extension",
  [ExtensionId.PictureSpatialScalable]: "Picture Spatial Scalable Extension",
  [ExtensionId.PictureTemporalScalable]: "Picture Temporal Scalable Extension",
};

const otherNames: Readonly<Record<number, string>> = {
  [StartCode.UserData]: "User Data",
  [StartCode.SequenceError]: "Sequence Error",
};

/** Parses units one after the other: some depend on those before them. */
export class Mpeg2Parser {
  /** Lines of the frame; 0 before the first sequence header. */
  #verticalSize = 0;
  #sequence: SequenceExtension = emptySequenceExtension();
  #picture: PictureCodingExtension = emptyPictureCodingExtension();

  /**
   * @param code - The last byte of the start code, where the unit starts.
   * @throws {CodecError} The syntax is violated, or the unit ends in it.
   */
  parse(c: Coder, code: number): Mpeg2Unit {
    if (code >= StartCode.FirstSlice && code <= StartCode.LastSlice) {
      const slice = emptySliceHeader();
      sliceHeader(c, slice, this.#verticalSize);
      return { kind: "slice", slice };
    }
    switch (code) {
      case StartCode.SequenceHeader: {
        const header = emptySequenceHeader();
        sequenceHeader(c, header);
        this.#verticalSize = header.vertical_size_value;
        return { kind: "sequence", header };
      }
      case StartCode.Group: {
        const group = emptyGroupHeader();
        groupHeader(c, group);
        return { kind: "group", group };
      }
      case StartCode.Picture: {
        const picture = emptyPictureHeader();
        pictureHeader(c, picture);
        return { kind: "picture", picture };
      }
      case StartCode.Extension:
        return this.#extension(c);
      case StartCode.SequenceEnd:
        c.structure("video_sequence", "6.2.2");
        c.fixed("sequence_end_code", 8, code);
        return { kind: "other", name: "Sequence End" };
      default:
        return { kind: "other", name: otherNames[code] ?? `start code 0x${code.toString(16)}` };
    }
  }

  #extension(c: Coder): Mpeg2Unit {
    c.structure("Extension Data", "6.2.2.2");
    c.fixed("extension_start_code", 8, StartCode.Extension);
    const id = c.u("extension_start_code_identifier", 4, 0);
    switch (id) {
      case ExtensionId.Sequence: {
        const extension = emptySequenceExtension();
        sequenceExtension(c, extension);
        this.#sequence = extension;
        this.#verticalSize += extension.vertical_size_extension * 4096;
        return { kind: "sequence-extension", extension };
      }
      case ExtensionId.SequenceDisplay: {
        const extension = emptySequenceDisplayExtension();
        sequenceDisplayExtension(c, extension);
        return { kind: "sequence-display-extension", extension };
      }
      case ExtensionId.QuantMatrix: {
        const extension = emptyQuantMatrixExtension();
        quantMatrixExtension(c, extension);
        return { kind: "quant-matrix-extension", extension };
      }
      case ExtensionId.PictureDisplay: {
        const offsets = { frame_centre_horizontal_offset: [], frame_centre_vertical_offset: [] };
        pictureDisplayExtension(c, offsets, frameCentreOffsets(this.#sequence, this.#picture));
        return { kind: "other", name: "Picture Display Extension" };
      }
      case ExtensionId.PictureCoding: {
        const extension = emptyPictureCodingExtension();
        pictureCodingExtension(c, extension);
        this.#picture = extension;
        return { kind: "picture-coding-extension", extension };
      }
      default:
        return { kind: "other", name: extensionNames[id] ?? `extension ${id}` };
    }
  }
}

/** A unit of the stream that could be parsed. */
export interface Mpeg2StreamUnit {
  readonly unit: Mpeg2Unit;
  /** Of its start code in the stream. */
  readonly offset: number;
  /** From the last byte of the start code to the end of the unit. Borrows the stream. */
  readonly data: Uint8Array;
}

/** The units of a stream. @throws {CodecError} One cannot be parsed. */
export function* mpeg2Units(stream: Uint8Array): Generator<Mpeg2StreamUnit> {
  const parser = new Mpeg2Parser();
  const reader = new SyntaxReader("MPEG-2");
  for (const { offset, data } of startCodeUnits(stream, true)) {
    const [code] = data;
    if (code === undefined) continue;
    reader.load(data);
    yield { unit: parser.parse(reader, code), offset, data };
  }
}

const names: Readonly<Record<Exclude<Mpeg2Unit["kind"], "other">, string>> = {
  sequence: "Sequence Header",
  "sequence-extension": "Sequence Extension",
  "sequence-display-extension": "Sequence Display Extension",
  "quant-matrix-extension": "Quant Matrix Extension",
  group: "Group of Pictures Header",
  picture: "Picture Header",
  "picture-coding-extension": "Picture Coding Extension",
  slice: "Slice",
};

/** Explains a stream. */
export function* parseUnits(stream: Uint8Array): Generator<ParsedUnit> {
  const parser = new Mpeg2Parser();
  for (const { dataOffset, data } of startCodeUnits(stream, true)) {
    const [code] = data;
    if (code === undefined) continue;
    let name = "Unit";
    const { items, error } = recorded((sink) => {
      const unit = parser.parse(new RecordingReader("MPEG-2", sink, data), code);
      name = unit.kind === "other" ? unit.name : names[unit.kind];
    });
    yield { name, offset: dataOffset, length: data.byteLength, items, ...(error && { error }) };
  }
}
