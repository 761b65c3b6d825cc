/**
 * Serves open files over one channel: takes messages, calls the device, answers. Knows nothing of how the
 * channel came to be (CUSE_INIT, or a mount): those messages go to {@link ControlHandler}.
 */
import type { CharDevice, SessionLog } from "./char-device.js";
import {
  CallerRecord,
  describeFailure,
  IoctlCall,
  OpenCall,
  PlainCall,
  ReadCall,
  USUAL_IOCTL_BYTES,
  withoutEnosys,
  WriteCall,
  type Call,
  type NonblockingProbe,
  type OpenHooks,
} from "./calls.js";
import { CharDeviceError, stackOf } from "./errors.js";
import { ALWAYS_READY, type ErrnoName } from "../linux.js";
import {
  FUSE_BATCH_FORGET,
  FUSE_DESTROY,
  FUSE_FLUSH,
  FUSE_FORGET,
  FUSE_FSYNC,
  FUSE_FSYNC_FDATASYNC,
  FUSE_INTERRUPT,
  FUSE_IOCTL,
  FUSE_NOTIFY_REPLY,
  FUSE_OPEN,
  FUSE_POLL,
  FUSE_POLL_SCHEDULE_NOTIFY,
  FUSE_READ,
  FUSE_RELEASE,
  FUSE_WRITE,
  FuseFlushInView,
  FuseFsyncInView,
  FuseInterruptInView,
  FuseOpenInView,
  FuseReadInView,
  FuseWriteInView,
} from "./gen/fuse.js";
import type { OpenFileRecord, OpenFileTable } from "./open-files.js";
import { iocSize, Message, opcodeName } from "./protocol.js";
import { Reply, ReplyWriter, type ReplyChannel } from "./reply.js";
import { noteWaiting } from "./waiting.js";

/**
 * Takes a message that is about no open file.
 * A reply that is still due when it returns is ENOSYS: the message is not known.
 */
export type ControlHandler = (message: Message, reply: Reply) => void;

export interface ConnectionOptions<File> {
  readonly device: CharDevice<File>;
  readonly files: OpenFileTable<File>;
  readonly channel: ReplyChannel;
  /** What one READ or WRITE carries at most, bytes. */
  readonly transferBytes: number;
  readonly log: SessionLog;
  readonly probe: NonblockingProbe;
  readonly control: ControlHandler;
  /** The files are anonymous ones; default: of a device's node. */
  readonly isAnonymous?: boolean;
  /** Opens, where a message may be about one of several inodes; default: the device does. */
  readonly open?: OpenHandler<File>;
  /** What {@link Connection.serve} finds messages in, where several connections share a channel. */
  readonly message?: Message;
}

/** As {@link CharDevice.open}, for the inode `nodeId`. May set the answer's flags. */
export type OpenHandler<File> = (call: OpenCall<File>, nodeId: number) => File | Promise<File>;

/**
 * Bytes of `write(2)` that may wait for handlers at one time. A client has as many pending writes as it has
 * threads; what goes beyond this is refused with ENOMEM.
 */
const MAX_PENDING_WRITE_BYTES = 32 * 1024 * 1024;

/** Buffers for what is written, of {@link ConnectionOptions.transferBytes} each, that are kept for the next. */
const MOST_SPARE_WRITES = 4;

/** Messages that want no answer. */
const unanswered: ReadonlySet<number> = new Set([
  FUSE_FORGET,
  FUSE_BATCH_FORGET,
  FUSE_NOTIFY_REPLY,
  FUSE_INTERRUPT,
]);

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";

export class Connection<File> {
  readonly #device: CharDevice<File>;
  readonly #files: OpenFileTable<File>;
  readonly #transferBytes: number;
  readonly #log: SessionLog;
  readonly #probe: NonblockingProbe;
  readonly #control: ControlHandler;
  readonly #openFile: OpenHandler<File>;
  readonly #isAnonymous: boolean;
  readonly #writer: ReplyWriter;
  readonly #openHooks: OpenHooks<File>;

  /** Calls whose handlers have returned a promise, by the request's number. */
  readonly #pending = new Map<number, Call>();
  #pendingWriteBytes = 0;
  /** Of writes that have settled. New ones for each piece would have the collector run for as long as the copies take. */
  readonly #spareWrites: Uint8Array[] = [];
  /** What calls fail with since the session has ended. */
  #endCode: ErrnoName | undefined;

  // One of each serves every message that is answered at once.
  readonly #message: Message;
  readonly #reply: Reply;
  #ioctlCall: IoctlCall;
  readonly #pollRequest = { caller: new CallerRecord(), events: 0 };

  constructor(options: ConnectionOptions<File>) {
    this.#device = options.device;
    this.#message = options.message ?? new Message();
    this.#files = options.files;
    this.#transferBytes = options.transferBytes;
    this.#log = options.log;
    this.#probe = options.probe;
    this.#control = options.control;
    this.#openFile = options.open ?? ((call) => this.#device.open(call));
    this.#writer = new ReplyWriter(options.channel, options.log);
    this.#reply = new Reply(this.#writer);
    this.#isAnonymous = options.isAnonymous ?? false;
    this.#ioctlCall = this.#newIoctlCall();
    this.#openHooks = {
      add: (handle, file) => {
        this.#files.add(handle, file);
      },
      remove: (handle) => this.#release(handle.fh),
    };
  }

  /** Calls that wait for their handlers. */
  get pendingCalls(): number {
    return this.#pending.size;
  }

  /** Serves one message; never throws. What is answered at once is answered when this returns. */
  onMessage(bytes: Uint8Array): void {
    this.serve(this.#message.load(bytes));
  }

  /**
   * The same for a message that is loaded already, see {@link ConnectionOptions.message}.
   * @param wrong - What {@link Message.load} found.
   */
  serve(wrong: string | undefined): void {
    try {
      if (wrong === undefined) this.#dispatch();
      else this.#refuseMalformed(wrong);
    } catch (error) {
      this.#log.error(`the session failed to serve a message: ${stackOf(error)}`);
      if (this.#reply.due) this.#reply.fail("EIO");
    }
  }

  /**
   * The session ends: every waiting caller gets `code`, every handler is told to give up, nobody is woken
   * any more. Handlers that settle later are heard by nobody.
   */
  end(code: ErrnoName): void {
    this.#endCode = code;
    this.refusePending(code);
    for (const handle of this.#files.handles()) handle.forgetPollers(this.#writer);
  }

  /** Every waiting caller gets `code`, and its handler is told to give up. */
  refusePending(code: ErrnoName): void {
    const calls = [...this.#pending.values()];
    for (const call of calls) this.#forget(call);
    for (const call of calls) {
      if (call.reply.due) call.reply.fail(code);
      this.#tellToGiveUp(call);
    }
  }

  #dispatch(): void {
    const message = this.#message;
    switch (message.opcode) {
      case FUSE_IOCTL:
        return this.#ioctl();
      case FUSE_POLL:
        return this.#poll();
      case FUSE_READ:
        return this.#read();
      case FUSE_WRITE:
        return this.#write();
      case FUSE_OPEN:
        return this.#open();
      case FUSE_RELEASE:
        this.#expectReply();
        this.#release(message.fh);
        this.#reply.done();
        return;
      case FUSE_INTERRUPT:
        return this.#interrupt();
      case FUSE_FLUSH:
        return this.#flush();
      case FUSE_FSYNC:
        return this.#fsync();
      case FUSE_DESTROY:
        this.#expectReply();
        this.#reply.done();
        return;
      default: {
        if (unanswered.has(message.opcode)) return; // Inodes are not counted here.
        this.#expectReply();
        this.#control(message, this.#reply);
        if (this.#reply.due) this.#reply.fail("ENOSYS");
      }
    }
  }

  /** Answers the message with an error. */
  #fail(code: ErrnoName): void {
    this.#expectReply();
    this.#reply.fail(code);
  }

  #expectReply(): void {
    this.#reply.expect(this.#message.uniqueLow, this.#message.uniqueHigh);
  }

  /** The kernel sends no such messages; whoever sent it is told, if there is anything to tell by. */
  #refuseMalformed(wrong: string): void {
    this.#log.warn(`malformed message refused: ${wrong}`);
    if (!this.#message.hasHeader) return;
    if (!unanswered.has(this.#message.opcode)) this.#fail("EIO");
  }

  /** The file that the message names; if there is none, the request is refused here. */
  #record(): OpenFileRecord<File> | undefined {
    const { fh } = this.#message;
    const record = this.#files.get(fh);
    if (record === undefined) {
      this.#log.warn(`${opcodeName(this.#message.opcode)} names file ${fh}, which is not open`);
      this.#fail("EBADF");
    }
    return record;
  }

  // -- Requests

  #ioctl(): void {
    const record = this.#record();
    if (record === undefined) return;
    const size = iocSize(this.#message.ioctl.cmd);
    const call = size <= USUAL_IOCTL_BYTES ? this.#ioctlCall : this.#newIoctlCall(size);
    const wrong = call.load(this.#message, record.handle);
    if (wrong !== undefined) {
      call.reply.fail("EIO");
      this.#log.warn(`malformed message refused: ${wrong}`);
      return;
    }
    // As #run, without a function to pass.
    let outcome: unknown;
    try {
      outcome = this.#device.ioctl(record.file, call);
    } catch (error) {
      this.#refuse(call, error);
      return;
    }
    this.#settle(call, outcome);
    if (typeof outcome === "object" && call === this.#ioctlCall) {
      // The device keeps it; what comes next needs another.
      this.#ioctlCall = this.#newIoctlCall();
    }
  }

  #newIoctlCall(capacity?: number): IoctlCall {
    return new IoctlCall(this.#writer, this.#probe, this.#isAnonymous, capacity);
  }

  #poll(): void {
    const record = this.#record();
    if (record === undefined) return;
    const message = this.#message;
    this.#expectReply();
    const { flags, events } = message.poll;
    const handleLow = message.pollHandleLow;
    const handleHigh = message.pollHandleHigh;

    let revents = ALWAYS_READY;
    if (this.#device.poll !== undefined) {
      const request = this.#pollRequest;
      request.caller.load(message);
      request.events = events;
      try {
        revents = this.#device.poll(record.file, request);
      } catch (error) {
        // The kernel turns any error into POLLERR.
        const refused = error instanceof CharDeviceError;
        if (!refused) this.#log.error(describeFailure({ name: "FUSE_POLL" }, error));
        this.#reply.fail(refused ? withoutEnosys(error.code) : "EIO");
        return;
      }
    }
    this.#reply.polled(revents);
    // After the handler: whatever it notified was about what it has just answered.
    if ((flags & FUSE_POLL_SCHEDULE_NOTIFY) !== 0) {
      record.handle.armPoll(this.#writer, handleLow, handleHigh);
    }
  }

  #read(): void {
    const record = this.#record();
    if (record === undefined) return;
    const { size, flags, offset } = new FuseReadInView(this.#message.body);
    if (this.#device.read === undefined || size > this.#transferBytes) {
      this.#fail("EINVAL");
      return;
    }
    const call = new ReadCall(this.#writer, this.#message, record.handle, flags, offset, size);
    this.#run(call, record.file, (file) => this.#device.read?.(file, call));
  }

  #write(): void {
    const record = this.#record();
    if (record === undefined) return;
    const { size, flags, offset } = new FuseWriteInView(this.#message.body);
    const data = this.#message.writeData(size);
    if (this.#device.write === undefined || data === undefined) {
      if (data === undefined) this.#log.warn(`malformed message refused: FUSE_WRITE lacks its ${size} bytes`);
      this.#fail(data === undefined ? "EIO" : "EINVAL");
      return;
    }
    if (size > this.#transferBytes) {
      this.#fail("EINVAL");
      return;
    }
    if (this.#pendingWriteBytes + size > MAX_PENDING_WRITE_BYTES) {
      this.#fail("ENOMEM");
      return;
    }
    // The receive buffer takes the next message when this returns, and the handler may not be done by then.
    // A small piece has memory of its size: what waits is bounded by what is counted.
    const whole =
      size > this.#transferBytes / 2
        ? (this.#spareWrites.pop() ?? new Uint8Array(this.#transferBytes))
        : new Uint8Array(size);
    const copy = whole.subarray(0, size);
    copy.set(data);
    const call = new WriteCall(this.#writer, this.#message, record.handle, flags, offset, copy);
    const outcome = this.#run(call, record.file, (file) => this.#device.write?.(file, call));
    const spare = (): void => {
      const isLarge = whole.byteLength === this.#transferBytes;
      if (isLarge && this.#spareWrites.length < MOST_SPARE_WRITES) this.#spareWrites.push(whole);
    };
    if (!isThenable(outcome)) {
      spare();
      return;
    }
    this.#pendingWriteBytes += size;
    const settled = (): void => {
      this.#pendingWriteBytes -= size;
      spare();
    };
    outcome.then(settled, settled);
  }

  #open(): void {
    const message = this.#message;
    const { flags } = new FuseOpenInView(message.body);
    const handle = this.#files.allocate(flags, message.header.pid);
    const call = new OpenCall<File>(this.#writer, message, handle, this.#openHooks);
    this.#run(call, message.nodeId, (nodeId) => this.#openFile(call, nodeId));
  }

  #flush(): void {
    const record = this.#record();
    if (record === undefined) return;
    const { lock_owner: lockOwner } = new FuseFlushInView(this.#message.body);
    const call = new PlainCall(this.#writer, this.#message, "FUSE_FLUSH");
    if (this.#device.flush === undefined) {
      call.reply.fail("ENOSYS"); // The close(2) succeeds all the same, and the kernel asks no more.
      return;
    }
    this.#run(call, record.file, (file) => this.#device.flush?.(file, { caller: call.caller, lockOwner }));
  }

  #fsync(): void {
    const record = this.#record();
    if (record === undefined) return;
    const { fsync_flags: fsyncFlags } = new FuseFsyncInView(this.#message.body);
    const call = new PlainCall(this.#writer, this.#message, "FUSE_FSYNC");
    if (this.#device.fsync === undefined) {
      call.reply.fail("EINVAL");
      return;
    }
    const dataOnly = (fsyncFlags & FUSE_FSYNC_FDATASYNC) !== 0;
    this.#run(call, record.file, (file) => this.#device.fsync?.(file, { caller: call.caller, dataOnly }));
  }

  /** Takes a file out of the table and tells the device, once. */
  #release(fh: number): void {
    const record = this.#files.remove(fh);
    if (record === undefined) {
      this.#log.warn(`FUSE_RELEASE names file ${fh}, which is not open`);
      return;
    }
    releaseRecord(this.#device, record, this.#log);
  }

  /**
   * A signal woke a caller. The kernel sends this after the request itself, and takes it back when the
   * answer is faster, so a number that is not pending was answered while this was on its way.
   */
  #interrupt(): void {
    const { unique } = new FuseInterruptInView(this.#message.body);
    const call = this.#pending.get(Number(unique));
    if (call === undefined || call.isUninterruptible) return;
    this.#tellToGiveUp(call);
    // A handler that gives up at once has answered when all promise callbacks have run.
    setImmediate(() => {
      if (!call.reply.due || this.#pending.get(call.unique) !== call) return;
      this.#forget(call);
      call.answerInterrupted();
    });
  }

  // -- Outcomes

  /** Runs a handler on its subject, a file or an inode, and answers its call now or later. @returns What it returned. */
  #run<Of, Made extends Call>(
    call: Made,
    subject: Of,
    handler: (subject: Of, call: Made) => unknown,
  ): unknown {
    let outcome: unknown;
    try {
      outcome = handler(subject, call);
    } catch (error) {
      this.#refuse(call, error);
      return undefined;
    }
    this.#settle(call, outcome);
    return outcome;
  }

  /** A handler has returned. */
  #settle(call: Call, outcome: unknown): void {
    // It was the handler that ended the session.
    if (this.#endCode !== undefined) call.reply.fail(this.#endCode);
    if (isThenable(outcome)) {
      this.#pending.set(call.unique, call);
      noteWaiting(1);
      outcome.then(
        (value) => this.#settleLater(call, value),
        (error: unknown) => this.#failLater(call, error),
      );
      return;
    }
    this.#conclude(call, outcome);
  }

  /** Nobody waits for its handler any more. */
  #forget(call: Call): void {
    if (this.#pending.get(call.unique) !== call) return;
    this.#pending.delete(call.unique);
    noteWaiting(-1);
  }

  #settleLater(call: Call, value: unknown): void {
    this.#forget(call);
    this.#conclude(call, value);
  }

  #failLater(call: Call, error: unknown): void {
    this.#forget(call);
    if (call.reply.due) this.#refuse(call, error);
    else if (!(error instanceof CharDeviceError)) {
      this.#log.warn(`${describeFailure(call, error)}\n(nobody waited for it any more)`);
    }
  }

  #conclude(call: Call, value: unknown): void {
    if (!call.reply.due) {
      call.discard(value);
      return;
    }
    try {
      call.finish(value);
    } catch (error) {
      this.#refuse(call, error);
    }
  }

  #refuse(call: Call, error: unknown): void {
    if (error instanceof CharDeviceError) {
      call.refuse(error);
      return;
    }
    this.#log.error(describeFailure(call, error));
    if (call.reply.due) call.reply.fail("EIO");
  }

  #tellToGiveUp(call: Call): void {
    for (const error of call.interrupt()) this.#log.error(describeFailure(call, error));
  }
}

/**
 * Tells the device that a file is gone, unless other files still lead to it. What it throws is logged: nobody can do
 * anything about it.
 * @param isEnd - The device goes too: nothing leads to it any more.
 */
export function releaseRecord<File>(
  device: CharDevice<File>,
  record: OpenFileRecord<File>,
  log: SessionLog,
  isEnd = false,
): void {
  try {
    if (record.shared === undefined) device.release(record.file);
    else if (isEnd) record.shared.end();
    else record.shared.detachNode();
  } catch (error) {
    log.error(describeFailure({ name: "FUSE_RELEASE" }, error));
  }
}
