import { describe, expect, it } from "vitest";
import { EntityFunction, LinkFlag, MediaGraph, PadFlag } from "../../src/media/index.js";
import type { Entity } from "../../src/media/index.js";
import { startPipeline, SubDevice } from "../../src/subdev/index.js";
import type { Pipeline } from "../../src/subdev/index.js";
import type { MbusFormat } from "../../src/v4l2/index.js";
import { Field, MbusCode } from "../../src/v4l2/index.js";
import { errnoOf } from "../v4l2/support/fakes.js";
import { someMbusFormat } from "../v4l2/support/all-ops.js";

const subDevice = (title: string, pads: readonly ("sink" | "source")[]): SubDevice =>
  new SubDevice({
    name: "v4l-subdev0",
    driver: "fake",
    title,
    pads,
    ops: {
      initState: (state) => {
        for (const pad of pads.keys()) state.set(pad, { format: someMbusFormat });
      },
    },
  });

/** sensor:0 -> bridge:0, bridge:1 -> capture:0 */
class Parts {
  readonly graph = new MediaGraph();
  readonly sensor = subDevice("sensor", ["source"]);
  readonly bridge = subDevice("bridge", ["sink", "source"]);
  readonly sink: Entity;
  readonly #sensorEntity: Entity;
  readonly #bridgeEntity: Entity;

  constructor(flags: number = LinkFlag.Enabled) {
    const { graph } = this;
    this.#sensorEntity = graph.addEntity({
      name: "sensor",
      function: EntityFunction.CameraSensor,
      pads: [PadFlag.Source],
    });
    this.#bridgeEntity = graph.addEntity({
      name: "bridge",
      function: EntityFunction.VideoInterfaceBridge,
      pads: [PadFlag.Sink | PadFlag.MustConnect, PadFlag.Source],
    });
    this.sink = graph.addEntity({ name: "capture", function: EntityFunction.IoV4l, pads: [PadFlag.Sink] });
    graph.linkPads(this.#sensorEntity, 0, this.#bridgeEntity, 0, flags);
    graph.linkPads(this.#bridgeEntity, 1, this.sink, 0, LinkFlag.Enabled);
  }

  start(check: (arriving: MbusFormat) => void = () => undefined): Pipeline {
    const subDevices = new Map([
      [this.#sensorEntity, this.sensor],
      [this.#bridgeEntity, this.bridge],
    ]);
    return startPipeline({ graph: this.graph, subDevices, sink: this.sink, check });
  }

  link(flags: number): void {
    this.graph.setupLink(
      { entity: this.#sensorEntity.id, index: 0 },
      { entity: this.#bridgeEntity.id, index: 0 },
      flags,
    );
  }
}

describe("a pipeline", () => {
  it("streams from the nearest part to the farthest, and can be changed when it has stopped", async () => {
    const parts = new Parts();
    const arriving: MbusFormat[] = [];
    const pipeline = parts.start((format) => arriving.push(format));
    expect(pipeline.subDevices).toEqual([parts.bridge, parts.sensor]);
    expect(arriving).toEqual([someMbusFormat]);
    expect([parts.bridge.streaming, parts.sensor.streaming]).toEqual([true, true]);
    expect(
      await errnoOf(() => {
        parts.link(0);
      }),
    ).toBe("EBUSY");
    // Saying again what is is no change.
    parts.link(LinkFlag.Enabled);
    pipeline.stop();
    expect([parts.bridge.streaming, parts.sensor.streaming]).toEqual([false, false]);
    parts.link(0);
  });

  it("a dynamic link can be changed while it streams", () => {
    const parts = new Parts(LinkFlag.Enabled | LinkFlag.Dynamic);
    parts.start();
    expect(() => {
      parts.link(LinkFlag.Dynamic);
    }).not.toThrow();
  });

  it("a pad that must be connected is not: ENOLINK, and nothing streams", async () => {
    const parts = new Parts(0);
    expect(await errnoOf(() => parts.start())).toBe("ENOLINK");
    expect(parts.bridge.streaming).toBe(false);
    parts.link(LinkFlag.Enabled);
  });

  it.each([
    ["width", { width: 320 }],
    ["height", { height: 240 }],
    ["code", { code: MbusCode.Y8_1X8 }],
    ["field", { field: Field.Interlaced }],
  ])("the ends of a link differ in %s: EPIPE", async (_, change) => {
    const parts = new Parts();
    parts.bridge.active.at(0).format = { ...someMbusFormat, ...change };
    expect(await errnoOf(() => parts.start())).toBe("EPIPE");
    expect(parts.graph.streaming.size).toBe(0);
  });

  it("an interlaced source may feed what knows progressive frames", () => {
    const parts = new Parts();
    parts.sensor.active.at(0).format = { ...someMbusFormat, field: Field.Interlaced };
    expect(() => parts.start()).not.toThrow();
  });

  it("a stream that nobody sends: EPIPE", async () => {
    const parts = new Parts();
    parts.bridge.active.set(0, { format: someMbusFormat }, 1);
    expect(await errnoOf(() => parts.start())).toBe("EPIPE");
  });
});
