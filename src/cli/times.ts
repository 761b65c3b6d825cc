/** Options that are lengths of time. */
import { InvalidArgumentError } from "commander";

/** @returns Parses a number from 0 to `most`; others are told: "Name milliseconds, 0 or more." */
export const fromZero =
  (unit: string, most = Number.MAX_VALUE) =>
  (text: string): number => {
    const number = Number(text);
    if (text.trim() === "" || !(number >= 0 && number <= most))
      throw new InvalidArgumentError(`Name ${unit}, 0 or more.`);
    return number;
  };

export const parseMs = fromZero("milliseconds");
