/**
 * A stateless decoder, whatever makes its pictures: a mem2mem device that knows all codecs, checks requests, and shows
 * what clients submit, in tracepoints, dumps of bitstreams, counters, and to whoever listens to its jobs.
 */
import type {
  DeviceSession,
  JobState,
  M2mContext,
  M2mDeviceOptions,
  M2mFile,
  M2mJob,
  M2mScheduler,
  M2mSide,
  StartOptions,
} from "../m2m/index.js";
import { M2mDevice, statelessDecoderOps } from "../m2m/index.js";
import type { MediaDevice, RequestOps } from "../media/index.js";
import { EntityFunction } from "../media/index.js";
import type { VideoDevice } from "../v4l2/index.js";
import { BitstreamStore } from "./bitstreams.js";
import type { StatelessCodec } from "./codec.js";
import { statelessCodecs } from "./codecs/index.js";
import type { UnsupportedValues } from "./controls.js";
import { StatelessControls } from "./controls.js";
import type { JobCounters, StatelessFile } from "./file.js";
import { StatelessJob } from "./job.js";
import type { ParameterSet } from "./parameters.js";
import { statelessRequests } from "./requests.js";
import { Tracepoints } from "./trace/tracepoints.js";

/** What a driver says of its mem2mem device; the rest follows from being a stateless decoder. */
type Inherited =
  | "name"
  | "driver"
  | "card"
  | "busInfo"
  | "version"
  | "formats"
  | "ops"
  | "io"
  | "source"
  | "destination"
  | "requiresRequests"
  | "maxJobs"
  | "requestResolver"
  | "disabled"
  | "oldFormatNames"
  | "title"
  | "closing"
  | "release";

/** What a driver declares of its stateless decoder. */
export interface StatelessDeviceOptions<State extends StatelessFile> extends Pick<
  M2mDeviceOptions<State>,
  Inherited
> {
  /** Node name of the media controller, `media0`: without requests there is no decoding. */
  readonly mediaName: string;
  /** The codecs that the device has; all unless given. */
  readonly codecs?: readonly StatelessCodec[];
  /** Also the controls that kernels after 6.12 have. Default true. */
  readonly newerControls?: boolean;
  readonly parameters: ParameterSet;
  /** What the device cannot decode of what the API allows, chroma formats say: to set it is EINVAL. */
  readonly unsupported?: UnsupportedValues;
  /** A file was opened. @throws {V4l2Error} Refuses the open. */
  open(file: M2mFile<State>, controls: StatelessControls): State;
  /**
   * Makes the picture of `job.frame` in `job.destination`, now or later. Jobs of different files may overlap if
   * `maxJobs` says so. STREAMOFF and close may end the job before: look at `job.isRunning` before writing to a buffer
   * later.
   * @returns A sentence about why there is no picture, `job.problem` for one: the client gets both buffers back in
   *   error, and the operator reads the sentence. Undefined: all went well.
   */
  decode(job: StatelessJob<State>): string | undefined | Promise<string | undefined>;
  /**
   * A job whose `decode` returned a promise lets the next one of its file start (`M2mJob.overlap`). Default false.
   */
  readonly overlaps?: boolean;
  /** The picture is made or not: calls `finish`, now or later. Left out, that is now. */
  decoded?(job: StatelessJob<State>, finish: () => void): void;
  /** STREAMOFF or close: stop working on the job, or let it finish now. Without it, an aborted job counts as failed. */
  jobAbort?(job: StatelessJob<State>): void;
}

/** Hears of a job before it is decoded; what it `report`s counts as a problem of the job. */
export type JobListener<State extends StatelessFile = StatelessFile> = (job: StatelessJob<State>) => void;

/** A stateless decoder: declare it, {@link StatelessDevice.start} it, and get a `decode` for each bitstream. */
export class StatelessDevice<State extends StatelessFile = StatelessFile> {
  readonly codecs: readonly StatelessCodec[];
  readonly parameters: ParameterSet;
  readonly tracepoints: Tracepoints;
  readonly bitstreams = new BitstreamStore();
  readonly #jobs: JobCounters = { done: 0, failed: 0 };
  readonly #m2m: M2mDevice<State>;
  readonly #options: StatelessDeviceOptions<State>;
  readonly #listeners = new Set<JobListener<State>>();
  readonly #started = new WeakMap<M2mJob<State>, StatelessJob<State>>();

  constructor(options: StatelessDeviceOptions<State>) {
    const { name, codecs = statelessCodecs, newerControls = true, parameters } = options;
    this.#options = options;
    this.codecs = codecs;
    this.parameters = parameters;
    this.tracepoints = new Tracepoints(name);
    this.#m2m = new M2mDevice<State>({
      ...options,
      multiplanar: true,
      function: EntityFunction.VideoDecoder,
      supportsHold: true,
      ops: { ...statelessDecoderOps<State>(), ...options.ops },
      source: { isBitstream: true, ...this.#side(options.source) },
      destination: this.#side(options.destination),
      requests: statelessRequests<State>(),
      open: (file) => {
        const { unsupported } = options;
        const more = unsupported === undefined ? {} : { unsupported };
        return options.open(file, new StatelessControls({ codecs, newer: newerControls, ...more }));
      },
      controls: ({ controls }) => controls,
      deviceRun: (job) => {
        this.#run(job);
      },
      jobAbort: (job) => {
        const started = this.#started.get(job);
        if (started !== undefined) options.jobAbort?.(started);
      },
    });
  }

  get name(): string {
    return this.video.name;
  }

  get video(): VideoDevice<M2mContext<State>> {
    return this.#m2m.video;
  }

  get media(): MediaDevice {
    const { media } = this.#m2m;
    if (media === undefined) throw new Error("a stateless decoder has a media device");
    return media;
  }

  get scheduler(): M2mScheduler<M2mContext<State>> {
    return this.#m2m.scheduler;
  }

  /** What happens to the requests of {@link media}. */
  get requestOps(): RequestOps {
    return this.#m2m.requestOps;
  }

  /** The open files. */
  get contexts(): Iterable<M2mContext<State>> {
    return this.#m2m.contexts;
  }

  /** Jobs that ran to their end, and those of them that ended in an error, since the device is there. */
  get jobs(): Readonly<JobCounters> {
    return this.#jobs;
  }

  /**
   * Calls `listener` with each job that starts, before it is decoded. An exception in it is the listener's own bug: the
   * job fails.
   * @returns The function that ends it.
   */
  onJob(listener: JobListener<State>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Makes the nodes.
   * @throws {CuseError} They cannot be made; the message says why and what to do. Nothing is left behind.
   */
  start(options: StartOptions = {}): Promise<DeviceSession> {
    return this.#m2m.start(options);
  }

  #run(m2mJob: M2mJob<State>): void {
    const job = new StatelessJob(m2mJob);
    this.#started.set(m2mJob, job);
    for (const listener of this.#listeners) listener(job);
    const decoding = this.#options.decode(job);
    this.tracepoints.job(job.frame, job.context.file.client);
    this.#dump(job);
    if (!(decoding instanceof Promise)) {
      this.#decoded(m2mJob, job, decoding);
      return;
    }
    void this.#decodedLater(m2mJob, job, decoding);
    if (this.#options.overlaps === true && job.isNewFrame) m2mJob.overlap();
  }

  /** Never rejects: a driver's mistake costs one client one frame. */
  async #decodedLater(
    m2mJob: M2mJob<State>,
    job: StatelessJob<State>,
    decoding: Promise<string | undefined>,
  ): Promise<void> {
    try {
      const problem = await decoding;
      if (job.isRunning) this.#decoded(m2mJob, job, problem);
    } catch (error) {
      this.video.reportBug({ where: "decode", error, outcome: "the job has failed" });
      m2mJob.finish("error");
    }
  }

  #decoded(m2mJob: M2mJob<State>, job: StatelessJob<State>, problem: string | undefined): void {
    const { context, state, destination, request } = job;
    const end: JobState = problem === undefined ? "done" : "error";
    if (problem !== undefined) {
      const text = `frame ${destination.sequence} of file ${context.file.id} cannot be decoded: ${problem}`;
      this.video.message("warning", text, {
        ...{ frame: destination.sequence, file: Number(context.file.id) },
        ...(request !== undefined && { request: request.name }),
      });
    }
    for (const jobs of [this.#jobs, state.jobs]) {
      jobs.done += 1;
      if (end === "error") jobs.failed += 1;
    }
    const finish = (): void => {
      m2mJob.finish(end);
    };
    if (this.#options.decoded === undefined) finish();
    else this.#options.decoded(job, finish);
  }

  #dump(job: StatelessJob<State>): void {
    const { sequence } = job.destination;
    if (!this.parameters.dumpsFrame(sequence)) return;
    const problem = this.bitstreams.add(job.source.sequence, job.bitstream);
    if (problem !== undefined) {
      this.video.message("warning", `bitstream of frame ${sequence} is not dumped: ${problem}`);
    }
  }

  /** The side of a driver, and when one of its queues stops streaming the dumps go, unless they are to be kept. */
  #side(side: M2mSide<State> = {}): M2mSide<State> {
    return {
      ...side,
      ops: (state, queue) => {
        const own = side.ops?.(state, queue);
        const stopStreaming = (): void => {
          own?.stopStreaming?.();
          if (!this.parameters.values.keepBitstreamBuffers) this.bitstreams.clear();
        };
        return { ...own, stopStreaming };
      },
    };
  }
}
