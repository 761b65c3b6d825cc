/** What AV1 in an OUTPUT buffer, and the requests before, say of the SEQUENCE, FRAME, FILM_GRAIN and TILE_GROUP_ENTRY controls. */
import { av1, CodecError, RecordingReader, SyntaxReader } from "../../codec/index.js";
import type { FieldSink } from "../../codec/index.js";
import {
  expectedFilmGrain,
  expectedFrame,
  expectedSequence,
  type Frame,
  type Sequence,
} from "./av1-expected.js";
import { areTileEntries, isFrameControl, isNoGrainControl, refersToOneFrame } from "./av1-bytes.js";
import { elements, impliedSequence, sameSequence } from "./av1-fields.js";
import { alternativeSizes, alternativesTo, differencesOf, sequencesOf } from "./av1-sequence.js";
import { headerOfTiles, obusIn, tilesOf, type ExpectedTile, type TileEntries } from "./av1-tiles.js";
import { nowhere } from "./blame.js";
import { compareFields, FieldPlaces, isSame, type Disagreement } from "./compare.js";
import { placesOnDemand } from "./flags.js";
import { noDisagreement, type CheckedRequest, type CheckResult, type StreamCheck } from "./stream-check.js";

/** The sequence that frames belong to. */
interface KnownSequence {
  readonly control: Sequence;
  readonly seq: av1.SequenceHeader;
  /** From a header in a buffer, not guessed from the control. */
  readonly isRead: boolean;
}

/** What a request looks like when its frame header is read with one sequence header. */
interface Outcome {
  readonly disagreements: readonly Disagreement[];
  /** Absent where it cannot be read. */
  readonly header?: av1.FrameHeader;
  readonly problem?: string | undefined;
  /** What a wrong field of the sequence may be to blame for as well. */
  readonly contradiction?: readonly Disagreement[];
}

/** More than all fields together. */
const UNREADABLE = 1e6;
const costOf = ({ disagreements, problem }: Outcome): number =>
  problem === undefined ? disagreements.length : UNREADABLE;

/** So many fields are not wrong at once: the buffer is no frame header. */
const MANY = 8;

export class Av1Check implements StreamCheck {
  #slots = av1.emptyReferenceSlots();
  /** Of the frames in the slots; undefined where no request brought one. */
  #timestamps: readonly (bigint | undefined)[] = new Array<undefined>(av1.NUM_REF_FRAMES).fill(undefined);
  #sequence: KnownSequence | undefined;
  /** A frame could not be read: what it established is not known until the next key frame. */
  #isLost = false;
  /** What the buffers of this client hold: some payloads could be read as OBUs, too. */
  #holdsObus: boolean | undefined;

  clone(): Av1Check {
    const copy = new Av1Check();
    copy.#slots = copyOf(this.#slots);
    copy.#timestamps = this.#timestamps;
    copy.#sequence = this.#sequence;
    copy.#isLost = this.#isLost;
    copy.#holdsObus = this.#holdsObus;
    return copy;
  }

  check(request: CheckedRequest): CheckResult {
    const { controls, bytesOf, bitstream } = request;
    const sequence = controls.StatelessAv1Sequence;
    const frameBytes = bytesOf?.("StatelessAv1Frame");
    if (sequence === undefined || (frameBytes === undefined && controls.StatelessAv1Frame === undefined))
      return noDisagreement;
    if (bitstream.byteLength === 0)
      return { disagreements: [], problem: "there is no tile in its OUTPUT buffer" };
    if (frameBytes === undefined || refersToOneFrame(frameBytes))
      this.#showHiddenKeyFrame(controls.StatelessAv1Frame);
    const obus = this.#holdsObus === false ? undefined : obusIn(bitstream);
    return obus === undefined
      ? this.#checkPayload(request, sequence)
      : this.#checkObus(request, sequence, obus);
  }

  /**
   * A key frame that is shown later takes all slots when it is (7.21). That makes no request, but the references of the
   * next frame tell.
   */
  #showHiddenKeyFrame(frame: Frame | undefined): void {
    const { reference_frame_ts: theirs = [] } = frame ?? {};
    const [first] = theirs;
    if (first === undefined || !theirs.every((timestamp) => timestamp === first)) return;
    if (this.#timestamps.every((timestamp) => timestamp === first)) return;
    const { frames } = this.#slots;
    const shown = frames.find((frame, i) => {
      const isKey = frame?.frame_type === av1.FrameType.Key && frame.showable_frame;
      return isKey && this.#timestamps[i] === first;
    });
    if (shown === undefined) return;
    frames.fill({ ...shown, showable_frame: false });
    this.#slots.valid = 2 ** av1.NUM_REF_FRAMES - 1;
    this.#timestamps = this.#timestamps.map(() => first);
  }

  /** The buffer starts with a frame header, or is tile groups without one. */
  #checkPayload(request: CheckedRequest, sequence: Sequence): CheckResult {
    const startsSequence = isShownKeyFrame(request.bitstream) || (sequence.flags & 1) === 1;
    const known = this.#sequence;
    if (known !== undefined && !startsSequence && !this.#isLost) {
      const outcome = this.#examine(request, known);
      if (costOf(outcome) > MANY && this.#isTileGroups(request)) return this.#lose();
      const changed = isSame(known.control, sequence)
        ? []
        : differencesOf(known.control, sequence, sameSequence);
      return this.#conclude(outcome, request, changed);
    }
    if (!startsSequence) return this.#checkTileGroups(request);
    const { outcome, found, wrong } = this.#findSequence(request, sequence);
    this.#sequence = found;
    this.#holdsObus ??= outcome.header === undefined ? undefined : false;
    // Before a frame confirmed the sequence, a wrong field of it looks like wrong ones of the frame.
    const all = [...wrong, ...outcome.disagreements];
    const isUnsure = all.length > 1 || SHIFTED.has(outcome.disagreements[0]?.field ?? "");
    if (known === undefined && isUnsure)
      return this.#conclude({ ...outcome, disagreements: [], contradiction: all }, request, []);
    return this.#conclude(outcome, request, wrong);
  }

  /** The sequence header with which a key frame agrees with its controls, and the fields of SEQUENCE that are wrong. */
  #findSequence(
    request: CheckedRequest,
    control: Sequence,
  ): { outcome: Outcome; found: KnownSequence; wrong: readonly Disagreement[] } {
    const known = this.#sequence;
    const keeps = known !== undefined && differencesOf(known.control, control, sameSequence).length === 0;
    let best: { outcome: Outcome; found: KnownSequence; wrong: readonly Disagreement[] } | undefined;
    /** @returns Is it good enough? */
    const attempt = (found: KnownSequence, wrong: readonly Disagreement[] = []): boolean => {
      const outcome = this.#examine(request, found, true);
      const cost = costOf(outcome) + wrong.length;
      if (best === undefined || cost < costOf(best.outcome) + best.wrong.length)
        best = { outcome, found, wrong };
      return cost === 0;
    };
    const found = (): NonNullable<typeof best> => {
      if (best === undefined) throw new Error("a control stands for some sequence header");
      // Once more, with the places of what is wrong.
      return costOf(best.outcome) === 0 ? best : { ...best, outcome: this.#examine(request, best.found) };
    };
    if (keeps && attempt(known)) return found();
    for (const seq of sequencesOf(control)) {
      if (attempt({ control, seq, isRead: false })) return found();
    }
    if (best !== undefined && costOf(best.outcome) === 1) return found();
    if (known !== undefined && !keeps) attempt(known, differencesOf(known.control, control, sameSequence));
    const frame = request.controls.StatelessAv1Frame;
    const sizes = frame === undefined ? [] : alternativeSizes(control, frame);
    for (const other of [...alternativesTo(control), ...sizes]) {
      const [seq] = sequencesOf(other);
      if (seq === undefined) continue;
      attempt({ control: other, seq, isRead: false }, differencesOf(other, control, impliedSequence));
    }
    return found();
  }

  /** @param isAttempt - Where the elements are does not matter. */
  #examine(request: CheckedRequest, { seq, isRead }: KnownSequence, isAttempt = false): Outcome {
    const { bitstream } = request;
    const slots = copyOf(this.#slots);
    const read = (sink?: FieldSink): { header: av1.FrameHeader; tiles: ExpectedTile[] } => {
      const reader =
        sink === undefined ? new SyntaxReader("AV1", bitstream) : new RecordingReader("AV1", sink, bitstream);
      const header = av1.emptyFrameHeader();
      av1.uncompressedHeader(reader, { seq, slots, temporalId: 0, spatialId: 0 }, header);
      if (header.show_existing_frame)
        throw reader.error("show_existing_frame is 1, so there is nothing to decode");
      reader.alignWith("zero_bit", 0);
      return { header, tiles: tilesOf(reader, header, () => entriesOf(request), bitstream.byteLength) };
    };
    try {
      const { header, tiles } = read();
      const places = isAttempt ? nowhere : placesOnDemand(elements, read);
      const disagreements = [
        ...this.#compare(header, seq, isRead, request, places),
        ...compareTiles(tiles, request, places),
      ];
      return { disagreements, header };
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return { disagreements: [], problem: `the frame header cannot be read: ${error.message}` };
    }
  }

  #compare(
    header: av1.FrameHeader,
    seq: av1.SequenceHeader,
    isRead: boolean,
    { controls, bytesOf }: CheckedRequest,
    places: () => FieldPlaces,
  ): Disagreement[] {
    const found: Disagreement[] = [];
    const frameBytes = bytesOf?.("StatelessAv1Frame");
    if (frameBytes === undefined || !isFrameControl(frameBytes, header, seq, this.#timestamps, isRead)) {
      const frame = controls.StatelessAv1Frame;
      if (frame === undefined) return found;
      found.push(
        ...compareFields(expectedFrame(header, seq, this.#timestamps, frame, isRead), frame, places),
      );
    }
    const grainBytes = bytesOf?.("StatelessAv1FilmGrain");
    if (grainBytes === undefined || !isNoGrainControl(grainBytes, header)) {
      const grain = controls.StatelessAv1FilmGrain;
      if (grain !== undefined) found.push(...compareFields(expectedFilmGrain(header, grain), grain, places));
    }
    return found;
  }

  /** Remembers what the frame establishes. */
  #conclude(outcome: Outcome, request: CheckedRequest, others: readonly Disagreement[]): CheckResult {
    const { header, problem } = outcome;
    const disagreements = [...others, ...outcome.disagreements];
    if (header === undefined) {
      this.#lose();
      return { disagreements, problem };
    }
    this.#isLost = false;
    this.#update(header, request.timestampNs);
    const { contradiction } = outcome;
    return contradiction === undefined
      ? { disagreements }
      : { disagreements, problem: contradictory(contradiction) };
  }

  #update(header: av1.FrameHeader, timestampNs: bigint | undefined): void {
    av1.updateReferences(this.#slots, header);
    this.#timestamps = this.#timestamps.map((timestamp, i) =>
      ((header.refresh_frame_flags >> i) & 1) === 1 ? timestampNs : timestamp,
    );
  }

  #lose(): CheckResult {
    this.#isLost = true;
    this.#slots = av1.emptyReferenceSlots();
    this.#timestamps = this.#timestamps.map(() => undefined);
    return noDisagreement;
  }

  /** Do the groups' headers agree with the entries for them? */
  #isTileGroups(request: CheckedRequest): boolean {
    const { bitstream, controls } = request;
    if (controls.StatelessAv1Frame === undefined) return false;
    const { tile_info } = controls.StatelessAv1Frame;
    try {
      const tiles = tilesOf(
        new SyntaxReader("AV1", bitstream),
        headerOfTiles(tile_info),
        () => entriesOf(request),
        bitstream.byteLength,
      );
      return compareTiles(tiles, request, () => new FieldPlaces()).length <= 1;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return false;
    }
  }

  /** Without a frame header, or after one that could not be read, only the tiles can be compared. */
  #checkTileGroups(request: CheckedRequest): CheckResult {
    const { bitstream, controls } = request;
    const frame = controls.StatelessAv1Frame;
    if (frame === undefined || !this.#isTileGroups(request)) return noDisagreement;
    const read = (sink: FieldSink): ExpectedTile[] =>
      tilesOf(
        new RecordingReader("AV1", sink, bitstream),
        headerOfTiles(frame.tile_info),
        () => entriesOf(request),
        bitstream.byteLength,
      );
    const places = placesOnDemand(elements, read);
    return { disagreements: compareTiles(read(new FieldPlaces()), request, places) };
  }

  /** The buffer holds whole OBUs, up to a temporal unit with several frames: the request is for the one with its tiles. */
  #checkObus(request: CheckedRequest, sequence: Sequence, obus: readonly av1.Obu[]): CheckResult {
    const slots = copyOf(this.#slots);
    const known = this.#sequence?.seq;
    const read = (
      sink?: FieldSink,
    ): { found: av1.Av1Frame | undefined; seq: av1.SequenceHeader | undefined } => {
      const parser = new av1.Av1Parser();
      parser.seq = known;
      Object.assign(parser.slots.frames, slots.frames);
      parser.slots.valid = slots.valid;
      let found: av1.Av1Frame | undefined;
      for (const obu of obus) {
        const reader = sink === undefined ? undefined : new RecordingReader("AV1", sink);
        const parsed = parser.parse(obu, reader);
        if (parsed.frame === undefined || parsed.frame.tileGroups.length === 0) continue;
        if (found !== undefined) this.#updateIn(sink, found.header, undefined);
        found = parsed.frame;
        // By size, too: either may be what is wrong.
        const [first] = tilesIn(found);
        const [their] = entriesOf(request);
        if (first?.tile_offset === their?.tile_offset || first?.tile_size === their?.tile_size) break;
      }
      return { found, seq: parser.seq };
    };
    try {
      const { found, seq } = read();
      if (found === undefined || seq === undefined) return noDisagreement;
      const places = placesOnDemand(elements, read);
      const control = av1.sequenceControl(seq);
      this.#sequence = { control, seq, isRead: true };
      this.#holdsObus = true;
      const disagreements = [
        ...compareFields(expectedSequence(control, sequence), sequence, places),
        ...this.#compare(found.header, seq, true, request, places),
        ...compareTiles(tilesIn(found), request, places),
      ];
      return this.#conclude({ disagreements, header: found.header }, request, []);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      if (this.#isLost && request.controls.StatelessAv1Frame?.frame_type !== av1.FrameType.Key)
        return noDisagreement;
      this.#lose();
      return { disagreements: [], problem: `the OUTPUT buffer cannot be parsed: ${error.message}` };
    }
  }

  /** A frame of the same buffer that another request is for; not again when positions are looked up. */
  #updateIn(sink: FieldSink | undefined, header: av1.FrameHeader, timestampNs: bigint | undefined): void {
    if (sink === undefined) this.#update(header, timestampNs);
  }
}

/** With another length of an element in front of them, they have another value, and what follows may still agree. */
const SHIFTED: ReadonlySet<string> = new Set(["current_frame_id", "order_hint"]);

/** At most so many fields are told in a sentence. */
const TOLD = 4;

function contradictory(fields: readonly Disagreement[]): string {
  const told = fields
    .slice(0, TOLD)
    .map(({ control, field, expected }) => `${control}.${field} should be ${Number(expected)}`);
  const more = fields.length > TOLD ? `, and ${fields.length - TOLD} more` : "";
  return `the request contradicts itself: a field of AV1_SEQUENCE is wrong, or ${told.join(", ")}${more}`;
}

const entriesOf = ({ controls }: CheckedRequest): TileEntries => controls.StatelessAv1TileGroupEntry ?? [];

/** `show_existing_frame` 0, `frame_type` 0, `show_frame` 1: a header that starts so starts a coded video sequence. */
const isShownKeyFrame = (bitstream: Uint8Array): boolean => (bitstream[0] ?? 0) >> 4 === 1;

const copyOf = ({ frames, valid }: av1.ReferenceSlots): av1.ReferenceSlots => ({
  frames: [...frames],
  valid,
});

/** Offsets count from the start of the buffer. */
const tilesIn = ({ tileGroups }: av1.Av1Frame): ExpectedTile[] =>
  tileGroups.flatMap(({ obu, tiles }) =>
    tiles.map(({ row, col, offset, size }) => ({
      tile_offset: obu.offset + offset,
      tile_size: size,
      tile_row: row,
      tile_col: col,
    })),
  );

function compareTiles(
  tiles: readonly ExpectedTile[],
  request: CheckedRequest,
  places: () => FieldPlaces,
): Disagreement[] {
  const bytes = request.bytesOf?.("StatelessAv1TileGroupEntry");
  if (bytes !== undefined && areTileEntries(bytes, tiles)) return [];
  const entries = entriesOf(request);
  const control = "AV1_TILE_GROUP_ENTRY";
  const fields = tiles.map((tile) => ({ ...tile }));
  const found = compareFields({ control, fields }, entries, places);
  if (entries.length === tiles.length) return found;
  const place = { element: "TileCols * TileRows", section: "5.9.15" };
  return [...found, { control, field: "length", submitted: entries.length, expected: tiles.length, place }];
}
