/**
 * A sub-device as its driver declares it: pads, their formats, selections, intervals and routes, controls and events.
 * `startVideoDevice` of src/serve makes the node of its {@link SubDevice.device}.
 *
 * Differs from the kernel, where drivers keep the active state by hand or by the core: here it is always the core's.
 */
import type {
  ControlHandler,
  DeviceIdentity,
  EnumMbusCode,
  EnumMbusFrameInterval,
  EnumMbusFrameSize,
  FileHandle,
  Fract,
  IoctlOps,
  MbusCodeDescription,
  MbusFormat,
  MbusFrameSize,
  PadPlace,
  PadSelection,
  Rect,
  Route,
  SetMbusFormat,
  SetPadInterval,
  SetPadSelection,
  SubdevTraits,
} from "../v4l2/index.js";
import { SubdevFormatWhence, V4l2Error, VideoDevice } from "../v4l2/index.js";
import { SubdevState } from "./state.js";

/**
 * What a driver does with its pads (`struct v4l2_subdev_pad_ops`). Each op is given the state that the call is about: the
 * device's, or that of a file that tries. What is absent is ENOTTY. A setter changes the state, other pads included, and
 * returns what was set.
 */
export interface PadOps {
  /** Fills a new state: every pad has a format from then on. */
  initState(state: SubdevState): void;
  enumMbusCode?(state: SubdevState, request: EnumMbusCode): MbusCodeDescription | undefined;
  enumFrameSize?(state: SubdevState, request: EnumMbusFrameSize): MbusFrameSize | undefined;
  enumFrameInterval?(state: SubdevState, request: EnumMbusFrameInterval): Fract | undefined;
  /** Absent: formats cannot be set, S_FMT answers with what they are. */
  setFmt?(state: SubdevState, request: SetMbusFormat): MbusFormat;
  /** @throws {V4l2Error} EINVAL - the pad has no such target. */
  getSelection?(state: SubdevState, request: PadSelection): Rect;
  /** @throws {V4l2Error} EINVAL - the pad has no such target, or it cannot be set. */
  setSelection?(state: SubdevState, request: SetPadSelection): Rect;
  setFrameInterval?(state: SubdevState, request: SetPadInterval): Fract;
  /** Checks routes before they are set; sets them with `SubdevState.setRoutes`. @throws {V4l2Error} EINVAL */
  setRouting?(state: SubdevState, routes: readonly Route[]): void;
}

/** What a driver declares of a sub-device. */
export interface SubDeviceOptions extends Pick<DeviceIdentity, "name" | "driver" | "version">, SubdevTraits {
  /** What the entity is called, `"sensor 0"`. */
  readonly title: string;
  readonly ops: PadOps;
  readonly controls?: ControlHandler;
  /** LOG_STATUS. */
  logStatus?(print: (line: string) => void): void;
}

type File = FileHandle<SubdevState>;

/** A sub-device: the video device of its node, and the state of its pads. */
export class SubDevice {
  /** What its node answers with; the state of a file is what it tries. */
  readonly device: VideoDevice<SubdevState>;
  /** What the pads are set to. */
  readonly active: SubdevState;
  readonly options: SubDeviceOptions;
  /** Does it stream? Its formats, selections and routes cannot be changed then (EBUSY). Whoever runs the pipeline sets it. */
  streaming = false;

  constructor(options: SubDeviceOptions) {
    this.options = options;
    this.active = this.#newState();
    const { name, driver, title, version, pads, streams, readOnly, controls } = options;
    this.device = new VideoDevice<SubdevState>({
      name,
      type: "subdev",
      driver,
      card: title,
      deviceCaps: 0,
      ...(version !== undefined && { version }),
      subdev: { pads, ...(streams && { streams }), ...(readOnly && { readOnly }) },
      ops: this.#ops(),
      ...(controls && { controls }),
      open: () => this.#newState(),
    });
  }

  get name(): string {
    return this.options.name;
  }

  #newState(): SubdevState {
    const state = new SubdevState();
    this.options.ops.initState(state);
    return state;
  }

  #state(file: File, which: SubdevFormatWhence): SubdevState {
    return which === SubdevFormatWhence.Try ? file.state : this.active;
  }

  /** @throws {V4l2Error} EBUSY */
  #changeable(file: File, which: SubdevFormatWhence): SubdevState {
    if (which === SubdevFormatWhence.Active && this.streaming)
      throw new V4l2Error("EBUSY", "the sub-device is streaming");
    return this.#state(file, which);
  }

  #ops(): IoctlOps<File> {
    const { ops, controls } = this.options;
    const logStatus = this.options.logStatus?.bind(this.options);
    const setFrameInterval = ops.setFrameInterval?.bind(ops);
    return {
      ...this.#enumerations(),
      ...this.#selections(),
      subdevGFmt: (file, place) => this.#at(file, place).format,
      subdevSFmt: (file, request) => {
        const state = this.#changeable(file, request.which);
        const { format } = state.at(request.pad, request.stream);
        return ops.setFmt === undefined ? format : ops.setFmt(state, request);
      },
      ...(setFrameInterval && {
        subdevGFrameInterval: (file: File, place: PadPlace) => this.#interval(file, place),
        subdevSFrameInterval: (file: File, request: SetPadInterval) =>
          setFrameInterval(this.#with(file, request), request),
      }),
      ...this.#routing(),
      ...(controls && {
        subscribeEvent: (file, subscription) => {
          controls.subscribeEvent(file, subscription);
        },
      }),
      ...(logStatus && {
        logStatus: (_file, print) => {
          logStatus(print);
        },
      }),
    };
  }

  /** The state of a call, if it has the pad's stream. @throws {V4l2Error} EINVAL */
  #with(file: File, { which, pad, stream }: PadPlace): SubdevState {
    const state = this.#state(file, which);
    state.at(pad, stream);
    return state;
  }

  #at(file: File, { which, pad, stream }: PadPlace) {
    return this.#state(file, which).at(pad, stream);
  }

  /** @throws {V4l2Error} EINVAL - the pad has no interval. */
  #interval(file: File, place: PadPlace): Fract {
    const { interval } = this.#at(file, place);
    if (interval === undefined) throw new V4l2Error("EINVAL", `pad ${place.pad} has no frame interval`);
    return interval;
  }

  #enumerations(): IoctlOps<File> {
    const { ops } = this.options;
    const enumMbusCode = ops.enumMbusCode?.bind(ops);
    const enumFrameSize = ops.enumFrameSize?.bind(ops);
    const enumFrameInterval = ops.enumFrameInterval?.bind(ops);
    return {
      ...(enumMbusCode && {
        subdevEnumMbusCode: (file: File, request: EnumMbusCode) =>
          enumMbusCode(this.#with(file, request), request),
      }),
      ...(enumFrameSize && {
        subdevEnumFrameSize: (file: File, request: EnumMbusFrameSize) =>
          enumFrameSize(this.#with(file, request), request),
      }),
      ...(enumFrameInterval && {
        subdevEnumFrameInterval: (file: File, request: EnumMbusFrameInterval) =>
          enumFrameInterval(this.#with(file, request), request),
      }),
    };
  }

  #selections(): IoctlOps<File> {
    const { ops } = this.options;
    const getSelection = ops.getSelection?.bind(ops);
    const setSelection = ops.setSelection?.bind(ops);
    return {
      ...(getSelection && {
        subdevGSelection: (file: File, request: PadSelection) =>
          getSelection(this.#with(file, request), request),
      }),
      ...(setSelection && {
        subdevSSelection: (file: File, request: SetPadSelection) => {
          const state = this.#changeable(file, request.which);
          state.at(request.pad, request.stream);
          return setSelection(state, request);
        },
      }),
    };
  }

  #routing(): IoctlOps<File> {
    const { streams, ops } = this.options;
    if (streams !== true) return {};
    const setRouting = ops.setRouting?.bind(ops);
    return {
      subdevGRouting: (file, which) => this.#state(file, which).routes,
      ...(setRouting && {
        subdevSRouting: (file, { which, routes }) => {
          const state = this.#changeable(file, which);
          setRouting(state, routes);
          return state.routes;
        },
      }),
    };
  }
}
