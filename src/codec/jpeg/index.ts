/** JPEG (ITU-T T.81), also as Motion-JPEG: marker segments. V4L2 has no stateless controls for it. */
export { jpegPieces, jpegUnits, markerName, parseSegment, parseUnits } from "./parse.js";
export type { JpegPiece, JpegSegment, JpegUnit } from "./parse.js";
export * from "./syntax.js";
