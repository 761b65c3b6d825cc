/**
 * A camera made of parts, as boards have them: sensor -> bridge -> video node, each with a node of its own. Clients
 * configure the pads one by one (`media-ctl -V`), then the video node; they agree, or STREAMON is EPIPE.
 */
import { EntityFunction, InterfaceType, LinkFlag, MediaDevice, PadFlag } from "../media/index.js";
import type { DeviceNumber, Entity, MediaGraph } from "../media/index.js";
import { startPipeline, SubDevice } from "../subdev/index.js";
import type { Pipeline } from "../subdev/index.js";
import type { PixelFormatInfo } from "../tpg/index.js";
import { bufferOps, fileOps } from "../vb2/index.js";
import { BufType, Cap, DEFAULT_VERSION, MbusCode, V4l2Error, VideoDevice } from "../v4l2/index.js";
import type { FileHandle, IoctlOps, MbusFormat, Rect } from "../v4l2/index.js";
import { bridgeOps, bridgeSizes, SINK, SOURCE } from "./bridge.js";
import type { Look } from "./camera-controls.js";
import { wholeOf } from "./inputs.js";
import { describeMode, known, nearestMode } from "./modes.js";
import type { Mode } from "./modes.js";
import type { PacerClock } from "./pacer.js";
import { PictureQueue } from "./picture-queue.js";
import { Sensor, SENSOR_SIZE } from "./sensor.js";
import { frameSizeAt } from "./sizes.js";

export interface CameraModuleOptions {
  /** Node names, `video0` and `media0`; of the sensor and the bridge `v4l-subdev0` and `v4l-subdev1`. */
  readonly name: string;
  readonly mediaName: string;
  readonly subDeviceNames: readonly [sensor: string, bridge: string];
  /** See `CameraOptions`. */
  readonly unpaced?: boolean;
  readonly clock?: PacerClock;
}

type File = FileHandle<undefined>;

/** What the video node can make of each media bus code. */
const packings: readonly (readonly [codes: readonly number[], fourccs: readonly string[]])[] = [
  [
    [MbusCode.UYVY8_1X16, MbusCode.YUYV8_1X16],
    ["YUYV", "UYVY", "NV12", "NV16", "YU12"],
  ],
  [[MbusCode.RGB888_1X24], ["RGB3", "BGR3", "XR24"]],
  [[MbusCode.Y8_1X8], ["GREY"]],
];
const formats: readonly PixelFormatInfo[] = packings.flatMap(([, names]) => names.map(known));

/** Those that a code can become; of the code 0 all. */
function formatsOf(code: number): readonly PixelFormatInfo[] {
  if (code === 0) return formats;
  const names = packings.find(([codes]) => codes.includes(code))?.[1] ?? [];
  return names.map(known);
}

const DRIVER = "sample";
const CARD = "v4l2-cuse camera module";

/** Declares the parts; `startWithMedia` makes their nodes, and `describe` the graph. */
export class CameraModule {
  readonly video: VideoDevice<undefined>;
  readonly media: MediaDevice;
  readonly sensor: SubDevice;
  readonly bridge: SubDevice;
  readonly #sensor: Sensor;
  readonly #pictures: PictureQueue;
  #mode: Mode = nearestMode({ pixelformat: 0, ...SENSOR_SIZE }, formats, bridgeSizes);
  #look: Partial<Look> = {};
  #sink: Entity | undefined;
  #subDevices: ReadonlyMap<Entity, SubDevice> = new Map();
  #pipeline: Pipeline | undefined;

  constructor({ name, mediaName, subDeviceNames, unpaced = false, clock = "real" }: CameraModuleOptions) {
    const busInfo = `platform:${name}`;
    const [sensor, bridge] = subDeviceNames;
    this.#sensor = new Sensor(sensor, DRIVER, (change) => {
      this.#look = { ...this.#look, ...change };
      this.#refresh();
    });
    this.sensor = this.#sensor.subDevice;
    this.bridge = new SubDevice({
      name: bridge,
      driver: DRIVER,
      title: "bridge",
      pads: ["sink", "source"],
      ops: bridgeOps,
    });
    this.media = new MediaDevice({
      name: mediaName,
      info: { driver: DRIVER, model: CARD, busInfo, version: DEFAULT_VERSION },
    });
    this.video = new VideoDevice({
      name,
      driver: DRIVER,
      card: CARD,
      busInfo,
      deviceCaps: Cap.VideoCapture | Cap.Streaming | Cap.ReadWrite | Cap.IoMc,
      oldFormatNames: true,
      ops: { ...this.#formatOps(), ...bufferOps<File>(() => this.#pictures.queue) },
      fileOps: fileOps<File>(() => this.#pictures.queue),
      open: () => undefined,
      release: (file) => {
        this.#pictures.queue.releaseFile(file);
      },
    });
    const { width, height, pixelFormat } = this.#mode;
    this.#pictures = new PictureQueue(
      {
        device: this.video,
        type: BufType.VideoCapture,
        planes: () => this.#mode.layout.memoryPlanes,
        intervalNs: () => (unpaced ? undefined : this.#sensor.intervalNs),
        clock,
        start: () => {
          this.#startPipeline();
        },
        stop: () => {
          this.#pipeline?.stop();
          this.#pipeline = undefined;
        },
      },
      { width, height, pixelFormat: pixelFormat.fourcc },
    );
    this.#sensor.setup();
  }

  /** Fills the graph. */
  describe(
    graph: MediaGraph,
    devnode: DeviceNumber,
    [sensorNode, bridgeNode]: readonly DeviceNumber[],
  ): void {
    const sensor = graph.addEntity({
      name: this.sensor.options.title,
      function: EntityFunction.CameraSensor,
      isSubDevice: true,
      pads: [PadFlag.Source],
      ...(sensorNode && { devnode: sensorNode }),
    });
    const bridge = graph.addEntity({
      name: this.bridge.options.title,
      function: EntityFunction.VideoScaler,
      isSubDevice: true,
      pads: [PadFlag.Sink | PadFlag.MustConnect, PadFlag.Source],
      ...(bridgeNode && { devnode: bridgeNode }),
    });
    const sink = graph.addEntity({
      name: "capture",
      function: EntityFunction.IoV4l,
      pads: [PadFlag.Sink | PadFlag.MustConnect],
      devnode,
    });
    graph.linkPads(sensor, 0, bridge, SINK, LinkFlag.Enabled);
    graph.linkPads(bridge, SOURCE, sink, 0, LinkFlag.Enabled | LinkFlag.Immutable);
    const drives = (type: number, number: DeviceNumber | undefined, entity: Entity): void => {
      if (number === undefined) return;
      graph.linkInterface(graph.addInterface(type, number), entity, LinkFlag.Enabled | LinkFlag.Immutable);
    };
    drives(InterfaceType.SubDevice, sensorNode, sensor);
    drives(InterfaceType.SubDevice, bridgeNode, bridge);
    drives(InterfaceType.Video, devnode, sink);
    this.#sink = sink;
    this.#subDevices = new Map([
      [sensor, this.sensor],
      [bridge, this.bridge],
    ]);
  }

  #formatOps(): IoctlOps<File> {
    return {
      enumFmt: (_file, { index, mbusCode }) => {
        const format = formatsOf(mbusCode)[index];
        return format && { pixelformat: format.fourcc };
      },
      gFmt: () => describeMode(this.#mode, BufType.VideoCapture),
      tryFmt: (_file, format) =>
        describeMode(nearestMode(format, formats, bridgeSizes), BufType.VideoCapture),
      sFmt: (_file, format) => {
        if (this.#pictures.queue.busy)
          throw new V4l2Error("EBUSY", "buffers are allocated for the current format");
        this.#mode = nearestMode(format, formats, bridgeSizes);
        this.#refresh();
        return describeMode(this.#mode, BufType.VideoCapture);
      },
      enumFramesizes: (_file, { index, pixelformat }) =>
        formats.some((format) => format.fourcc === pixelformat) ? frameSizeAt(bridgeSizes, index) : undefined,
    };
  }

  /** @throws {V4l2Error} EPIPE, ENOLINK - see `startPipeline`. */
  #startPipeline(): void {
    if (this.#sink === undefined) throw new V4l2Error("ENOLINK", "the media device is not there yet");
    this.#pipeline = startPipeline({
      graph: this.media.graph,
      subDevices: this.#subDevices,
      sink: this.#sink,
      check: (arriving) => {
        this.#checkFormat(arriving);
      },
    });
    this.#refresh();
  }

  /** @throws {V4l2Error} EPIPE */
  #checkFormat({ width, height, code }: MbusFormat): void {
    const mode = this.#mode;
    if (width !== mode.width || height !== mode.height)
      throw new V4l2Error(
        "EPIPE",
        `${width}x${height} arrives, the video node is set to ${mode.width}x${mode.height}`,
      );
    if (!formatsOf(code).includes(mode.pixelFormat))
      throw new V4l2Error("EPIPE", `${mode.pixelFormat.name} cannot be made of what arrives`);
  }

  /** From the next frame on, pictures follow all that is set. */
  #refresh(): void {
    const { width, height, pixelFormat, colors } = this.#mode;
    this.#pictures.configure({
      ...this.#look,
      ...SENSOR_SIZE,
      crop: this.#crop,
      frameSize: { width, height },
      pixelFormat: pixelFormat.fourcc,
      colorspace: colors.colorspace,
      ycbcrEncoding: colors.ycbcrEnc,
      quantization: colors.quantization,
      xferFunc: colors.xferFunc,
    });
  }

  /** The part of the sensor's array that the bridge takes. */
  get #crop(): Rect {
    const { format, crop = wholeOf(format) } = this.bridge.active.at(SINK);
    const scaleX = SENSOR_SIZE.width / format.width;
    const scaleY = SENSOR_SIZE.height / format.height;
    return {
      left: Math.round(crop.left * scaleX),
      top: Math.round(crop.top * scaleY),
      width: Math.round(crop.width * scaleX),
      height: Math.round(crop.height * scaleY),
    };
  }
}
