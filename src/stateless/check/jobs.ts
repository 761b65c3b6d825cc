/** Checks the requests of a device while it runs: what clients submit, against the bitstreams they submit it for. */
import type { ControlValues } from "../../codec/index.js";
import { BufFlag, Cid, type ControlHandler, type MessageDetails } from "../../v4l2/index.js";
import type { StatelessDevice } from "../device.js";
import type { StatelessFile } from "../file.js";
import type { StatelessJob } from "../job.js";
import { describeDisagreement, type Disagreement, type Scalar } from "./compare.js";
import { codecChecks, type CodecCheck } from "./codecs.js";
import type { CheckedRequest, CheckResult, StreamCheck } from "./stream-check.js";

/** What is behind this in a buffer is not looked at: no level has larger pictures. In bytes. */
const LOOKED_AT = 16 * 1024 * 1024;

/** Copies up to this size share their memory: new memory for each request takes longer than the copying. In bytes. */
const SHARED = 1024 * 1024;
let shared: Uint8Array | undefined;

/** A copy, until the next one: the client may write to its buffer at any time. */
function copyOf(bitstream: Uint8Array): Uint8Array {
  if (bitstream.byteLength > SHARED) return bitstream.slice(0, LOOKED_AT);
  shared ??= new Uint8Array(SHARED);
  shared.set(bitstream);
  return shared.subarray(0, bitstream.byteLength);
}

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
    const [wrong] = disagreements;
    if (wrong === undefined && problem === undefined) return;
    counters.wrong += 1;
    const { request } = job;
    const place = {
      ...{ frame: job.destination.sequence, file: Number(job.context.file.id) },
      ...(request !== undefined && { request: request.name }),
    };
    const tell = (sentence: string, details: MessageDetails): void => {
      const text = `frame ${place.frame} of file ${place.file}: ${sentence}`;
      device.video.message("warning", text, { ...place, ...details });
    };
    for (const disagreement of disagreements) {
      count(disagreement.control);
      tell(describeDisagreement(disagreement), detailsOf(disagreement));
    }
    if (problem !== undefined) {
      count("other");
      tell(problem, { problem });
    }
    if (fail) job.report(wrong === undefined ? (problem ?? "") : describeDisagreement(wrong));
  });
  return { counters, stop };
}

/** A disagreement in parts, as docs/codecs.md has them. */
function detailsOf({ control, field, submitted, expected, place }: Disagreement): MessageDetails {
  const plain = (value: Scalar): number | bigint => (typeof value === "boolean" ? Number(value) : value);
  return {
    control,
    field,
    submitted: plain(submitted),
    expected: plain(expected),
    element: place.element,
    ...(place.bitPosition !== undefined && { bit: place.bitPosition }),
    ...(place.section !== undefined && { section: place.section }),
  };
}

/** The stream of an open file since it was last started. */
interface FollowedStream {
  readonly codec: string;
  readonly check: StreamCheck;
  /** The controls in effect, whatever the request. */
  readonly controls: ControlValues;
  readonly bytesOf: CheckedRequest["bytesOf"];
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
    const { controls } = state;
    stream = {
      codec: name,
      check: codec.start(),
      controls: submittedControls(codec, controls),
      bytesOf: (control) => controls.find(Cid[control])?.bytes,
      sequence,
    };
    followed.set(state, stream);
  }
  stream.sequence = sequence;
  return stream.check.check({
    controls: stream.controls,
    bytesOf: stream.bytesOf,
    bitstream: copyOf(bitstream),
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
