/** What a worker says first: `protocol` and `features`, 32 bits each, in every worker's protocol. */
export interface Hello {
  readonly protocol: number;
  readonly features: number;
}

/** `WORKER_IS_*` of native/worker/confine.h. */
export const WorkerFeature = { IsNobody: 0x2, IsFiltered: 0x4 } as const;

export const HELLO_BYTES = 8;

/** @returns undefined: nothing that we understand. */
export function decodeHello(message: Uint8Array): Hello | undefined {
  if (message.byteLength !== HELLO_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, HELLO_BYTES);
  return { protocol: view.getUint32(0, true), features: view.getUint32(4, true) };
}
