/** What a stateless decoder asks of a media request before it is queued. */
import type { M2mRequestHooks } from "../m2m/index.js";
import { V4l2Error } from "../v4l2/index.js";
import type { StatelessFile } from "./file.js";

/**
 * One bitstream buffer, and the controls that its codec cannot do without.
 * Differs from visl-video.c, which decodes with whatever values the controls happen to have: a request without
 * "required configuration" is ENOENT, says MEDIA_REQUEST_IOC_QUEUE's documentation.
 */
export function statelessRequests<State extends StatelessFile>(): Required<M2mRequestHooks<State>> {
  return {
    validate: (request, [context, ...others]) => {
      if (context === undefined) throw new V4l2Error("ENOENT", `request ${request.name} has no buffer`);
      if (others.length > 0) {
        throw new V4l2Error("EINVAL", `request ${request.name} has ${others.length + 1} buffers, not one`);
      }
      const { controls, formats } = context.state;
      const missing = controls.missing(formats.codec, request);
      if (missing.length > 0) {
        throw new V4l2Error("ENOENT", `request ${request.name} lacks ${missing.join(" and ")}`);
      }
    },
    queue: (request, contexts) => {
      for (const { state } of contexts) state.controls.noteQueued(request);
    },
  };
}
