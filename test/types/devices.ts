/** What the types refuse when a driver declares a device. Compiled by `npm run lint:types`, never run. */
import {
  anyFormat,
  BufType,
  Cap,
  Field,
  fourcc,
  M2mDevice,
  singleInput,
  V4l2Error,
  VideoDevice,
} from "v4l2-cuse";
import type { FileHandle, IoctlOps, M2mDeviceOptions, VideoDeviceOptions, VideoFormat } from "v4l2-cuse";
// @ts-expect-error raw structs stay in the framework: drivers get parsed values
import { FormatView } from "v4l2-cuse";
// @ts-expect-error nor is there another way in
import { PixFormatView } from "v4l2-cuse/dist/v4l2/gen/index.js";
// @ts-expect-error what fetches a client's bytes is not a driver's
import { fetchArray } from "v4l2-cuse";

type File = FileHandle<undefined>;
declare const format: VideoFormat;
declare const options: VideoDeviceOptions<undefined>;
declare const m2mOptions: M2mDeviceOptions<undefined>;

// Ops

export const wrongOps: IoctlOps<File>[] = [
  // @ts-expect-error no such ioctl
  { gFormat: () => format },
  // @ts-expect-error G_FMT answers with a format
  { gFmt: () => undefined },
  // @ts-expect-error S_FMT returns what was set
  { sFmt: () => 0 },
  // @ts-expect-error a format is whole, with planes even where it has one: spread anyFormat for the rest
  { gFmt: () => ({ width: 640, height: 480, pixelformat: 0, sizeimage: 614_400 }) },
  // @ts-expect-error a four-character code is a number: fourcc("YUYV")
  { enumFmt: () => ({ pixelformat: "YUYV" }) },
  // @ts-expect-error an op sees values, not a client's bytes
  { gFmt: (_file, arg: Uint8Array) => ({ ...format, width: arg.byteLength }) },
  // @ts-expect-error standards are 64-bit sets
  { gStd: () => 0x1000 },
  // @ts-expect-error an index, not an input
  { gInput: () => ({ name: "Camera", type: 2 }) },
  // @ts-expect-error one of two kinds, with the fields of its kind
  { enumFramesizes: () => ({ kind: "discrete", minWidth: 32, maxWidth: 64 }) },
  // @ts-expect-error a frame interval is a fraction, not a float
  { enumFrameintervals: () => ({ kind: "discrete", interval: 0.04 }) },
];

export const readOnly: IoctlOps<File> = {
  tryFmt: (_file, wish) => {
    // @ts-expect-error what a client wishes is not changed, but answered
    wish.width = 640;
    // @ts-expect-error nor are its planes
    wish.planes[0] = { bytesperline: 0, sizeimage: 0 };
    return wish;
  },
};

// @ts-expect-error a field order is one of Field's
export const wrongField: VideoFormat = { ...anyFormat, field: 99 };
// @ts-expect-error pictures have picture types
export const wrongType: VideoFormat = { ...anyFormat, type: BufType.MetaCapture };
// @ts-expect-error a plane has both sizes
export const wrongPlanes: VideoFormat = { ...anyFormat, planes: [{ sizeimage: 1 }] };
// @ts-expect-error named errnos only
export const wrongErrno = new V4l2Error("EWRONG", "no such errno");
// @ts-expect-error and with a reason for the log
export const noReason = new V4l2Error("EINVAL");
// @ts-expect-error text
export const wrongFourcc = fourcc(0x56595559);
// @ts-expect-error the name of the one input
export const namelessInput = singleInput();

// Devices

declare const unopened: Omit<typeof options, "open">;
// @ts-expect-error something has to be kept for an open file, if only undefined
export const withoutOpen = new VideoDevice<undefined>(unopened);
// @ts-expect-error capabilities are bits
export const wrongCaps = new VideoDevice<undefined>({ ...options, deviceCaps: [Cap.Streaming] });
// @ts-expect-error a device has ops, not a list of ioctls
export const wrongOpsOfDevice = new VideoDevice<undefined>({ ...options, ops: ["VIDIOC_G_FMT"] });
// @ts-expect-error names of ioctls
export const wrongDisabled = new VideoDevice<undefined>({ ...options, disabled: ["G_FMT"] });
export const wrongState = new VideoDevice<{ count: number }>({
  ...options,
  // @ts-expect-error `file.state` is what `open` returns
  open: () => "count",
  ops: {},
  release: ({ state }) => {
    // @ts-expect-error and has its type
    state.name = "";
  },
});

declare const idle: Omit<typeof m2mOptions, "deviceRun">;
// @ts-expect-error a mem2mem device works
export const withoutRun = new M2mDevice<undefined>(idle);
declare const formless: Omit<typeof m2mOptions, "formats">;
// @ts-expect-error on formats
export const withoutFormats = new M2mDevice<undefined>(formless);
export const wrongJob = new M2mDevice<undefined>({
  ...m2mOptions,
  deviceRun: (job) => {
    // @ts-expect-error "done" or "error"
    job.finish("queued");
    // @ts-expect-error the buffers of a job are the scheduler's choice
    job.source = job.destination;
  },
});

export const used: unknown[] = [FormatView, PixFormatView, fetchArray, Field];
