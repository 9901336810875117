// Damage, drawn: every mutator turns good bytes into others and says what it did. A case is a function of its random numbers
// alone, so its seed and number repeat it.

import type { RandomSequence } from "../../../src/base/random.ts";

/** What a file is made of decides which mutators fit. */
export type Form = "binary" | "text" | "lines" | "json";

export interface Mutation {
  readonly bytes: Buffer;
  readonly what: string;
}

type Mutator = (bytes: Buffer, random: RandomSequence) => Mutation;
type TextMutator = (text: string, random: RandomSequence) => { readonly text: string; readonly what: string };

/** One to three mutations of a file; the bytes differ from the good ones. */
export function mutate(good: Buffer, form: Form, random: RandomSequence): Mutation {
  const mutators = mutatorsOf[form];
  let bytes = good;
  const done: string[] = [];
  const times = random.below(8) === 0 ? 3 : 1;
  for (let i = 0; i < times || (bytes.equals(good) && i < 20); i++) {
    const mutation = pick(mutators, random)(bytes, random);
    bytes = mutation.bytes;
    done.push(mutation.what);
  }
  return { bytes, what: done.join(", then ") };
}

function pick<T>(choices: readonly T[], random: RandomSequence): T {
  return choices[random.below(choices.length)]!;
}

/** A piece of the bytes: half of them short, half of any length. */
function drawRange(length: number, random: RandomSequence): [start: number, end: number] {
  const start = random.below(length + 1);
  const longest = random.below(2) === 0 ? Math.min(64, length - start) : length - start;
  return [start, start + random.below(longest + 1)];
}

const flipBits: Mutator = (bytes, random) => {
  const changed = Buffer.from(bytes);
  const places: number[] = [];
  for (let i = 1 + (random.below(4) === 0 ? random.below(16) : 0); i > 0 && changed.length > 0; i--) {
    const at = random.below(changed.length);
    changed[at]! ^= 1 << random.below(8);
    places.push(at);
  }
  return { bytes: changed, what: `bits flipped at ${places.join(" ")}` };
};

const setByte: Mutator = (bytes, random) => {
  const changed = Buffer.from(bytes);
  if (changed.length === 0) return { bytes: changed, what: "nothing to set" };
  const at = random.below(changed.length);
  const value = pick([0, 1, 0x0a, 0x22, 0x7f, 0x80, 0xc0, 0xfe, 0xff], random);
  changed[at] = value;
  return { bytes: changed, what: `byte ${at} set to ${value}` };
};

const cutEnd: Mutator = (bytes, random) => {
  const length = random.below(bytes.length + 1);
  return { bytes: bytes.subarray(0, length), what: `cut to ${length} of ${bytes.length} bytes` };
};

const cutPiece: Mutator = (bytes, random) => {
  const [start, end] = drawRange(bytes.length, random);
  return {
    bytes: Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]),
    what: `bytes ${start} to ${end} removed`,
  };
};

/** What a lost block of a disk, a sparse copy or a crash leaves. */
const zeroBlock: Mutator = (bytes, random) => {
  const [start, end] = random.below(4) === 0 ? [bytes.length >> 1, bytes.length] : drawRange(bytes.length, random);
  return { bytes: Buffer.from(bytes).fill(0, start, end), what: `bytes ${start} to ${end} zeroed` };
};

const duplicateBlock: Mutator = (bytes, random) => {
  const [start, end] = drawRange(bytes.length, random);
  const block = bytes.subarray(start, end);
  const parts = [bytes.subarray(0, end), block, bytes.subarray(end)];
  return { bytes: Buffer.concat(parts), what: `bytes ${start} to ${end} twice` };
};

const swapBlocks: Mutator = (bytes, random) => {
  const length = 1 + random.below(Math.max(1, Math.min(256, bytes.length >> 1)));
  const last = bytes.length - length;
  if (last < 1) return { bytes, what: "nothing to swap" };
  const [a, b] = [random.below(last + 1), random.below(last + 1)];
  const changed = Buffer.from(bytes);
  bytes.copy(changed, a, b, b + length);
  bytes.copy(changed, b, a, a + length);
  return { bytes: changed, what: `${length} bytes at ${a} and ${b} swapped` };
};

const insertNoise: Mutator = (bytes, random) => {
  const at = random.below(4) === 0 ? bytes.length : random.below(bytes.length + 1);
  const noise = Buffer.from(Array.from({ length: 1 + random.below(64) }, () => random.below(256)));
  return {
    bytes: Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]),
    what: `${noise.length} random bytes inserted at ${at}`,
  };
};

/** Lengths, offsets and counts are little-endian integers of four or eight bytes. */
const writeExtremeInteger: Mutator = (bytes, random) => {
  const size = pick([4, 8], random);
  if (bytes.length < size) return { bytes, what: "no room for an integer" };
  const at = random.below(4) === 0 ? 0 : random.below(bytes.length - size + 1);
  const value = pick([0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n], random);
  const changed = Buffer.from(bytes);
  for (let i = 0; i < size; i++) changed[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return { bytes: changed, what: `the integer ${value} at ${at}` };
};

const extremeNumbers = [
  ...["0", "-1", "-0", "1e308", "-1e308", "1e999", "5e-324", "0.1", "1e9", "2147483648", "4294967296"],
  ...["9007199254740993", "18446744073709551616", "NaN", "Infinity", `1${"0".repeat(400)}`],
];

const replaceNumber: TextMutator = (text, random) => {
  const numbers = [...text.matchAll(/-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g)];
  if (numbers.length === 0) return { text: `${text}${pick(extremeNumbers, random)}`, what: "a number at the end" };
  const match = pick(numbers, random);
  const value = pick(extremeNumbers, random);
  const end = match.index + match[0].length;
  const what = `${match[0].slice(0, 20)} replaced by ${value.slice(0, 20)} at ${match.index}`;
  return { text: `${text.slice(0, match.index)}${value}${text.slice(end)}`, what };
};

/** Pieces that break readers of text: what a terminal obeys, what is no UTF-8 once written, what JavaScript's objects inherit. */
const oddPieces: readonly (readonly [name: string, piece: string])[] = [
  ["a NUL", "\0"],
  ["a BOM", "\ufeff"],
  ["an escape sequence", "\u001b]0;title\u0007\u001b[2J"],
  ["a bidi override", "\u202egnp.txt"],
  ["a line separator", "\u2028"],
  ["a carriage return", "\r"],
  ["empty lines", "\n\n\r\n"],
  ["a lone surrogate, escaped", "\\ud800"],
  ["a quote", '"'],
  ["a backslash", "\\"],
  ["separators", ",;\t,"],
  ["the key __proto__", '"__proto__": {"polluted": true},'],
  ["a word of JavaScript", "constructor"],
  ["white space of Unicode", "\u00a0\u3000"],
  ["a combining mark a hundred times", `e${"\u0301".repeat(100)}`],
  ["a long word", "a".repeat(200_000)],
  ["a long line of words", "word ".repeat(20_000)],
  ["deep brackets", "[".repeat(50_000)],
  ["deep objects", '{"a":'.repeat(20_000)],
  ["a spreadsheet's formula", "=1+1"],
];

const insertPiece: TextMutator = (text, random) => {
  const [name, piece] = pick(oddPieces, random);
  const at = random.below(text.length + 1);
  return { text: `${text.slice(0, at)}${piece}${text.slice(at)}`, what: `${name} inserted at ${at}` };
};

const changeLines: TextMutator = (text, random) => {
  const lines = text.split("\n");
  const at = random.below(lines.length);
  const other = random.below(lines.length);
  const changes: readonly (readonly [string, () => void])[] = [
    [`line ${at} removed`, () => lines.splice(at, 1)],
    [`line ${at} twice`, () => lines.splice(at, 0, lines[at]!)],
    [`lines ${at} and ${other} swapped`, () => ([lines[at], lines[other]] = [lines[other]!, lines[at]!])],
    [`line ${at} emptied`, () => (lines[at] = "")],
    [`lines ${at} and the next joined`, () => lines.splice(at, 2, `${lines[at]}${lines[at + 1] ?? ""}`)],
    ["CRLF for every line", () => lines.splice(0, lines.length, ...lines.map(line => `${line}\r`))],
  ];
  const [what, change] = pick(changes, random);
  change();
  return { text: lines.join("\n"), what };
};

const replacements: readonly (readonly [name: string, value: unknown])[] = [
  ...["null", "true", "0", "-1", "1.5", "1e308", "5e-324", "9007199254740992", "2147483648", "1000000000"].map(
    text => [text, JSON.parse(text)] as const,
  ),
  ...[[], {}, "", "x", "0", "../../outside", "/etc/passwd", [[]], [null], { a: 1 }].map(
    value => [JSON.stringify(value), value] as const,
  ),
  ["a string of 100,000 letters", "b".repeat(100_000)],
  ["escape sequences", "\u001b[31m\u0007\u202e"],
  ["arrays nested 1,000 deep", JSON.parse(`${"[".repeat(1000)}${"]".repeat(1000)}`)],
];

type Parent = Record<string, unknown> | unknown[];

/** Every place in a value: the object or array, and the key in it. */
function listPlaces(value: unknown, places: [Parent, string][] = []): [Parent, string][] {
  if (typeof value !== "object" || value === null) return places;
  for (const key of Object.keys(value)) {
    places.push([value as Parent, key]);
    listPlaces((value as Record<string, unknown>)[key], places);
  }
  return places;
}

/** Another type, a key too many or too few, at any depth; text that is no JSON gets another mutation. */
const changeValue: TextMutator = (text, random) => {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return replaceNumber(text, random);
  }
  const places = listPlaces(root);
  const [name, value] = pick(replacements, random);
  if (places.length === 0 || random.below(40) === 0) return { text: JSON.stringify(value), what: `all of it ${name}` };
  const [parent, key] = pick(places, random);
  const target = parent as Record<string, unknown>;
  const way = random.below(8);
  if (way === 0) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete target[key];
    return { text: JSON.stringify(root), what: `${key} removed` };
  }
  if (way === 1) {
    const added = pick(["extra", "constructor", "toString", "x".repeat(5000)], random);
    if (Array.isArray(parent)) parent.push(value);
    else target[added] = value;
    return { text: JSON.stringify(root), what: `${added.slice(0, 20)} added beside ${key}: ${name}` };
  }
  if (way === 2) {
    const [otherParent, otherKey] = pick(places, random);
    target[key] = structuredClone((otherParent as Record<string, unknown>)[otherKey]);
    return { text: JSON.stringify(root), what: `${key} set to the value of ${otherKey}` };
  }
  target[key] = value;
  return { text: JSON.stringify(root), what: `${key} set to ${name}` };
};

/** The same in one line of a file of JSON lines. */
const changeLineValue: TextMutator = (text, random) => {
  const lines = text.split("\n");
  const at = random.below(lines.length);
  const { text: changed, what } = changeValue(lines[at]!, random);
  lines[at] = changed;
  return { text: lines.join("\n"), what: `line ${at + 1}: ${what}` };
};

const ofText =
  (mutator: TextMutator): Mutator =>
  (bytes, random) => {
    const { text, what } = mutator(bytes.toString("utf8"), random);
    return { bytes: Buffer.from(text), what };
  };

const ofBytes = [flipBits, setByte, cutEnd, cutPiece, zeroBlock, duplicateBlock, swapBlocks, insertNoise];
const ofWords = [replaceNumber, insertPiece, insertPiece, changeLines].map(ofText);
const mutatorsOf: Readonly<Record<Form, readonly Mutator[]>> = {
  binary: [...ofBytes, flipBits, flipBits, writeExtremeInteger, writeExtremeInteger],
  text: [...ofBytes, ...ofWords, ...ofWords],
  lines: [...ofBytes, ...ofWords, ...Array.from({ length: 8 }, () => ofText(changeLineValue))],
  json: [...ofBytes, ...ofWords, ...Array.from({ length: 12 }, () => ofText(changeValue))],
};
