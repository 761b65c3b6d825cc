/** `inside.js quiet|"" CLIENT ARGS`: the launcher in a user namespace; user-namespace.ts starts it there. */
import { dropAmbientCapabilities, helperPath } from "../../native.js";
import { reportAndExit } from "../failure.js";
import { clientEnvironment, sayWhatIsMissing, showView, startAndWait } from "./launch.js";

try {
  const [quiet, client = "", ...args] = process.argv.slice(2);
  const view = showView();
  if (quiet !== "quiet") sayWhatIsMissing(view);
  dropAmbientCapabilities();
  const env = clientEnvironment(helperPath(), view.is === "shown", undefined);
  process.exitCode = await startAndWait(client, args, { env });
} catch (error) {
  reportAndExit(error);
}
