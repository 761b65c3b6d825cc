/**
 * Confined processes that work on pictures.
 *
 * What this layer guarantees to those above:
 *  - a {@link WorkerProcess} gets orders over a socket that keeps message boundaries, and memory as descriptors; nothing
 *    that it says is trusted, and one that is not confined or of another version gets no work;
 *  - each question ends: with the answer, or with nothing when the process ended, hung or broke the protocol.
 */
export { WorkerProcess, type WorkerObserver, type WorkerTraits } from "./worker-process.js";
export { decodeHello, HELLO_BYTES, WorkerFeature, type Hello } from "./hello.js";
