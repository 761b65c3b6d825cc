/**
 * Where frames change hands: one producer at most, and the consumers that stream. What the producer brings goes to all of
 * them at once; while it brings nothing, each gets what stands in for it, at its own rate.
 */
import type { Fract } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";
import type { ShapeConverter } from "./converter.js";
import type { Frame } from "./frame.js";
import { DEFAULT_INTERVAL } from "./rate.js";
import { defaultShape, isSameLayout, nearestShape } from "./shape.js";
import type { Shape, ShapeWish } from "./shape.js";
import type { FrameSink, FrameSource } from "./sides.js";
import { Standby } from "./standby.js";
import type { VideoBuffer } from "../vb2/index.js";

/** What the operator fixes, and what becomes of frames. */
export interface HubOptions {
  /** The first node's, for messages and pictures. */
  readonly name: string;
  /** What a producer must bring; what is left out is the producer's choice. */
  readonly fixed?: ShapeWish;
  /** Rate of the pictures that stand in, and of producers that name none. */
  readonly interval?: Fract;
  /** A producer that brings nothing for so long has stopped, ms; 0: its last frame is shown as it is, for ever. */
  readonly timeoutMs?: number;
  /** Frames have the time stamps of the producer's, not of the moment when they came. */
  readonly keepsTimestamps?: boolean;
  readonly converter?: ShapeConverter;
  /** Whoever feeds the device is told what the first consumer wants, and brings that. */
  readonly negotiates?: boolean;
  /** The producer's format stays when it is gone: the next one is given it. */
  readonly keepsFormat?: boolean;
  readonly sustainsRate?: boolean;
  readonly now?: () => bigint;
}

const NS_PER_MS = 1_000_000n;
export const DEFAULT_TIMEOUT_MS = 3000;
/** Without a timeout: the last frame is shown again when none has come for so long. */
const AGAIN_MS = 1000;

/** What controls change. */
export interface HubSettings {
  keepsFormat: boolean;
  /** Consumers get the last frame again when the producer is slower than they asked for. */
  sustainsRate: boolean;
  timeoutMs: number;
  /** What the next producer brings is shown while nobody feeds the device. */
  takesImage: boolean;
}

export class Hub {
  readonly settings: HubSettings;
  readonly standby: Standby;
  readonly converter: ShapeConverter | undefined;
  readonly options: HubOptions;
  /** The first consumer streams, or the last one has stopped. */
  onWatched: (isWatched: boolean) => void = () => undefined;
  /** The same, for clients that listen. */
  onUsed: () => void = () => undefined;
  /** What the producer brings has another shape. */
  onShape: () => void = () => undefined;
  /** The first consumer wants something else than the producer brings. */
  onMismatch: () => void = () => undefined;
  readonly #consumers = new Set<FrameSink>();
  readonly #now: () => bigint;
  #producer: FrameSource | undefined;
  #shape: Shape = defaultShape;
  #interval: Fract;
  #lastNs: bigint | undefined;
  /** Nothing has come since; wall clock. */
  #idleSince = new Date();
  #isStale = true;
  /** A producer has set a format. */
  #wasSet = false;

  constructor(options: HubOptions) {
    this.options = options;
    this.converter = options.converter;
    this.settings = {
      keepsFormat: options.keepsFormat ?? false,
      sustainsRate: options.sustainsRate ?? false,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      takesImage: false,
    };
    this.standby = new Standby(options.name, (plane) => this.converter?.forget(plane));
    this.#now = options.now ?? (() => process.hrtime.bigint());
    this.#shape = this.fix({});
    this.#interval = options.interval ?? DEFAULT_INTERVAL;
  }

  now(): bigint {
    return this.#now();
  }

  /** What the producer brings, or what one would bring that does not care. */
  get shape(): Shape {
    return this.#shape;
  }

  get interval(): Fract {
    return this.#interval;
  }

  /** What the first consumer that streams is given; without one, what is set. */
  get wantedShape(): Shape {
    const [first] = this.#consumers;
    return this.fix(first?.shape ?? {});
  }

  get wantedInterval(): Fract {
    const [first] = this.#consumers;
    return this.options.interval ?? first?.interval ?? this.#interval;
  }

  get consumers(): ReadonlySet<FrameSink> {
    return this.#consumers;
  }

  /** Who has buffers to bring frames in. */
  get producer(): FrameSource | undefined {
    return this.#producer?.queue.busy === true ? this.#producer : undefined;
  }

  // The producer's side

  /** The nearest to a wish that the operator allows. */
  fix(wish: ShapeWish): Shape {
    return nearestShape({ ...wish, ...this.options.fixed }, this.#shape);
  }

  /** The same for a producer, who may be told what the first consumer wants. */
  answer(wish: ShapeWish): Shape {
    const { negotiates } = this.options;
    if (this.settings.keepsFormat && this.#wasSet) return this.#shape;
    return this.fix(negotiates === true && this.#consumers.size > 0 ? this.wantedShape : wish);
  }

  /** Does whoever feeds the device bring what the first consumer wants? */
  get followsWishes(): boolean {
    return this.options.negotiates ?? false;
  }

  /** Do frames come as they are, whatever the next consumer wants? */
  get isBound(): boolean {
    return this.producer !== undefined && !(this.followsWishes && this.#consumers.size === 0);
  }

  /** A buffer is freed. */
  forget({ planes }: VideoBuffer): void {
    for (const { memory } of planes) if (memory !== undefined) this.converter?.forget(memory);
  }

  /** @throws {V4l2Error} EBUSY - another file brings frames. */
  assertFree(producer: FrameSource): void {
    const other = this.producer;
    if (other !== undefined && other !== producer)
      throw new V4l2Error("EBUSY", "another file feeds the device");
  }

  /** The producer's format, for consumers that name none. @throws {V4l2Error} EBUSY */
  setShape(producer: FrameSource, shape: Shape): void {
    this.assertFree(producer);
    this.#wasSet = true;
    this.#change(shape);
  }

  setInterval(interval: Fract): void {
    this.#interval = this.options.interval ?? interval;
  }

  /** @throws {V4l2Error} EBUSY */
  claim(producer: FrameSource, shape: Shape): void {
    this.assertFree(producer);
    this.#producer = producer;
    this.#change(shape);
  }

  #change(shape: Shape): void {
    const isOther = !isSameLayout(shape, this.#shape);
    this.#shape = shape;
    if (isOther) this.onShape();
  }

  /** A frame has come. It is the consumers' until they have released it. */
  offer(frame: Frame): void {
    this.#lastNs = this.#now();
    if (this.#isStale) {
      this.#isStale = false;
      this.standby.forgetLast();
    }
    for (const consumer of this.#consumers) consumer.offer(frame);
    if (this.settings.sustainsRate) this.standby.keepLast(frame.shape, frame.bytes, false, []);
  }

  /** The producer stops, and takes the memory of its last frame with it. */
  stopped(last: Frame | undefined): void {
    if (last !== undefined && !this.#isStale) this.#goStale(last);
  }

  #goStale({ shape, bytes }: Pick<Frame, "shape" | "bytes">): void {
    this.#isStale = true;
    this.#idleSince = new Date();
    this.standby.keepLast(shape, bytes, this.settings.timeoutMs > 0, this.#lines("stopped"));
  }

  // The consumers' side

  started(consumer: FrameSink): void {
    this.#consumers.add(consumer);
    if (this.#consumers.size > 1) return;
    this.onUsed();
    this.onWatched(true);
    if (this.followsWishes && this.producer !== undefined && !this.reaches(consumer.shape)) this.onMismatch();
  }

  stoppedConsumer(consumer: FrameSink): void {
    this.converter?.finished(consumer);
    if (!this.#consumers.delete(consumer) || this.#consumers.size > 0) return;
    this.onUsed();
    this.onWatched(false);
  }

  /** Nobody comes any more. */
  close(): void {
    this.standby.close();
    this.converter?.close();
  }

  /** Can a consumer of that shape be given frames of the producer's? */
  reaches(shape: Shape): boolean {
    return isSameLayout(this.#shape, shape) || (this.converter?.converts(this.#shape, shape) ?? false);
  }

  /** Does the producer bring frames? Else consumers are shown what stands in for them. */
  get isFed(): boolean {
    const { producer } = this;
    if (this.#lastNs === undefined || producer?.queue.streaming !== true) return false;
    const limitMs = this.settings.timeoutMs;
    if (this.#now() - this.#lastNs < BigInt(limitMs === 0 ? AGAIN_MS : limitMs) * NS_PER_MS) return true;
    if (!this.#isStale) {
      const last = producer.lastFrame;
      if (last !== undefined) this.#goStale(last);
    }
    return false;
  }

  /** Since the last frame came, ms. */
  get idleMs(): number {
    return this.#lastNs === undefined ? Infinity : Number(this.#now() - this.#lastNs) / 1e6;
  }

  /** Text for pictures that stand in. */
  lines(shape: Shape): readonly string[] {
    return this.#lines(this.producer !== undefined && !this.reaches(shape) ? "format" : "idle");
  }

  #lines(why: "idle" | "stopped" | "format"): readonly string[] {
    const since = this.#idleSince.toTimeString().slice(0, 8);
    const { name } = this.options;
    if (why === "stopped") return [` no new picture since ${since} `];
    if (why === "format") return [` ${name}: the producer's format is another `];
    return [` nobody feeds ${name} `, ` since ${since} `];
  }
}
