/** `can-map.ts`: exits with 0 where FUSE nodes can be made and the kernel maps their files. Says why not. */
import { FuseSession } from "../../src/cuse/index.js";

const session = new FuseSession({ log: { warn: console.error, error: console.error } });
const canMap = await session.canMap;
await session.close();
if (!canMap) console.error("The kernel does not map FUSE files.");
process.exitCode = canMap ? 0 : 1;
