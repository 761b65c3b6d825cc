/** Which events a job emits, and in which order. */
import type { CodecValues } from "../codec-values.js";
import type { Codec } from "../formats.js";
import * as av1 from "./av1.js";
import type { TraceEvent } from "./event.js";
import * as fwht from "./fwht.js";
import * as h264 from "./h264.js";
import * as hevc from "./hevc.js";
import * as mpeg2 from "./mpeg2.js";
import * as vp8 from "./vp8.js";
import * as vp9 from "./vp9.js";

/** @param index - Of the array element that `value` is, where the event is about one. */
export type EmitEvent = <T>(event: TraceEvent<T>, value: T, index?: number) => void;

type Emitters = { readonly [C in Codec]: (values: CodecValues[C], emit: EmitEvent) => void };

const emitters: Emitters = {
  fwht: ({ params }, emit) => {
    emit(fwht.params, params);
  },
  mpeg2: (values, emit) => {
    emit(mpeg2.sequence, values.sequence);
    emit(mpeg2.picture, values.picture);
    emit(mpeg2.quantisation, values.quantisation);
  },
  vp8: ({ frame }, emit) => {
    emit(vp8.frame, frame);
    emit(vp8.entropy, frame);
  },
  vp9: ({ frame, probabilities }, emit) => {
    emit(vp9.frame, frame);
    emit(vp9.compressedHdr, probabilities);
    emit(vp9.compressedCoeff, probabilities);
    emit(vp9.mvProbs, probabilities.mv);
  },
  h264: (values, emit) => {
    emit(h264.sps, values.sps);
    emit(h264.pps, values.pps);
    emit(h264.scalingMatrix, values.scalingMatrix);
    emit(h264.sliceParams, values.slice);
    for (const [index, entry] of values.slice.ref_pic_list0.entries()) emit(h264.refPicList0, entry, index);
    for (const [index, entry] of values.slice.ref_pic_list1.entries()) emit(h264.refPicList1, entry, index);
    emit(h264.decodeParams, values.decode);
    for (const [index, entry] of values.decode.dpb.entries()) emit(h264.dpbEntry, entry, index);
    emit(h264.predWeights, values.predWeights);
  },
  hevc: (values, emit) => {
    emit(hevc.sps, values.sps);
    emit(hevc.pps, values.pps);
    emit(hevc.sliceParams, values.slice);
    emit(hevc.scalingMatrix, values.scalingMatrix);
    emit(hevc.decodeParams, values.decode);
    for (const entry of values.decode.dpb) emit(hevc.dpbEntry, entry);
    emit(hevc.predWeightTable, values.slice.pred_weight_table);
    if (values.ltRps !== undefined) emit(hevc.extSpsLtRps, values.ltRps);
    if (values.stRps !== undefined) emit(hevc.extSpsStRps, values.stRps);
  },
  av1: (values, emit) => {
    emit(av1.sequence, values.sequence);
    emit(av1.frame, values.frame);
    emit(av1.filmGrain, values.filmGrain);
    emit(av1.tileGroupEntry, values.tile);
  },
};

/** Tells `emit` of every event of a job. */
export function emitJob<C extends Codec>(codec: C, values: CodecValues[C], emit: EmitEvent): void {
  emitters[codec](values, emit);
}

/** What all events have in common, whatever they print. */
export type AnyTraceEvent = Pick<TraceEvent<unknown>, "codec" | "group" | "name" | "fullName">;

const modules: readonly Readonly<Record<string, AnyTraceEvent>>[] = [fwht, mpeg2, vp8, vp9, h264, hevc, av1];

/** All events that there are. */
export const traceEvents: readonly AnyTraceEvent[] = modules.flatMap((events) => Object.values(events));
