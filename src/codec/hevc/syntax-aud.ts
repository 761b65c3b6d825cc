/** `access_unit_delimiter_rbsp()`: 7.3.2.5. */
import type { Coder } from "../bits/index.js";

export interface AccessUnitDelimiter {
  pic_type: number;
}

export function accessUnitDelimiter(c: Coder, delimiter: AccessUnitDelimiter): void {
  c.structure("access_unit_delimiter_rbsp", "7.3.2.5");
  delimiter.pic_type = c.u("pic_type", 3, delimiter.pic_type);
  c.rbspTrailingBits();
}
