// What is shown of the text that was taken away: of each reason the few texts whose hashes are smallest, cut short. That is a sample
// drawn at random of all, and the same whatever the order they come in and however the corpus is cut into parts.

import { contentHash } from "../base/files/files.ts";
import type { Example } from "./funnel.ts";

export const mostExamples = 5;
const longestExample = 300;

/** Keeps what was taken away as an example, if few of its reason have a smaller hash. `examples` stays in the order of draws. */
export function showExample(examples: Example[], reason: Example["reason"], source: string, text: string): void {
  const draw = contentHash(text);
  insertExample(examples, { reason, source, text: cutShort(text), draw });
}

/** Takes the example of a portion in. */
export function insertExample(examples: Example[], example: Example): void {
  const { reason, draw } = example;
  const own = examples.filter(other => other.reason === reason);
  if (own.some(other => other.draw === draw)) return;
  const last = own.at(-1);
  if (own.length >= mostExamples) {
    if (draw > last!.draw) return;
    examples.splice(examples.indexOf(last!), 1);
  }
  const place = examples.findIndex(other => other.draw > draw);
  examples.splice(place < 0 ? examples.length : place, 0, example);
}

/** Never half of a pair of UTF-16 units. */
function cutShort(text: string): string {
  if (text.length <= longestExample) return text;
  const unit = text.charCodeAt(longestExample - 1);
  return `${text.slice(0, unit >= 0xd800 && unit < 0xdc00 ? longestExample - 1 : longestExample)}…`;
}
