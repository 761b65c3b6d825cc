/** The media graph: what is found in it, and which links clients may change. */
import { describe, expect, it } from "vitest";
import { EntityFunction, InterfaceType, LinkFlag, MediaGraph, PadFlag } from "../../src/media/index.js";
import { errnoOf } from "../support/errno.js";

/** sensor:0 -> bridge:0 and, disabled, other:0 -> bridge:0; bridge:1 -> capture:0, which has an interface. */
function parts() {
  const graph = new MediaGraph();
  const add = (name: string, pads: readonly number[]) =>
    graph.addEntity({ name, function: EntityFunction.VideoScaler, pads });
  const sensor = add("sensor", [PadFlag.Source]);
  const other = add("other", [PadFlag.Source]);
  const bridge = add("bridge", [PadFlag.Sink, PadFlag.Source]);
  const capture = add("capture", [PadFlag.Sink]);
  const links = {
    enabled: graph.linkPads(sensor, 0, bridge, 0, LinkFlag.Enabled),
    disabled: graph.linkPads(other, 0, bridge, 0, 0),
    fixed: graph.linkPads(bridge, 1, capture, 0, LinkFlag.Enabled | LinkFlag.Immutable),
  };
  const node = graph.addInterface(InterfaceType.Video, { major: 81, minor: 0 });
  graph.linkInterface(node, capture, LinkFlag.Enabled | LinkFlag.Immutable);
  return { graph, sensor, other, bridge, capture, links };
}

describe("a graph", () => {
  it("knows the enabled pad links that end at a pad, and all that start at an entity", () => {
    const { graph, sensor, other, bridge, capture, links } = parts();
    const feeding = (pads: typeof bridge.pads) => pads.map((pad) => graph.feeding(pad));
    expect(feeding(bridge.pads)).toEqual([[links.enabled], []]);
    expect(feeding(capture.pads)).toEqual([[links.fixed]]);
    expect(feeding(sensor.pads)).toEqual([[]]);
    expect([sensor, other, bridge, capture].map((entity) => graph.outboundLinks(entity))).toEqual([
      [links.enabled],
      [links.disabled],
      [links.fixed],
      [],
    ]);
  });

  it("finds an entity by its id, or the next one", () => {
    const { graph, sensor, other, capture } = parts();
    expect(graph.entityById(sensor.id)).toBe(sensor);
    expect(graph.entityById(capture.id + 1000)).toBeUndefined();
    expect(graph.entityAfter(0)).toBe(sensor);
    expect(graph.entityAfter(sensor.id)).toBe(other);
    expect(graph.entityAfter(sensor.id - 1)).toBe(sensor);
    expect(graph.entityAfter(capture.id)).toBeUndefined();
  });

  it("does not link pads that do not exist", () => {
    const { graph, sensor, capture } = parts();
    expect(() => graph.linkPads(sensor, 1, capture, 0, 0)).toThrow("no such pads: sensor:1 -> capture:0");
    expect(() => graph.linkPads(sensor, 0, capture, 1, 0)).toThrow("no such pads: sensor:0 -> capture:1");
  });
});

describe("MEDIA_IOC_SETUP_LINK", () => {
  const at = (entity: { readonly id: number }, index: number) => ({ entity: entity.id, index });

  it("switches a link that is not immutable", () => {
    const { graph, other, bridge, links } = parts();
    graph.setupLink(at(other, 0), at(bridge, 0), LinkFlag.Enabled);
    expect(links.disabled.flags).toBe(LinkFlag.Enabled);
    graph.setupLink(at(other, 0), at(bridge, 0), 0);
    expect(links.disabled.flags).toBe(0);
  });

  it("is EINVAL for a link that is not there, told by either of its ends", () => {
    const { graph, sensor, bridge, capture } = parts();
    const setup = (...[from, fromPad, to, toPad]: [typeof sensor, number, typeof sensor, number]) =>
      errnoOf(() => {
        graph.setupLink(at(from, fromPad), at(to, toPad), LinkFlag.Enabled);
      });
    expect(setup(sensor, 0, bridge, 0)).toBe("0");
    expect(setup(sensor, 1, bridge, 0)).toBe("EINVAL");
    expect(setup(sensor, 0, bridge, 1)).toBe("EINVAL");
    expect(setup(sensor, 0, capture, 0)).toBe("EINVAL");
    expect(setup(bridge, 0, bridge, 0)).toBe("EINVAL");
  });

  it("leaves an immutable link as it is: EINVAL for another state, success for its own", () => {
    const { graph, bridge, capture, links } = parts();
    const setup = (flags: number) =>
      errnoOf(() => {
        graph.setupLink(at(bridge, 1), at(capture, 0), flags);
      });
    expect(setup(LinkFlag.Immutable)).toBe("EINVAL");
    expect(setup(0)).toBe("EINVAL");
    expect(setup(LinkFlag.Enabled | LinkFlag.Immutable)).toBe("0");
    expect(links.fixed.flags).toBe(LinkFlag.Enabled | LinkFlag.Immutable);
  });

  it("is EINVAL for another flag than ENABLED, and EBUSY while one of its ends streams", () => {
    const { graph, sensor, other, bridge } = parts();
    const setup = (flags: number) =>
      errnoOf(() => {
        graph.setupLink(at(sensor, 0), at(bridge, 0), flags);
      });
    expect(setup(LinkFlag.Enabled | LinkFlag.Dynamic)).toBe("EINVAL");
    for (const end of [sensor, bridge]) {
      graph.streaming.add(end);
      expect(setup(0)).toBe("EBUSY");
      graph.streaming.delete(end);
    }
    graph.streaming.add(other);
    expect(setup(0)).toBe("0");
  });

  it("succeeds while one of its ends streams where nothing changes, or the link is dynamic", () => {
    const { graph, sensor, bridge } = parts();
    const setup = (fromPad: number, flags: number) =>
      errnoOf(() => graph.setupLink(at(bridge, fromPad), at(sensor, 0), flags));
    const still = graph.linkPads(bridge, 0, sensor, 0, LinkFlag.Enabled);
    const dynamic = graph.linkPads(bridge, 1, sensor, 0, LinkFlag.Enabled | LinkFlag.Dynamic);
    graph.streaming.add(bridge);
    expect([setup(0, LinkFlag.Enabled), setup(0, 0)]).toEqual(["0", "EBUSY"]);
    expect(setup(1, LinkFlag.Dynamic)).toBe("0");
    expect([still.flags, dynamic.flags]).toEqual([LinkFlag.Enabled, LinkFlag.Dynamic]);
  });
});
