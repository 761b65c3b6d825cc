/**
 * The two errors of this layer: a refusal that a client sees as an errno, and a session that could
 * not be started.
 */
import type { ErrnoName } from "../linux.js";

export interface CharDeviceErrorOptions extends ErrorOptions {
  /** Copy the ioctl's argument back to the caller although the call is refused. Default false. */
  readonly copyOut?: boolean;
}

/**
 * A {@link CharDevice} refuses a call: the client sees `code` as `errno`. `detail` goes to logs only.
 *
 * Without `copyOut` a refused ioctl leaves the caller's bytes as they were.
 */
export class CharDeviceError extends Error {
  override readonly name = "CharDeviceError";
  readonly copyOut: boolean;

  constructor(
    readonly code: ErrnoName,
    readonly detail: string,
    options?: CharDeviceErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
    this.copyOut = options?.copyOut ?? false;
  }
}

/** Why a session could not be started or ended early: `message` is one sentence for the user, with the remedy. */
export class CuseError extends Error {
  override readonly name = "CuseError";
}

/** Somebody else has the name: with another one the session could be started. */
export class NameTakenError extends CuseError {
  /** @param nodeName - "video0" */
  constructor(
    message: string,
    readonly nodeName: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Another driver has the folder. */
export class FolderInUseError extends CuseError {}

/** The `code` of an error that a system call left ("ENOENT"), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What a log shows of anything that was thrown. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
}
