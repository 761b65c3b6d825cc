/** Checks the requests of a device while it runs: what clients submit, against the bitstreams they submit it for. */
import { Cid } from "../../v4l2/index.js";
import { ValueReader } from "../codec.js";
import type { StatelessDevice } from "../device.js";
import type { StatelessFile } from "../file.js";
import type { StatelessJob } from "../job.js";
import { codecChecks } from "./codecs.js";
import { describeDisagreement } from "./compare.js";
import { checkH264, type CheckResult } from "./h264.js";
import type { StreamCheck } from "./request.js";

/** Headers are at the front of a buffer; what is behind this is not looked at. In bytes. */
const LOOKED_AT = 64 * 1024;
/** The sizes of partitions and tiles are not, so such frames are looked at whole. Larger ones are not checked. In bytes. */
const MAX_FRAME = 16 * 1024 * 1024;

/** `V4L2_STATELESS_H264_DECODE_MODE_SLICE_BASED`. */
const SLICE_BASED = 0;

/** Since the check was started. */
export interface CheckCounters {
  requests: number;
  /** Requests of which something was wrong. */
  wrong: number;
}

export interface JobCheck {
  readonly counters: Readonly<CheckCounters>;
  stop(): void;
}

/**
 * Writes a warning to the device's log for each field that its bitstream contradicts. Codecs whose checks are not
 * written yet pass.
 * @param fail - Also give the buffers of such a request back with the error flag.
 */
export function checkJobs<State extends StatelessFile>(
  device: StatelessDevice<State>,
  fail: boolean,
): JobCheck {
  const counters: CheckCounters = { requests: 0, wrong: 0 };
  /** What the requests of each open file established. */
  const streams = new WeakMap<object, FileStream>();
  const stop = device.onJob((job) => {
    const result = job.request === undefined ? undefined : check(job, streams);
    if (result === undefined) return;
    counters.requests += 1;
    const { disagreements, problem } = result;
    const lines = [...disagreements.map(describeDisagreement), ...(problem === undefined ? [] : [problem])];
    const [first] = lines;
    if (first === undefined) return;
    counters.wrong += 1;
    const frame = `frame ${job.destination.sequence} of file ${job.context.file.id}`;
    for (const line of lines) device.video.message("warning", `${frame}: ${line}`);
    if (fail) job.report(first);
  });
  return { counters, stop };
}

/** The check of an open file, for the codec that its format names. */
interface FileStream {
  readonly codec: string;
  readonly check: StreamCheck;
}

/** @returns Undefined: the codec has no check. */
function check<State extends StatelessFile>(
  job: StatelessJob<State>,
  streams: WeakMap<object, FileStream>,
): CheckResult | undefined {
  const { name } = job.frame.codec;
  if (name === "h264") return checkSlice(job);
  const codec = codecChecks.get(name);
  const { bitstream } = job;
  if (codec === undefined || bitstream.byteLength > MAX_FRAME) return undefined;
  let stream = streams.get(job.context);
  if (stream?.codec !== name) {
    stream = { codec: name, check: codec.start() };
    streams.set(job.context, stream);
  }
  const controls = codec.controls(new ValueReader(job.state.controls));
  return stream.check.check({ controls, bitstream: bitstream.slice(), timestampNs: job.source.timestampNs });
}

function checkSlice<State extends StatelessFile>(job: StatelessJob<State>): CheckResult {
  const { controls } = job.state;
  const read = new ValueReader(controls);
  const perSlice = read.of(Cid.StatelessH264DecodeMode)() === SLICE_BASED;
  const submitted = {
    StatelessH264Sps: read.of(Cid.StatelessH264Sps)(),
    StatelessH264Pps: read.of(Cid.StatelessH264Pps)(),
    StatelessH264DecodeParams: read.of(Cid.StatelessH264DecodeParams)(),
    ...(perSlice && {
      StatelessH264SliceParams: read.of(Cid.StatelessH264SliceParams)(),
      StatelessH264PredWeights: read.of(Cid.StatelessH264PredWeights)(),
    }),
  };
  // A copy: the client may write to its buffer at any time.
  return checkH264(submitted, job.bitstream.slice(0, LOOKED_AT));
}
