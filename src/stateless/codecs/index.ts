/** The codecs that there are. A new one is a file here and a line below. */
import type { StatelessCodec } from "../codec.js";
import { av1 } from "./av1.js";
import { fwht } from "./fwht.js";
import { h264 } from "./h264.js";
import { hevc } from "./hevc.js";
import { mpeg2 } from "./mpeg2.js";
import { vp8 } from "./vp8.js";
import { vp9 } from "./vp9.js";

/** In the order in which clients of the kernel's visl see them. */
export const statelessCodecs: readonly StatelessCodec[] = [fwht, mpeg2, vp8, vp9, h264, hevc, av1];
