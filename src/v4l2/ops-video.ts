/** The rarer half of the driver's ops: inputs, outputs, audio, standards, timings, tuners, codec commands, debugging. */
import type { Awaitable, BufType } from "./values/types.js";
import type {
  Audio,
  DbgChipInfo,
  DbgMatch,
  DbgRegister,
  DbgRegisterReply,
  DecoderCmd,
  DvTimings,
  DvTimingsCap,
  EdidReply,
  EdidRequest,
  EncIndex,
  EncoderCmd,
  Framebuffer,
  Frequency,
  FrequencyBand,
  HwFreqSeek,
  Input,
  JpegCompression,
  Modulator,
  Output,
  SetEdidRequest,
  SlicedVbiCap,
  Tuner,
} from "./values/types-device.js";

/** Inputs and outputs, standards and timings, tuners, codec commands, debugging. */
export interface VideoOps<File> {
  enuminput?(file: File, index: number): Awaitable<Input | undefined>;
  gInput?(file: File): Awaitable<number>;
  sInput?(file: File, index: number): Awaitable<void>;
  enumoutput?(file: File, index: number): Awaitable<Output | undefined>;
  gOutput?(file: File): Awaitable<number>;
  sOutput?(file: File, index: number): Awaitable<void>;
  enumaudio?(file: File, index: number): Awaitable<Audio | undefined>;
  gAudio?(file: File): Awaitable<Audio>;
  sAudio?(file: File, audio: { readonly index: number; readonly mode: number }): Awaitable<void>;
  enumaudout?(file: File, index: number): Awaitable<Audio | undefined>;
  gAudout?(file: File): Awaitable<Audio>;
  sAudout?(file: File, audio: { readonly index: number; readonly mode: number }): Awaitable<void>;

  /** Standards are `V4L2_STD_*` bit sets; what the device can do at all is `tvnorms` of its declaration. */
  gStd?(file: File): Awaitable<bigint>;
  /** `std` is never empty and always within `tvnorms`. @throws {V4l2Error} EBUSY, ENODATA */
  sStd?(file: File, std: bigint): Awaitable<void>;
  /** @returns The standards that may be on the input: a part of `candidates` (which is `tvnorms`). */
  querystd?(file: File, candidates: bigint): Awaitable<bigint>;

  gDvTimings?(file: File): Awaitable<DvTimings>;
  /** @returns The timings that were set. */
  sDvTimings?(file: File, timings: DvTimings): Awaitable<DvTimings>;
  /** @throws {V4l2Error} ENOLINK - no signal; ENOLCK - unstable; ERANGE - out of range */
  queryDvTimings?(file: File): Awaitable<DvTimings>;
  enumDvTimings?(
    file: File,
    request: { readonly index: number; readonly pad: number },
  ): Awaitable<DvTimings | undefined>;
  dvTimingsCap?(file: File, request: { readonly pad: number }): Awaitable<DvTimingsCap>;
  gEdid?(file: File, request: EdidRequest): Awaitable<EdidReply>;
  sEdid?(file: File, request: SetEdidRequest): Awaitable<EdidReply>;

  gTuner?(file: File, index: number): Awaitable<Tuner | undefined>;
  sTuner?(file: File, tuner: Tuner): Awaitable<void>;
  gModulator?(file: File, index: number): Awaitable<Modulator | undefined>;
  sModulator?(
    file: File,
    modulator: { readonly index: number; readonly txsubchans: number },
  ): Awaitable<void>;
  gFrequency?(file: File, tuner: number): Awaitable<Frequency>;
  sFrequency?(file: File, frequency: Frequency): Awaitable<void>;
  /** @throws {V4l2Error} ENOTTY - no bands of this tuner: its own range is the only one. */
  enumFreqBands?(
    file: File,
    request: { readonly tuner: number; readonly type: number; readonly index: number },
  ): Awaitable<FrequencyBand | undefined>;
  sHwFreqSeek?(file: File, seek: HwFreqSeek): Awaitable<void>;

  gFbuf?(file: File): Awaitable<Framebuffer>;
  sFbuf?(file: File, framebuffer: Framebuffer): Awaitable<void>;
  overlay?(file: File, on: boolean): Awaitable<void>;
  gSlicedVbiCap?(file: File, type: BufType): Awaitable<SlicedVbiCap>;

  gJpegcomp?(file: File): Awaitable<JpegCompression>;
  sJpegcomp?(file: File, compression: JpegCompression): Awaitable<void>;
  gEncIndex?(file: File): Awaitable<EncIndex>;
  /** Return the command as it was understood: flags that do not apply cleared. */
  encoderCmd?(file: File, cmd: EncoderCmd): Awaitable<EncoderCmd>;
  tryEncoderCmd?(file: File, cmd: EncoderCmd): Awaitable<EncoderCmd>;
  decoderCmd?(file: File, cmd: DecoderCmd): Awaitable<DecoderCmd>;
  tryDecoderCmd?(file: File, cmd: DecoderCmd): Awaitable<DecoderCmd>;

  /** Prints to the log, between the core's heading and footer; `file.controls?.logStatus?.(print)` prints the controls. */
  logStatus?(file: File, print: (line: string) => void): Awaitable<void>;
  dbgGRegister?(
    file: File,
    request: { readonly match: DbgMatch; readonly reg: bigint },
  ): Awaitable<DbgRegisterReply>;
  dbgSRegister?(file: File, request: DbgRegister): Awaitable<void>;
  dbgGChipInfo?(file: File, match: DbgMatch): Awaitable<DbgChipInfo | undefined>;
}
