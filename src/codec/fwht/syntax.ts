/**
 * The frame header of FWHT, the codec of the kernel's vicodec driver: big-endian words, as its public header
 * documents them. A stateless decoder gets the frame without this header, and its values in a control.
 */
import type { Coder } from "../bits/index.js";

/** Bytes of the header. */
export const FWHT_HEADER_BYTES = 44;
const MAGIC = 0x4f4f4f4f;
const MAGIC_END = 0xffffffff;

/** The version of which the header has fields for colour components; the newest there is. */
const NEWEST_VERSION = 3;

export interface FwhtHeader {
  version: number;
  /** In pixels. */
  width: number;
  height: number;
  /** `V4L2_FWHT_FL_*`. */
  flags: number;
  colorspace: number;
  xfer_func: number;
  ycbcr_enc: number;
  quantization: number;
  /** Bytes of the frame after the header. */
  size: number;
}

export const emptyFwhtHeader = (): FwhtHeader => ({
  version: NEWEST_VERSION,
  width: 0,
  height: 0,
  flags: 0,
  colorspace: 0,
  xfer_func: 0,
  ycbcr_enc: 0,
  quantization: 0,
  size: 0,
});

export function fwhtHeader(c: Coder, header: FwhtHeader): void {
  c.structure("fwht_cframe_hdr");
  c.fixed("magic1", 32, MAGIC);
  c.fixed("magic2", 32, MAGIC_END);
  header.version = c.uRange("version", 32, header.version, 1, NEWEST_VERSION);
  header.width = c.u("width", 32, header.width);
  header.height = c.u("height", 32, header.height);
  header.flags = c.u("flags", 32, header.flags);
  header.colorspace = c.u("colorspace", 32, header.colorspace);
  header.xfer_func = c.u("xfer_func", 32, header.xfer_func);
  header.ycbcr_enc = c.u("ycbcr_enc", 32, header.ycbcr_enc);
  header.quantization = c.u("quantization", 32, header.quantization);
  header.size = c.u("size", 32, header.size);
}
