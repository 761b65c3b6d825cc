/** `can-map.ts`: exits with 0 where FUSE nodes can be made and the kernel maps their files; else says why not. */
import { FuseSession } from "../../src/cuse/index.js";

/** @returns Why not; undefined: it can. */
async function whyNot(): Promise<string | undefined> {
  try {
    const session = new FuseSession({ log: { warn: console.error, error: console.error } });
    const canMap = await session.canMap;
    await session.close();
    return canMap ? undefined : "The kernel does not map FUSE files.";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const reason = await whyNot();
if (reason !== undefined) {
  console.error(reason);
  process.exitCode = 1;
}
