/** `v4l2-cuse loopback`: a camera that shows what other programs feed it. */
import { Command } from "commander";
import { DEFAULT_CARD, Loopback } from "../loopback/index.js";
import { startVideoDevices } from "../serve/index.js";
import { addNodeOptions, type NodeNames, type NodeOptions } from "./node-options.js";
import { serve, type Served } from "./serve-nodes.js";

interface LoopbackCommandOptions extends NodeOptions {
  readonly card: string;
  readonly pair?: boolean;
}

export function loopbackCommand(): Command {
  const command = new Command("loopback").description("a camera that shows what another program feeds it");
  return addNodeOptions(command)
    .option("--card <name>", "the name that programs show", DEFAULT_CARD)
    .option("--pair", "two nodes: the first is fed, the second is a camera")
    .action(async (options: LoopbackCommandOptions) => {
      await serve((names) => served(names, options), options);
    });
}

function served(names: NodeNames, { card, pair }: LoopbackCommandOptions): Served {
  const name = names.name("video");
  const loopback = new Loopback({
    name,
    card,
    ...(pair === true && { captureName: names.name("video", Number(/\d+$/.exec(name)?.[0]) + 1) }),
  });
  return {
    logged: loopback.devices,
    start: (access) => startVideoDevices(loopback.devices, access),
  };
}
