/**
 * A stateless decoder whose pictures are right to the last bit: clients of the stateless codec API can be tried without
 * hardware. Each open file has a process of its own, without rights, in which libavcodec or libdav1d decodes.
 *
 * What this layer guarantees to those above: whatever a bitstream does to its process, it costs the jobs of its file
 * until the next key frame, and nothing else. One job makes one picture, in decoding order; one without a reference that
 * it needs is reported, never guessed.
 */
export { createDecoder, decoderCodecs } from "./device.js";
export type { DecoderDevice, DecoderOptions } from "./device.js";
export type { References } from "./packets/packet.js";
export { decoderProblem } from "./process.js";
