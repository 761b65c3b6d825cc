/** `inside.js OPTIONS CLIENT ARGS`: the launcher in a user namespace; user-namespace.ts starts it there. */
import { dropAmbientCapabilities, helperPath } from "../../native.js";
import { reportAndExit } from "../failure.js";
import { clientEnvironment, sayWhatIsMissing, showView, startAndWait } from "./launch.js";
import type { InsideOptions } from "./user-namespace.js";

try {
  const [options = "{}", client = "", ...args] = process.argv.slice(2);
  const { quiet, helper } = JSON.parse(options) as InsideOptions;
  const view = showView();
  if (quiet !== true) sayWhatIsMissing(view);
  dropAmbientCapabilities();
  const env = clientEnvironment(helper === false ? undefined : helperPath(), view.is === "shown", undefined);
  process.exitCode = await startAndWait(client, args, { env });
} catch (error) {
  reportAndExit(error);
}
