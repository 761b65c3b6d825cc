/** Starts a video node together with the media controller node that it belongs to. */
import { mountForNodes } from "../cuse/index.js";
import type { NodeChoice, ServedNode, SessionOptions } from "../cuse/index.js";
import type { DeviceNumber, MediaDevice, MediaGraph } from "../media/index.js";
import type { VideoDevice } from "../v4l2/index.js";
import { ClientFiles } from "./client-files.js";
import type { GraftChoice } from "./client-files.js";
import { lacksOfMedia } from "./lacks.js";
import type { Lack } from "./lacks.js";
import type { Unpluggable } from "./unplug.js";
import { ownFiles, serveRequests, startMediaNode } from "./media-node.js";
import { startVideoDevice } from "./video-node.js";

/** A device that is there. */
export interface DeviceSession {
  /** `["/dev/video0", "/dev/media0"]` */
  readonly nodes: readonly string[];
  /** Settles when the device is gone; with an error if the kernel ended it. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  /** What clients without the helper go without here; left out: nothing. */
  readonly lacks?: readonly Lack[];
  /** As of {@link Unpluggable}; left out, there is nobody to be told. */
  unplug?(limitMs: number): Promise<void>;
  /** Removes the nodes. May be called at any time and more than once. */
  close(): Promise<void>;
}

/** Kind of and access to the nodes: the same for all of a device. */
export interface StartOptions
  extends Pick<SessionOptions, "mode" | "group" | "log">, Pick<NodeChoice, "node" | "folder"> {
  /** May clients without the helper be given `mmap()` and descriptors? Default "auto": where that can be done. */
  readonly graft?: GraftChoice | undefined;
}

const numberOf = ({ major, minor }: ServedNode): DeviceNumber => ({ major, minor });

/** One node as a {@link DeviceSession}. */
export function deviceSession(
  ...sessions: readonly (ServedNode & Unpluggable & Pick<DeviceSession, "lacks">)[]
): DeviceSession {
  return {
    lacks: sessions.flatMap(({ lacks = [] }) => lacks),
    unplug: async (limitMs) => {
      await Promise.all(sessions.map(async (session) => session.unplug(limitMs)));
    },
    nodes: sessions.map(({ node }) => node),
    closed: Promise.race(sessions.map(({ closed }) => closed)),
    close: async () => {
      for (const session of sessions) await session.close();
    },
  };
}

/**
 * Makes the nodes of several video devices that belong together, in one folder where they are FUSE nodes.
 * @throws {CuseError} As `startNode`; nothing is left behind.
 */
export async function startVideoDevices<State>(
  devices: readonly VideoDevice<State>[],
  options: StartOptions = {},
): Promise<DeviceSession> {
  const [first] = devices;
  if (first === undefined) throw new RangeError("no device to start");
  const mount = await mountForNodes(first.name, options);
  const sessions: Awaited<ReturnType<typeof startVideoDevice>>[] = [];
  const end = async (): Promise<void> => {
    for (const session of sessions) await session.close();
    await mount?.close();
  };
  try {
    for (const device of devices) sessions.push(await startVideoDevice(device, { ...options, mount }));
  } catch (error) {
    await end();
    throw error;
  }
  return { ...deviceSession(...sessions), close: end };
}

/** The nodes besides those of the video and media device. */
export interface MediaStartOptions extends StartOptions {
  /** Sub-devices, whose nodes come first. */
  readonly subDevices?: readonly VideoDevice[] | undefined;
}

/**
 * Makes the nodes of `video` and `media`. What a client does with a request comes before what it does next with the
 * video node.
 *
 * @param describe - Fills the graph once the nodes have numbers: the video node, and the sub-devices in their order.
 * @throws {CuseError} As `startNode`; nothing is left behind.
 */
export async function startWithMedia<State>(
  video: VideoDevice<State>,
  media: MediaDevice,
  describe: (graph: MediaGraph, devnode: DeviceNumber, subDevnodes: readonly DeviceNumber[]) => void,
  options: MediaStartOptions = {},
): Promise<DeviceSession> {
  const { subDevices = [], ...nodeOptions } = options;
  const { mode, group, log } = options;
  // One folder, and one channel, for both.
  const mount = await mountForNodes(video.name, nodeOptions);
  const clientFiles = await ClientFiles.start(nodeOptions).catch(async (error: unknown) => {
    await mount?.close();
    throw error;
  });
  const own =
    clientFiles.session === undefined && media.hasRequests ? ownFiles(media, undefined, log) : undefined;
  const requests = serveRequests(media, clientFiles.session ?? own);
  const others: (ServedNode & Unpluggable)[] = [];
  const end = async (): Promise<void> => {
    for (const session of others) await session.close();
    media.useRequests(undefined);
    await own?.close();
    await clientFiles.close();
    await mount?.close();
  };
  const before = requests && (() => requests.catchUp());
  const startVideo = async <Any>(device: VideoDevice<Any>): Promise<ServedNode & Unpluggable> =>
    startVideoDevice(device, { ...nodeOptions, mount, clientFiles, before });
  const startAll = async (): Promise<ServedNode & Unpluggable> => {
    for (const device of subDevices) others.push(await startVideo(device));
    return startVideo(video);
  };
  const videoSession = await startAll().catch(async (error: unknown) => {
    await end();
    throw error;
  });
  describe(media.graph, numberOf(videoSession), others.map(numberOf));
  try {
    const mediaSession = await startMediaNode(media, clientFiles, {
      mode,
      group,
      log,
      mount,
      node: options.node,
    });
    const noMore = (): void => media.useRequests(undefined);
    mediaSession.closed.then(noMore, noMore);
    // The video node first: requests of clients that wait are completed then.
    const session = deviceSession(videoSession, mediaSession, ...others);
    const lacks = [...(session.lacks ?? []), ...(requests === undefined ? [] : lacksOfMedia(clientFiles))];
    return { ...session, lacks, close: () => session.close().then(end) };
  } catch (error) {
    await videoSession.close();
    await end();
    throw error;
  }
}
