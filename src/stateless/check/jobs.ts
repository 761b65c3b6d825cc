/** Checks the requests of a device while it runs: what clients submit, against the bitstreams they submit it for. */
import type { ControlValues } from "../../codec/index.js";
import { BufFlag, Cid, type ControlHandler } from "../../v4l2/index.js";
import type { StatelessDevice } from "../device.js";
import type { StatelessFile } from "../file.js";
import type { StatelessJob } from "../job.js";
import { describeDisagreement } from "./compare.js";
import { codecChecks, type CodecCheck } from "./codecs.js";
import type { CheckResult, StreamCheck } from "./stream-check.js";

/** What is behind this in a buffer is not looked at: no level has larger pictures. In bytes. */
const LOOKED_AT = 16 * 1024 * 1024;

/** Since the check was started. */
export interface CheckCounters {
  requests: number;
  /** Requests of which something was wrong. */
  wrong: number;
  /** By control, `HEVC_SPS`; sentences that blame none are under `other`. */
  readonly messages: Map<string, number>;
}

export interface JobCheck {
  readonly counters: Readonly<CheckCounters>;
  stop(): void;
}

/**
 * Writes a warning to the device's log for each field that its bitstream contradicts.
 * @param fail - Also give the buffers of such a request back with the error flag.
 */
export function checkJobs<State extends StatelessFile>(
  device: StatelessDevice<State>,
  fail: boolean,
): JobCheck {
  const counters: CheckCounters = { requests: 0, wrong: 0, messages: new Map() };
  const count = (name: string): void => {
    counters.messages.set(name, (counters.messages.get(name) ?? 0) + 1);
  };
  const followed = new WeakMap<State, FollowedStream>();
  const stop = device.onJob((job) => {
    const result = job.request === undefined ? undefined : check(job, followed);
    if (result === undefined) return;
    counters.requests += 1;
    const { disagreements, problem } = result;
    const lines = [...disagreements.map(describeDisagreement), ...(problem === undefined ? [] : [problem])];
    const [first] = lines;
    if (first === undefined) return;
    counters.wrong += 1;
    for (const { control } of disagreements) count(control);
    if (problem !== undefined) count("other");
    const frame = `frame ${job.destination.sequence} of file ${job.context.file.id}`;
    for (const line of lines) device.video.message("warning", `${frame}: ${line}`);
    if (fail) job.report(first);
  });
  return { counters, stop };
}

/** The stream of an open file since it was last started. */
interface FollowedStream {
  readonly codec: string;
  readonly check: StreamCheck;
  /** Of the OUTPUT buffer before. */
  sequence: number;
}

/** @returns Undefined: the codec has no check. */
function check<State extends StatelessFile>(
  { frame, state, source, bitstream }: StatelessJob<State>,
  followed: WeakMap<State, FollowedStream>,
): CheckResult | undefined {
  const { name } = frame.codec;
  const codec = codecChecks[name];
  if (codec === undefined) return undefined;
  const { sequence, timestampNs, flags } = source;
  let stream = followed.get(state);
  // STREAMOFF starts the sequence again.
  if (stream === undefined || stream.codec !== name || sequence <= stream.sequence) {
    stream = { codec: name, check: codec.start(), sequence };
    followed.set(state, stream);
  }
  stream.sequence = sequence;
  return stream.check.check({
    controls: submittedControls(codec, state.controls),
    // A copy: the client may write to its buffer at any time.
    bitstream: bitstream.slice(0, LOOKED_AT),
    timestampNs,
    holdCapture: (flags & BufFlag.M2mHoldCaptureBuf) !== 0,
  });
}

/** The controls in effect. Each is read when it is first looked at. */
function submittedControls({ controls }: CodecCheck, handler: ControlHandler): ControlValues {
  const values = {};
  for (const name of controls) {
    Object.defineProperty(values, name, { get: () => handler.find(Cid[name])?.value, enumerable: true });
  }
  return values;
}
