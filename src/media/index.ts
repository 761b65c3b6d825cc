/**
 * The media controller: a node `/dev/mediaN` with the graph of a device's entities, and requests.
 *
 * What this layer guarantees to drivers: a request is validated before it is queued, completes when all its objects
 * have, and outlives its descriptors while it is queued. To clients: the states and errnos that the request API
 * documents, on a descriptor that can be duplicated, inherited, sent to others, and that outlives the media device's.
 *
 * A driver makes a {@link MediaDevice}, gives it to its video device as the resolver of requests, fills the graph once
 * the video node has a number, and starts it with `startMediaDevice` of src/serve:
 *
 * ```ts
 * const media = new MediaDevice({ name: "media0", info, requests: { validate: validateObjects, queue: queueObjects } });
 * const video = new VideoDevice({ name: "video0", requests: media, ... });
 * const { major, minor } = await startVideoDevice(video);
 * buildM2mGraph(media.graph, "vim2m", EntityFunction.VideoScaler, { major, minor });
 * const session = await startMediaDevice(media);
 * ```
 */
export { mediaIoctlName } from "./define-media-ioctl.js";
export {
  buildM2mGraph,
  EntityFunction,
  InterfaceType,
  LinkFlag,
  MediaGraph,
  PadFlag,
  type DeviceNumber,
  type Entity,
  type Interface,
  type InterfaceLink,
  type Pad,
  type PadLink,
  type PadRef,
} from "./graph.js";
export { MediaDevice, type MediaDeviceOptions, type MediaFile } from "./media-device.js";
export type { MediaDeviceInfo } from "./media-ioctls.js";
export type { AllocatedRequest, RequestStore } from "./request-store.js";
export { queueObjects, Request, validateObjects, type RequestOps } from "./request.js";
export { mediaDeviceIoctls, mediaRequestIoctls } from "./media-definitions.js";
