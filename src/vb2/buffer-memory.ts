/**
 * Gives the planes of a buffer their bytes: allocated (MMAP), copied from and to the client (USERPTR), or
 * mapped from an fd of the client (DMABUF).
 *
 * Differs from vb2: a process cannot map another one's memory, so a USERPTR plane has memory of ours behind
 * it. An OUTPUT plane is copied in when the buffer is prepared, a CAPTURE plane is copied out when it is
 * dequeued. What the client does to the memory in between is not seen.
 */
import type { Call, FileBacking } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";
import type { Plane, QueueBuffer } from "./buffer.js";
import type { OpCounters } from "./counters.js";
import type { ImportedMemory, MemoryProvider, PlaneMemory } from "./memory.js";

/** The client whose address or fd is looked up; alive during its call only. */
export type MemoryCall = Pick<Call, "client" | "memory">;

function isImported(memory: PlaneMemory | undefined): memory is ImportedMemory {
  return memory !== undefined && "isFile" in memory;
}

export class BufferMemory {
  constructor(
    private readonly provider: MemoryProvider,
    private readonly isOutput: boolean,
    private readonly counters: OpCounters,
  ) {}

  /**
   * MMAP: memory for every plane, or for none.
   * @param backing - Of the file whose client maps the buffers without asking us.
   * @throws {V4l2Error} ENOMEM
   */
  allocate(buffer: QueueBuffer, backing: FileBacking | undefined): void {
    try {
      for (const plane of buffer.planes) {
        this.#give(plane, this.provider.allocPlane(plane.length, backing));
        if (backing !== undefined && plane.memory?.mapOffset === undefined) {
          throw new Error("the queue's memory provider makes no memory that clients can map by themselves");
        }
      }
    } catch (error) {
      this.release(buffer);
      throw error;
    }
  }

  /** MMAP: the plane leaves its pool. @throws {V4l2Error} ENOMEM */
  moveOut(plane: Plane): void {
    if (plane.memory !== undefined) this.provider.moveOut?.(plane.memory);
  }

  /** Takes the memory of all planes away; what the client said of USERPTR and DMABUF planes goes with it. */
  release(buffer: QueueBuffer): void {
    for (const plane of buffer.planes) {
      this.#take(plane);
      if (buffer.memory !== "mmap") plane.forget();
    }
  }

  /** USERPTR and DMABUF: did the client name other memory than the buffer has? */
  isOther(buffer: QueueBuffer, call: MemoryCall): boolean {
    return buffer.planes.some((plane) => !this.#isSame(buffer, plane, call));
  }

  /**
   * USERPTR and DMABUF: every plane gets the memory that the client named. When this throws, the caller
   * releases the buffer's memory: some planes may have theirs.
   * @throws {V4l2Error} EINVAL - too small, or no such fd; EFAULT - the address cannot be read or written;
   *   ENOMEM - over the budget.
   */
  acquire(buffer: QueueBuffer, call: MemoryCall): void {
    for (const [index, plane] of buffer.planes.entries()) {
      if (this.#isSame(buffer, plane, call)) continue;
      if (buffer.memory === "userptr") this.#copyFirst(plane, index, call);
      else this.#import(plane, call);
    }
  }

  /** USERPTR, OUTPUT: the payload as it is now. @throws {V4l2Error} EFAULT */
  copyIn(buffer: QueueBuffer, call: MemoryCall): void {
    for (const plane of buffer.planes) {
      call.memory.read(plane.userptr, plane.bytes.subarray(0, plane.bytesused));
    }
  }

  /**
   * USERPTR, CAPTURE: the payload goes to the client.
   * @throws {V4l2Error} EFAULT - not writable any more, or the process that dequeues is not the one that queued:
   *   the address means something else there.
   */
  copyOut(buffer: QueueBuffer, call: MemoryCall): void {
    for (const plane of buffer.planes) {
      if (plane.pid !== call.client.pid) {
        throw new V4l2Error("EFAULT", `the buffer's address belongs to process ${plane.pid}`);
      }
      call.memory.write(plane.userptr, plane.bytes.subarray(0, plane.bytesused));
    }
  }

  #isSame(buffer: QueueBuffer, plane: Plane, call: MemoryCall): boolean {
    const { input, memory } = plane;
    if (memory === undefined) return false;
    if (buffer.memory === "userptr") {
      return (
        input.userptr !== 0n &&
        input.userptr === plane.userptr &&
        input.length === plane.length &&
        call.client.pid === plane.pid
      );
    }
    if (!isImported(memory)) return false;
    // vb2: length 0 stands for the whole dma-buf.
    const length = input.length === 0 ? memory.fileBytes : input.length;
    return length === plane.length && memory.isFile(call.client.pid, input.fd);
  }

  #copyFirst(plane: Plane, index: number, call: MemoryCall): void {
    const { userptr, length } = plane.input;
    if (length < plane.minLength) {
      throw new V4l2Error("EINVAL", `plane ${index} has ${length} bytes, ${plane.minLength} are needed`);
    }
    if (plane.memory?.sizeBytes !== length) {
      this.#take(plane);
      this.#give(plane, this.provider.allocPlane(length));
    }
    // All of it, once: a hole is refused now, as pinning the pages does in the kernel.
    call.memory.read(userptr, plane.bytes);
    if (!this.isOutput) call.memory.write(userptr, plane.bytes);
    plane.userptr = userptr;
    plane.length = length;
    plane.pid = call.client.pid;
  }

  #import(plane: Plane, call: MemoryCall): void {
    const { fd, length } = plane.input;
    const memory = this.provider.importPlane({
      pid: call.client.pid,
      fd,
      lengthBytes: length,
      minBytes: plane.minLength,
      writable: !this.isOutput,
    });
    this.#take(plane);
    this.#give(plane, memory);
    plane.length = memory.sizeBytes;
    plane.fd = fd;
    plane.pid = call.client.pid;
  }

  #give(plane: Plane, memory: PlaneMemory): void {
    plane.memory = memory;
    this.counters.memoryTaken += 1;
  }

  #take(plane: Plane): void {
    if (plane.memory === undefined) return;
    plane.memory.release();
    plane.memory = undefined;
    this.counters.memoryReleased += 1;
  }
}
