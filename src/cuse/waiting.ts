/**
 * Does anybody sleep until something happens? Then promise jobs run after each message, as what they wait for may hang
 * on them. Else messages are served one after another without a break: a wake-up that comes a few messages later keeps
 * nobody waiting.
 *
 * One count for the whole process: what a client does with one device can wake a client of another.
 */

let waiting = 0;

/** Are there calls that wait for their handlers, or files in `poll(2)`? */
export const somebodyWaits = (): boolean => waiting > 0;

/** `count` more wait, or fewer if it is negative. */
export function noteWaiting(count: number): void {
  waiting += count;
}
