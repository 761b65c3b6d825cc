/** Loop filter, CDEF and loop restoration: 5.9.11, 5.9.19 and 5.9.20. */
import type { Coder } from "../bits/index.js";
import { defaultRefDeltas, NUM_REF_FRAMES, type FrameHeader } from "./frame-header.js";
import type { SequenceHeader } from "./syntax-sequence.js";

/** `Remap_Lr_Type`: NONE, SWITCHABLE, WIENER, SGRPROJ. */
export const remapLrType: readonly number[] = [0, 3, 1, 2];

/** @param previous - The primary reference frame, whose deltas stay where this frame says nothing. */
export function loopFilterParams(
  c: Coder,
  seq: SequenceHeader,
  frame: FrameHeader,
  previous: FrameHeader | undefined,
): void {
  c.structure("loop_filter_params", "5.9.11");
  const level = frame.loop_filter_level;
  if (frame.codedLossless || frame.allow_intrabc) {
    level.fill(0);
    frame.loop_filter_sharpness = 0;
    frame.loop_filter_delta_enabled = true;
    frame.loop_filter_delta_update = false;
    frame.loop_filter_ref_deltas.set(defaultRefDeltas);
    frame.loop_filter_mode_deltas.fill(0);
    return;
  }
  level[0] = c.u("loop_filter_level", 6, level[0], 0);
  level[1] = c.u("loop_filter_level", 6, level[1], 1);
  if (seq.numPlanes > 1 && (level[0] > 0 || level[1] > 0)) {
    level[2] = c.u("loop_filter_level", 6, level[2], 2);
    level[3] = c.u("loop_filter_level", 6, level[3], 3);
  } else {
    level.fill(0, 2);
  }
  frame.loop_filter_sharpness = c.u("loop_filter_sharpness", 3, frame.loop_filter_sharpness);
  frame.loop_filter_delta_enabled = c.flag("loop_filter_delta_enabled", frame.loop_filter_delta_enabled);
  frame.loop_filter_delta_update =
    frame.loop_filter_delta_enabled && c.flag("loop_filter_delta_update", frame.loop_filter_delta_update);
  for (let i = 0; i < NUM_REF_FRAMES; i += 1) {
    const kept = previous?.loop_filter_ref_deltas[i] ?? defaultRefDeltas[i] ?? 0;
    const update =
      frame.loop_filter_delta_update && c.flag("update_ref_delta", frame.update_ref_delta[i] === 1, i);
    frame.update_ref_delta[i] = update ? 1 : 0;
    frame.loop_filter_ref_deltas[i] = update
      ? c.i("loop_filter_ref_deltas", 7, frame.loop_filter_ref_deltas[i], i)
      : kept;
  }
  for (let i = 0; i < 2; i += 1) {
    const kept = previous?.loop_filter_mode_deltas[i] ?? 0;
    const update =
      frame.loop_filter_delta_update && c.flag("update_mode_delta", frame.update_mode_delta[i] === 1, i);
    frame.update_mode_delta[i] = update ? 1 : 0;
    frame.loop_filter_mode_deltas[i] = update
      ? c.i("loop_filter_mode_deltas", 7, frame.loop_filter_mode_deltas[i], i)
      : kept;
  }
}

export function cdefParams(c: Coder, seq: SequenceHeader, frame: FrameHeader): void {
  c.structure("cdef_params", "5.9.19");
  if (frame.codedLossless || frame.allow_intrabc || !seq.enable_cdef) {
    frame.cdef_damping_minus_3 = 0;
    frame.cdef_bits = 0;
    frame.cdef_y_pri_strength.fill(0);
    frame.cdef_y_sec_strength.fill(0);
    frame.cdef_uv_pri_strength.fill(0);
    frame.cdef_uv_sec_strength.fill(0);
    return;
  }
  frame.cdef_damping_minus_3 = c.u("cdef_damping_minus_3", 2, frame.cdef_damping_minus_3);
  frame.cdef_bits = c.u("cdef_bits", 2, frame.cdef_bits);
  for (let i = 0; i < 1 << frame.cdef_bits; i += 1) {
    frame.cdef_y_pri_strength[i] = c.u("cdef_y_pri_strength", 4, frame.cdef_y_pri_strength[i], i);
    frame.cdef_y_sec_strength[i] = c.u("cdef_y_sec_strength", 2, frame.cdef_y_sec_strength[i], i);
    if (seq.numPlanes === 1) continue;
    frame.cdef_uv_pri_strength[i] = c.u("cdef_uv_pri_strength", 4, frame.cdef_uv_pri_strength[i], i);
    frame.cdef_uv_sec_strength[i] = c.u("cdef_uv_sec_strength", 2, frame.cdef_uv_sec_strength[i], i);
  }
}

export function lrParams(c: Coder, seq: SequenceHeader, frame: FrameHeader): void {
  c.structure("lr_params", "5.9.20");
  frame.usesLr = false;
  frame.usesChromaLr = false;
  if (frame.allLossless || frame.allow_intrabc || !seq.enable_restoration) {
    frame.lr_type.fill(0);
  } else {
    for (let i = 0; i < seq.numPlanes; i += 1) {
      const type = c.u("lr_type", 2, frame.lr_type[i], i);
      frame.lr_type[i] = type;
      frame.usesLr ||= type !== 0;
      frame.usesChromaLr ||= type !== 0 && i > 0;
    }
  }
  if (!frame.usesLr) {
    frame.lrUnitShift = 0;
    frame.lr_uv_shift = false;
    frame.loopRestorationSize.fill(0);
    return;
  }
  const wanted = frame.lrUnitShift;
  if (seq.use_128x128_superblock) {
    frame.lrUnitShift = c.u("lr_unit_shift", 1, wanted - 1) + 1;
  } else {
    frame.lrUnitShift = c.u("lr_unit_shift", 1, Math.min(wanted, 1));
    if (frame.lrUnitShift > 0) frame.lrUnitShift += c.u("lr_unit_extra_shift", 1, wanted - 1);
  }
  frame.lr_uv_shift =
    seq.subsampling_x && seq.subsampling_y && frame.usesChromaLr && c.flag("lr_uv_shift", frame.lr_uv_shift);
  const size = 256 >> (2 - frame.lrUnitShift);
  frame.loopRestorationSize[0] = size;
  frame.loopRestorationSize.fill(frame.lr_uv_shift ? size >> 1 : size, 1);
}
