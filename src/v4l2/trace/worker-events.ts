/** What a device tells of the processes that work for it. */
import { traceTimes } from "./trace.js";
import type { TraceStream, WorkerEvent } from "./trace.js";

/**
 * Makes the observer of a worker, for src/worker.
 * @param file - Of the one that it works for; undefined: it works for the whole device.
 */
export function workerEvents(
  { trace, name: device }: { readonly trace: TraceStream; readonly name: string },
  file?: bigint,
): (action: WorkerEvent["action"], pid: number | undefined, serial?: number, detail?: string) => void {
  return (action, pid, serial, detail) => {
    if (trace.active)
      trace.emit({ kind: "worker", ...traceTimes(), device, action, pid, file, serial, detail });
  };
}
