/**
 * The page that shows a device while it runs.
 *
 * What the layer guarantees to those above: a page is served to nobody without the token, to no other machine and to no
 * other page; it changes nothing unless controls may be changed; the driver's thread does no more for it than record
 * events, copy a picture ten times a second, and say twice a second how things are. HTTP, exports and slow viewers are a
 * thread's own business, and what that holds is bounded.
 */
export { Gate } from "./gate.js";
export type { Admission, GateOptions } from "./gate.js";
export { readPage } from "./page-files.js";
export type { PageFile } from "./page-files.js";
export type * from "./protocol.js";
export { PageServer } from "./server.js";
export type { DriverQuestions, PageServerOptions } from "./server.js";
export { servePage } from "./serve-page.js";
export { MAX_VIEWERS } from "./viewers.js";
export { Watch } from "./watch.js";
export type { WatchedDevice, WatchOptions } from "./watch.js";
