/** FWHT: the frame header from the control, in front of the client's frame. */
import { CodecError, fwht, SyntaxWriter } from "../../codec/index.js";
import { Cid } from "../../v4l2/index.js";
import type { Packet, PacketSource, PacketWriter } from "./packet.js";
import { reader, wholeBitstream } from "./packet.js";

/** `V4L2_FWHT_FL_I_FRAME` */
const I_FRAME = 0x400;

export class FwhtPackets implements PacketWriter {
  /** The frame that the decoder has decoded last, the only one that it keeps. */
  #before: bigint | undefined;

  packet(source: PacketSource): Packet {
    const params = reader(source).of(Cid.StatelessFwhtParams)();
    const isIntra = (params.flags & I_FRAME) !== 0;
    if (!isIntra && params.backward_ref_ts !== this.#before) {
      throw new CodecError(`backward_ref_ts is ${params.backward_ref_ts}, which is not the frame before it`, {
        codec: "FWHT",
      });
    }
    const c = new SyntaxWriter("FWHT");
    fwht.fwhtHeader(c, { ...params, size: source.bitstream.byteLength });
    this.#before = source.timestampNs;
    return { pieces: [c.finish(), wholeBitstream(source)] };
  }
}
