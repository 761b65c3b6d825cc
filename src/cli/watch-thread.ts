/** `watch-thread.js`: the thread of a driver that serves its page; watching.ts starts it. */
import { servePage } from "../watch/index.js";

await servePage();
