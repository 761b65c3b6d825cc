/** What the decoder asks of a media request before it is queued. */
import { queueM2mRequest } from "../m2m/index.js";
import { validateObjects } from "../media/index.js";
import type { Request, RequestOps } from "../media/index.js";
import { V4l2Error } from "../v4l2/index.js";
import type { VislContext } from "./decoder.js";

/** @param contextOf - The file whose OUTPUT queue this is. */
export function requestOps(contextOf: (queue: object) => VislContext | undefined): RequestOps {
  const contextsOf = (request: Request): VislContext[] =>
    request.objects
      .filter(({ kind }) => kind === "buffer")
      .map(({ owner }) => contextOf(owner))
      .filter((context) => context !== undefined);
  return {
    /**
     * One bitstream buffer, and the controls that its codec cannot do without.
     * Differs from visl-video.c, which decodes with whatever values the controls happen to have: a request without
     * "required configuration" is ENOENT, says MEDIA_REQUEST_IOC_QUEUE's documentation.
     *
     * @throws {V4l2Error} ENOENT - no buffer, or a control is missing; EINVAL - more than one buffer.
     */
    validate: (request) => {
      const [context, ...others] = contextsOf(request);
      if (context === undefined) throw new V4l2Error("ENOENT", `request ${request.name} has no buffer`);
      if (others.length > 0) {
        throw new V4l2Error("EINVAL", `request ${request.name} has ${others.length + 1} buffers, not one`);
      }
      const { controls, formats } = context.state;
      const missing = controls.missing(formats.codec.codec, request);
      if (missing.length > 0) {
        throw new V4l2Error("ENOENT", `request ${request.name} lacks ${missing.join(" and ")}`);
      }
      validateObjects(request);
    },
    queue: (request) => {
      for (const { state } of contextsOf(request)) state.controls.noteQueued(request);
      queueM2mRequest(request);
    },
  };
}
