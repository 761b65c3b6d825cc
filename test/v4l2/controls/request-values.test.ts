import { describe, expect, it, vi } from "vitest";
import { Cid, ControlHandler, CtrlChange, CtrlFlag, CtrlType } from "../../../src/v4l2/controls/index.js";
import { V4l2Error } from "../../../src/v4l2/error.js";
import { CtrlHevcSliceParamsView, CtrlMpeg2SequenceView } from "../../../src/v4l2/gen/index.js";
import type { RequestResolver } from "../../../src/v4l2/media-request.js";
import { CtrlWhich } from "../../../src/v4l2/values/types-device.js";
import type { ExtControl } from "../../../src/v4l2/values/types-device.js";
import { FakeFile, FakeRequest, ext, extOutcome, outcome } from "./support.js";
import type { Verb } from "./support.js";

const GRID = 0x0098f900;
const SEQUENCE = Cid.StatelessMpeg2Sequence;
const SLICES = Cid.StatelessHevcSliceParams;
const FD = 7;

/** A sequence header of that width. */
function sequence(width: number): Uint8Array {
  const payload = new Uint8Array(CtrlMpeg2SequenceView.SIZE);
  const view = new CtrlMpeg2SequenceView(payload);
  view.horizontal_size = width;
  view.chroma_format = 1;
  return payload;
}

/** Slices with these bit sizes. */
function slices(...bitSizes: number[]): Uint8Array {
  const payload = new Uint8Array(bitSizes.length * CtrlHevcSliceParamsView.SIZE);
  bitSizes.forEach((bitSize, index) => {
    new CtrlHevcSliceParamsView(payload.subarray(index * CtrlHevcSliceParamsView.SIZE)).bit_size = bitSize;
  });
  return payload;
}

function sample() {
  const request = new FakeRequest();
  const requests: RequestResolver = {
    byFd: (_call, fd) => {
      if (fd !== FD) throw new V4l2Error("EINVAL", "no request");
      return request;
    },
  };
  const controls = new ControlHandler({ requests });
  const set = vi.fn();
  const gain = controls.addStandard(Cid.Gain, { max: 100, default: 10, set: (value) => void set(value) });
  const header = controls.addCompound(SEQUENCE, { set: ({ horizontal_size: width }) => void set(width) });
  const slice = controls.addCompound(SLICES, { dims: [600] });
  const grid = controls.addCustom({ id: GRID, name: "Grid", type: CtrlType.U8, dims: [2] });
  const run = (verb: Verb, list: readonly ExtControl[], requestFd = FD) =>
    extOutcome(controls, verb, list, { which: CtrlWhich.RequestVal, requestFd });
  return { request, controls, set, gain, header, slice, grid, run };
}

const buffer = (id: number): ReturnType<typeof ext> => ext(id, { payload: new Uint8Array(4000) });

describe("S_EXT_CTRLS with a request", () => {
  it("changes nothing until the request runs", () => {
    const { controls, request, run, set, gain, header } = sample();
    expect(
      run("sExtCtrls", [ext(Cid.Gain, { value: 20 }), ext(SEQUENCE, { payload: sequence(320) })]),
    ).toEqual(["ok", 1]);
    expect([gain.value, header.value.horizontal_size, set.mock.calls.length]).toEqual([10, 0, 0]);
    request.queue();
    controls.setup(request);
    expect([gain.value, header.value.horizontal_size]).toEqual([20, 320]);
    expect(set.mock.calls).toEqual([[20], [320]]);
  });

  it("keeps what earlier calls stored, and lets later ones win", () => {
    const { controls, request, run, gain, header } = sample();
    run("sExtCtrls", [ext(Cid.Gain, { value: 20 }), ext(SEQUENCE, { payload: sequence(320) })]);
    run("sExtCtrls", [ext(Cid.Gain, { value: 30 })]);
    request.queue();
    controls.setup(request);
    expect([gain.value, header.value.horizontal_size]).toEqual([30, 320]);
  });

  it("keeps what was stored when a later call is refused", () => {
    const { controls, request, run, gain } = sample();
    run("sExtCtrls", [ext(Cid.Gain, { value: 20 })]);
    expect(
      run("sExtCtrls", [ext(Cid.Gain, { value: 30 }), ext(SEQUENCE, { payload: new Uint8Array(12) })]),
    ).toEqual(["EINVAL", 2]);
    request.queue();
    controls.setup(request);
    expect(gain.value).toBe(20);
  });

  it("keeps apart what requests and plain calls set", () => {
    const { controls, request, run, gain } = sample();
    run("sExtCtrls", [ext(Cid.Gain, { value: 20 })]);
    controls.sCtrl({ id: Cid.Gain, value: 50 }, new FakeFile());
    expect(gain.value).toBe(50);
    request.queue();
    controls.setup(request);
    expect(gain.value).toBe(20);
  });

  it.each<[string, Verb, (request: FakeRequest) => void, number, string]>([
    ["an unknown fd", "sExtCtrls", () => undefined, 3, "EINVAL"],
    ["a negative fd", "sExtCtrls", () => undefined, -1, "EINVAL"],
    ["a queued request", "sExtCtrls", (request) => request.queue(), FD, "EBUSY"],
    ["a complete request", "sExtCtrls", (request) => (request.state = "complete"), FD, "EBUSY"],
    ["a queued request", "tryExtCtrls", (request) => request.queue(), FD, "EBUSY"],
    ["a request without controls", "tryExtCtrls", () => undefined, FD, "ENOMEM"],
    ["a request that is not queued", "gExtCtrls", () => undefined, FD, "EACCES"],
    ["a queued request", "gExtCtrls", (request) => request.queue(), FD, "EACCES"],
    [
      "a complete request without controls",
      "gExtCtrls",
      (request) => (request.state = "complete"),
      FD,
      "ENOMEM",
    ],
  ])("%s: %s is refused", (_, verb, prepare, fd, code) => {
    const { request, run } = sample();
    prepare(request);
    expect(run(verb, [ext(Cid.Gain, { value: 20 })], fd)).toEqual([code, 1]);
  });

  it("refuses grabbed and read-only controls, and those of another device", () => {
    const { controls, run, gain } = sample();
    controls.addStandard(Cid.MinBuffersForOutput, { max: 9 });
    const sensor = new ControlHandler();
    sensor.addStandard(Cid.Gamma, { max: 9 });
    controls.inherit(sensor, { foreign: true });
    gain.grab(true);
    expect(run("sExtCtrls", [ext(Cid.Gain)])).toEqual(["EBUSY", 1]);
    expect(run("sExtCtrls", [ext(Cid.MinBuffersForOutput)])).toEqual(["EACCES", 1]);
    expect(run("sExtCtrls", [ext(Cid.Gamma)])).toEqual(["EINVAL", 1]);
  });

  it("does not ask for a request of a negative fd", () => {
    const byFd = vi.fn(() => new FakeRequest());
    const controls = new ControlHandler({ requests: { byFd } });
    controls.addStandard(Cid.Gain, { max: 9 });
    const run = (requestFd: number) =>
      extOutcome(controls, "sExtCtrls", [ext(Cid.Gain)], { which: CtrlWhich.RequestVal, requestFd })[0];
    expect([run(-1), byFd.mock.calls.length]).toEqual(["EINVAL", 0]);
    expect(run(0)).toBe("ok");
  });

  it("serves a request that another call is setting up", () => {
    const { request, run } = sample();
    run("sExtCtrls", [ext(Cid.Gain, { value: 20 })]);
    request.state = "updating";
    expect(run("sExtCtrls", [ext(Cid.Gain, { value: 30 })])).toEqual(["ok", 0]);
  });

  it("stores what becomes manual although a control of the cluster is grabbed: that counts when it runs", () => {
    const { controls, request, run, gain } = sample();
    const auto = controls.addStandard(Cid.Autogain, { default: 1 });
    controls.autoCluster([auto, gain], { manualValue: 0, volatile: true }, {});
    gain.grab(true);
    expect(run("sExtCtrls", [ext(Cid.Autogain, { value: 0 })])).toEqual(["ok", 0]);
    request.queue();
    expect(outcome(() => controls.setup(request))).toBe("EBUSY");
  });

  it("TRY checks against the API and stores nothing", () => {
    const { controls, request, run } = sample();
    run("sExtCtrls", [ext(Cid.Gain, { value: 20 })]);
    const control = ext(Cid.Gain, { value: 200 });
    expect(run("tryExtCtrls", [control])).toEqual(["ok", 0]);
    expect(control.value).toBe(100);
    request.queue();
    controls.setup(request);
    expect(controls.gCtrl(Cid.Gain)).toBe(20);
  });

  it("with count 0 only makes sure that the request could take controls", () => {
    const { request, run } = sample();
    expect(run("sExtCtrls", [])).toEqual(["ok", 0]);
    request.queue();
    expect(run("sExtCtrls", [])).toEqual(["EBUSY", 0]);
  });
});

describe("setup(request)", () => {
  it("needs a queued request, and a request without controls changes nothing", () => {
    const { controls, request, set } = sample();
    expect(outcome(() => controls.setup(request))).toBe("EBUSY");
    request.queue();
    controls.setup(request);
    expect(set).not.toHaveBeenCalled();
  });

  it("is not for requests that are complete", () => {
    const { controls, request, run } = sample();
    run("sExtCtrls", [ext(Cid.Gain, { value: 20 })]);
    request.queue();
    controls.setup(request);
    controls.complete(request);
    request.state = "queued";
    expect(outcome(() => controls.setup(request))).toBe("EBUSY");
  });

  it("calls set only for what changes, and tells every listener", () => {
    const { controls, request, run, set } = sample();
    const file = new FakeFile();
    file.listen(controls, Cid.Gain);
    run("sExtCtrls", [ext(Cid.Gain, { value: 20 }), ext(SEQUENCE, { payload: sequence(0) })]);
    request.queue();
    controls.setup(request);
    expect(set.mock.calls).toEqual([[20]]);
    expect(file.changes()).toEqual([[Cid.Gain, CtrlChange.Value, 20n]]);
  });

  it("sets controls in the order of their ids, whatever the client's, arrays of a byte or two among them", () => {
    const { controls, request, run, set, grid } = sample();
    run("sExtCtrls", [
      ext(SEQUENCE, { payload: sequence(320) }),
      ext(GRID, { payload: Uint8Array.of(1, 2) }),
      ext(Cid.Gain, { value: 20 }),
    ]);
    request.queue();
    controls.setup(request);
    expect(set.mock.calls).toEqual([[20], [320]]);
    expect(grid.value).toEqual([1, 2]);
  });

  it("sets clusters as a whole, and once", () => {
    const { controls, request, run } = sample();
    const seen: unknown[] = [];
    const red = controls.addStandard(Cid.RedBalance, { max: 99, flags: CtrlFlag.ExecuteOnWrite });
    const blue = controls.addStandard(Cid.BlueBalance, { max: 99, default: 3 });
    controls.cluster([red, blue], { set: () => seen.push([red.next, blue.next]) });
    run("sExtCtrls", [ext(Cid.RedBalance, { value: 1 })]);
    // What was tried meanwhile is nobody's value.
    extOutcome(controls, "tryExtCtrls", [ext(Cid.BlueBalance, { value: 50 })]);
    request.queue();
    controls.setup(request);
    expect(seen).toEqual([[1, 3]]);
  });

  it("leaves a control of a cluster alone that its handler does not show", () => {
    const { controls: hidden, request } = sample();
    const red = hidden.addStandard(Cid.RedBalance, { max: 99 });
    const blue = hidden.addStandard(Cid.BlueBalance, { max: 99, default: 3 });
    hidden.cluster([red, blue]);
    const controls = new ControlHandler({ requests: { byFd: () => request } });
    controls.inherit(hidden, { filter: ({ id }) => id === Cid.RedBalance });
    const which = CtrlWhich.RequestVal;
    extOutcome(controls, "sExtCtrls", [ext(Cid.RedBalance, { value: 1 })], { which, requestFd: FD });
    blue.setValue(50);
    request.queue();
    controls.setup(request);
    expect([red.value, blue.value]).toEqual([1, 50]);
  });

  it("lets values of a request win over the hardware's when automatic becomes manual", () => {
    const { controls, request, run } = sample();
    const auto = controls.addStandard(Cid.AutoWhiteBalance, { default: 1 });
    const red = controls.addStandard(Cid.RedBalance, { max: 99 });
    const blue = controls.addStandard(Cid.BlueBalance, { max: 99 });
    controls.autoCluster(
      [auto, red, blue],
      { manualValue: 0, volatile: true },
      {
        volatile: () => {
          red.next = 40;
          blue.next = 50;
        },
      },
    );
    run("sExtCtrls", [ext(Cid.AutoWhiteBalance, { value: 0 }), ext(Cid.RedBalance, { value: 7 })]);
    request.queue();
    controls.setup(request);
    expect([auto.value, red.value, blue.value]).toEqual([false, 7, 50]);
  });

  it("refuses an array whose dimensions changed meanwhile with ENOMEM", () => {
    const { controls, request, run, grid } = sample();
    run("sExtCtrls", [ext(GRID, { payload: new Uint8Array(2) })]);
    grid.modifyDimensions([3]);
    request.queue();
    expect(outcome(() => controls.setup(request))).toBe("ENOMEM");
  });

  it("passes a driver's refusal on", () => {
    const { controls, request, run } = sample();
    controls.addStandard(Cid.Gamma, {
      max: 9,
      set: () => {
        throw new V4l2Error("EIO", "no answer");
      },
    });
    run("sExtCtrls", [ext(Cid.Gamma, { value: 2 })]);
    request.queue();
    expect(outcome(() => controls.setup(request))).toBe("EIO");
  });
});

describe("G_EXT_CTRLS with a request", () => {
  it("gives what the request set, and what was in effect otherwise, as it was when the request completed", () => {
    const { controls, request, run, gain, header } = sample();
    run("sExtCtrls", [ext(SEQUENCE, { payload: sequence(320) })]);
    request.queue();
    controls.setup(request);
    controls.complete(request);
    gain.setValue(99);
    header.setValue({ ...header.value, horizontal_size: 640 });
    const list = [ext(Cid.Gain), ext(SEQUENCE, { payload: new Uint8Array(12) })];
    expect(run("gExtCtrls", list)[0]).toBe("ok");
    expect(list[0]?.value).toBe(10);
    expect(list[1]?.payload).toEqual(sequence(320));
  });

  it("gives the values of a request that set none", () => {
    const { controls, request, run, gain } = sample();
    gain.setValue(30);
    request.queue();
    controls.complete(request);
    expect(request.completed.size).toBe(1);
    gain.setValue(40);
    const control = ext(Cid.Gain);
    expect(run("gExtCtrls", [control])).toEqual(["ok", 0]);
    expect(control.value).toBe(30);
  });

  it("gives a volatile control as it was when the request completed", () => {
    const { controls, request, run } = sample();
    let reads = 0;
    controls.addStandard(Cid.Gamma, { max: 99, volatile: () => ++reads });
    request.queue();
    controls.complete(request);
    const control = ext(Cid.Gamma);
    run("gExtCtrls", [control]);
    run("gExtCtrls", [control]);
    expect([control.value, reads]).toEqual([1, 1]);
  });

  it("does not ask another device for its volatile controls", () => {
    const { controls, request } = sample();
    const volatile = vi.fn(() => 5);
    const sensor = new ControlHandler();
    sensor.addStandard(Cid.Gamma, { max: 9, volatile });
    controls.inherit(sensor, { foreign: true });
    request.queue();
    controls.complete(request);
    expect(volatile).not.toHaveBeenCalled();
  });

  it("gives a volatile control that cannot be read as it was last; any other failure is the driver's bug", () => {
    const { controls, request, run } = sample();
    let failure = new V4l2Error("EIO", "no answer") as Error;
    controls.addStandard(Cid.Gamma, {
      max: 99,
      default: 33,
      volatile: () => {
        throw failure;
      },
    });
    request.queue();
    controls.complete(request);
    const control = ext(Cid.Gamma);
    expect(run("gExtCtrls", [control])).toEqual(["ok", 0]);
    expect(control.value).toBe(33);
    failure = new TypeError("a bug");
    const other = new FakeRequest();
    other.queue();
    expect(() => controls.complete(other)).toThrow("a bug");
  });

  it("gives dynamic arrays in the length that the request has", () => {
    const { controls, request, run, slice } = sample();
    run("sExtCtrls", [ext(SLICES, { payload: slices(11, 22, 33) })]);
    request.queue();
    controls.setup(request);
    expect(slice.value.map(({ bit_size: size }) => size)).toEqual([11, 22, 33]);
    controls.complete(request);
    slice.setValue(slice.value.slice(0, 1));
    const small = ext(SLICES, { payload: new Uint8Array(2 * CtrlHevcSliceParamsView.SIZE) });
    expect(run("gExtCtrls", [small])).toEqual(["ENOSPC", 1]);
    expect(small.size).toBe(3 * CtrlHevcSliceParamsView.SIZE);
    const large = buffer(SLICES);
    expect(run("gExtCtrls", [large])).toEqual(["ok", 0]);
    expect(large.payload.subarray(0, large.size)).toEqual(slices(11, 22, 33));
  });
});

describe("a request that takes no more objects", () => {
  it("completes without controls, and is ENOMEM for G_EXT_CTRLS", () => {
    const { controls, request, run } = sample();
    request.state = "complete";
    controls.complete(request);
    expect(run("gExtCtrls", [ext(Cid.Gain)])).toEqual(["ENOMEM", 1]);
    // Nothing is left that would leave the request when the handler goes.
    const unbind = vi.spyOn(request, "unbind");
    controls.close();
    expect(unbind).not.toHaveBeenCalled();
  });

  it("because of a bug passes that on", () => {
    const { controls, request } = sample();
    request.bind = () => {
      throw new TypeError("a bug");
    };
    expect(() => controls.complete(request)).toThrow("a bug");
  });
});

describe("a control object of a request", () => {
  it("tells which controls it has", () => {
    const { controls, request, run } = sample();
    expect(controls.inRequest(request)).toBeUndefined();
    run("sExtCtrls", [ext(SEQUENCE, { payload: sequence(320) })]);
    const values = controls.inRequest(request);
    expect([SEQUENCE, Cid.Gain, SLICES, Cid.Hue].map((id) => values?.has(id))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it("is gone after reinit, and its memory serves the next request", () => {
    const { controls, request, run, header } = sample();
    for (const width of [100, 200, 300]) {
      run("sExtCtrls", [ext(SEQUENCE, { payload: sequence(width) })]);
      request.queue();
      controls.setup(request);
      controls.complete(request);
      expect(header.value.horizontal_size).toBe(width);
      request.reinit();
      expect(controls.inRequest(request)).toBeUndefined();
    }
  });

  it("never shares memory between two requests that are alive", () => {
    const requests = [new FakeRequest(), new FakeRequest(), new FakeRequest()];
    const controls = new ControlHandler({
      requests: {
        byFd: (_call, fd) => {
          const found = requests[fd];
          if (found === undefined) throw new V4l2Error("EINVAL", "no request");
          return found;
        },
      },
    });
    const header = controls.addCompound(SEQUENCE);
    const which = CtrlWhich.RequestVal;
    const store = (requestFd: number, width: number) =>
      extOutcome(controls, "sExtCtrls", [ext(SEQUENCE, { payload: sequence(width) })], { which, requestFd });
    store(0, 100);
    requests[0]?.reinit();
    [0, 1, 2].forEach((fd) => store(fd, fd + 1));
    const widths = requests.map((request) => {
      request.queue();
      controls.setup(request);
      controls.complete(request);
      return header.value.horizontal_size;
    });
    expect(widths).toEqual([1, 2, 3]);
    const read = requests.map((_, requestFd) => {
      const control = ext(SEQUENCE, { payload: new Uint8Array(12) });
      extOutcome(controls, "gExtCtrls", [control], { which, requestFd });
      return control.payload[0];
    });
    expect(read).toEqual([1, 2, 3]);
  });

  it("leaves its request when the handler goes", () => {
    const { controls, request, run } = sample();
    run("sExtCtrls", [ext(Cid.Gain)]);
    controls.close();
    expect(request.objects).toEqual([]);
  });
});
