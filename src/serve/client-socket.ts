/**
 * The socket on which a client's helper library waits for an fd: it names a descriptor of its own, and we take a
 * duplicate of that. Shared with other devices that hand out fds (the media device).
 */
import type { ErrnoName } from "../linux.js";
import { isSystemError, ProcessFd, sendFd, socketPeer } from "../native.js";
import { V4l2Error } from "../v4l2/index.js";

/** Errno of a system call, where a client may see it. */
const visible: ReadonlySet<string> = new Set([
  "EBADF",
  "EPERM",
  "ESRCH",
  "ENOTSOCK",
  "EPIPE",
  "EMFILE",
  "ENFILE",
]);

function refusal(error: unknown, what: string): unknown {
  if (!isSystemError(error)) return error;
  const code = visible.has(error.code) ? (error.code as ErrnoName) : "EINVAL";
  return new V4l2Error(code, `${what}: ${error.syscall} ${error.code}`);
}

/** One end of a client's socket pair, taken over to send it a descriptor. */
export class ClientSocket {
  readonly #socket: ProcessFd;

  private constructor(socket: ProcessFd) {
    this.#socket = socket;
  }

  /**
   * Takes the descriptor `socket` of process `pid`, if it is one end of a socket pair that this process made: a
   * client must not make us write, with our rights, to somebody else's socket.
   * @throws {V4l2Error} EBADF, ENOTSOCK, EPERM, ...: what `mmap()` or the ioctl of the client fails with.
   */
  static take(pid: number, socket: number): ClientSocket {
    let taken: ProcessFd | undefined;
    try {
      taken = ProcessFd.takeSocket(pid, socket);
      const peer = socketPeer(taken.fd);
      if (peer.pid !== pid) throw new V4l2Error("EPERM", `the socket's other end is of process ${peer.pid}`);
      return new ClientSocket(taken);
    } catch (error) {
      taken?.close();
      throw refusal(error, "the client's socket");
    }
  }

  /** Sends a duplicate of `fd`. Never waits. @throws {V4l2Error} EPIPE - the client is gone. */
  send(fd: number): void {
    try {
      sendFd(this.#socket.fd, fd);
    } catch (error) {
      throw refusal(error, "sending an fd");
    }
  }

  close(): void {
    this.#socket.close();
  }
}
