/** The ioctls of media.h: one definition each, for a media device and for a request. */
import {
  MediaDeviceInfoView,
  MediaEntityDescView,
  MediaLinkDescView,
  MediaLinksEnumView,
  MediaV2TopologyView,
} from "../v4l2/gen/index.js";
import type { MediaPadDescView } from "../v4l2/gen/index.js";
import { IntView, NoArgView } from "../v4l2/index.js";
import type { ArgWriter, Call } from "../v4l2/index.js";
import { defineMediaIoctl, MediaIoctlTable } from "./define-media-ioctl.js";
import type { MediaIoctlContext } from "./define-media-ioctl.js";
import type { MediaGraph } from "./graph.js";
import { deviceInfo, enumEntities, enumLinks, getTopology, setupLink } from "./media-ioctls.js";
import type { MediaDeviceInfo } from "./media-ioctls.js";
import type { Request } from "./request.js";

/** What the ioctls need of a media device. */
export interface MediaIoctlDevice {
  readonly info: MediaDeviceInfo;
  readonly graph: MediaGraph;
  /** Makes a request and gives its descriptor to the caller. @throws {V4l2Error} see `MediaDevice`. */
  allocateRequest(call: Call): Promise<Request>;
}

/** `major.minor.patch` of a `KERNEL_VERSION`. */
const versionText = (version: number): string =>
  `${version >>> 16}.${(version >>> 8) & 0xff}.${version & 0xff}`;

function describePad(out: ArgWriter, name: string, { entity, index }: MediaPadDescView): void {
  out.set(name, { entity, index }).item(`${name}=${entity}:${index}`);
}

type OnDevice<View> = MediaIoctlContext<View, MediaIoctlDevice>;
type OnRequest = MediaIoctlContext<NoArgView, Request>;

/** What a media device node answers. */
export const mediaDeviceIoctls = new MediaIoctlTable<MediaIoctlDevice>("a media device", [
  defineMediaIoctl({
    name: "MEDIA_IOC_DEVICE_INFO",
    arg: MediaDeviceInfoView,
    run: ({ view, on }: OnDevice<MediaDeviceInfoView>) => {
      deviceInfo(view, on.info);
    },
    asks: [],
    describe: (out, view) => {
      out.string("driver", view.driver).string("model", view.model).string("serial", view.serial);
      out.string("bus", view.bus_info).hex("hw_revision", view.hw_revision);
      const version = versionText(view.media_version);
      out.set("media_version", version).item(`media_version=${version}`);
    },
  }),
  defineMediaIoctl({
    name: "MEDIA_IOC_ENUM_ENTITIES",
    arg: MediaEntityDescView,
    run: ({ view, on }: OnDevice<MediaEntityDescView>) => {
      enumEntities(view, on.graph);
    },
    asks: ["id"],
    describe: (out, view) => {
      out.hex("id", view.id, 8).string("name", view.name).hex("type", view.type, 8).hex("flags", view.flags);
      out.uint("pads", view.pads).uint("links", view.links);
    },
  }),
  defineMediaIoctl({
    name: "MEDIA_IOC_ENUM_LINKS",
    arg: MediaLinksEnumView,
    run: ({ view, on, call }: OnDevice<MediaLinksEnumView>) => {
      enumLinks(view, on.graph, call.memory);
    },
    asks: ["entity"],
    describe: (out, view) => {
      out.hex("entity", view.entity, 8).hex("pads", view.pads).hex("links", view.links);
    },
  }),
  defineMediaIoctl({
    name: "MEDIA_IOC_SETUP_LINK",
    arg: MediaLinkDescView,
    run: ({ view, on }: OnDevice<MediaLinkDescView>) => {
      setupLink(view, on.graph);
    },
    describe: (out, view) => {
      describePad(out, "source", view.source);
      describePad(out, "sink", view.sink);
      out.hex("flags", view.flags);
    },
  }),
  defineMediaIoctl({
    name: "MEDIA_IOC_G_TOPOLOGY",
    arg: MediaV2TopologyView,
    run: ({ view, on, call }: OnDevice<MediaV2TopologyView>) => {
      getTopology(view, on.graph, call.memory);
    },
    asks: ["num_entities", "num_interfaces", "num_pads", "num_links"],
    describe: (out, view) => {
      out.big("topology_version", view.topology_version).uint("num_entities", view.num_entities);
      out.uint("num_interfaces", view.num_interfaces).uint("num_pads", view.num_pads);
      out.uint("num_links", view.num_links);
    },
  }),
  defineMediaIoctl({
    name: "MEDIA_IOC_REQUEST_ALLOC",
    note: "ENOTTY for clients that can neither be grafted nor have the helper library: a reply cannot carry an fd",
    // The number of the descriptor is the client's affair: whoever puts it there writes it.
    arg: IntView,
    run: async (context: OnDevice<IntView>) => {
      context.note = `request=${(await context.on.allocateRequest(context.call)).name}`;
    },
  }),
]);

/** What a request's descriptor answers. */
export const mediaRequestIoctls = new MediaIoctlTable<Request>("a request", [
  defineMediaIoctl({
    name: "MEDIA_REQUEST_IOC_QUEUE",
    arg: NoArgView,
    run: ({ on }: OnRequest) => {
      on.queue();
    },
  }),
  defineMediaIoctl({
    name: "MEDIA_REQUEST_IOC_REINIT",
    arg: NoArgView,
    run: ({ on }: OnRequest) => {
      on.reinit();
    },
  }),
]);
