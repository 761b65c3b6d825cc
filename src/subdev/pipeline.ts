/** The sub-devices that feed a video node: checked before they stream, and not to be changed while they do. */
import { PadFlag } from "../media/index.js";
import type { Entity, MediaGraph, Pad, PadLink } from "../media/index.js";
import { Field, V4l2Error } from "../v4l2/index.js";
import type { MbusFormat } from "../v4l2/index.js";
import type { SubDevice } from "./sub-device.js";

/** What {@link startPipeline} is given. */
export interface PipelineOptions {
  readonly graph: MediaGraph;
  /** Whose entity is whose. */
  readonly subDevices: ReadonlyMap<Entity, SubDevice>;
  /** The video node's entity. */
  readonly sink: Entity;
  /**
   * Is what arrives what the video node is set to?
   * @throws {V4l2Error} EPIPE
   */
  readonly check: (arriving: MbusFormat) => void;
}

/** Sub-devices that stream. */
export interface Pipeline {
  /** Nearest to the sink first. */
  readonly subDevices: readonly SubDevice[];
  /** They may be changed again. */
  stop(): void;
}

/**
 * Starts what feeds `sink` through enabled links (`media_pipeline_start`).
 * @throws {V4l2Error} ENOLINK - a pad that must be connected is not.
 * @throws {V4l2Error} EPIPE - the ends of a link differ, or what arrives is not what the video node is set to.
 */
export function startPipeline({ graph, subDevices, sink, check }: PipelineOptions): Pipeline {
  const entities = upstream(graph, sink);
  for (const entity of entities) {
    for (const pad of entity.pads) validatePad(graph, subDevices, pad, entity === sink ? check : undefined);
  }
  const members = entities.flatMap((entity) => subDevices.get(entity) ?? []);
  for (const entity of entities) graph.streaming.add(entity);
  for (const member of members) member.streaming = true;
  return {
    subDevices: members,
    stop: () => {
      for (const entity of entities) graph.streaming.delete(entity);
      for (const member of members) member.streaming = false;
    },
  };
}

/** An entity and all that feed it, it first; each once, in whatever circle they are linked. */
function upstream(graph: MediaGraph, sink: Entity): Entity[] {
  const found = new Set([sink]);
  // A set hands out what is added while it is walked.
  for (const entity of found)
    for (const pad of entity.pads) for (const { source } of graph.feeding(pad)) found.add(source.entity);
  return [...found];
}

function validatePad(
  graph: MediaGraph,
  subDevices: PipelineOptions["subDevices"],
  pad: Pad,
  check: PipelineOptions["check"] | undefined,
): void {
  if ((pad.flags & PadFlag.Sink) === 0) return;
  const links = graph.feeding(pad);
  if (links.length === 0 && (pad.flags & PadFlag.MustConnect) !== 0)
    throw new V4l2Error("ENOLINK", `pad ${pad.index} of ${pad.entity.name} is not connected`);
  for (const link of links) {
    const source = subDevices.get(link.source.entity);
    const sink = subDevices.get(link.sink.entity);
    if (source === undefined) continue;
    if (sink !== undefined) validateLink(link, source, sink);
    else check?.(source.active.at(link.source.index).format);
  }
}

/** `v4l2_subdev_link_validate_default`, for each stream of the sink pad. @throws {V4l2Error} EPIPE */
function validateLink(link: PadLink, source: SubDevice, sink: SubDevice): void {
  const where = `"${link.source.entity.name}":${link.source.index} -> "${link.sink.entity.name}":${link.sink.index}`;
  const there = new Set(source.active.streamsOf(link.source.index));
  for (const stream of sink.active.streamsOf(link.sink.index)) {
    if (!there.has(stream)) throw new V4l2Error("EPIPE", `${where}: nothing sends stream ${stream}`);
    const sent = source.active.at(link.source.index, stream).format;
    const expected = sink.active.at(link.sink.index, stream).format;
    const differing = (["width", "height", "code"] as const).find((key) => sent[key] !== expected[key]);
    if (differing !== undefined)
      throw new V4l2Error("EPIPE", `${where}: ${differing} is ${sent[differing]} and ${expected[differing]}`);
    // Interlaced sources may feed what knows progressive frames only.
    if (sent.field !== expected.field && expected.field !== Field.None)
      throw new V4l2Error("EPIPE", `${where}: the field orders differ`);
  }
}
