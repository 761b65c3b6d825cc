/** Makes a buffer ready for the driver: what the client said becomes true, its memory is there, the driver agrees. */
import type { Call } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";
import type { BufferMemory } from "./buffer-memory.js";
import type { QueueBuffer } from "./buffer.js";
import type { DriverCalls } from "./driver-calls.js";

export class Preparer<B extends QueueBuffer> {
  constructor(
    private readonly driver: DriverCalls<B>,
    private readonly bufferMemory: BufferMemory,
    private readonly isOutput: boolean,
    private readonly copyTimestamp: boolean,
  ) {}

  /** OUTPUT: may the driver have this? */
  validate(buffer: B): void {
    if (this.isOutput && buffer.preparedBy === undefined) this.driver.outValidate(buffer);
  }

  /**
   * @param by - "client" for PREPARE_BUF, which the client sees as a flag.
   * @throws {V4l2Error} as `BufferMemory.acquire`; what the driver throws.
   */
  prepare(buffer: B, call: Call | undefined, by: "client" | "queue"): void {
    if (buffer.preparedBy !== undefined) return;
    this.validate(buffer);
    const from = buffer.transition("preparing");
    try {
      if (buffer.memory === "mmap") {
        this.#takeInputs(buffer);
        this.driver.prepare(buffer);
      } else {
        this.#prepareForeign(buffer, call);
      }
      buffer.preparedBy = by;
    } finally {
      buffer.transition(from);
    }
  }

  /** USERPTR and DMABUF: the planes get the memory that the client named, or none when anything is wrong with it. */
  #prepareForeign(buffer: B, call: Call | undefined): void {
    if (call === undefined)
      throw new Error(`buffer ${buffer.index}: ${buffer.memory} needs the client's call`);
    try {
      const isOther = this.bufferMemory.isOther(buffer, call);
      if (isOther) {
        this.driver.cleanup(buffer);
        this.bufferMemory.acquire(buffer, call);
      }
      this.#takeInputs(buffer);
      for (const plane of buffer.planes) {
        plane.fd = plane.input.fd;
        plane.pid = call.client.pid;
      }
      if (isOther) this.driver.init(buffer);
      else if (this.isOutput && buffer.memory === "userptr") this.bufferMemory.copyIn(buffer, call);
      this.driver.prepare(buffer);
    } catch (error) {
      this.driver.cleanup(buffer);
      this.bufferMemory.release(buffer);
      throw error;
    }
  }

  #takeInputs(buffer: B): void {
    if (!this.copyTimestamp) buffer.timestampNs = 0n;
    for (const plane of buffer.planes) {
      const { bytesused, dataOffset } = plane.input;
      if (bytesused > plane.length) {
        throw new V4l2Error("EINVAL", `a payload of ${bytesused} bytes in a plane of ${plane.length}`);
      }
      plane.bytesused = bytesused;
      plane.dataOffset = dataOffset;
    }
  }
}
