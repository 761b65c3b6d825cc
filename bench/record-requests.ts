/** Records what a client of a stateless decoder submits: node --import tsx bench/record-requests.ts CODEC STREAM FILE */
import { readFileSync, writeFileSync } from "node:fs";
import { recorded } from "../test/decoder/recorded.js";
import type { CodecName } from "../test/decoder/stream.js";

const [, , codec, stream, file] = process.argv;
if (codec === undefined || stream === undefined || file === undefined) {
  process.stderr.write("usage: record-requests.ts CODEC STREAM FILE [slice]\n");
  process.exit(2);
}
const mode = process.argv[5] === "slice" ? ({ decode: "slice", startCode: "none" } as const) : undefined;
writeFileSync(file, recorded(codec as CodecName, new Uint8Array(readFileSync(stream)), mode && { mode }));
