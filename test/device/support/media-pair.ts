/**
 * A video node and its media node as small as can be: they answer what programs ask to find out who belongs to whom,
 * and nothing else.
 */
import {
  CharDeviceError,
  type CharDevice,
  type CuseSession,
  type IoctlRequest,
  type SessionOptions,
} from "../../../src/cuse/index.js";
import { buildM2mGraph, EntityFunction, MediaGraph } from "../../../src/media/graph.js";
import { deviceInfo, enumEntities, enumLinks, getTopology } from "../../../src/media/media-ioctls.js";
import {
  CapabilityView,
  MEDIA_IOC_DEVICE_INFO,
  MEDIA_IOC_ENUM_ENTITIES,
  MEDIA_IOC_ENUM_LINKS,
  MEDIA_IOC_G_TOPOLOGY,
  MediaDeviceInfoView,
  MediaEntityDescView,
  MediaLinksEnumView,
  MediaV2TopologyView,
  VIDIOC_QUERYCAP,
} from "../../../src/v4l2/gen/index.js";
import { V4l2Error } from "../../../src/v4l2/index.js";
import { startDevice } from "./device.js";
import { ProcessMemory } from "../../../src/serve/client-call.js";

const VERSION = 0x060c00;
const CAP_M2M_MPLANE_STREAMING_EXT = 0x04204000;
const CAP_DEVICE_CAPS = 0x80000000;

export interface Identity {
  readonly driver: string;
  readonly card: string;
  readonly busInfo: string;
}

/** Answers QUERYCAP. */
export class TinyVideo implements CharDevice<undefined> {
  constructor(
    readonly identity: Identity,
    readonly caps = CAP_M2M_MPLANE_STREAMING_EXT,
  ) {}

  open(): undefined {}
  release(): void {}

  ioctl(_file: undefined, { cmd, arg }: IoctlRequest): number {
    if (cmd !== VIDIOC_QUERYCAP) throw new CharDeviceError("ENOTTY", "not here");
    const view = new CapabilityView(arg);
    view.driver = this.identity.driver;
    view.card = this.identity.card;
    view.bus_info = this.identity.busInfo;
    view.version = VERSION;
    view.capabilities = (this.caps | CAP_DEVICE_CAPS) >>> 0;
    view.device_caps = this.caps;
    return 0;
  }
}

/** Answers the questions about the graph of one mem2mem decoder. */
export class TinyMedia implements CharDevice<undefined> {
  readonly #graph = new MediaGraph();

  constructor(
    readonly identity: Identity,
    video: { readonly major: number; readonly minor: number },
  ) {
    buildM2mGraph(this.#graph, identity.driver, EntityFunction.VideoDecoder, video);
  }

  open(): undefined {}
  release(): void {}

  ioctl(_file: undefined, { cmd, arg, caller }: IoctlRequest): number {
    try {
      this.#answer(cmd, arg, new ProcessMemory(caller));
    } catch (error) {
      if (error instanceof V4l2Error) throw new CharDeviceError(error.code, error.detail);
      throw error;
    }
    return 0;
  }

  #answer(cmd: number, arg: Uint8Array, memory: ProcessMemory): void {
    const { driver, card, busInfo } = this.identity;
    switch (cmd) {
      case MEDIA_IOC_DEVICE_INFO:
        deviceInfo(new MediaDeviceInfoView(arg), { driver, model: card, busInfo, version: VERSION });
        break;
      case MEDIA_IOC_ENUM_ENTITIES:
        enumEntities(new MediaEntityDescView(arg), this.#graph);
        break;
      case MEDIA_IOC_ENUM_LINKS:
        enumLinks(new MediaLinksEnumView(arg), this.#graph, memory);
        break;
      case MEDIA_IOC_G_TOPOLOGY:
        getTopology(new MediaV2TopologyView(arg), this.#graph, memory);
        break;
      default:
        throw new CharDeviceError("ENOTTY", "not here");
    }
  }
}

export interface MediaPair {
  readonly video: CuseSession;
  readonly media: CuseSession;
}

/** Starts `/dev/video<number>` and `/dev/media<number>`; they are gone when the test ends. */
export async function startMediaPair(
  number: number,
  identity: Identity,
  access: Partial<SessionOptions> = {},
): Promise<MediaPair> {
  const video = await startDevice(new TinyVideo(identity), { ...access, name: `video${number}` });
  const media = await startDevice(new TinyMedia(identity, video), { ...access, name: `media${number}` });
  return { video, media };
}
