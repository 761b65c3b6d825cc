/**
 * The camera: a capture queue that fills with test pictures at the frame rate. It says what it can do (`inputs.ts`,
 * `modes.ts`, `controls.ts`), draws a frame when one is due, and leaves the rest to the framework.
 */
import { bufferOps, fileOps } from "../vb2/index.js";
import type { VideoQueue } from "../vb2/index.js";
import type { Fract, FileHandle, Input, IoctlOps, StreamParm, VideoFormat } from "../v4l2/index.js";
import { BufType, CAP_TIMEPERFRAME, Cap, InputType, V4l2Error, VideoDevice } from "../v4l2/index.js";
import type { CameraControls, Look } from "./camera-controls.js";
import { makeControls } from "./camera-controls.js";
import { getSelection, nearestCrop } from "./crop.js";
import type { InputState } from "./inputs.js";
import { inputProfiles, setInterval, wholeOf } from "./inputs.js";
import { describeMode, formatFlags, formatsFor, nearestMode } from "./modes.js";
import type { PacerClock } from "./pacer.js";
import { PictureQueue, READ_BUFFERS } from "./picture-queue.js";
import { frameIntervalAt, frameSizeAt, hasSize } from "./sizes.js";

export interface CameraOptions {
  /** Node name, `"video0"`. */
  readonly name: string;
  /** Offer the multi-planar API, and with it the formats that need it (NV12M). */
  readonly multiplanar?: boolean;
  /** Hand frames out as fast as the client takes them, instead of at the frame rate. For measurements. */
  readonly unpaced?: boolean;
  /**
   * What time stamps are made of. `virtual`: frame n has the same time stamp and the same bytes in every run, whenever the client
   * takes it; frames come as fast as buffers do, and none is lost. Default: `real`.
   */
  readonly clock?: PacerClock;
}

type File = FileHandle<undefined>;

const NS_PER_SECOND = 1_000_000_000n;
/** `V4L2_IN_ST_*`: the picture is mirrored, or upside down. */
const StatusHflip = 0x10;
const StatusVflip = 0x20;

export class Camera {
  readonly device: VideoDevice<undefined>;
  readonly #pictures: PictureQueue;
  readonly #formats;
  readonly #type;
  readonly #inputs: readonly InputState[];
  readonly #controls: CameraControls;
  #input: InputState;
  #look: Partial<Look> = {};

  constructor(options: CameraOptions) {
    const multiplanar = options.multiplanar ?? false;
    this.#type = multiplanar ? BufType.VideoCaptureMplane : BufType.VideoCapture;
    this.#formats = formatsFor(multiplanar);
    this.#inputs = inputProfiles.map((profile) => ({
      profile,
      mode: nearestMode({ pixelformat: 0, ...profile.defaultSize }, this.#formats, profile.sizes),
      interval: profile.defaultInterval,
      pattern: profile.defaultPattern,
      crop: profile.sensor && wholeOf(profile.sensor),
    }));
    this.#input = this.#inputAt(0);
    this.#controls = makeControls((change) => {
      this.#changeLook(change);
    });
    this.device = new VideoDevice({
      name: options.name,
      driver: "sample",
      card: "v4l2-cuse sample camera",
      busInfo: `platform:${options.name}`,
      deviceCaps: (multiplanar ? Cap.VideoCaptureMplane : Cap.VideoCapture) | Cap.Streaming | Cap.ReadWrite,
      controls: this.#controls.handler,
      // The words that clients of every age know.
      oldFormatNames: true,
      ops: {
        ...this.#formatOps(),
        ...this.#inputOps(),
        ...bufferOps<File>(() => this.queue),
        subscribeEvent: (file, subscription) => {
          this.#controls.handler.subscribeEvent(file, subscription);
        },
        logStatus: (_file, print) => {
          this.#logStatus(print);
        },
      },
      fileOps: fileOps<File>(() => this.queue),
      open: () => undefined,
      release: (file) => {
        this.queue.releaseFile(file);
      },
    });
    const { width, height, pixelFormat } = this.#input.mode;
    const unpaced = options.unpaced ?? false;
    this.#pictures = new PictureQueue(
      {
        device: this.device,
        type: this.#type,
        planes: () => this.#input.mode.layout.memoryPlanes,
        intervalNs: () => (unpaced ? undefined : nanoseconds(this.#input.interval)),
        clock: options.clock,
      },
      { width, height, pixelFormat: pixelFormat.fourcc },
    );
    this.#controls.handler.setup();
  }

  get queue(): VideoQueue {
    return this.#pictures.queue;
  }

  // What clients may ask and set

  #formatOps(): IoctlOps<File> {
    return {
      enumFmt: (_file, { index }) => {
        const format = this.#formats[index];
        return format && { pixelformat: format.fourcc, flags: formatFlags(format) };
      },
      gFmt: () => describeMode(this.#input.mode, this.#type),
      tryFmt: (_file, format) => describeMode(this.#nearestMode(format), this.#type),
      sFmt: (_file, format) => {
        this.#assertIdle();
        this.#input.mode = this.#nearestMode(format);
        setInterval(this.#input, this.#input.interval);
        this.#refresh();
        return describeMode(this.#input.mode, this.#type);
      },
      enumFramesizes: (_file, { index, pixelformat }) =>
        this.#offers(pixelformat) ? frameSizeAt(this.#input.profile.sizes, index) : undefined,
      enumFrameintervals: (_file, { index, pixelformat, width, height }) => {
        const { sizes, intervals } = this.#input.profile;
        const isKnown = this.#offers(pixelformat) && hasSize(sizes, { width, height });
        return isKnown ? frameIntervalAt(intervals({ width, height }), index) : undefined;
      },
      gParm: (_file, type) => this.#streamParm(type),
      sParm: (_file, { type, timeperframe }) => {
        this.#assertType(type);
        setInterval(this.#input, timeperframe);
        this.#pictures.intervalChanged();
        return this.#streamParm(type);
      },
      gSelection: (_file, request) => getSelection(this.#input, request),
      sSelection: (_file, request) => {
        const crop = nearestCrop(this.#input, request);
        this.#input.crop = crop;
        this.#refresh();
        return crop;
      },
    };
  }

  #inputOps(): IoctlOps<File> {
    return {
      enuminput: (_file, index): Input | undefined => {
        const input = this.#inputs[index];
        if (input === undefined) return undefined;
        const { hflip, vflip } = this.#flips(input);
        const status = (hflip ? StatusHflip : 0) | (vflip ? StatusVflip : 0);
        return { name: input.profile.name, type: InputType.Camera, status };
      },
      gInput: () => this.#inputs.indexOf(this.#input),
      sInput: (_file, index) => {
        const input = this.#inputAt(index);
        if (input === this.#input) return;
        this.#assertIdle();
        this.#input = input;
        // Each input has its own pattern; subscribers hear of the change. The rest of the look is for all.
        this.#controls.pattern.setValue(input.pattern);
        this.#refresh();
      },
    };
  }

  /** @throws {V4l2Error} EINVAL - there is none. */
  #inputAt(index: number): InputState {
    const input = this.#inputs[index];
    if (input === undefined) throw new V4l2Error("EINVAL", `there is no input ${index}`);
    return input;
  }

  #assertIdle(): void {
    if (this.queue.busy) throw new V4l2Error("EBUSY", "buffers are allocated for the current format");
  }

  #offers(pixelformat: number): boolean {
    return this.#formats.some((format) => format.fourcc === pixelformat);
  }

  #nearestMode(wish: VideoFormat) {
    return nearestMode(wish, this.#formats, this.#input.profile.sizes);
  }

  /** @throws {V4l2Error} EINVAL - the other kind of planes. */
  #assertType(type: BufType): void {
    if (type !== this.#type) throw new V4l2Error("EINVAL", `no queue of buffer type ${type}`);
  }

  #streamParm(type: BufType): StreamParm {
    this.#assertType(type);
    return {
      type: this.#type,
      capability: CAP_TIMEPERFRAME,
      mode: 0,
      timeperframe: this.#input.interval,
      extendedmode: 0,
      buffers: READ_BUFFERS,
    };
  }

  #logStatus(print: (line: string) => void): void {
    const { profile, mode, interval, crop } = this.#input;
    print(`Input: ${profile.name}`);
    print(`Format: ${mode.pixelFormat.name} ${mode.width}x${mode.height}`);
    print(`Frame interval: ${interval.numerator}/${interval.denominator} s`);
    if (crop !== undefined) print(`Crop: ${crop.width}x${crop.height} at (${crop.left}, ${crop.top})`);
    this.#controls.handler.logStatus?.(print);
  }

  // What frames look like

  #changeLook(change: Partial<Look>): void {
    this.#look = { ...this.#look, ...change };
    this.#input.pattern = change.pattern ?? this.#input.pattern;
    this.#refresh();
  }

  /** Is the picture of an input flipped, all in all? */
  #flips({ profile }: InputState): { hflip: boolean; vflip: boolean } {
    const { hflip = false, vflip = false } = this.#look;
    return { hflip: hflip !== profile.isRotated, vflip: vflip !== profile.isRotated };
  }

  /** From the next frame on, the generator follows all that is set. */
  #refresh(): void {
    const { profile, mode, crop, pattern } = this.#input;
    const { width, height, colors } = mode;
    this.#pictures.configure({
      ...this.#look,
      ...this.#flips(this.#input),
      ...(profile.sensor ?? { width, height }),
      crop,
      frameSize: { width, height },
      pixelFormat: mode.pixelFormat.fourcc,
      pattern,
      colorspace: colors.colorspace,
      ycbcrEncoding: colors.ycbcrEnc,
      quantization: colors.quantization,
      xferFunc: colors.xferFunc,
    });
  }
}

function nanoseconds({ numerator, denominator }: Fract): bigint {
  return (NS_PER_SECOND * BigInt(numerator)) / BigInt(denominator);
}
