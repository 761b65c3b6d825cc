/** The thread that serves the page: the server on one side, the driver's thread on the other. */
import { parentPort, workerData } from "node:worker_threads";
import { readPage } from "./page-files.js";
import type { DriverMessage, ThreadMessage, ThreadStart, WatchState } from "./protocol.js";
import { PageServer, type PageServerOptions } from "./server.js";

type Changed = DriverMessage & { readonly say: "changed" };

/** Questions that are open at once: the driver's thread is busy or blocked, and more of them do not help. */
const MAX_QUESTIONS = 32;

/** Serves until the thread is ended. For the thread's program, which does nothing else and knows how sessions are written. */
export async function servePage({ tracerFile }: Pick<PageServerOptions, "tracerFile">): Promise<void> {
  const { port, ...options } = workerData as ThreadStart;
  const say = (message: ThreadMessage): void => parentPort?.postMessage(message);
  const states = new Questions<WatchState>();
  const changes = new Questions<Changed>();
  try {
    const server = new PageServer({
      ...options,
      tracerFile,
      head: new Uint8Array(options.head),
      page: readPage(),
      driver: {
        state: () => states.ask((question) => say({ say: "state", question })),
        want: (queue) => {
          say({ say: "want", queue });
        },
        change: (change) => changes.ask((question) => say({ say: "change", question, change })),
      },
    });
    parentPort?.on("message", (message: DriverMessage) => {
      if (message.say === "picture") server.pictures.take(message.queue, message);
      else if (message.say === "state") states.answer(message.question, message.state);
      else changes.answer(message.question, message);
    });
    say({ say: "listening", port: await server.listen(port) });
  } catch (error) {
    say({ say: "failed", reason: error instanceof Error ? error.message : String(error) });
  }
}

/** Questions to the driver, by number. */
class Questions<Answer> {
  readonly #open = new Map<number, (answer: Answer) => void>();
  #last = 0;

  ask(say: (question: number) => void): Promise<Answer> {
    if (this.#open.size >= MAX_QUESTIONS) return Promise.reject(new Error("the driver is busy"));
    const question = (this.#last += 1);
    return new Promise((resolve) => {
      this.#open.set(question, resolve);
      say(question);
    });
  }

  answer(question: number, answer: Answer): void {
    this.#open.get(question)?.(answer);
    this.#open.delete(question);
  }
}
