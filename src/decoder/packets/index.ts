/** The writers of packets, by codec. */
import { CodecNumber } from "../protocol.js";
import { Av1Packets } from "./av1.js";
import { FwhtPackets } from "./fwht.js";
import { H264Packets } from "./h264.js";
import { HevcPackets } from "./hevc.js";
import { Mpeg2Packets } from "./mpeg2.js";
import type { PacketWriter, References } from "./packet.js";
import { wholeFrames } from "./packet.js";

/** A codec as the decoder process knows it. */
export interface DecoderCodec {
  readonly number: number;
  /** One for each decoder process. */
  makeWriter(references: References): PacketWriter;
}

const codecs: Readonly<Partial<Record<string, DecoderCodec>>> = {
  av1: { number: CodecNumber.av1, makeWriter: (references) => new Av1Packets(references) },
  fwht: { number: CodecNumber.fwht, makeWriter: () => new FwhtPackets() },
  h264: { number: CodecNumber.h264, makeWriter: () => new H264Packets() },
  hevc: { number: CodecNumber.hevc, makeWriter: (references) => new HevcPackets(references) },
  mpeg2: { number: CodecNumber.mpeg2, makeWriter: () => new Mpeg2Packets() },
  vp8: { number: CodecNumber.vp8, makeWriter: () => wholeFrames },
  vp9: { number: CodecNumber.vp9, makeWriter: () => wholeFrames },
};

/** @param name - Of a `StatelessCodec`. */
export const decoderCodec = (name: string): DecoderCodec | undefined => codecs[name];
