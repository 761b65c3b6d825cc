/** What one frame shows: the test pattern where its movement has got to, the frame's number and time, a moving block. */
import type { PlaneMemory, TestPattern } from "../tpg/index.js";

export interface FrameFacts {
  readonly sequence: number;
  /** CLOCK_MONOTONIC, as the client gets it. */
  readonly timestampNs: bigint;
}

const MARGIN = 16;
const LINE_HEIGHT = 16;
const CELL_WIDTH = 8;
/** Four full-block glyphs of the VGA font. */
const BLOCK = "\u00db".repeat(4);
/** Pixels per frame; even, so that formats which share chroma between two pixels move smoothly. */
const BLOCK_STEP = 4;

/**
 * Draws the frame into `planes`, all of it.
 * It follows from the pattern's settings and `facts` alone, so that a test can draw it again.
 */
export function drawFrame(pattern: TestPattern, planes: readonly PlaneMemory[], facts: FrameFacts): void {
  const { frameSize, crop } = pattern.settings;
  const { width, height } = frameSize ?? crop ?? pattern.settings;
  pattern.seek(facts.sequence);
  pattern.fillPlanes(planes);
  pattern.drawText(planes, MARGIN, MARGIN, frameText(facts));
  pattern.drawText(planes, MARGIN, MARGIN + LINE_HEIGHT, `${formatSeconds(facts.timestampNs)} s`);
  const room = Math.max(1, width - 2 * MARGIN - BLOCK.length * CELL_WIDTH);
  const x = MARGIN + ((facts.sequence * BLOCK_STEP) % room);
  pattern.drawText(planes, x, height - MARGIN - LINE_HEIGHT, BLOCK);
}

function frameText(facts: FrameFacts): string {
  return `frame ${String(facts.sequence).padStart(6)}`;
}

/** `"12.345678"`: the microseconds that `struct timeval` carries. */
export function formatSeconds(timestampNs: bigint): string {
  const us = timestampNs / 1000n;
  return `${us / 1_000_000n}.${String(us % 1_000_000n).padStart(6, "0")}`;
}
