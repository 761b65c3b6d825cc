/** Many drivers that start at once, none of which was told a number. */
import { spawn } from "node:child_process";
import { once } from "node:events";

export interface Started {
  /** Their nodes, in any order. */
  readonly nodes: readonly string[];
  /** What they said besides. */
  readonly said: string;
  readonly statuses: readonly (number | null)[];
}

const READY = /^(\S+) (?:and (\S+) )?(?:is|are) ready; .*$/;

/**
 * Starts `count` drivers, waits until each is ready or has ended, and ends them.
 * @param command - Of one of them.
 */
export async function startMany(count: number, command: readonly string[]): Promise<Started> {
  const [program = "", ...args] = command;
  const nodes: string[] = [];
  const rest: string[] = [];
  const drivers = Array.from({ length: count }, () => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    const ended = once(child, "exit") as Promise<[number | null]>;
    let text = "";
    const ready = new Promise<void>((resolve) => {
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (/ ready; .*\n/.test(text)) resolve();
      });
      child.once("close", () => {
        resolve();
      });
    });
    return { child, ended, ready, text: () => text };
  });
  const timer = setTimeout(() => {
    for (const { child } of drivers) child.kill("SIGKILL");
  }, 240_000);
  await Promise.all(drivers.map(({ ready }) => ready));
  for (const { child } of drivers) child.kill("SIGTERM");
  const statuses = await Promise.all(drivers.map(async ({ ended }) => (await ended)[0]));
  clearTimeout(timer);
  for (const line of drivers.flatMap(({ text }) => text().split("\n"))) {
    const [, first, second] = READY.exec(line) ?? [];
    if (first !== undefined) nodes.push(first, ...(second === undefined ? [] : [second]));
    else if (line !== "") rest.push(line);
  }
  return { nodes, said: rest.join("\n"), statuses };
}
