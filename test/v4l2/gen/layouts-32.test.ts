/** gcc is the judge of what 32-bit programs have: every member of every struct, and every request number, in each ABI. */
import { beforeAll, describe, expect, it } from "vitest";
import { isReserved } from "../../../scripts/uapi/compare.js";
import { ABIS32 } from "../../../scripts/uapi/facts.js";
import { probe32, type Places } from "../../../scripts/uapi/probe.js";
import { IOCTLS, IOCTLS_32, layouts, STRUCTS_32 } from "../../../src/v4l2/gen/index.js";
import { DOWNLOAD_TIMEOUT_MS, facts, headers, placesOf } from "./support.js";

let root: string;
/** As in layout.test.ts. */
let tolerate: (path: string) => boolean;

beforeAll(() => {
  const found = headers();
  root = found.root;
  tolerate = (path) => !found.exact && isReserved(path.slice(path.lastIndexOf(".") + 1));
}, DOWNLOAD_TIMEOUT_MS);

// Only where the compiler that the facts were taken with can be asked.
describe.runIf(process.arch === "x64").each(ABIS32)("32-bit programs: %s", (abi) => {
  const definitions = STRUCTS_32.filter(([abis]) => abis.includes(abi));
  const table = layouts.with(
    Object.fromEntries(definitions.map(([, name, definition]) => [name, definition])),
  );

  it("have the layouts that gcc gives them, and the numbers that follow", () => {
    const judged = probe32(facts, root, abi);
    const generated: Places = new Map();
    for (const name of table.names.filter((struct) => !struct.includes("."))) {
      const layout = table.get(name);
      generated.set(name, { offset: 0, size: layout.size });
      for (const { path, offset, size, field } of placesOf(layout, "", 0, (type) => table.get(type))) {
        // A struct without pointers of its own is not listed for these; all that matters is where they are.
        const width = field.type === "ptr" ? 4 : size;
        generated.set(`${name}.${path}`, { offset, size: width });
      }
    }
    const lines = (places: Places): string[] =>
      [...places]
        .filter(([path]) => !tolerate(path))
        .map(([path, { offset, size }]) => `${path}: ${size} bytes at ${offset}`)
        .sort();
    expect(lines(generated)).toEqual(lines(judged.places));
    expect(generated.size).toBeGreaterThan(1200);

    const own = new Map(
      IOCTLS_32.flatMap(([abis, name, number]) => (abis.includes(abi) ? [[name, number] as const] : [])),
    );
    for (const { name, number } of Object.values(IOCTLS))
      expect(`${name} ${own.get(name) ?? number}`).toBe(`${name} ${judged.ioctls.get(name)}`);
    expect(own.size).toBeGreaterThan(15);
  });
});

// scripts/setup installs it.
describe.runIf(process.arch === "x64").each(ABIS32.filter((abi) => abi.startsWith("arm")))("on %s", (abi) => {
  it("arm's own compiler says the same as x86's with 64-bit members aligned to 8 bytes", () => {
    const own = probe32(facts, root, abi, "arm-linux-gnueabihf-gcc");
    const judged = probe32(facts, root, abi);
    expect([...own.places].filter(([path]) => !tolerate(path))).toEqual(
      [...judged.places].filter(([path]) => !tolerate(path)),
    );
    expect([...own.ioctls]).toEqual([...judged.ioctls]);
    expect(own.places.size).toBeGreaterThan(1200);
  });
});

describe("what differs", () => {
  it("is little: these structs", () => {
    const names = new Set(STRUCTS_32.map(([, name]) => name).filter((name) => !name.includes(".")));
    expect([...names].sort()).toMatchInlineSnapshot(`
      [
        "media_links_enum",
        "timespec",
        "timeval",
        "v4l2_buffer",
        "v4l2_clip",
        "v4l2_create_buffers",
        "v4l2_edid",
        "v4l2_event",
        "v4l2_event_ctrl",
        "v4l2_ext_controls",
        "v4l2_format",
        "v4l2_framebuffer",
        "v4l2_input",
        "v4l2_plane",
        "v4l2_standard",
        "v4l2_window",
      ]
    `);
  });
});
