/** A driver process: `echo-driver.ts NAME`. Prints "ready"; ends on SIGTERM. */
import { CuseSession } from "../../../src/cuse/index.js";
import { EchoDevice } from "./echo-device.js";

const [name = "cusetest"] = process.argv.slice(2);
const session = await CuseSession.start(new EchoDevice(), { name, mode: 0o666 });
process.once("SIGTERM", () => void session.close());
console.log("ready");
await session.closed;
