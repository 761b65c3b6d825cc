/** What VP9's COMPRESSED_HDR control should hold, as flat tables: every frame has some 2000 of these values. */
import { vp9 } from "../../codec/index.js";
import { ExpectedTable, type ExpectedValue } from "./compare.js";

/** Planes, references, bands, contexts and nodes of one transform size. */
const COEFFICIENTS = [2, 2, 6, 6, 3];
/** Contexts of the first band; the table has room for as many as the other bands have, of which nothing is said. */
const FIRST_BAND_CONTEXTS = 3;

/** Is a place of the coefficients one that the first band has not? */
const isUncoded = Array.from({ length: vp9.COEF_PROBS }, (_, at) => {
  const [band, context] = [Math.floor(at / 18) % 6, Math.floor(at / 3) % 6];
  return band === 0 && context >= FIRST_BAND_CONTEXTS;
});

function coefficients(changes: vp9.Changes): ExpectedTable {
  const values = new Int16Array(changes.length);
  for (let at = 0; at < changes.length; at += 1)
    values[at] = isUncoded[at] === true ? -1 : vp9.distanceOf(changes[at] ?? vp9.NO_CHANGE);
  return new ExpectedTable(values, COEFFICIENTS);
}

const unchanged = coefficients(new Int16Array(vp9.COEF_PROBS).fill(vp9.NO_CHANGE));

/** @param dims - The innermost is last; one for all values unless given. */
function distances(changes: vp9.Changes, dims = [changes.length]): ExpectedTable {
  const values = new Int16Array(changes.length);
  for (let at = 0; at < changes.length; at += 1) values[at] = vp9.distanceOf(changes[at] ?? vp9.NO_CHANGE);
  return new ExpectedTable(values, dims);
}

function ofMotion(changes: vp9.Changes, dims = [changes.length]): ExpectedTable {
  const values = new Int16Array(changes.length);
  for (let at = 0; at < changes.length; at += 1)
    values[at] = vp9.mvProbabilityOf(changes[at] ?? vp9.NO_CHANGE);
  return new ExpectedTable(values, dims);
}

/** The stream has no changes of these. */
const noUvModes = new ExpectedTable(new Uint8Array(10 * 9), [10, 9]);

export function probabilityTables(header: vp9.CompressedHeader): Readonly<Record<string, ExpectedValue>> {
  const rows = (changes: vp9.Changes, columns: number): ExpectedTable =>
    distances(changes, [changes.length / columns, columns]);
  return {
    tx_mode: header.tx_mode,
    tx8: rows(header.tx_probs_8x8, 1),
    tx16: rows(header.tx_probs_16x16, 2),
    tx32: rows(header.tx_probs_32x32, 3),
    coef: header.coef_probs.map((changes, size) =>
      header.coef_update[size] === true ? coefficients(changes) : unchanged,
    ),
    skip: distances(header.skip_prob),
    inter_mode: rows(header.inter_mode_probs, 3),
    interp_filter: rows(header.interp_filter_probs, 2),
    is_inter: distances(header.is_inter_prob),
    comp_mode: distances(header.comp_mode_prob),
    single_ref: rows(header.single_ref_prob, 2),
    comp_ref: distances(header.comp_ref_prob),
    y_mode: rows(header.y_mode_probs, 9),
    uv_mode: noUvModes,
    partition: rows(header.partition_probs, 3),
    mv: {
      joint: ofMotion(header.mv_joint_probs),
      sign: ofMotion(header.mv_sign_prob),
      classes: ofMotion(header.mv_class_probs, [2, 10]),
      class0_bit: ofMotion(header.mv_class0_bit_prob),
      bits: ofMotion(header.mv_bits_prob, [2, 10]),
      class0_fr: ofMotion(header.mv_class0_fr_probs, [2, 2, 3]),
      fr: ofMotion(header.mv_fr_probs, [2, 3]),
      class0_hp: ofMotion(header.mv_class0_hp_prob),
      hp: ofMotion(header.mv_hp_prob),
    },
  };
}
