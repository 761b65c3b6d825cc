/** A device as one of its open files sees it, where that differs: a node with several roles of which a file has one. */
import type { Device, DeviceIdentity, IoctlName } from "./device.js";
import type { DeviceTraits } from "./device-traits.js";
import type { DriverBug } from "./driver-bugs.js";
import type { ControlOps, IoctlOps } from "./ops.js";
import type { Priorities } from "./priorities.js";
import type { TraceStream } from "./trace/trace.js";
import { IOCTLS } from "./gen/index.js";
import { ioctlsOf } from "./ioctl/ioctl-table.js";

/** What follows from the capabilities that a file is shown. */
export interface Role {
  readonly identity: DeviceIdentity;
  readonly traits: DeviceTraits;
  /** By the number's lowest byte: 1 where the ioctl is valid. */
  readonly valid: Uint8Array;
}

/** Asks for the role anew with every call: it changes with what the file, and others, do. */
export class DeviceOfFile<File> implements Device<File> {
  constructor(
    private readonly device: Device<File>,
    private readonly role: () => Role,
  ) {}

  get identity(): DeviceIdentity {
    return this.role().identity;
  }

  get traits(): DeviceTraits {
    return this.role().traits;
  }

  get name(): string {
    return this.device.name;
  }

  get trace(): TraceStream {
    return this.device.trace;
  }

  get registered(): boolean {
    return this.device.registered;
  }

  get priorities(): Priorities {
    return this.device.priorities;
  }

  get ops(): IoctlOps<File> {
    return this.device.ops;
  }

  get controls(): ControlOps | undefined {
    return this.device.controls;
  }

  get patienceMs(): number {
    return this.device.patienceMs;
  }

  accepts(name: IoctlName): boolean {
    const { number, nr } = IOCTLS[name];
    return ioctlsOf(this.traits).find(number) !== undefined && this.acceptsNr(nr);
  }

  acceptsNr(nr: number): boolean {
    return this.role().valid[nr] === 1;
  }

  message(level: "info" | "warning" | "error", text: string): void {
    this.device.message(level, text);
  }

  reportBug(bug: DriverBug): void {
    this.device.reportBug(bug);
  }
}
