/** Results as a JUnit file, which CI systems show. */
import type { RuleResult } from "./expectations.js";

/** The XML of one suite. @param name - Of the suite: the recording. */
export function junitXml(name: string, results: readonly RuleResult[], seconds: number): string {
  const failures = results.filter(({ holds }) => !holds).length;
  const counts = `tests="${results.length}" failures="${failures}" errors="0" skipped="0" time="${seconds.toFixed(3)}"`;
  const cases = results.map(({ rule, holds, found, evidence }) => {
    const open = `    <testcase classname="v4l2-cuse.expect" name="${escapeXml(rule)}" time="0"`;
    if (holds) return `${open}/>\n`;
    const text = escapeXml(evidence.join("\n"));
    return `${open}>\n      <failure message="${escapeXml(found)}">${text}</failure>\n    </testcase>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${counts}>
  <testsuite name="${escapeXml(name)}" ${counts}>
${cases.join("")}  </testsuite>
</testsuites>
`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Clients choose their names: what XML 1.0 cannot have becomes U+FFFD. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/[&<>"]/g, (character) => entities[character] ?? "");
}
