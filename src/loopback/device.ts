/**
 * The loopback: what one program puts out is what others capture. Each open file has queues of its own, so that each
 * consumer has its own format, size and rate, and loses only its own frames.
 */
import { bufferOps, fileOps } from "../vb2/index.js";
import type { VideoQueue } from "../vb2/index.js";
import type {
  BufferOps,
  ControlHandler,
  EventPayload,
  EventSubscription,
  FileHandle,
  IoctlOps,
  StreamParm,
  VideoBufType,
  VideoFormat,
} from "../v4l2/index.js";
import {
  BufType,
  CAP_TIMEPERFRAME,
  eventQueue,
  EventType,
  queueEvent,
  SourceChange,
  subscribeControlEvent,
  subscribeSourceChange,
  Cap,
  isOutput,
  isVideoBufType,
  OutputType,
  singleInput,
  V4l2Error,
  VideoDevice,
} from "../v4l2/index.js";
import { Consumer, READ_BUFFERS } from "./consumer.js";
import { loopbackControls } from "./controls.js";
import { Hub } from "./hub.js";
import type { HubOptions } from "./hub.js";
import { Producer, producerFormatAt } from "./producer.js";
import { listedIntervals } from "./rate.js";
import { anyInterval, anySize, producerFormats } from "./shape.js";

/** What a loopback is made from. */
export interface LoopbackOptions extends Omit<HubOptions, "name"> {
  /** Node name, `"video0"`. With `captureName` of the node that producers feed. */
  readonly name: string;
  /** A node of its own for consumers. Without it one node has both roles. */
  readonly captureName?: string;
  /**
   * A file of a node with both roles has one: it sees OUTPUT only while nobody feeds the device or if it is the one that does,
   * and CAPTURE only otherwise. For programs that take a node with both for no camera (Chromium). Default false.
   */
  readonly exclusiveCaps?: boolean;
  /**
   * Processes that feed the device, where we start them: all others see CAPTURE only, always.
   */
  readonly isFeeder?: (pid: number) => boolean;
  /** Be v4l2loopback for the programs that ask: names and controls are its. Default false. */
  readonly isV4l2loopback?: boolean;
  /** Name of the device: QUERYCAP's `card`, at most 31 bytes. */
  readonly card?: string;
}

/** What an open file can be: a consumer, a producer, or what it turns out to be. */
interface Sides {
  readonly consumer: Consumer | undefined;
  readonly producer: Producer | undefined;
  /** Its process is one that we have started to feed the device. */
  readonly isFeeder: boolean;
  /** Formats, sizes and rates are listed for producers: it was the last that the file asked for. */
  asksAsProducer: boolean;
}

type File = FileHandle<Sides>;
type Side = Consumer | Producer;

export const DEFAULT_CARD = "Loopback";

/** Whether somebody watches: events of v4l2loopback, since its version 0.13 and before. */
const ClientUsage = EventType.PrivateStart + 0x08e0_0001;
const OldClientUsage = EventType.PrivateStart;

function identityOf(name: string, { card, isV4l2loopback }: LoopbackOptions) {
  const number = /\d+$/.exec(name)?.[0] ?? "0";
  if (isV4l2loopback !== true)
    return { driver: "loopback", card: card ?? DEFAULT_CARD, busInfo: `platform:${name}` };
  return {
    driver: "v4l2 loopback",
    card: card ?? `Dummy video device (0x${Number(number).toString(16).padStart(4, "0")})`,
    busInfo: `platform:v4l2loopback-${number.padStart(3, "0")}`,
  };
}

/** A consumer that cannot have what the producer brings now has to ask again. */
function tellOfShape(hub: Hub, file: File): void {
  const { consumer } = file.state;
  if (consumer?.queue.busy !== true || hub.reaches(consumer.shape)) return;
  queueEvent([file], {
    type: EventType.SourceChange,
    id: 0,
    payload: { kind: "source-change", changes: SourceChange.Resolution },
  });
}

/** A loopback device: one node, or two. */
export class Loopback {
  /** One, or the producers' and the consumers'. */
  readonly devices: readonly VideoDevice<Sides>[];
  readonly hub: Hub;
  readonly #options: LoopbackOptions;
  readonly #controls: ControlHandler | undefined;

  constructor(options: LoopbackOptions) {
    this.#options = options;
    this.hub = new Hub(options);
    this.#controls = options.isV4l2loopback === true ? loopbackControls(this.hub) : undefined;
    this.hub.onUsed = () => {
      for (const device of this.devices)
        for (const type of [ClientUsage, OldClientUsage])
          queueEvent(device.files, { type, id: 0, payload: this.#usage });
    };
    this.hub.onShape = () => {
      for (const device of this.devices) for (const file of device.files) tellOfShape(this.hub, file);
    };
    const { name, captureName } = options;
    this.devices =
      captureName === undefined
        ? [this.#device(name, { consumes: true, produces: true })]
        : [
            this.#device(name, { consumes: false, produces: true }),
            this.#device(captureName, { consumes: true, produces: false }),
          ];
  }

  #device(
    name: string,
    roles: { readonly consumes: boolean; readonly produces: boolean },
  ): VideoDevice<Sides> {
    const { consumes, produces } = roles;
    const { hub } = this;
    const device: VideoDevice<Sides> = new VideoDevice<Sides>({
      name,
      ...identityOf(name, this.#options),
      ...(this.#controls !== undefined && { controls: this.#controls }),
      deviceCaps:
        (consumes ? Cap.VideoCapture : 0) | (produces ? Cap.VideoOutput : 0) | Cap.Streaming | Cap.ReadWrite,
      oldFormatNames: true,
      ...(consumes && produces && this.#hasRoles && { capsOf: (file: File) => this.#capsOf(file) }),
      ops: {
        ...formatOps(hub),
        ...(consumes && singleInput<File>("loopback")),
        ...(produces && outputOps()),
        ...loopbackBufferOps(),
        subscribeEvent: (file, subscription) => this.#subscribe(file, subscription),
      },
      fileOps: fileOps<File>(({ state }) => queuesOf(state)),
      open: (file) => ({
        consumer: consumes
          ? new Consumer(hub, device, file, { others: () => fellowsOf(device, file) })
          : undefined,
        producer: produces ? new Producer(hub, device, file) : undefined,
        asksAsProducer: !consumes,
        isFeeder: this.#options.isFeeder?.(file.client.pid) ?? false,
      }),
      release: (file) => {
        for (const queue of queuesOf(file.state)) queue.releaseFile(file);
      },
    });
    return device;
  }

  /** How many consumers stream: one or more are 1. */
  get #usage(): EventPayload {
    return { kind: "raw", bytes: Uint8Array.of(this.hub.consumers.size > 0 ? 1 : 0, 0, 0, 0) };
  }

  #subscribe(file: File, subscription: EventSubscription): void {
    const { type } = subscription;
    if (type === EventType.Ctrl) {
      subscribeControlEvent(file, subscription);
    } else if (type === EventType.SourceChange && (file.device.traits.deviceCaps & Cap.VideoCapture) !== 0) {
      subscribeSourceChange(file, subscription);
    } else if (type === ClientUsage || type === OldClientUsage) {
      eventQueue(file).subscribe(subscription, 1, { add: (added) => added.send(this.#usage) });
    } else {
      throw new V4l2Error("EINVAL", `no event of type ${type}`);
    }
  }

  get #hasRoles(): boolean {
    return this.#options.exclusiveCaps === true || this.#options.isFeeder !== undefined;
  }

  #capsOf(file: File): number {
    return this.#isProducer(file) ? ~Cap.VideoCapture : ~Cap.VideoOutput;
  }

  /** Of a node whose files have one role: which one? */
  #isProducer({ state, client }: File): boolean {
    const { consumer, producer, isFeeder } = state;
    // Whoever has buffers goes on with them.
    if (producer?.queue.busy === true) return true;
    if (consumer?.queue.busy === true) return false;
    if (this.#options.isFeeder !== undefined) return isFeeder;
    const feeding = this.hub.producer;
    return feeding === undefined || feeding.file.client?.pid === client.pid;
  }
}

/** REQBUFS to STREAMOFF: vb2's, once it is clear that the file may. */
function loopbackBufferOps(): Required<BufferOps<File>> {
  const vb2 = bufferOps<File>(({ state }, type) => sideOf(state, type)?.queue);
  return {
    ...vb2,
    reqbufs: (file, request) => {
      sideOf(file.state, request.type)?.assertMine();
      return vb2.reqbufs(file, request);
    },
  };
}

/** Consumers of the process that has opened `file`, without that one. */
function* fellowsOf(device: VideoDevice<Sides>, file: File): Iterable<Consumer> {
  const { pid } = file.client;
  for (const other of device.files) {
    const { consumer } = other.state;
    if (other !== file && consumer !== undefined && other.client.pid === pid) yield consumer;
  }
}

function queuesOf({ consumer, producer }: Sides): VideoQueue[] {
  return [consumer, producer].flatMap((side) => side?.queue ?? []);
}

function sideOf({ consumer, producer }: Sides, type: BufType): Side | undefined {
  if (type === BufType.VideoCapture) return consumer;
  return type === BufType.VideoOutput ? producer : undefined;
}

/** @throws {V4l2Error} EINVAL - the node has no such queue. */
function requireSide(file: File, type: VideoBufType): Side {
  const side = sideOf(file.state, type);
  if (side === undefined) throw new V4l2Error("EINVAL", `no queue of buffer type ${type}`);
  file.state.asksAsProducer = isOutput(type);
  return side;
}

function formatOps(hub: Hub): IoctlOps<File> {
  const parm = (file: File, type: BufType): StreamParm => {
    const side = sideOf(file.state, type);
    if (side === undefined) throw new V4l2Error("EINVAL", `no queue of buffer type ${type}`);
    return {
      type,
      capability: CAP_TIMEPERFRAME,
      mode: 0,
      timeperframe: side instanceof Consumer ? side.interval : hub.interval,
      extendedmode: 0,
      buffers: READ_BUFFERS,
    };
  };
  return {
    enumFmt: (file, { type, index }) => {
      if (!isVideoBufType(type)) return undefined;
      const side = requireSide(file, type);
      const pixelformat =
        side instanceof Consumer
          ? side.formats[index]
          : producerFormatAt(index, producerFormats, hub.shape.pixelformat);
      return pixelformat === undefined ? undefined : { pixelformat };
    },
    gFmt: (file, type): VideoFormat => requireSide(file, type).describe(),
    tryFmt: (file, format) => requireSide(file, format.type).try(format),
    sFmt: (file, format) => requireSide(file, format.type).set(format),
    enumFramesizes: ({ state }, { index, pixelformat }) => {
      const { consumer, asksAsProducer } = state;
      if (asksAsProducer || consumer === undefined)
        return index === 0 && producerFormats.includes(pixelformat) ? anySize : undefined;
      const size = consumer.sizes(pixelformat)[index];
      return size && { kind: "discrete", ...size };
    },
    enumFrameintervals: ({ state }, { index, pixelformat, width, height }) => {
      const { consumer, asksAsProducer } = state;
      if (asksAsProducer || consumer === undefined) {
        const fits = width % 2 === 0 && height % 2 === 0 && width > 0 && height > 0;
        return index === 0 && fits && producerFormats.includes(pixelformat) ? anyInterval : undefined;
      }
      const isListed = consumer
        .sizes(pixelformat)
        .some((size) => size.width === width && size.height === height);
      const interval = isListed ? listedIntervals(hub.interval)[index] : undefined;
      return interval && { kind: "discrete", interval };
    },
    gParm: parm,
    sParm: (file, { type, timeperframe }) => {
      sideOf(file.state, type)?.setInterval(timeperframe);
      return parm(file, type);
    },
  };
}

function outputOps(): IoctlOps<File> {
  return {
    enumoutput: (_file, index) =>
      index === 0 ? { name: "loopback in", type: OutputType.Analog } : undefined,
    gOutput: () => 0,
    sOutput: (_file, index) => {
      if (index !== 0) throw new V4l2Error("EINVAL", `there is no output ${index}`);
    },
  };
}
