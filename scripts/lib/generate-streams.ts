/** `generate-streams.ts FOLDER`: makes the streams of test/codec/support/generated.ts. */
import { generateStreams } from "../../test/codec/support/generated.js";

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("the folder is missing");
const { encoded, written } = generateStreams(folder);
console.log(
  `${encoded.length} streams of encoders and ${written.length} of the project's own writers are in ${folder}`,
);
