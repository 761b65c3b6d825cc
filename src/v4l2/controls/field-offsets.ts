/** Where the fields of a struct are, for who looks at a few of a control's bytes. */
import { layouts, type StructValues } from "../gen/index.js";

/** By C name, in bytes from the start of the struct. */
export type FieldOffsets<Name extends keyof StructValues> = Readonly<
  Record<keyof StructValues[Name] & string, number>
>;

/** @param name - The C name, `v4l2_ctrl_vp8_frame`. Ask once: the answer is made each time. */
export function fieldOffsets<Name extends keyof StructValues>(name: Name): FieldOffsets<Name> {
  const offsets: Record<string, number> = {};
  for (const field of layouts.get(name).fields) offsets[field.name] = field.offset;
  return offsets as FieldOffsets<Name>;
}

/** Bytes of a struct. */
export const structSize = (name: keyof StructValues): number => layouts.get(name).size;
