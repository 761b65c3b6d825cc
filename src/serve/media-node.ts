/** The media device's node: src/cuse's `CharDevice` over a {@link MediaDevice}, as v4l2's adapter is for video. */
import { CuseError, FuseSession, startNode } from "../cuse/index.js";
import type {
  CharDevice,
  IoctlRequest,
  NodeStartOptions,
  OpenRequest,
  ServedNode,
  SessionOptions,
} from "../cuse/index.js";
import { mediaIoctlName } from "../media/index.js";
import type { MediaDevice, MediaFile } from "../media/index.js";
import type { Awaitable } from "../v4l2/index.js";
import { MEDIA_IOC_REQUEST_ALLOC } from "../v4l2/gen/index.js";
import { AdapterCall, answer, LastClient, LazyClient, refuse } from "./client-call.js";
import { serve32 } from "./client-32.js";
import { ClientFiles } from "./client-files.js";
import type { ClientPlaces, GraftChoice } from "./client-files.js";
import { HELPER_FD, HelperFeature, isHelperIoctl } from "./helper-protocol.js";
import { serveHelper } from "./helper.js";
import type { HelperNode } from "./helper.js";
import { unpluggable } from "./unplug.js";
import type { Unpluggable } from "./unplug.js";
import { IS_32_BIT } from "./lacks.js";
import { RequestFiles } from "./request-files.js";

/** A {@link MediaDevice} as the character device that src/cuse serves. */
export class MediaCharDevice implements CharDevice<MediaFile> {
  readonly #device: MediaDevice;
  readonly #clients = new LastClient();
  readonly #files: ClientPlaces | undefined;
  readonly #helperNode: HelperNode<MediaFile>;
  /** Files of which a client has the helper library: it takes descriptors by itself. */
  readonly #helped = new WeakSet<MediaFile>();

  /** @param files - How clients without the helper get descriptors; without it, they do not. */
  constructor(device: MediaDevice, files?: ClientPlaces) {
    this.#device = device;
    this.#files = files;
    this.#helperNode = {
      features: HelperFeature.Fd,
      fdIoctl: MEDIA_IOC_REQUEST_ALLOC,
      greeted: (file, features) => {
        if ((features & HelperFeature.Fd) !== 0) this.#helped.add(file);
        else this.#helped.delete(file);
      },
      ioctl: (file, cmd, arg, call) => device.ioctl(file, cmd, arg, call),
      nameOf: mediaIoctlName,
    };
  }

  open({ file, caller }: OpenRequest): MediaFile {
    const opened: MediaFile = {
      id: file.id,
      client: new LazyClient(caller.tid),
      notifyPoll: () => file.notifyPoll(),
    };
    try {
      this.#device.open(opened);
    } catch (error) {
      refuse(error);
    }
    return opened;
  }

  release(file: MediaFile): void {
    this.#device.release(file);
  }

  ioctl(file: MediaFile, request: IoctlRequest): number | Promise<number> {
    return answer(() =>
      request.compat
        ? serve32(request, this.#clients, (translated, call) => this.#ioctl(file, translated, call))
        : this.#ioctl(file, request, new AdapterCall(request, this.#clients)),
    );
  }

  #ioctl(file: MediaFile, request: IoctlRequest, call: AdapterCall): Awaitable<number> {
    const { cmd, arg } = request;
    // As in the kernel, a signal does not end what makes a request: programs do not look for that.
    if (cmd === MEDIA_IOC_REQUEST_ALLOC || cmd === HELPER_FD) request.uninterruptible();
    if (isHelperIoctl(cmd)) return serveHelper(this.#helperNode, file, cmd, arg, call);
    if (cmd === MEDIA_IOC_REQUEST_ALLOC && !this.#helped.has(file)) this.#deliver(request, call);
    return this.#device.ioctl(file, cmd, arg, call);
  }

  poll(): number {
    return this.#device.poll();
  }

  /** REQUEST_ALLOC of a client without the helper: the descriptor is put into its process. */
  #deliver(request: IoctlRequest, call: AdapterCall): void {
    const files = this.#files;
    if (files?.canInstall !== true) return;
    const refused = (sentence: string): void => {
      const { comm, pid } = call.client;
      const remedy = 'start it with "v4l2-cuse run --"';
      this.#device.message("warning", `${comm}[${pid}] cannot be given a request: ${sentence}; ${remedy}`);
    };
    if (call.is32Bit) {
      refused(IS_32_BIT);
      return;
    }
    // The argument is the number, and like the kernel's own requests they are close-on-exec.
    call.sendFd = (fd) => files.install({ request, fd, closeOnExec: true, numberAt: 0, refused });
  }
}

/** Access to the node, and the files that its requests are. */
export interface MediaSessionOptions extends Omit<NodeStartOptions, "name"> {
  /** For requests; default: a session of the device's own. It stays the caller's. */
  readonly files?: FuseSession;
  /** May requests be put into clients without the helper? Default "auto": where that can be done. */
  readonly graft?: GraftChoice | undefined;
  /** What is used for that, and for `files`; default: some of the device's own. They stay the caller's. */
  readonly clientFiles?: ClientFiles | undefined;
}

/**
 * Makes the node `/dev/<device.name>`, or `<folder>/<device.name>` where it is a FUSE node. Closing the session removes
 * it and ends its requests: their clients get ENODEV. It can be unplugged before, so that clients hear what a kernel's
 * media node says then: EIO.
 *
 * Where files for clients cannot be made (no FUSE, a kernel before 5.14), the device starts without requests, and the
 * log says why.
 *
 * @throws {CuseError} The node cannot be made: one sentence with the remedy.
 */
export async function startMediaDevice(
  device: MediaDevice,
  options: MediaSessionOptions = {},
): Promise<ServedNode & Unpluggable> {
  const { files: given, fusePath, graft, clientFiles, ...sessionOptions } = options;
  const { log } = sessionOptions;
  const own = given === undefined && clientFiles === undefined && device.hasRequests;
  const placing = own ? await ClientFiles.start({ graft, log, fusePath }) : clientFiles;
  const others = given ?? placing?.session;
  const files = others ?? (device.hasRequests ? ownFiles(device, fusePath, log) : undefined);
  const end = (): void => {
    device.useRequests(undefined);
    if (files !== others) void files?.close();
    if (placing !== clientFiles) void placing?.close();
  };
  serveRequests(device, files);
  try {
    const session = await startMediaNode(device, placing, { ...sessionOptions, fusePath });
    session.closed.then(end, end);
    return session;
  } catch (error) {
    end();
    throw error;
  }
}

/** The device's requests are made of `files` from now on. */
export function serveRequests(device: MediaDevice, files: FuseSession | undefined): RequestFiles | undefined {
  const requests = files !== undefined && device.hasRequests ? new RequestFiles(device, files) : undefined;
  device.useRequests(requests);
  return requests;
}

/** Makes the node alone. @throws {CuseError} As `startNode`. */
export async function startMediaNode(
  device: MediaDevice,
  placing: ClientFiles | undefined,
  options: Omit<NodeStartOptions, "name">,
): Promise<ServedNode & Unpluggable> {
  const node = await startNode(new MediaCharDevice(device, placing), { ...options, name: device.name });
  return Object.assign(node, unpluggable(device, node, undefined, "EIO"));
}

/** @returns `undefined` where there can be none; the log says why. */
export function ownFiles(
  device: MediaDevice,
  devicePath: string | undefined,
  log: SessionOptions["log"],
): FuseSession | undefined {
  try {
    return new FuseSession({ devicePath, log });
  } catch (error) {
    if (!(error instanceof CuseError)) throw error;
    const text = `${device.name} starts without requests. ${error.message}`;
    device.message("warning", text);
    log?.warn(text);
    return undefined;
  }
}
