/** VP9 streams that libvpx's encoder does not make: their headers are right, their tiles mean nothing. */
import { BoolWriter, SyntaxWriter } from "../../../src/codec/bits/index.js";
import { writeIvf } from "../../../src/codec/files/index.js";
import * as vp9 from "../../../src/codec/vp9/index.js";

type Elements = Partial<vp9.UncompressedHeader>;

/** Writes frames one after the other, each with the elements that are given. */
export class Vp9Stream {
  readonly state = new vp9.Vp9State();
  readonly chunks: Uint8Array[] = [];

  frame(elements: Elements, changes: Partial<vp9.CompressedHeader> = {}): Uint8Array {
    const header = { ...vp9.emptyUncompressedHeader(), show_frame: true, ...structuredClone(elements) };
    const compressed = { ...vp9.emptyCompressedHeader(), tx_mode: 1, ...structuredClone(changes) };
    // The header that a reader would have: the compressed one depends on it.
    vp9.uncompressedHeader(
      new SyntaxWriter("VP9"),
      Object.assign(header, { header_size_in_bytes: 1 }),
      this.state,
    );
    const bools = new BoolWriter("VP9");
    vp9.compressedHeader(bools, compressed, header);
    const second = bools.finish();
    header.header_size_in_bytes = second.byteLength;
    const writer = new SyntaxWriter("VP9");
    vp9.uncompressedHeader(writer, header, this.state);
    this.state.apply(header);
    this.state.finish(header, 0n);
    const tiles = Uint8Array.of(1, 2, 3);
    const bytes = header.show_existing_frame
      ? writer.finish()
      : Uint8Array.from([...writer.finish(), ...second, ...tiles]);
    this.chunks.push(bytes);
    return bytes;
  }

  /** Makes a superframe of the last frames. */
  superframe(frames: number): void {
    const parts = this.chunks.splice(-frames);
    const writer = new SyntaxWriter("VP9");
    const frame_sizes = parts.map(({ byteLength }) => byteLength);
    vp9.superframeIndex(writer, { bytes_per_framesize_minus_1: 1, frame_sizes });
    this.chunks.push(Uint8Array.from([...parts.flatMap((part) => [...part]), ...writer.finish()]));
  }

  get ivf(): Uint8Array {
    const timing = { width: 640, height: 64, timebaseDenominator: 25, timebaseNumerator: 1 };
    const frames = this.chunks.map((data, i) => ({ data, timestamp: BigInt(i) }));
    return writeIvf({ fourcc: "VP90", ...timing }, frames);
  }
}

export const inter: Elements = {
  frame_type: vp9.FrameType.NonKey,
  ref_frame_idx: [0, 1, 2],
  ref_frame_sign_bias: [false, false, false, true],
  found_ref: 0,
};

const quantization = { base_q_idx: 60, delta_q_y_dc: -3, delta_q_uv_dc: 15, delta_q_uv_ac: undefined };

export const segmentation: vp9.SegmentationParams = {
  enabled: true,
  update_map: true,
  tree_probs: [1, 2, undefined, 4, 5, 6, 7],
  temporal_update: true,
  pred_probs: [undefined, 100, 200],
  update_data: true,
  abs_or_delta_update: true,
  features: Array.from({ length: 8 }, (_, i) => [
    i === 1 ? -17 : undefined,
    i === 2 ? 63 : undefined,
    i === 3 ? 2 : undefined,
    i === 4 ? 0 : undefined,
  ]),
};

/** Frames that are intra only, references of other sizes, contexts that are reset, frames shown again. */
export function difficult(): Vp9Stream {
  const stream = new Vp9Stream();
  const size = { width: 640, height: 64 };
  const small = { width: 400, height: 40 };
  stream.frame({ size, quantization });
  stream.frame({
    frame_type: vp9.FrameType.NonKey,
    show_frame: false,
    intra_only: true,
    reset_frame_context: 2,
    refresh_frame_flags: 0b110,
    frame_context_idx: 3,
    size: small,
    render_size: { width: 500, height: 50 },
    quantization,
  });
  stream.frame({ ...inter, refresh_frame_flags: 1, segmentation, quantization, interpolation_filter: 2 });
  stream.superframe(2);
  stream.frame({ ...inter, found_ref: 1, quantization, tile_cols_log2: 0, reset_frame_context: 1 });
  stream.frame({
    ...inter,
    found_ref: undefined,
    size: { width: 320, height: 32 },
    quantization,
    segmentation: { ...segmentation, update_map: false, update_data: false },
    loop_filter: {
      level: 63,
      sharpness: 7,
      delta_enabled: true,
      delta_update: true,
      ref_deltas: [undefined, 63, -63, undefined],
      mode_deltas: [undefined, -1],
    },
  });
  stream.frame({ show_existing_frame: true, frame_to_show_map_idx: 2 });
  stream.frame({ ...inter, error_resilient_mode: true, frame_context_idx: 1, tile_rows_log2: 2 });
  stream.frame({ size: { width: 4096, height: 8 }, tile_cols_log2: 3, tile_rows_log2: 1, profile: 0 });
  return stream;
}
