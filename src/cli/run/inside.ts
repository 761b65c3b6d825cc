/** `inside.js CLIENT ARGS`: the launcher in a user namespace; user-namespace.ts starts it there. */
import { dropAmbientCapabilities, helperPath } from "../../native.js";
import { reportAndExit } from "../failure.js";
import { clientEnvironment, showView, startAndWait } from "./launch.js";

try {
  const [client = "", ...args] = process.argv.slice(2);
  const view = showView();
  if (view.is === "failed") process.stderr.write(`v4l2-cuse: ${view.reason} the client sees no sysfs view\n`);
  dropAmbientCapabilities();
  const env = clientEnvironment(helperPath(), view.is === "shown", undefined);
  process.exitCode = await startAndWait(client, args, { env });
} catch (error) {
  reportAndExit(error);
}
