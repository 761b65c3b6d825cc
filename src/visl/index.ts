/**
 * visl: a virtual stateless decoder, with the behaviour of the kernel's test driver of that name. Clients of the
 * stateless codec API decode on it without hardware; what they submit can be traced and dumped, and the frames show
 * what the driver understood.
 *
 * What this layer guarantees to those above: the device does not depend on anyone looking (traces, dumps, debug
 * lines), and its frames follow from what clients submit alone, unless `tpgVerbose` is set.
 */
export { createVisl } from "./device.js";
export type { VislDevice, VislGeneration, VislOptions } from "./device.js";
export type { VislContext } from "./drawing.js";
export { decodedFormats } from "./formats.js";
export { defaultParameters, parameterDefinitions, VislParameters } from "./parameters.js";
export type { ParameterKey, ParameterValues } from "./parameters.js";
