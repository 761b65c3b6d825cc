/** What the device is, who may change it, and what only an administrator may do: QUERYCAP, priorities, debugging. */
import type { ArgWriter } from "../ioctl/arg-writer.js";
import { defineIoctl, orEnd } from "../ioctl/define-ioctl.js";
import type { IoctlContext, IoctlDefinition } from "../ioctl/define-ioctl.js";
import { DEFAULT_VERSION } from "../device.js";
import { V4l2Error } from "../error.js";
import { CapabilityView, DbgChipInfoView, DbgRegisterView } from "../gen/index.js";
import type { DbgMatchView } from "../gen/index.js";
import { IntView, NoArgView } from "../ioctl/scalar-views.js";
import { settle } from "../../settle.js";
import { Cap, Priority } from "../values/types.js";
import type { DbgMatch } from "../values/types-device.js";

/** Set in `capabilities` of QUERYCAP: `device_caps` counts. */
const CAP_DEVICE_CAPS = 0x80000000;

const querycap = defineIoctl({
  name: "VIDIOC_QUERYCAP",
  arg: CapabilityView,
  run: ({ view, device }) => {
    const { name, driver, card, busInfo = `platform:${name}`, version, deviceCaps } = device.identity;
    view.driver = driver;
    view.card = card;
    view.bus_info = busInfo;
    view.version = version ?? DEFAULT_VERSION;
    view.device_caps = deviceCaps | Cap.ExtPixFormat;
    view.capabilities = view.device_caps | CAP_DEVICE_CAPS;
  },
  describe: (out, view) => {
    out.string("driver", view.driver).string("card", view.card).string("bus", view.bus_info);
    out.hex("version", view.version, 8).hex("capabilities", view.capabilities, 8);
    out.hex("device_caps", view.device_caps, 8);
  },
});

const describePriority = (out: ArgWriter, view: IntView): void => void out.uint("value", view.value);

/** The highest priority of all open files. */
const gPriority = defineIoctl({
  name: "VIDIOC_G_PRIORITY",
  arg: IntView,
  run: ({ view, device }) => {
    view.value = device.priorities.max;
  },
  describe: describePriority,
});

const sPriority = defineIoctl({
  name: "VIDIOC_S_PRIORITY",
  arg: IntView,
  prio: true,
  run: ({ view, device, file }) => {
    const { value } = view;
    if (value !== Priority.Background && value !== Priority.Interactive && value !== Priority.Record) {
      throw new V4l2Error("EINVAL", `priority ${value} does not exist`);
    }
    device.priorities.change(file, value);
  },
  describe: describePriority,
});

/** The driver's lines go to the log, between the kernel's heading and footer. */
export const logStatus = defineIoctl({
  name: "VIDIOC_LOG_STATUS",
  note: "to the trace stream, not to the kernel log",
  arg: NoArgView,
  op: "logStatus",
  run: ({ device, file, ops }) => {
    const print = (line: string): void => device.message("info", line);
    print("=================  START STATUS  =================");
    return settle(ops.logStatus?.(file, print), () => {
      print("==================  END STATUS  ==================");
    });
  },
  describe: () => undefined,
});

/** Match types of the debug ioctls: the bridge, a sub-device, and one that is no longer in use but still printed by name. */
const Match = { Bridge: 0, I2cDriver: 1 } as const;

/**
 * Registers belong to the bridge: there are no sub-devices here.
 * Differs from the kernel, where these exist only with CONFIG_VIDEO_ADV_DEBUG: here, when the driver has the ops.
 * @throws {V4l2Error} EPERM - no CAP_SYS_ADMIN; EINVAL - no such chip.
 */
function parseMatch(match: DbgMatchView, { call, ops }: IoctlContext): DbgMatch {
  if (!call.isAdmin()) throw new V4l2Error("EPERM", "registers are for CAP_SYS_ADMIN only");
  const { type, addr } = match;
  if (type !== Match.Bridge || (ops.dbgGChipInfo === undefined && addr !== 0)) {
    throw new V4l2Error("EINVAL", `no chip of type ${type} at ${addr}`);
  }
  return { type, addr };
}

function describeMatch(out: ArgWriter, match: DbgMatchView): void {
  out.uint("type", match.type);
  if (match.type === Match.I2cDriver) out.string("name", match.name);
  else out.uint("addr", match.addr);
}

function describeRegister(out: ArgWriter, view: DbgRegisterView): void {
  describeMatch(out, view.match);
  out.hex("reg", view.reg).hex("val", view.val);
}

const dbgGRegister = defineIoctl({
  name: "VIDIOC_DBG_G_REGISTER",
  note: "CAP_SYS_ADMIN only",
  arg: DbgRegisterView,
  op: "dbgGRegister",
  parse: (view, context) => ({ match: parseMatch(view.match, context), reg: view.reg }),
  emit: (view, reply) => {
    view.val = reply.val;
    view.size = reply.size;
  },
  asks: ["type", "name", "addr", "reg"],
  describe: describeRegister,
});

const dbgSRegister = defineIoctl({
  name: "VIDIOC_DBG_S_REGISTER",
  note: "CAP_SYS_ADMIN only",
  arg: DbgRegisterView,
  op: "dbgSRegister",
  parse: (view, context) => ({
    match: parseMatch(view.match, context),
    reg: view.reg,
    val: view.val,
  }),
  describe: describeRegister,
});

/** Names of chips are no secret: like the kernel, this one asks for no capability. */
const dbgGChipInfo = defineIoctl({
  name: "VIDIOC_DBG_G_CHIP_INFO",
  note: "without dbgGChipInfo: the bridge, if there are registers",
  arg: DbgChipInfoView,
  clearAfter: "match",
  op: ["dbgGRegister", "dbgSRegister", "dbgGChipInfo"],
  run: ({ view, device, file, ops }) => {
    const { type, addr } = view.match;
    if (type !== Match.Bridge) throw new V4l2Error("EINVAL", `no chip of type ${type}`);
    if (ops.dbgGChipInfo === undefined) {
      if (addr !== 0) throw new V4l2Error("EINVAL", `no chip at ${addr}`);
      view.name = device.identity.driver;
      view.flags = chipFlags(ops);
      return;
    }
    return settle(ops.dbgGChipInfo(file, { type, addr }), (info) => {
      const { name, flags } = orEnd(info, "chip");
      view.name = name;
      view.flags = flags | chipFlags(ops);
    });
  },
  asks: ["type", "addr"],
  describe: (out, view) => {
    describeMatch(out, view.match);
    out.string("name", view.name);
  },
});

/** `V4L2_CHIP_FL_READABLE` and `V4L2_CHIP_FL_WRITABLE`. */
function chipFlags(ops: IoctlContext["ops"]): number {
  return (ops.dbgGRegister === undefined ? 0 : 1) | (ops.dbgSRegister === undefined ? 0 : 2);
}

export const deviceIoctls: readonly IoctlDefinition[] = [
  querycap,
  gPriority,
  sPriority,
  logStatus,
  dbgGRegister,
  dbgSRegister,
  dbgGChipInfo,
];
