// Whether two sets of a pattern have a character in common. JavaScript can only be asked about characters, and of all 1.1 million that takes
// as long as encoding a book. So it is asked about those that a class may tell from their neighbours, and those that the sets name.

import { unicodeRanges } from "../normalising/unicode-ranges.ts";

/** Stretches that each class has whole or not at all, but for what is unassigned in them: ideographs, Hangul, Tangut, halves, private use. */
const alike: readonly (readonly [first: number, last: number])[] = [
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0xd800, 0xdfff],
  [0xe000, 0xf8ff],
  [0x17000, 0x18cff],
  [0x20000, 0x10ffff],
];

let told: string | undefined;

/** Of each stretch of characters that no class tells apart at least the first, in their order. */
export function toldCharacters(): string {
  if (told !== undefined) return told;
  const numbers = unicodeRanges.unassigned.split(" ").map(number => Number.parseInt(number, 36));
  const points: number[] = [];
  let last = -1;
  for (let i = 0; i < numbers.length; i += 2) {
    const first = Math.max(0, last) + numbers[i]!;
    addTold(points, last + 1, first);
    points.push(first);
    last = first + numbers[i + 1]!;
  }
  addTold(points, last + 1, 0x110000);
  return (told = writePoints(points));
}

/** Of the assigned characters from `first` to before `end`. */
function addTold(points: number[], first: number, end: number): void {
  let point = first;
  for (const [from, to] of alike) {
    if (to < point) continue;
    for (; point < Math.min(from, end); point++) points.push(point);
    if (point >= end) break;
    points.push(point);
    point = to + 1;
  }
}

const common = new Map<string, boolean>();

/** Whether a character is of both sets, as JavaScript writes them with the flag v. */
export function haveCommon(one: string, other: string): boolean {
  if (one === other) return true;
  const both = `(?=${one})${other}`;
  let found = common.get(both);
  if (found === undefined) {
    const named = Array.from(both.matchAll(/\\u\{([0-9a-f]+)\}/g), ([, digits]) => Number.parseInt(digits!, 16));
    // A set begins or ends at what it names: behind that its neighbours may be told apart.
    const text = toldCharacters() + writePoints(named.flatMap(point => [point, point + 1]));
    common.set(both, (found = new RegExp(both, "v").test(text)));
  }
  return found;
}

function writePoints(points: readonly number[]): string {
  const valid = points.filter(point => point <= 0x10ffff);
  let written = "";
  // By so many at once, as what a call may be given ends somewhere: one by one takes three times as long.
  for (let i = 0; i < valid.length; i += 4096) written += String.fromCodePoint(...valid.slice(i, i + 4096));
  return written;
}
