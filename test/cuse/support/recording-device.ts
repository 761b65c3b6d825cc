/** A device whose handlers the test supplies, and that writes down what it was asked. */
import type {
  CharDevice,
  IoctlRequest,
  OpenFile,
  OpenRequest,
  PollRequest,
  ReadRequest,
  SessionLog,
  WriteRequest,
} from "../../../src/cuse/char-device.js";

export interface TestFile {
  readonly name: string;
  readonly file: OpenFile;
}

type Handlers = Partial<Omit<CharDevice<TestFile>, "release">>;

export class RecordingDevice implements CharDevice<TestFile> {
  readonly events: string[] = [];
  readonly files: TestFile[] = [];
  #count = 0;
  readonly read?: (file: TestFile, request: ReadRequest) => Uint8Array | Promise<Uint8Array>;
  readonly write?: (file: TestFile, request: WriteRequest) => number | Promise<number>;
  readonly poll?: (file: TestFile, request: PollRequest) => number;
  readonly flush?: NonNullable<CharDevice<TestFile>["flush"]>;
  readonly fsync?: NonNullable<CharDevice<TestFile>["fsync"]>;

  constructor(readonly handlers: Handlers = {}) {
    const { read, write, poll, flush, fsync } = handlers;
    if (read) this.read = (file, request) => read.call(this, file, request);
    if (write) this.write = (file, request) => write.call(this, file, request);
    if (poll) this.poll = (file, request) => poll.call(this, file, request);
    if (flush) this.flush = (file, request) => flush.call(this, file, request);
    if (fsync) this.fsync = (file, request) => fsync.call(this, file, request);
  }

  newFile(request: OpenRequest): TestFile {
    this.#count += 1;
    const file = { name: `file${this.#count}`, file: request.file };
    this.files.push(file);
    return file;
  }

  open(request: OpenRequest): TestFile | Promise<TestFile> {
    this.events.push(
      `open flags=${request.flags} by ${request.caller.tid}/${request.caller.uid}/${request.caller.gid}`,
    );
    return this.handlers.open?.(request) ?? this.newFile(request);
  }

  release(file: TestFile): void {
    this.events.push(`release ${file.name}`);
  }

  ioctl(file: TestFile, request: IoctlRequest): number | Promise<number> {
    if (this.handlers.ioctl === undefined) throw new Error("no ioctl expected");
    return this.handlers.ioctl(file, request);
  }
}

export class RecordingLog implements SessionLog {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];
  warn(message: string): void {
    this.warnings.push(message);
  }
  error(message: string): void {
    this.errors.push(message);
  }
}
