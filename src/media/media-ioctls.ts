/**
 * The ioctls of a media device node, from bytes to the graph and back. Nested arrays go straight to the caller's
 * memory; as in the kernel, nothing of the argument itself is copied back after a refusal.
 */
import type {
  MediaDeviceInfoView,
  MediaEntityDescView,
  MediaLinksEnumView,
  MediaV2TopologyView,
} from "../v4l2/gen/index.js";
import {
  MEDIA_ENT_F_IO_V4L,
  MEDIA_ENT_F_OLD_BASE,
  MEDIA_ENT_F_TUNER,
  MEDIA_ENT_ID_FLAG_NEXT,
  MEDIA_ENT_F_V4L2_SUBDEV_UNKNOWN,
  MEDIA_ENT_T_DEVNODE_UNKNOWN,
  MediaLinkDescView,
  MediaPadDescView,
  MediaV2EntityView,
  MediaV2InterfaceView,
  MediaV2LinkView,
  MediaV2PadView,
} from "../v4l2/gen/index.js";
import type { ClientMemory } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";
import type { Entity, MediaGraph, Pad } from "./graph.js";

/** What MEDIA_IOC_DEVICE_INFO tells. */
export interface MediaDeviceInfo {
  readonly driver: string;
  readonly model: string;
  readonly serial?: string;
  readonly busInfo: string;
  readonly hwRevision?: number;
  /** `KERNEL_VERSION(a, b, c)`, for the API and the driver alike. */
  readonly version: number;
}

export function deviceInfo(view: MediaDeviceInfoView, info: MediaDeviceInfo): void {
  view.bytes.fill(0);
  view.driver = info.driver;
  view.model = info.model;
  view.serial = info.serial ?? "";
  view.bus_info = info.busInfo;
  view.media_version = info.version;
  view.hw_revision = info.hwRevision ?? 0;
  view.driver_version = info.version;
}

/** @throws {V4l2Error} EINVAL - no such entity. */
export function enumEntities(view: MediaEntityDescView, graph: MediaGraph): void {
  const entity = findEntity(graph, view.id);

  view.bytes.fill(0);
  view.id = entity.id;
  view.name = entity.name;
  view.type = legacyType(entity);
  view.flags = entity.flags;
  view.pads = entity.pads.length;
  view.links = graph.outboundLinks(entity).length;
  if (entity.devnode !== undefined) {
    view.dev.major = entity.devnode.major;
    view.dev.minor = entity.devnode.minor;
  }
}

/**
 * By its id, or with `MEDIA_ENT_ID_FLAG_NEXT` the first after an id. The kernel looks entities up like this wherever a
 * client names one, not only where it enumerates.
 * @throws {V4l2Error} EINVAL - no such entity.
 */
function findEntity(graph: MediaGraph, id: number): Entity {
  const next = (id & MEDIA_ENT_ID_FLAG_NEXT) !== 0;
  const wanted = (id & ~MEDIA_ENT_ID_FLAG_NEXT) >>> 0;
  const entity = next ? graph.entityAfter(wanted) : graph.entityById(wanted);
  if (entity === undefined) {
    throw new V4l2Error("EINVAL", next ? `no entity after ${wanted}` : `no entity ${wanted}`);
  }
  return entity;
}

/** Old clients only know functions of the old ranges; mc-device.c gives the others one that says what the entity is. */
function legacyType({ function: does, isSubDevice }: Entity): number {
  if (does >= MEDIA_ENT_F_OLD_BASE && does <= MEDIA_ENT_F_TUNER) return does;
  if (isSubDevice) return MEDIA_ENT_F_V4L2_SUBDEV_UNKNOWN;
  return does === MEDIA_ENT_F_IO_V4L ? does : MEDIA_ENT_T_DEVNODE_UNKNOWN;
}

/** @throws {V4l2Error} EINVAL - no such entity; EFAULT - an array does not lead to the caller's memory. */
export function enumLinks(view: MediaLinksEnumView, graph: MediaGraph, memory: ClientMemory): void {
  const entity = findEntity(graph, view.entity);
  if (view.pads !== 0n) {
    const bytes = new Uint8Array(entity.pads.length * MediaPadDescView.SIZE);
    entity.pads.forEach((pad, index) => {
      fillPad(new MediaPadDescView(bytes.subarray(index * MediaPadDescView.SIZE)), pad);
    });
    memory.write(view.pads, bytes);
  }
  if (view.links !== 0n) {
    const links = graph.outboundLinks(entity);
    const bytes = new Uint8Array(links.length * MediaLinkDescView.SIZE);
    links.forEach((link, index) => {
      const desc = new MediaLinkDescView(bytes.subarray(index * MediaLinkDescView.SIZE));
      fillPad(desc.source, link.source);
      fillPad(desc.sink, link.sink);
      desc.flags = link.flags;
    });
    memory.write(view.links, bytes);
  }
  view.reserved = [];
}

function fillPad(view: MediaPadDescView, pad: Pad): void {
  view.entity = pad.entity.id;
  view.index = pad.index;
  view.flags = pad.flags;
}

/** @throws {V4l2Error} EINVAL - no such link, or it cannot be set so. */
export function setupLink(view: MediaLinkDescView, graph: MediaGraph): void {
  const source = { entity: findEntity(graph, view.source.entity).id, index: view.source.index };
  const sink = { entity: findEntity(graph, view.sink.entity).id, index: view.sink.index };
  graph.setupLink(source, sink, view.flags);
  view.reserved = [];
}

/**
 * The whole graph in one call. A zero pointer asks for the count only.
 * @throws {V4l2Error} ENOSPC - an array is too small; EFAULT - it does not lead to the caller's memory.
 */
export function getTopology(view: MediaV2TopologyView, graph: MediaGraph, memory: ClientMemory): void {
  view.topology_version = graph.topologyVersion;
  view.num_entities = put(
    memory,
    view.ptr_entities,
    view.num_entities,
    MediaV2EntityView.SIZE,
    graph.entities,
    (bytes, entity) => {
      const out = new MediaV2EntityView(bytes);
      out.id = entity.id;
      out.name = entity.name;
      out.function = entity.function;
      out.flags = entity.flags;
    },
  );
  view.num_interfaces = put(
    memory,
    view.ptr_interfaces,
    view.num_interfaces,
    MediaV2InterfaceView.SIZE,
    graph.interfaces,
    (bytes, node) => {
      const out = new MediaV2InterfaceView(bytes);
      out.id = node.id;
      out.intf_type = node.type;
      out.devnode.major = node.devnode.major;
      out.devnode.minor = node.devnode.minor;
    },
  );
  view.num_pads = put(memory, view.ptr_pads, view.num_pads, MediaV2PadView.SIZE, graph.pads, (bytes, pad) => {
    const out = new MediaV2PadView(bytes);
    out.id = pad.id;
    out.entity_id = pad.entity.id;
    out.flags = pad.flags;
    out.index = pad.index;
  });
  view.num_links = put(
    memory,
    view.ptr_links,
    view.num_links,
    MediaV2LinkView.SIZE,
    graph.links,
    (bytes, link) => {
      const out = new MediaV2LinkView(bytes);
      out.id = link.id;
      out.source_id = link.source.id;
      out.sink_id = link.sink.id;
      out.flags = link.flags;
    },
  );
  view.reserved1 = 0;
  view.reserved2 = 0;
  view.reserved3 = 0;
  view.reserved4 = 0;
}

/** Writes `items` as an array of `size`-byte structs to the caller; returns how many there are. */
function put<T>(
  memory: ClientMemory,
  address: bigint,
  capacity: number,
  size: number,
  items: readonly T[],
  fill: (bytes: Uint8Array, item: T) => void,
): number {
  if (address === 0n) return items.length;
  const bytes = new Uint8Array(items.length * size);
  items.forEach((item, index) => {
    fill(bytes.subarray(index * size, (index + 1) * size), item);
  });
  // What fits is copied even when the rest does not, as the kernel does while it counts on.
  memory.write(address, bytes.subarray(0, Math.min(capacity, items.length) * size));
  if (items.length > capacity)
    throw new V4l2Error("ENOSPC", `room for ${capacity} of ${items.length} objects`);
  return items.length;
}
