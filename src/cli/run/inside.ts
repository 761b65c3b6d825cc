/** `inside.js OPTIONS CLIENT ARGS`: the launcher in a user namespace; user-namespace.ts starts it there. */
import { dropAmbientCapabilities } from "../../native.js";
import { reportAndExit } from "../failure.js";
import { clientEnvironment, prepareClient, sayWhatIsMissing, showView, startAs } from "./launch.js";
import type { InsideOptions } from "./user-namespace.js";
import { serveClient } from "./with-devices.js";

try {
  const [options = "{}", client = "", ...args] = process.argv.slice(2);
  const { device, ...given } = JSON.parse(options) as InsideOptions;
  process.exitCode =
    device === undefined
      ? await runInView(client, args, given)
      : await serveClient(client, args, { ...given, device }, prepareClient(given), dropAmbientCapabilities);
} catch (error) {
  reportAndExit(error);
}

async function runInView(client: string, args: readonly string[], options: InsideOptions): Promise<number> {
  const view = showView();
  if (options.quiet !== true) sayWhatIsMissing(view);
  dropAmbientCapabilities();
  const { helper, account } = prepareClient(options);
  return startAs(account, client, args, clientEnvironment(helper, view.is === "shown", account));
}
