/** Ioctls of 32-bit programs: which of ours a number means, and that no member of an argument is lost or moved. */
import { describe, expect, it, vi } from "vitest";
import { ABIS32 } from "../../../scripts/uapi/facts.js";
import { IOCTLS, IOCTLS_32, layouts, STRUCTS_32 } from "../../../src/v4l2/gen/index.js";
import { Ioctls32, ioctls32 } from "../../../src/v4l2/ioctl/programs-32.js";
import type { Ioctl32, Processor32 } from "../../../src/v4l2/ioctl/programs-32.js";
import { Cap, Memory } from "../../../src/v4l2/values/types.js";
import { allOps, someBuffer } from "../support/all-ops.js";
import { hex, padded } from "../support/bytes.js";
import { FakeCall, Harness, errnoOf } from "../support/fakes.js";

const processors: readonly Processor32[] = ["i386", "arm"];
const tables = { i386: new Ioctls32("i386"), arm: new Ioctls32("arm") };

const rows = IOCTLS_32.flatMap(([abis, name, number]) => abis.map((abi) => ({ abi, name, number })));
const processorOf = (abi: string): Processor32 => (abi.startsWith("i386") ? "i386" : "arm");

function known(processor: Processor32, number: number): Ioctl32 {
  const ioctl = tables[processor].find(number);
  if (ioctl === undefined) throw new Error(`no ioctl ${number.toString(16)}`);
  return ioctl;
}

describe.each(processors)("numbers of %s programs", (processor) => {
  it("are none of 64-bit programs'", () => {
    const ours = new Set<number>(Object.values(IOCTLS).map(({ number }) => number));
    expect([...tables[processor].numbers].filter((number) => ours.has(number))).toEqual([]);
  });

  it("mean one ioctl each", () => {
    const theirs = IOCTLS_32.filter(([abis]) => abis.some((abi) => processorOf(abi) === processor));
    expect(new Set(theirs.map(([, , number]) => number)).size).toBe(theirs.length);
    for (const [, name, number] of theirs) expect(known(processor, number).name).toBe(name);
  });

  it("do not find those of 64-bit programs, nor of nobody", () => {
    expect(tables[processor].find(IOCTLS.VIDIOC_QBUF.number)).toBeUndefined();
    expect(tables[processor].find(IOCTLS.VIDIOC_QUERYCAP.number)).toBeUndefined();
    expect(tables[processor].find(0)).toBeUndefined();
  });

  it("say how large the argument is", () => {
    for (const number of tables[processor].numbers)
      expect(known(processor, number).arg.theirSize).toBe((number >>> 16) & 0x3fff);
  });
});

it("the same number means one thing on x86, another on arm", () => {
  // A struct v4l2_event with a 64-bit time_t, or without.
  expect(known("i386", 0x80805659).arg.theirSize).toBe(128);
  expect(known("arm", 0x80805659).arg.theirSize).toBe(128);
  const event = new Uint8Array(136);
  event[8] = 0x77; // The first byte of the union.
  const places = processors.map((processor) => {
    const bytes = new Uint8Array(128);
    known(processor, 0x80805659).arg.toTheirs(event, bytes);
    return bytes.indexOf(0x77);
  });
  expect(places).toEqual([4, 8]);
});

/** Reads plain values where C has them: no part of what is tested. */
function plain(abi: string, struct: string, bytes: Uint8Array): unknown {
  const own = STRUCTS_32.filter(([abis]) => (abis as readonly string[]).includes(abi));
  const table =
    abi === "ours"
      ? layouts
      : layouts.with(Object.fromEntries(own.map(([, name, definition]) => [name, definition])));
  return table.read(struct as "v4l2_buffer", bytes);
}

/** Numbers of all widths are equal; unions are bytes, of which the first 4 are in both. */
function comparable(value: unknown): unknown {
  if (typeof value === "bigint" || typeof value === "number") return BigInt(value).toString();
  if (value instanceof Uint8Array) return [...value.subarray(0, 4)];
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, comparable(inner)]));
  return value;
}

describe.each(rows)("$name of $abi", ({ abi, name, number }) => {
  const { arg } = known(processorOf(abi), number);
  const struct = IOCTLS[name].arg.replace(/^struct /, "");
  const overlay = struct === "v4l2_format" || struct === "v4l2_create_buffers";

  it.each(overlay ? [1, 3, 8] : [1])("keeps every member (%i)", (type) => {
    // A different value in every byte, at which a moved member shows.
    const theirs = Uint8Array.from({ length: arg.theirSize }, (_, at) => (at * 37 + 11) & 0xff);
    if (overlay) theirs.set([type, 0, 0, 0], struct === "v4l2_format" ? 0 : 12);
    const ours = new Uint8Array(arg.ourSize).fill(0xee);
    arg.toOurs(theirs, ours);
    expect(comparable(plain("ours", struct, ours))).toEqual(comparable(plain(abi, struct, theirs)));
    const back = new Uint8Array(arg.theirSize);
    arg.toTheirs(ours, back);
    expect(comparable(plain(abi, struct, back))).toEqual(comparable(plain(abi, struct, theirs)));
  });
});

it("this machine's are those of its processor, made once", () => {
  const { numbers } = tables[process.arch === "arm64" ? "arm" : "i386"];
  expect([...ioctls32().numbers]).toEqual([...numbers]);
  expect(ioctls32()).toBe(ioctls32());
});

it("covers every ABI", () => {
  for (const abi of ABIS32) expect(rows.filter((row) => row.abi === abi).length).toBeGreaterThan(15);
});

describe("arrays of 32-bit programs", () => {
  const QBUF = 0xc044560f;
  const mplane = { deviceCaps: Cap.VideoM2mMplane | Cap.Streaming };
  /** The highest page of a 32-bit program. */
  const ARRAY = 0xffff_e000n;

  /** A struct v4l2_buffer of i386 with a 32-bit time_t: recorded from a 32-bit program's QBUF, the pointer aside. */
  const buffer = (planes: number): Uint8Array => hex`
    00000000 09000000 00000000 00000000 00000000
    05000000 07000000
    00000000000000000000000000000000
    00000000 02000000 00e0ffff 0${planes}000000 00000000 00000000
  `;

  function qbuf(parts: object): { harness: Harness; run: (arg: Uint8Array) => unknown } {
    const harness = new Harness({ ...mplane, ...parts });
    const { number, arg: translation, structs } = known("i386", QBUF);
    const call = Object.assign(harness.call, { is32Bit: true, structs32: structs });
    return {
      harness,
      run: (arg) => {
        const ours = new Uint8Array(translation.ourSize);
        translation.toOurs(arg, ours);
        return harness.device.ioctl(harness.file, number, ours, call);
      },
    };
  }

  it("are read and written in their layout: two planes of 60 bytes, with 32-bit pointers", () => {
    const op = vi.fn(() => ({
      ...someBuffer,
      type: 9,
      memory: Memory.Userptr,
      planes: [
        { bytesused: 1, length: 4096, dataOffset: 0, userptr: 0xffff_0000n },
        { bytesused: 2, length: 4096, dataOffset: 0, userptr: 0xffff_1000n },
      ],
    }));
    const { harness, run } = qbuf({ ops: { ...allOps, qbuf: op } });
    const plane = (at: string): Uint8Array => padded(60, Buffer.from(`0000000000100000${at}00000000`, "hex"));
    const array = harness.memory.map(ARRAY, new Uint8Array([...plane("0000ffff"), ...plane("0010ffff")]));
    expect(run(buffer(2))).toBe(0);
    expect(op.mock.calls.at(0)?.at(1)).toMatchObject({
      memory: Memory.Userptr,
      planes: [
        { length: 4096, userptr: 0xffff_0000n },
        { length: 4096, userptr: 0xffff_1000n },
      ],
    });
    expect(array.subarray(0, 16)).toEqual(hex`01000000 00100000 0000ffff 00000000`);
    expect(array.subarray(60, 76)).toEqual(hex`02000000 00100000 0010ffff 00000000`);
    expect([harness.memory.reads, harness.memory.writes]).toEqual([1, 1]);
  });

  it("are bounded before they are read", async () => {
    const { harness, run } = qbuf({ ops: allOps });
    expect(await errnoOf(() => run(buffer(9)))).toBe("EINVAL");
    expect(harness.memory.reads).toBe(0);
  });

  it("end where the program's memory ends", async () => {
    const { harness, run } = qbuf({ ops: allOps });
    harness.memory.map(ARRAY, new Uint8Array(119));
    expect(await errnoOf(() => run(buffer(2)))).toBe("EFAULT");
  });
});

describe("a control's payload", () => {
  /** `struct v4l2_ext_control` with a pointer and what was in the rest of the union. */
  const payload = async (structs32: boolean): Promise<string> => {
    let read: Uint8Array | undefined;
    const call = new FakeCall();
    const harness = new Harness({
      controls: {
        sExtCtrls: ({ controls }: { controls: readonly { readPayload(size: number): Uint8Array }[] }) => {
          read = controls[0]?.readPayload(4);
        },
      } as never,
    });
    call.memory.map(0x1000n, hex`00000000 04000000 00000000 00200000 deadbeef`);
    call.memory.map(0x2000n, hex`01020304`);
    const { number, arg, structs } = known("i386", 0xc0185648);
    const ours = new Uint8Array(arg.ourSize);
    arg.toOurs(hex`00000000 01000000 00000000 00000000 00000000 00100000`, ours);
    if (structs32) Object.assign(call, { structs32: structs });
    const errno = await Promise.resolve()
      .then(() => harness.device.ioctl(harness.file, number, ours, call))
      .then(
        () => "",
        (error: unknown) => (error as { code: string }).code,
      );
    return errno === "" ? Buffer.from(read ?? []).toString("hex") : errno;
  };

  it("is where the lower half of a 32-bit program's union points", async () => {
    expect(await payload(true)).toBe("01020304");
    // The same bytes of a 64-bit program lead nowhere.
    expect(await payload(false)).toBe("EFAULT");
  });
});
