/** Frame rates: what consumers may ask for, and which frames a consumer gets that wants fewer than there are. */
import type { Fract } from "../v4l2/index.js";

const NS_PER_SECOND = 1_000_000_000n;

export const DEFAULT_INTERVAL: Fract = { numerator: 1, denominator: 30 };
/** Frames per second that consumers find in the list besides the producer's. */
const listedRates = [60, 50, 30, 25, 24, 20, 15, 10, 5];
/** Of those that S_PARM takes: 1000 frames a second, and one in 1000 seconds. */
const LEAST_NS = NS_PER_SECOND / 1000n;
const MOST_NS = 1000n * NS_PER_SECOND;

export function nanoseconds({ numerator, denominator }: Fract): bigint {
  return (NS_PER_SECOND * BigInt(numerator)) / BigInt(denominator);
}

/** What becomes of S_PARM: a wish with a zero in it is none. */
export function nearestInterval(wish: Fract, fallback: Fract): Fract {
  if (wish.numerator === 0 || wish.denominator === 0) return fallback;
  const ns = nanoseconds(wish);
  if (ns < LEAST_NS) return { numerator: 1, denominator: 1000 };
  return ns > MOST_NS ? { numerator: 1000, denominator: 1 } : wish;
}

/** ENUM_FRAMEINTERVALS of a consumer: the producer's first. */
export function listedIntervals(first: Fract): readonly Fract[] {
  const others = listedRates.map((denominator) => ({ numerator: 1, denominator }));
  return [first, ...others.filter((interval) => nanoseconds(interval) !== nanoseconds(first))];
}

/** Leaves frames out until as many are left as are wanted. */
export class RateLimit {
  /** When the last one came, and how long they are apart by and by. */
  #lastNs: bigint | undefined;
  #apartNs = 0;
  #dueNs: bigint | undefined;

  /**
   * A frame has come.
   * @param intervalNs - Wanted; undefined: all.
   * @returns Is it one of those that are wanted?
   */
  takes(nowNs: bigint, intervalNs: bigint | undefined): boolean {
    if (this.#lastNs !== undefined) {
      const apart = Number(nowNs - this.#lastNs);
      this.#apartNs = this.#apartNs === 0 ? apart : 0.8 * this.#apartNs + 0.2 * apart;
    }
    this.#lastNs = nowNs;
    if (intervalNs === undefined) return true;
    // The nearest to the time that it is due at: early by half a frame is near enough.
    if (this.#dueNs !== undefined && Number(this.#dueNs - nowNs) > this.#apartNs / 2) return false;
    const next = (this.#dueNs ?? nowNs) + intervalNs;
    this.#dueNs = next < nowNs ? nowNs + intervalNs : next;
    return true;
  }

  restart(): void {
    this.#lastNs = undefined;
    this.#apartNs = 0;
    this.#dueNs = undefined;
  }
}
