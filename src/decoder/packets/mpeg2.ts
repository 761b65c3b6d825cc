/** MPEG-2: the headers of sequence and picture from the controls, in front of the client's slices. */
import { mpeg2, SyntaxWriter } from "../../codec/index.js";
import type { Coder } from "../../codec/index.js";
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import type { Packet, PacketSource, PacketWriter } from "./packet.js";
import { flagReader, reader, SentHeaders, wholeBitstream } from "./packet.js";

type SequenceControl = StandardValue<typeof Cid.StatelessMpeg2Sequence>;
type PictureControl = StandardValue<typeof Cid.StatelessMpeg2Picture>;
type QuantisationControl = StandardValue<typeof Cid.StatelessMpeg2Quantisation>;

/** `V4L2_MPEG2_SEQ_FLAG_PROGRESSIVE` */
const PROGRESSIVE = 0x1;

/** `V4L2_MPEG2_PIC_FLAG_*` */
const PicFlag = {
  TopFieldFirst: 0x01,
  FramePredDct: 0x02,
  ConcealmentMv: 0x04,
  QScaleType: 0x08,
  IntraVlc: 0x10,
  AltScan: 0x20,
  RepeatFirst: 0x40,
  Progressive: 0x80,
} as const;

/** Values that change no sample, and that the specification wants to be something. */
const SQUARE = 1;
const RATE_25 = 3;
const ANY_VBV_DELAY = 0xffff;

const startCodePrefix = Uint8Array.of(0, 0, 1);
const { ExtensionId, StartCode } = mpeg2;

export class Mpeg2Packets implements PacketWriter {
  readonly #sequences = new SentHeaders();

  packet(source: PacketSource): Packet {
    const read = reader(source);
    const sequence = sequenceBytes(read.of(Cid.StatelessMpeg2Sequence)());
    const picture = pictureBytes(
      read.of(Cid.StatelessMpeg2Picture)(),
      read.of(Cid.StatelessMpeg2Quantisation)(),
    );
    const isNew = this.#sequences.changes(0, sequence);
    return { pieces: [...(isNew ? [sequence] : []), picture, wholeBitstream(source)] };
  }
}

/** Units with their start codes, each ending with a whole byte. */
function units(...writers: readonly ((c: Coder) => void)[]): Uint8Array {
  const all = new SyntaxWriter("MPEG-2");
  for (const write of writers) {
    all.writeBytes(startCodePrefix);
    write(all);
    all.alignWith("next_start_code", 0);
  }
  return all.finish();
}

const extension =
  (id: number, write: (c: Coder) => void) =>
  (c: Coder): void => {
    c.fixed("extension_start_code", 8, StartCode.Extension);
    c.fixed("extension_start_code_identifier", 4, id);
    write(c);
  };

function sequenceBytes(control: SequenceControl): Uint8Array {
  const { horizontal_size: width, vertical_size: height } = control;
  const header = {
    ...mpeg2.emptySequenceHeader(),
    horizontal_size_value: width % 4096,
    vertical_size_value: height % 4096,
    aspect_ratio_information: SQUARE,
    frame_rate_code: RATE_25,
  };
  const more = {
    ...mpeg2.emptySequenceExtension(),
    profile_and_level_indication: control.profile_and_level_indication,
    progressive_sequence: (control.flags & PROGRESSIVE) !== 0,
    chroma_format: control.chroma_format,
    horizontal_size_extension: Math.floor(width / 4096),
    vertical_size_extension: Math.floor(height / 4096),
  };
  return units(
    (c) => {
      mpeg2.sequenceHeader(c, header);
    },
    extension(ExtensionId.Sequence, (c) => {
      mpeg2.sequenceExtension(c, more);
    }),
  );
}

function pictureBytes(control: PictureControl, quantisation: QuantisationControl): Uint8Array {
  const has = flagReader(control.flags);
  const [forward = [], backward = []] = control.f_code;
  const header = {
    ...mpeg2.emptyPictureHeader(),
    picture_coding_type: control.picture_coding_type,
    vbv_delay: ANY_VBV_DELAY,
  };
  const coding: mpeg2.PictureCodingExtension = {
    ...mpeg2.emptyPictureCodingExtension(),
    f_code: [
      [forward[0] ?? 0, forward[1] ?? 0],
      [backward[0] ?? 0, backward[1] ?? 0],
    ],
    intra_dc_precision: control.intra_dc_precision,
    picture_structure: control.picture_structure,
    top_field_first: has(PicFlag.TopFieldFirst),
    frame_pred_frame_dct: has(PicFlag.FramePredDct),
    concealment_motion_vectors: has(PicFlag.ConcealmentMv),
    q_scale_type: has(PicFlag.QScaleType),
    intra_vlc_format: has(PicFlag.IntraVlc),
    alternate_scan: has(PicFlag.AltScan),
    repeat_first_field: has(PicFlag.RepeatFirst),
    chroma_420_type: has(PicFlag.Progressive),
    progressive_frame: has(PicFlag.Progressive),
  };
  // Weights of chroma are those of luma in 4:2:0, which is all that CAPTURE has formats for.
  const weights = {
    ...mpeg2.emptyQuantMatrixExtension(),
    intra_quantiser_matrix: [...quantisation.intra_quantiser_matrix],
    non_intra_quantiser_matrix: [...quantisation.non_intra_quantiser_matrix],
  };
  return units(
    (c) => {
      mpeg2.pictureHeader(c, header);
    },
    extension(ExtensionId.PictureCoding, (c) => {
      mpeg2.pictureCodingExtension(c, coding);
    }),
    extension(ExtensionId.QuantMatrix, (c) => {
      mpeg2.quantMatrixExtension(c, weights);
    }),
  );
}
