/**
 * A video device's node: src/cuse's `CharDevice` over a {@link VideoDevice}. Carries out what the helper library inside
 * clients asks for (helper-protocol.ts), and has those without it grafted.
 */
import { startNode } from "../cuse/index.js";
import type {
  CharDevice,
  IoctlRequest,
  NodeStartOptions,
  OpenRequest,
  PollRequest,
  ReadRequest,
  ServedNode,
  WriteRequest,
} from "../cuse/index.js";
import { settle } from "../settle.js";
import { ExportbufferView, VIDIOC_EXPBUF } from "../v4l2/gen/index.js";
import { ioctlName, name32, V4l2Error } from "../v4l2/index.js";
import type { Awaitable, Call, FileHandle, VideoDevice } from "../v4l2/index.js";
import { AdapterCall, answer, LastClient, LazyClient, refusal, sendOver } from "./client-call.js";
import { ClientFiles } from "./client-files.js";
import type { ClientPlaces, GraftChoice, NodeSession } from "./client-files.js";
import { allocates, Grafting } from "./grafting.js";
import {
  emitHello,
  emitMap,
  HELPER_FD,
  HELPER_HELLO,
  HELPER_VERSION,
  HelperFeature,
  isHelperIoctl,
  parseFd,
  parseHello,
  parseMap,
} from "./helper-protocol.js";
import { ioctlDependsOnCloses, pollDependsOnCloses } from "./late-closes.js";

/** Processes whose 32-bit calls were reported; more are not. */
const MAX_REPORTED = 256;

/** A {@link VideoDevice} as the character device that src/cuse serves. */
export class VideoCharDevice<State> implements CharDevice<FileHandle<State>> {
  readonly #device: VideoDevice<State>;
  /** Processes whose 32-bit calls were refused, so that each is reported once. */
  readonly #reported = new Set<number>();
  readonly #clients = new LastClient();

  readonly #grafting: Grafting<State> | undefined;

  /** @param files - How clients without the helper get memory and descriptors; without it, they do not. */
  constructor(device: VideoDevice<State>, files?: ClientPlaces) {
    this.#device = device;
    const grafting = files && new Grafting(device, files);
    this.#grafting = grafting;
    if (grafting !== undefined) device.serveCloses = () => grafting.catchUp();
  }

  /** The node's session is there, and with it what grafts need of it. */
  started(session: NodeSession): void {
    this.#grafting?.started(session);
  }

  open(request: OpenRequest): FileHandle<State> | Promise<FileHandle<State>> {
    const { file, flags, caller } = request;
    return answer(() => {
      this.#grafting?.catchUp();
      const opened = this.#device.open({
        id: file.id,
        client: new LazyClient(caller.tid),
        flags,
        notifyPoll: () => {
          file.notifyPoll();
        },
      });
      opened.canMap = this.#grafting?.canMap ?? false;
      this.#giveMemory(opened, request);
      return opened;
    });
  }

  /** Where files map by themselves, all buffers of a file are in one memory from the start. */
  #giveMemory(file: FileHandle<State>, { mapMemory }: OpenRequest): void {
    if (mapMemory === undefined) return;
    try {
      const backing = this.#device.fileOps.makeBacking?.(file);
      if (backing === undefined) return;
      file.backing = backing; // Closed with the file, whatever becomes of it.
      backing.mappedAs(mapMemory(backing));
      file.canMap = true;
    } catch (error) {
      this.#device.release(file);
      throw error;
    }
  }

  release(file: FileHandle<State>): void {
    this.#grafting?.released(file);
    this.#device.release(file);
  }

  ioctl(file: FileHandle<State>, request: IoctlRequest): number | Promise<number> {
    try {
      const result = this.#ioctl(file, request);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        throw refusal(error);
      });
    } catch (error) {
      throw refusal(error);
    }
  }

  read(file: FileHandle<State>, request: ReadRequest): Uint8Array | Promise<Uint8Array> {
    return answer(() => this.#device.read(file, request, new AdapterCall(request, this.#clients)));
  }

  write(file: FileHandle<State>, request: WriteRequest): number | Promise<number> {
    return answer(() => this.#device.write(file, request, new AdapterCall(request, this.#clients)));
  }

  poll(file: FileHandle<State>, request: PollRequest): number {
    const grafting = this.#grafting;
    if (grafting?.mayBeLate === true && pollDependsOnCloses(file, request.events)) grafting.catchUp();
    return this.#device.poll(file, request.events);
  }

  #ioctl(file: FileHandle<State>, request: IoctlRequest): Awaitable<number> {
    const { cmd, arg } = request;
    const call = new AdapterCall(request, this.#clients);
    const grafting = this.#grafting;
    if (grafting?.mayBeLate === true && ioctlDependsOnCloses(file, cmd)) grafting.catchUp();
    if (request.compat || name32(cmd) !== undefined) this.#refuse32(request, call);
    if (isHelperIoctl(cmd)) return this.#helper(file, cmd, arg, call);
    if (grafting !== undefined && !file.hasHelper) {
      if (grafting.concerns(request)) return grafting.reqbufs(file, request, call);
      if (cmd === VIDIOC_EXPBUF) grafting.deliver(request, call);
    }
    const settled = allocates(cmd) ? file.backing?.settled : undefined;
    if (settled !== undefined) {
      request.uninterruptible();
      return settled.then(() => this.#device.ioctl(file, cmd, arg, call));
    }
    return this.#device.ioctl(file, cmd, arg, call);
  }

  /**
   * A 32-bit client, or one built with a 32-bit `time_t`: its structs have another layout. This is the place to
   * translate them.
   * @throws {V4l2Error} ENOTTY, always.
   */
  #refuse32({ cmd }: IoctlRequest, call: Call): never {
    const { pid, comm } = call.client;
    const name = name32(cmd) ?? ioctlName(cmd);
    if (!this.#reported.has(pid) && this.#reported.size < MAX_REPORTED) {
      this.#reported.add(pid);
      this.#device.message(
        "warning",
        `${comm}[${pid}] is a 32-bit program (${name}): refused, 32-bit clients are not supported yet`,
      );
    }
    throw new V4l2Error("ENOTTY", `${name} of a 32-bit client`);
  }

  #helper(file: FileHandle<State>, cmd: number, arg: Uint8Array, call: AdapterCall): Awaitable<number> {
    switch (cmd) {
      case HELPER_HELLO:
        return this.#hello(file, arg);
      case HELPER_FD:
        return this.#fd(file, arg, call);
      default:
        return this.#map(file, arg, call);
    }
  }

  /** The file's client can map, and take fds. */
  #hello(file: FileHandle<State>, arg: Uint8Array): number {
    const { version, features } = parseHello(arg);
    requireVersion(version);
    file.hasHelper = (features & HelperFeature.Map) !== 0;
    file.canMap = file.hasHelper || file.backing !== undefined || (this.#grafting?.canMap ?? false);
    emitHello(arg, HelperFeature.Map | HelperFeature.Fd);
    return 0;
  }

  /** mmap(): the memory's fd goes over the client's socket, the place in it into the reply. */
  #map(file: FileHandle<State>, arg: Uint8Array, call: AdapterCall): Awaitable<number> {
    const { version, socket, offset, length, prot, flags } = parseMap(arg);
    requireVersion(version);
    return settle(this.#device.mmap(file, { offset, length, prot, flags }, call), (reply) => {
      try {
        sendOver(call, socket, reply.fd);
      } finally {
        reply.release?.();
      }
      emitMap(arg, reply.fdOffset);
      return 0;
    });
  }

  /** EXPBUF by a client that can take the fd. */
  #fd(file: FileHandle<State>, arg: Uint8Array, call: AdapterCall): Awaitable<number> {
    const { version, socket, cmd, number, arg: inner } = parseFd(arg);
    requireVersion(version);
    if (cmd !== VIDIOC_EXPBUF) throw new V4l2Error("ENOTTY", `${ioctlName(cmd)} makes no fd here`);
    call.sendFd = (fd) => {
      sendOver(call, socket, fd);
      new ExportbufferView(inner).fd = number; // For the log.
    };
    return this.#device.ioctl(file, cmd, inner, call);
  }
}

/** @throws {V4l2Error} EINVAL */
function requireVersion(version: number): void {
  if (version !== HELPER_VERSION) throw new V4l2Error("EINVAL", `helper library of version ${version}`);
}

/** How a video node is made, and how its clients are served. */
export interface VideoSessionOptions extends Omit<NodeStartOptions, "name"> {
  /** May clients without the helper be given `mmap()`? Default "auto": where that can be done. */
  readonly graft?: GraftChoice | undefined;
  /** What is used for that; default: some of the device's own. They stay the caller's. */
  readonly clientFiles?: ClientFiles | undefined;
}

/**
 * Makes the node `/dev/<device.name>`, or `<folder>/<device.name>` where it is a FUSE node; closing the session unplugs
 * the device.
 * @throws {CuseError} It cannot be made: one sentence with the remedy.
 */
export async function startVideoDevice<State>(
  device: VideoDevice<State>,
  options: VideoSessionOptions = {},
): Promise<ServedNode> {
  const { graft, clientFiles, ...sessionOptions } = options;
  const files = clientFiles ?? (await ClientFiles.start({ graft, log: options.log }));
  const charDevice = new VideoCharDevice(device, files);
  const end = async (): Promise<void> => {
    device.unregister();
    if (files !== clientFiles) await files.close();
  };
  try {
    const session = await startNode(charDevice, { ...sessionOptions, name: device.name });
    charDevice.started(session);
    void session.closed.then(end, end);
    return session;
  } catch (error) {
    await end();
    throw error;
  }
}
