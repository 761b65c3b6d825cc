/**
 * A video device's node: src/cuse's `CharDevice` over a {@link VideoDevice}. Carries out what the helper library inside
 * clients asks for (helper-protocol.ts), and has those without it grafted.
 */
import { CuseError, startNode } from "../cuse/index.js";
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
import { attempt, isLater, unchanged } from "../settle.js";
import { ExportbufferView, VIDIOC_EXPBUF } from "../v4l2/gen/index.js";
import { ioctlName, V4l2Error } from "../v4l2/index.js";
import type { Awaitable, FileHandle, GraftEvent, Mapping, VideoDevice } from "../v4l2/index.js";
import { AdapterCall, answer, LastClient, LazyClient, refuse } from "./client-call.js";
import { serve32 } from "./client-32.js";
import { ClientFiles } from "./client-files.js";
import type { ClientPlaces, GraftChoice, NodeSession } from "./client-files.js";
import { allocates, Grafting, graftStep, maps } from "./grafting.js";
import { HELPER_FD, HELPER_HELLO, HelperFeature, isHelperIoctl } from "./helper-protocol.js";
import { serveHelper } from "./helper.js";
import type { HelperNode } from "./helper.js";
import { lacksOfVideo } from "./lacks.js";
import type { Lack } from "./lacks.js";
import { unpluggable } from "./unplug.js";
import type { Unpluggable } from "./unplug.js";
import { ioctlDependsOnCloses, isHot, pollDependsOnCloses } from "./late-closes.js";

const helperSteps: Readonly<Partial<Record<number, GraftEvent["action"]>>> = {
  [HELPER_HELLO]: "hello",
  [HELPER_FD]: "descriptor",
};

/** A {@link VideoDevice} as the character device that src/cuse serves. */
export class VideoCharDevice<State> implements CharDevice<FileHandle<State>> {
  readonly #device: VideoDevice<State>;
  readonly #clients = new LastClient();

  readonly #grafting: Grafting<State> | undefined;
  readonly #helperNode: HelperNode<FileHandle<State>>;
  /** Files of which a client has the helper library: it maps, and takes descriptors, by itself. */
  readonly #helped = new WeakSet<FileHandle<State>>();

  /** @param files - How clients without the helper get memory and descriptors; without it, they do not. */
  constructor(device: VideoDevice<State>, files?: ClientPlaces) {
    this.#device = device;
    const grafting = files && new Grafting(device, files);
    this.#grafting = grafting;
    this.#helperNode = {
      features: HelperFeature.Map | HelperFeature.Fd,
      fdIoctl: VIDIOC_EXPBUF,
      greeted: (file, features) => this.#greeted(file, features),
      mmap: (file, request, call) => device.mmap(file, request, call),
      ioctl: (file, cmd, arg, call) => device.ioctl(file, cmd, arg, call),
      numbered: (arg, number) => (new ExportbufferView(arg).fd = number),
      nameOf: ioctlName,
    };
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
      opened.mapping = this.#unaided;
      this.#giveMemory(opened, request);
      return opened;
    });
  }

  /** Where files map by themselves, all buffers of a file are in one memory from the start. */
  #giveMemory(file: FileHandle<State>, { mapMemory }: OpenRequest): void {
    if (mapMemory === undefined) return;
    if (!maps(file.flags)) {
      file.mapping = "by-asking"; // Nobody maps it, but buffers can be exported.
      return;
    }
    try {
      const backing = this.#device.fileOps.makeBacking?.(file);
      if (backing === undefined) return;
      file.mapping = { backing }; // Closed with the file, whatever becomes of it.
      backing.mappedAs(mapMemory(backing));
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
    // As `answer`, without a function to pass.
    let outcome: Awaitable<number>;
    try {
      outcome = request.compat
        ? serve32(request, this.#clients, (translated, call) => this.#ioctl(file, translated, call))
        : this.#ioctl(file, request, new AdapterCall(request, this.#clients));
    } catch (error) {
      refuse(error);
    }
    return isLater(outcome) ? outcome.catch(refuse) : outcome;
  }

  read(file: FileHandle<State>, request: ReadRequest): Uint8Array | Promise<Uint8Array> {
    const call = new AdapterCall(request, this.#clients);
    return answer(() => this.#unlessLate(file, () => this.#device.read(file, request, call)));
  }

  write(file: FileHandle<State>, request: WriteRequest): number | Promise<number> {
    const call = new AdapterCall(request, this.#clients);
    return answer(() => this.#unlessLate(file, () => this.#device.write(file, request, call)));
  }

  poll(file: FileHandle<State>, request: PollRequest): number {
    const grafting = this.#grafting;
    if (grafting?.mayBeLate(file) === true && pollDependsOnCloses(file, request.events)) grafting.catchUp();
    return this.#device.poll(file, request.events);
  }

  #ioctl(file: FileHandle<State>, request: IoctlRequest, call: AdapterCall): Awaitable<number> {
    const { cmd, arg } = request;
    const grafting = this.#grafting;
    if (grafting?.mayBeLate(file) === true) {
      if (isHot(cmd)) return this.#unlessLate(file, () => this.#device.ioctl(file, cmd, arg, call));
      if (ioctlDependsOnCloses(file, cmd)) grafting.catchUp();
    }
    if (isHelperIoctl(cmd)) {
      graftStep(this.#device, { action: helperSteps[cmd] ?? "map", file: file.id }, call);
      return serveHelper(this.#helperNode, file, cmd, arg, call);
    }
    if (grafting !== undefined && !this.#helped.has(file)) {
      if (grafting.concerns(file, request)) return grafting.reqbufs(file, request, call);
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
   * Runs a call that is made for each frame. The close of another file's last descriptor may arrive after it, so if the
   * call is refused with EBUSY, late closes are served, and if any came, the call is run once more: as long as it is
   * refused it has changed nothing.
   */
  #unlessLate<Result>(file: FileHandle<State>, run: () => Awaitable<Result>): Awaitable<Result> {
    const grafting = this.#grafting;
    if (grafting?.mayBeLate(file) !== true) return run();
    return attempt<Result, Result>(run, unchanged, (error) => {
      if (error instanceof V4l2Error && error.code === "EBUSY" && grafting.catchUp()) return run();
      throw error;
    });
  }

  /** How clients without the helper map, before they have buffers. */
  get #unaided(): Mapping {
    return this.#grafting?.canMap === true ? "by-asking" : "none";
  }

  #greeted(file: FileHandle<State>, features: number): void {
    const maps = (features & HelperFeature.Map) !== 0;
    if (maps) this.#helped.add(file);
    else this.#helped.delete(file);
    // Where its clients have descriptors that map, the buffers stay behind those.
    if (file.backing === undefined) file.mapping = maps ? "by-asking" : this.#unaided;
  }
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
): Promise<ServedNode & Unpluggable & { readonly lacks: readonly Lack[] }> {
  const { graft, clientFiles, ...sessionOptions } = options;
  const wrong = device.contradiction;
  if (wrong !== undefined) throw new CuseError(`${device.name} was not made. ${wrong}`);
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
    const lacks = lacksOfVideo(device, session, files);
    return Object.assign(session, unpluggable(device, session, files), { lacks });
  } catch (error) {
    await end();
    throw error;
  }
}
