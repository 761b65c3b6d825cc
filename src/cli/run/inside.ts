/** `inside.js OPTIONS CLIENT ARGS`: the launcher in a user namespace; user-namespace.ts starts it there. */
import { dropAmbientCapabilities, helperPath } from "../../native.js";
import { reportAndExit } from "../failure.js";
import { clientEnvironment, sayWhatIsMissing, showView, startAndWait } from "./launch.js";
import type { InsideOptions } from "./user-namespace.js";
import { serveClient } from "./with-devices.js";

try {
  const [options = "{}", client = "", ...args] = process.argv.slice(2);
  const { device, ...given } = JSON.parse(options) as InsideOptions;
  process.exitCode =
    device === undefined
      ? await runInView(client, args, given)
      : await serveClient(client, args, { ...given, device }, dropAmbientCapabilities);
} catch (error) {
  reportAndExit(error);
}

async function runInView(client: string, args: readonly string[], options: InsideOptions): Promise<number> {
  const view = showView();
  if (options.quiet !== true) sayWhatIsMissing(view);
  dropAmbientCapabilities();
  const helper = options.helper === false ? undefined : helperPath();
  return startAndWait(client, args, { env: clientEnvironment(helper, view.is === "shown", undefined) });
}
