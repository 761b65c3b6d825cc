/**
 * Every syntax element of a stream's headers as we read it, against `ffmpeg -bsf:v trace_headers`: name, subscripts, bit
 * position, length and value. Names are the specifications'; where ffmpeg has others, the tables here say which.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  av1,
  h264,
  hevc,
  mpeg2,
  vp8,
  vp9,
  type Field,
  type ParsedUnit,
  type UnitParser,
} from "../../../src/codec/index.js";
import { traceHeaders, type TracedField, type TracedUnit } from "./trace-headers.js";

/** The codecs whose headers ffmpeg traces; VP8's since ffmpeg 7. */
export const headerCodecs = ["h264", "hevc", "av1", "vp9", "vp8", "mpeg2"] as const;
export type HeaderCodec = (typeof headerCodecs)[number];

export interface HeaderComparison {
  /** NAL units, OBUs, frames, start codes. */
  readonly units: number;
  /** Syntax elements that were compared. */
  readonly elements: number;
  /** `unit 3, 24 8 level_idc 30: ffmpeg has 24 8 level_idc 31`. */
  readonly differences: readonly string[];
}

type Element = Omit<TracedField, "length" | "value"> & { length: number; value: number };

/** How the readings of a codec are brought into one form: a list of elements for each unit. */
interface Reading {
  readonly parseUnits: UnitParser;
  /** ffmpeg's name of the input format, where the file's name does not tell it. */
  readonly format?: string;
  readonly ours: (units: readonly ParsedUnit[]) => Element[][];
  readonly theirs: (units: readonly TracedUnit[], ours: readonly ParsedUnit[]) => Element[][];
}

const fieldsOf = ({ items }: ParsedUnit): Field[] =>
  items.flatMap((item) => ("field" in item ? [item.field] : []));

const indexed = ({ name, subscripts }: Field): string => name + subscripts.map((i) => `[${i}]`).join("");

const elementOf = (field: Field, name = indexed(field)): Element => ({
  name,
  position: field.bitPosition,
  length: field.bitLength,
  value: Number(field.value),
});

/** Units of ffmpeg's fields, where titles that stand within one are no new unit. */
function unitsFrom(units: readonly TracedUnit[], first: string): Element[][] {
  const found: Element[][] = [];
  for (const { fields } of units) {
    for (const field of fields) {
      if (field.name === first) found.push([]);
      found.at(-1)?.push({ ...field });
    }
  }
  return found;
}

// ---- H.264 and HEVC

/** ffmpeg's names of what the specifications call otherwise. */
const nalNames: Readonly<Record<string, string>> = {
  gaps_in_frame_num_value_allowed_flag: "gaps_in_frame_num_allowed_flag",
  scaling_list_delta_coef: "scaling_list_delta_coeff",
  delta_chroma_offset_l0: "chroma_offset_l0",
  delta_chroma_offset_l1: "chroma_offset_l1",
};

const isFiller = ({ name }: ParsedUnit): boolean => name === "Filler data";

/** @param filler - nal_unit_type of filler data, which ffmpeg reads and has nothing of interest. */
function nalReading(parseUnits: UnitParser, format: string, filler: number): Reading {
  return {
    parseUnits,
    format,
    ours: (units) =>
      units
        .filter((unit) => !isFiller(unit))
        .map((unit) =>
          fieldsOf(unit)
            .filter(({ name }) => name !== "sei_payload")
            .map((field) => elementOf({ ...field, name: nalNames[field.name] ?? field.name })),
        ),
    theirs: (units, ours) => {
      const payloads = ours
        .filter((unit) => !isFiller(unit))
        .map((unit) => fieldsOf(unit).filter(({ name }) => name === "sei_payload"));
      return unitsFrom(units, "forbidden_zero_bit")
        .filter((fields) => fields.find(({ name }) => name === "nal_unit_type")?.value !== filler)
        .map((fields, i) =>
          joined(
            fields.filter(
              ({ position }) =>
                !(payloads[i] ?? []).some(
                  (one) => position >= one.bitPosition && position < one.bitPosition + one.bitLength,
                ),
            ),
          ),
        );
    },
  };
}

/** One element for what ffmpeg reads in pieces: those of more than 32 reserved bits. */
function joined(fields: readonly Element[]): Element[] {
  const elements: Element[] = [];
  for (const field of fields) {
    const last = elements.at(-1);
    if (last?.name === field.name && /reserved_zero_(33|34|35|43)bits$/.test(field.name)) {
      last.length += field.length;
      last.value = last.value * 2 ** field.length + field.value;
    } else elements.push({ ...field });
  }
  return elements;
}

// ---- AV1

const av1Names: Readonly<Record<string, string>> = {
  golden_frame_idx: "gold_frame_idx",
  tile_size_bytes_minus1: "tile_size_bytes_minus_1",
};
const deltaNames = ["delta_q_y_dc", "delta_q_u_dc", "delta_q_u_ac", "delta_q_v_dc", "delta_q_v_ac"];

/**
 * ffmpeg's reading in the words of the specification. Elements without bits are what it derived or inferred.
 * @param large - Superblocks of 128x128, for which ffmpeg prints the lr_unit_shift that follows from the bit.
 */
function av1Theirs(fields: readonly Element[], large: boolean): Element[] {
  const result: Element[] = [];
  const sizes: Element[] = [];
  for (const { name, position, length, value } of fields) {
    if (name.startsWith("leb128_byte")) {
      sizes.push({ name, position, length, value });
    } else if (sizes.length > 0) {
      // The value of leb128() comes after its bytes, without bits.
      result.push({ name, position: sizes[0]?.position ?? 0, length: 8 * sizes.length, value });
      sizes.length = 0;
    } else if (length > 0) {
      const [first = "", second] = name.split(".");
      const delta = deltaNames.indexOf(first);
      if (delta >= 0) result.push({ name: `${second ?? ""}[${delta}]`, position, length, value });
      else if (large && name === "lr_unit_shift") result.push({ name, position, length, value: value - 1 });
      else if (first === "tx_mode")
        result.push({ name: "tx_mode_select", position, length, value: value - 1 });
      else {
        const spelled = av1Names[name] ?? name.replace("delta_frame_id_minus1", "delta_frame_id_minus_1");
        result.push({ name: spelled, position, length, value });
      }
    }
  }
  return result;
}

/** Ours as ffmpeg prints it: without tile sizes and tiles, and unary codes as one element. */
function av1Ours(unit: ParsedUnit): Element[] {
  const result: Element[] = [];
  for (const field of fieldsOf(unit)) {
    const { name, bitPosition, bitLength: length, value } = field;
    if (name === "tile_size_minus_1" || name === "tile_data" || length === 0) continue;
    const log2 = /^increment_(tile_(?:cols|rows)_log2)$/.exec(name)?.[1];
    const last = result.at(-1);
    const continues =
      name === "lr_unit_extra_shift" || (log2 ?? (name === "subexp_more_bits" ? name : "")) === last?.name;
    if (last !== undefined && continues) {
      last.length += length;
      last.value += Number(value);
    } else if (value instanceof Uint8Array) {
      for (const [i, byte] of value.entries())
        result.push({ name: `${name}[${i}]`, position: bitPosition + 8 * i, length: 8, value: byte });
    } else result.push(elementOf(field, log2 ?? indexed(field)));
  }
  return result;
}

const av1Reading: Reading = {
  parseUnits: av1.parseUnits,
  ours: (units) => units.map(av1Ours),
  theirs: (units, ours) => {
    let large = false;
    return unitsFrom(units, "obu_forbidden_bit").map((fields, i) => {
      const own = ours[i] === undefined ? [] : av1Ours(ours[i]);
      const coded = own.find(({ name }) => name === "use_128x128_superblock");
      const startsSequence = own.some(({ name }) => name === "seq_profile");
      large = coded === undefined ? large && !startsSequence : coded.value === 1;
      return av1Theirs(fields, large);
    });
  },
};

// ---- VP9

/** Ours as ffmpeg prints it: it has no compressed header, and sums up flags that count. */
function vp9Ours({ items }: ParsedUnit): Element[] {
  const elements: Element[] = [];
  for (const item of items) {
    if ("heading" in item) {
      if (item.heading.structure === "compressed_header") break;
      continue;
    }
    const { name, subscripts, bitLength, value } = item.field;
    const last = elements.at(-1);
    const counted = name.replace(/^increment_/, "");
    if (counted !== name && last?.name === counted) {
      last.length += bitLength;
      last.value += Number(value);
      continue;
    }
    const [element = "", part] = counted.split(".");
    const full = element + subscripts.map((i) => `[${i}]`).join("") + (part === undefined ? "" : `.${part}`);
    elements.push(
      elementOf(item.field, full === "raw_interpolation_filter" ? "raw_interpolation_filter_type" : full),
    );
  }
  return elements;
}

/** In either list, the frames and then the indices: ffmpeg prints the index of a superframe before its frames. */
const vp9Titles = ["Frame", "Superframe Index"];

const vp9Reading: Reading = {
  parseUnits: vp9.parseUnits,
  ours: (units) =>
    vp9Titles.flatMap((title) => units.filter(({ name }) => name === title)).map((unit) => vp9Ours(unit)),
  // ffmpeg prints a count that has no bits, too.
  theirs: (units) =>
    vp9Titles
      .flatMap((title) => units.filter((unit) => unit.title === title))
      .map(({ fields }) => fields.filter(({ length }) => length > 0)),
};

// ---- VP8

/** ffmpeg's names by ours. */
const vp8Names: Readonly<Record<string, string>> = {
  version: "profile",
  key_frame: "frame_type",
  first_part_size: "first_partition_length_in_bytes",
  segmentation_enabled: "segmentation_enable",
  update_mb_segmentation_map: "update_segment_map",
  quantizer_update_value: "segment_qp",
  lf_update_value: "segment_loop_filter_level",
  segment_prob: "segment_probs",
  filter_type: "loop_filter_type",
  sharpness_level: "loop_filter_sharpness",
  loop_filter_adj_enable: "mode_ref_lf_delta_enable",
  log2_nbr_of_dct_partitions: "log2_token_partitions",
  y_ac_qi: "base_qindex",
  y_dc_delta_magnitude: "y1dc_delta_q",
  y2_dc_delta_magnitude: "y2dc_delta_q",
  y2_ac_delta_magnitude: "y2ac_delta_q",
  uv_dc_delta_magnitude: "uvdc_delta_q",
  uv_ac_delta_magnitude: "uvac_delta_q",
  sign_bias_golden: "ref_frame_sign_bias_golden",
  sign_bias_alternate: "ref_frame_sign_bias_alternate",
  refresh_last: "refresh_last_frame",
  prob_gf: "prob_golden",
  intra_chroma_prob: "intra_chrome_prob",
};
/** Elements that ffmpeg 7 reads without printing them: most only say that a value follows. */
const VP8_UNPRINTED =
  /^(\w*_update_flag|\w+_present|mode_ref_lf_delta_update|partition_size|segment_prob_update|quantizer_update|loop_filter_update)$/;
/**
 * The last elements of a header, which ffmpeg 7.1 reads otherwise than RFC 6386 has them in section 17.2. GStreamer, whose
 * `first_part_header_bits` and `coder_state` follow from them, agrees with us.
 */
const VP8_DISPUTED = /^mv_prob\b/;
/**
 * ffmpeg's position in the boolean coded part is what its decoder has taken in: 8 bits more than what it has shifted out,
 * but for the shift behind the last boolean before an element, which it makes late.
 */
const VP8_AHEAD = 8;

/** The numbers of the tag and of a key frame's size are little-endian, of bits that we tell byte by byte. */
function vp8Tag(fields: readonly Field[]): Element[] {
  const elements: Element[] = [];
  for (const { name, bitPosition, bitLength, value } of fields) {
    if (name === "start_code") {
      for (let i = 0; i < 3; i += 1) {
        const byte = (Number(value) >> (16 - 8 * i)) & 255;
        elements.push({ name: `start_code_${i}`, position: bitPosition + 8 * i, length: 8, value: byte });
      }
      continue;
    }
    const byte = bitPosition & ~7;
    const position = bitLength >= 8 ? bitPosition : byte + 8 - (bitPosition - byte) - bitLength;
    const [, base = name, low] = /^(.*)\[\d+:(\d+)\]$/.exec(name) ?? [];
    const spelled = vp8Names[base] ?? base;
    const before = elements.find((one) => one.name === spelled);
    if (before !== undefined && low !== undefined) {
      before.length += bitLength;
      before.value += Number(value) * 2 ** Number(low);
    } else elements.push({ name: spelled, position, length: bitLength, value: Number(value) });
  }
  return elements.sort((a, b) => a.position - b.position);
}

/** An element of the boolean coded part, and where ffmpeg may say that it is. */
interface BooleanCoded extends Element {
  readonly places: readonly number[];
}

function vp8Coded(fields: readonly Field[]): BooleanCoded[] {
  const elements: BooleanCoded[] = [];
  let deltas = "ref_lf_deltas";
  for (const [i, field] of fields.entries()) {
    const { name, subscripts, bitPosition, value } = field;
    if (name === "mb_mode_delta_update_flag") deltas = "mode_lf_deltas";
    if (VP8_UNPRINTED.test(name) || VP8_DISPUTED.test(name) || name.endsWith("_sign")) continue;
    const sign = fields[i + 1]?.name.endsWith("_sign") === true ? fields[i + 1] : undefined;
    const spelled = name === "delta_magnitude" ? deltas : (vp8Names[name] ?? name);
    const before = fields[i - 1];
    elements.push({
      name: spelled + subscripts.map((at) => `[${at}]`).join(""),
      position: bitPosition,
      length: field.bitLength + (sign?.bitLength ?? 0),
      value: sign?.value === true ? 0 - Number(value) : Number(value),
      places: placesOf(field, before),
    });
  }
  return elements;
}

/** A boolean of even odds shifts 0 bits or 1; of an element of several, we do not know what its last one did. */
function placesOf({ bitPosition }: Field, before: Field | undefined): number[] {
  if (before === undefined) return [bitPosition];
  const isOne = before.value === true || before.value === false || VP8_ONE_BIT.has(before.name);
  if (isOne) return [before.bitPosition + VP8_AHEAD];
  return [bitPosition + VP8_AHEAD - 1, bitPosition + VP8_AHEAD];
}
const VP8_ONE_BIT = new Set(["color_space", "clamping_type", "filter_type", "segment_feature_mode"]);

function vp8Parts({ items }: ParsedUnit): { tag: Element[]; coded: BooleanCoded[] } {
  const isCoded = items.findIndex((item) => "heading" in item && item.heading.structure === "frame_header");
  const fields = (of: typeof items): Field[] => of.flatMap((item) => ("field" in item ? [item.field] : []));
  return { tag: vp8Tag(fields(items.slice(0, isCoded))), coded: vp8Coded(fields(items.slice(isCoded))) };
}

const vp8Reading: Reading = {
  parseUnits: vp8.parseUnits,
  ours: (units) =>
    units.map((unit) => {
      const { tag, coded } = vp8Parts(unit);
      return [...tag, ...coded];
    }),
  theirs: (units, ours) => {
    const found: Element[][] = [];
    for (const { title, fields } of units) {
      const own = ours[found.length] === undefined ? undefined : vp8Parts(ours[found.length] as ParsedUnit);
      if (title === "Frame") {
        const all = [...(own?.tag ?? []), ...(own?.coded ?? [])];
        const undisputed = fields.filter(({ name }) => !VP8_DISPUTED.test(name));
        found.push(undisputed.map((field, i) => inOurPlace(field, all[i])));
      } else if (title.startsWith("Failed to read unit")) {
        // It wants more bytes than a frame needs that ends soon: RFC 6386 section 7.3 has zeros behind the end.
        const last = found.at(-1);
        const whole = ours[found.length - 1];
        if (last === undefined || whole === undefined) continue;
        const { tag, coded } = vp8Parts(whole);
        last.push(...[...tag, ...coded].slice(last.length));
      }
    }
    return found;
  },
};

/** A boolean coded element with our position and length, if its position is one that ffmpeg has for ours. */
function inOurPlace(field: Element, own: Element | undefined): Element {
  if (own === undefined || !("places" in own)) return field;
  const { places, position, length } = own as BooleanCoded;
  return places.includes(field.position) ? { ...field, position, length } : field;
}

// ---- MPEG-2

/** ffmpeg numbers nothing but what its own names have indices for. */
const withoutSubscripts = (element: Element): Element => ({
  ...element,
  name: element.name.replace(/^(extra_\w+|marker_bit)\[\d+\]$/, "$1"),
});

const mpeg2Reading: Reading = {
  parseUnits: mpeg2.parseUnits,
  format: "mpegvideo",
  // One list: ffmpeg's titles stand where a unit has parts, too.
  ours: (units) => [
    units.flatMap((unit) => fieldsOf(unit).map((field) => withoutSubscripts(elementOf(field)))),
  ],
  theirs: (units) => [units.flatMap(({ fields }) => fields.map(withoutSubscripts))],
};

const readings: Readonly<Record<HeaderCodec, Reading>> = {
  h264: nalReading(h264.parseUnits, "h264", h264.NalType.Filler),
  hevc: nalReading(hevc.parseUnits, "hevc", -1),
  av1: av1Reading,
  vp9: vp9Reading,
  vp8: vp8Reading,
  mpeg2: mpeg2Reading,
};

/** Does this ffmpeg trace VP8's headers? */
export function tracesVp8(): boolean {
  const { stdout } = spawnSync("ffmpeg", ["-hide_banner", "-h", "bsf=trace_headers"], { encoding: "utf8" });
  return /Supported codecs:.* vp8\b/.test(stdout);
}

const lineOf = ({ position, length, name, value }: Element): string =>
  `${position} ${length} ${name} ${value}`;

/** At most so many differences of a file are told. */
const MOST_TOLD = 20;

/** Compares all headers of a file. What we cannot read is a difference, too. */
export function compareHeaders(codec: HeaderCodec, file: string): HeaderComparison {
  const reading = readings[codec];
  const units = [...reading.parseUnits(new Uint8Array(readFileSync(file)))];
  const ours = reading.ours(units);
  const traced = traceHeaders(file, file.endsWith(".obu") ? "obu" : reading.format);
  const theirs = reading.theirs(traced, units);
  const differences: string[] = [];
  let elements = 0;
  for (const { error, name, offset } of units) {
    if (error !== undefined) differences.push(`${name} at byte ${offset}: ${error.message}`);
  }
  if (ours.length !== theirs.length) differences.push(`${ours.length} units, ffmpeg has ${theirs.length}`);
  for (const [i, own] of ours.entries()) {
    const other = theirs[i] ?? [];
    for (let at = 0; at < Math.max(own.length, other.length); at += 1) {
      const [a, b] = [own[at], other[at]];
      const [mine, ffmpegs] = [a, b].map((one) => (one === undefined ? "nothing" : lineOf(one)));
      elements += 1;
      if (mine === ffmpegs) continue;
      differences.push(`unit ${i}, ${mine}: ffmpeg has ${ffmpegs}`);
      // What follows in the unit is at other places.
      if (a?.name !== b?.name) break;
    }
  }
  return { units: units.length, elements, differences: differences.slice(0, MOST_TOLD) };
}
