/** How fast test pictures are drawn, beside a plain copy of as many bytes. Prints only. `npx tsx bench/tpg.ts` */
import {
  fourcc,
  frameLayout,
  Movement,
  Pattern,
  patternNames,
  pixelFormatInfo,
  TestPattern,
  type InitialSettings,
} from "../src/tpg/index.js";

const width = 1920;
const height = 1080;
const runs = 200;

/** Milliseconds per call: the median, so that other work on the machine does not count. */
function time(call: () => void, count = runs): number {
  for (let warm = 0; warm < 20; warm++) call();
  const times = Array.from({ length: count }, () => {
    const start = process.hrtime.bigint();
    call();
    return Number(process.hrtime.bigint() - start) / 1e6;
  });
  return times.sort((a, b) => a - b)[count >> 1] ?? 0;
}

function report(what: string, ms: number, bytes?: number): void {
  const rate = bytes === undefined ? "" : `${(bytes / ms / 1e6).toFixed(1)} GB/s`;
  console.log(`${what.padEnd(52)} ${ms.toFixed(3).padStart(8)} ms  ${rate}`);
}

function frameOf(name: string, padding = 0) {
  const format = pixelFormatInfo(fourcc(name));
  if (format === undefined) throw new Error(`no format ${name}`);
  const { bytesperline = 0 } = frameLayout(format, width, height).memoryPlanes[0] ?? {};
  const { memoryPlanes } = frameLayout(format, width, height, { bytesperline: [bytesperline + padding] });
  return memoryPlanes.map((plane) => ({
    bytes: new Uint8Array(plane.sizeimage),
    bytesperline: plane.bytesperline,
  }));
}

console.log(`${width}x${height}, median of ${runs}`);
const source = new Uint8Array((width * height * 3) / 2);
const target = new Uint8Array(source.length);
report(
  "copy of an NV12 frame",
  time(() => target.set(source)),
  source.length,
);
report(
  "memory filled with a constant",
  time(() => target.fill(7)),
  source.length,
);

function fill(name: string, settings: Partial<InitialSettings> = {}, padding = 0): void {
  const planes = frameOf(name, padding);
  const bytes = planes.reduce((sum, plane) => sum + plane.bytes.length, 0);
  const pattern = new TestPattern({ width, height, pixelFormat: fourcc(name), ...settings });
  const label = [
    name,
    patternNames[settings.pattern ?? 0],
    settings.moveHorizontal === undefined ? "" : "moving",
    padding ? "padded" : "",
  ];
  report(
    label.filter(Boolean).join(", "),
    time(() => {
      pattern.fillPlanes(planes);
      pattern.advance();
    }),
    bytes,
  );
}

for (const name of ["NV12", "YUYV", "RGB3", "YU12", "XR24", "GREY"]) fill(name);
const moving = { moveHorizontal: Movement.Negative };
for (const name of ["NV12", "YUYV", "RGB3"]) fill(name, moving);
fill("NV12", { ...moving, moveVertical: Movement.Negative, pattern: Pattern.Squares100 });
fill("NV12", { pattern: Pattern.Checkers1x1 });
fill("NV12", { pattern: Pattern.Noise });
fill("NV12", {}, 64);

for (const name of ["NV12", "YUYV", "RGB3"]) {
  const planes = frameOf(name);
  const pattern = new TestPattern({ width, height, pixelFormat: fourcc(name) });
  const text = "sequence:0 timestamp:1000 field:none frame 12345";
  report(
    `${name}, 5 lines of ${text.length} characters`,
    time(() => {
      for (let line = 1; line <= 5; line++) pattern.drawText(planes, 16, 16 * line, text);
    }),
  );
  report(
    `${name}, new settings and the frame after`,
    time(() => {
      pattern.configure({ brightness: 128 + Math.round(Math.random() * 20) });
      pattern.fillPlanes(planes);
    }, 50),
  );
}
