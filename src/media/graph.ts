/**
 * The media graph: entities, their pads, the links between pads, and the device nodes that drive entities.
 *
 * Object ids are those a client would see from a kernel driver that registers the same things in the same
 * order: one counter for all kinds, the kind in the top byte. Nothing is ever removed, so `topologyVersion`
 * only grows while a driver builds its graph.
 */
import {
  MEDIA_ENT_F_CAM_SENSOR,
  MEDIA_ENT_F_IO_V4L,
  MEDIA_ENT_F_PROC_VIDEO_DECODER,
  MEDIA_ENT_F_PROC_VIDEO_ENCODER,
  MEDIA_ENT_F_PROC_VIDEO_SCALER,
  MEDIA_ENT_F_UNKNOWN,
  MEDIA_ENT_F_FLASH,
  MEDIA_ENT_F_LENS,
  MEDIA_ENT_F_PROC_VIDEO_COMPOSER,
  MEDIA_ENT_F_PROC_VIDEO_ISP,
  MEDIA_ENT_F_PROC_VIDEO_LUT,
  MEDIA_ENT_F_PROC_VIDEO_PIXEL_ENC_CONV,
  MEDIA_ENT_F_PROC_VIDEO_PIXEL_FORMATTER,
  MEDIA_ENT_F_PROC_VIDEO_STATISTICS,
  MEDIA_ENT_F_VID_IF_BRIDGE,
  MEDIA_ENT_F_VID_MUX,
  MEDIA_INTF_T_V4L_SUBDEV,
  MEDIA_INTF_T_V4L_VIDEO,
  MEDIA_LNK_FL_DYNAMIC,
  MEDIA_LNK_FL_ENABLED,
  MEDIA_LNK_FL_IMMUTABLE,
  MEDIA_LNK_FL_INTERFACE_LINK,
  MEDIA_PAD_FL_MUST_CONNECT,
  MEDIA_PAD_FL_SINK,
  MEDIA_PAD_FL_SOURCE,
} from "../v4l2/gen/index.js";
import { V4l2Error } from "../v4l2/index.js";

/** The kind of a graph object, in the top byte of its id (`enum media_gobj_type`). */
const Kind = { Entity: 0, Pad: 1, Link: 2, Interface: 3 } as const;
const KIND_SHIFT = 24;

/** `MEDIA_ENT_F_*`: what an entity does. */
export const EntityFunction = {
  Unknown: MEDIA_ENT_F_UNKNOWN,
  IoV4l: MEDIA_ENT_F_IO_V4L,
  CameraSensor: MEDIA_ENT_F_CAM_SENSOR,
  Flash: MEDIA_ENT_F_FLASH,
  Lens: MEDIA_ENT_F_LENS,
  VideoMux: MEDIA_ENT_F_VID_MUX,
  VideoInterfaceBridge: MEDIA_ENT_F_VID_IF_BRIDGE,
  VideoComposer: MEDIA_ENT_F_PROC_VIDEO_COMPOSER,
  VideoPixelFormatter: MEDIA_ENT_F_PROC_VIDEO_PIXEL_FORMATTER,
  VideoPixelEncodingConverter: MEDIA_ENT_F_PROC_VIDEO_PIXEL_ENC_CONV,
  VideoLut: MEDIA_ENT_F_PROC_VIDEO_LUT,
  VideoStatistics: MEDIA_ENT_F_PROC_VIDEO_STATISTICS,
  VideoIsp: MEDIA_ENT_F_PROC_VIDEO_ISP,
  VideoScaler: MEDIA_ENT_F_PROC_VIDEO_SCALER,
  VideoDecoder: MEDIA_ENT_F_PROC_VIDEO_DECODER,
  VideoEncoder: MEDIA_ENT_F_PROC_VIDEO_ENCODER,
} as const;
export type EntityFunction = (typeof EntityFunction)[keyof typeof EntityFunction];

/** Bits of a pad, `MEDIA_PAD_FL_*`. */
export const PadFlag = {
  Sink: MEDIA_PAD_FL_SINK,
  Source: MEDIA_PAD_FL_SOURCE,
  MustConnect: MEDIA_PAD_FL_MUST_CONNECT,
} as const;
/** Bits of a link, `MEDIA_LNK_FL_*`. */
export const LinkFlag = {
  Enabled: MEDIA_LNK_FL_ENABLED,
  Immutable: MEDIA_LNK_FL_IMMUTABLE,
  Dynamic: MEDIA_LNK_FL_DYNAMIC,
  InterfaceLink: MEDIA_LNK_FL_INTERFACE_LINK,
} as const;

/** What kind of node an interface is, `MEDIA_INTF_T_*`. */
export const InterfaceType = {
  Video: MEDIA_INTF_T_V4L_VIDEO,
  SubDevice: MEDIA_INTF_T_V4L_SUBDEV,
} as const;

/** Where a link meets an entity. */
export interface Pad {
  readonly id: number;
  readonly entity: Entity;
  readonly index: number;
  /** `PadFlag` bits. */
  readonly flags: number;
}

/** A part of the hardware, or a node's end of it. */
export interface Entity {
  readonly id: number;
  readonly name: string;
  readonly function: EntityFunction;
  readonly flags: number;
  readonly pads: readonly Pad[];
  /** A sub-device: what old clients are told of its function depends on it. */
  readonly isSubDevice: boolean;
  /** The device node that drives this entity, where it has one. */
  readonly devnode: DeviceNumber | undefined;
}

/** Major and minor number of a node. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** A link from a source pad to a sink pad. */
export interface PadLink {
  readonly id: number;
  readonly source: Pad;
  readonly sink: Pad;
  /** `LinkFlag` bits; only ENABLED changes. */
  flags: number;
}

/** A device node through which programs drive entities. */
export interface Interface {
  readonly id: number;
  readonly type: number;
  readonly devnode: DeviceNumber;
}

/** Says which interface drives which entity. */
export interface InterfaceLink {
  readonly id: number;
  readonly source: Interface;
  readonly sink: Entity;
  readonly flags: number;
}

/** Entities with their pads, interfaces, and the links between them. */
export class MediaGraph {
  readonly entities: Entity[] = [];
  readonly pads: Pad[] = [];
  readonly interfaces: Interface[] = [];
  /** Pad links and interface links in the order they were made. */
  readonly links: (PadLink | InterfaceLink)[] = [];
  /** Entities of running pipelines: their links cannot be changed, unless they are `LinkFlag.Dynamic`. */
  readonly streaming = new Set<Entity>();
  #lastId = 0;
  #version = 0;

  /** Counts changes of the graph since it was first complete; link states do not count. */
  get topologyVersion(): bigint {
    return BigInt(this.#version);
  }

  #nextId(kind: number): number {
    this.#lastId += 1;
    return kind === Kind.Entity ? this.#lastId : ((kind << KIND_SHIFT) | this.#lastId) >>> 0;
  }

  /** Adds an entity with one pad for each element of `pads` (its `PadFlag` bits). */
  addEntity(options: {
    name: string;
    function: EntityFunction;
    pads: readonly number[];
    flags?: number;
    isSubDevice?: boolean;
    devnode?: DeviceNumber;
  }): Entity {
    const pads: Pad[] = [];
    const entity: Entity = {
      id: this.#nextId(Kind.Entity),
      name: options.name,
      function: options.function,
      flags: options.flags ?? 0,
      pads,
      isSubDevice: options.isSubDevice ?? false,
      devnode: options.devnode,
    };
    options.pads.forEach((flags, index) => {
      pads.push({ id: this.#nextId(Kind.Pad), entity, index, flags });
    });
    this.entities.push(entity);
    this.pads.push(...pads);
    return entity;
  }

  /** @throws {RangeError} a pad does not exist: a mistake of the driver. */
  linkPads(source: Entity, sourcePad: number, sink: Entity, sinkPad: number, flags: number): PadLink {
    const from = source.pads[sourcePad];
    const to = sink.pads[sinkPad];
    if (from === undefined || to === undefined) {
      throw new RangeError(`no such pads: ${source.name}:${sourcePad} -> ${sink.name}:${sinkPad}`);
    }
    const link: PadLink = { id: this.#nextId(Kind.Link), source: from, sink: to, flags };
    // A pad link is known to both its ends; the second record takes an id too, so that ids match a kernel driver's.
    this.#nextId(Kind.Link);
    this.links.push(link);
    return link;
  }

  addInterface(type: number, devnode: DeviceNumber): Interface {
    const added: Interface = { id: this.#nextId(Kind.Interface), type, devnode };
    this.interfaces.push(added);
    return added;
  }

  linkInterface(source: Interface, sink: Entity, flags: number): InterfaceLink {
    const link: InterfaceLink = {
      id: this.#nextId(Kind.Link),
      source,
      sink,
      flags: flags | LinkFlag.InterfaceLink,
    };
    this.links.push(link);
    return link;
  }

  entityById(id: number): Entity | undefined {
    return this.entities.find((entity) => entity.id === id);
  }

  /** The entity with the smallest id above `id`, as `MEDIA_ENT_ID_FLAG_NEXT` asks for. */
  entityAfter(id: number): Entity | undefined {
    return this.entities.find((entity) => entity.id > id);
  }

  /** Enabled pad links that end at `pad`. */
  feeding(pad: Pad): PadLink[] {
    return this.links.filter(
      (link): link is PadLink =>
        isPadLink(link) && link.sink === pad && (link.flags & LinkFlag.Enabled) !== 0,
    );
  }

  /** Pad links that start at `entity`. */
  outboundLinks(entity: Entity): PadLink[] {
    return this.links.filter((link): link is PadLink => isPadLink(link) && link.source.entity === entity);
  }

  /**
   * `MEDIA_IOC_SETUP_LINK`.
   * @throws {V4l2Error} EINVAL - no such link, or `flags` differs in more than ENABLED, or the link is immutable.
   * @throws {V4l2Error} EBUSY - one of its ends is streaming.
   */
  setupLink(source: PadRef, sink: PadRef, flags: number): void {
    const link = this.links.find(
      (candidate): candidate is PadLink =>
        isPadLink(candidate) && isAt(candidate.source, source) && isAt(candidate.sink, sink),
    );
    if (link === undefined) {
      throw new V4l2Error(
        "EINVAL",
        `no link ${source.entity}:${source.index} -> ${sink.entity}:${sink.index}`,
      );
    }
    const changed = link.flags ^ flags;
    if ((changed & ~LinkFlag.Enabled) !== 0)
      throw new V4l2Error("EINVAL", "only ENABLED of a link can change");
    if (changed !== 0 && (link.flags & LinkFlag.Immutable) !== 0)
      throw new V4l2Error("EINVAL", "the link is immutable");
    const isBusy = this.streaming.has(link.source.entity) || this.streaming.has(link.sink.entity);
    if (changed !== 0 && isBusy && (link.flags & LinkFlag.Dynamic) === 0)
      throw new V4l2Error("EBUSY", "the link is part of a running pipeline");
    link.flags = flags;
  }

  /** Tells that entities, pads or links were added after clients could see the graph. */
  changed(): void {
    this.#version += 1;
  }
}

/** A pad by its entity and its index there, as MEDIA_IOC_SETUP_LINK names it. */
export interface PadRef {
  readonly entity: number;
  readonly index: number;
}

export function isPadLink(link: PadLink | InterfaceLink): link is PadLink {
  return "entity" in link.source;
}

function isAt(pad: Pad, ref: PadRef): boolean {
  return pad.entity.id === ref.entity && pad.index === ref.index;
}

/**
 * The graph of every mem2mem device: source -> proc -> sink, and the video node that drives both ends
 * (as v4l2-mem2mem registers it). A stateless client finds its decoder by this shape.
 */
export function buildM2mGraph(
  graph: MediaGraph,
  name: string,
  processing: EntityFunction,
  devnode: DeviceNumber,
): void {
  const fixed = LinkFlag.Immutable | LinkFlag.Enabled;
  const io = EntityFunction.IoV4l;
  const source = graph.addEntity({ name: `${name}-source`, function: io, pads: [PadFlag.Source], devnode });
  const proc = graph.addEntity({
    name: `${name}-proc`,
    function: processing,
    pads: [PadFlag.Sink, PadFlag.Source],
  });
  const sink = graph.addEntity({ name: `${name}-sink`, function: io, pads: [PadFlag.Sink], devnode });
  graph.linkPads(source, 0, proc, 0, fixed);
  graph.linkPads(proc, 1, sink, 0, fixed);
  const video = graph.addInterface(MEDIA_INTF_T_V4L_VIDEO, devnode);
  graph.linkInterface(video, source, fixed);
  graph.linkInterface(video, sink, fixed);
}
