// Writes src/tokenizer/normalising/unicode-ranges.ts: how Hugging Face `tokenizers` classifies every code point, found by asking it
// about each one. Its tables mix several Unicode versions, so no property of Node's own regular expressions equals them.
// Run from the repository root, on a Node with Unicode 17: node test/golden/scripts/make-unicode-ranges.mjs
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import {
  bertNormalizer,
  bertPreTokenizer,
  byteLevelPreTokenizer,
  digitsPreTokenizer,
  nfdNormalizer,
  nfkcNormalizer,
  stripAccentsNormalizer,
  Tokenizer,
  whitespacePreTokenizer,
} from "tokenizers";

assert.ok(
  Number(process.versions.unicode) >= 17,
  "a Node that knows the newest characters is needed to tell them apart",
);
const off = { cleanText: false, handleChineseChars: false, stripAccents: false, lowercase: false };
const clean = bertNormalizer({ ...off, cleanText: true });
const strip = bertNormalizer({ ...off, stripAccents: true });
const stripAll = stripAccentsNormalizer();
const chinese = bertNormalizer({ ...off, handleChineseChars: true });
const nfd = nfdNormalizer();
const nfkc = nfkcNormalizer();
const bertWords = bertPreTokenizer();
const words = whitespacePreTokenizer();
const bytes = byteLevelPreTokenizer(false);
const digits = digitsPreTokenizer(true);
// Of patterns the binding makes literals alone.
const unassigned = Tokenizer.fromString(
  JSON.stringify({
    version: "1.0",
    added_tokens: [],
    pre_tokenizer: { type: "Split", pattern: { Regex: "\\p{Cn}" }, behavior: "Isolated", invert: false },
    model: { type: "WordLevel", vocab: { a: 0 }, unk_token: "a" },
  }),
).getPreTokenizer();

/** Whether their normal forms do with this character, alone and among marks, what Node's do. */
function normalisesAlike(text) {
  const between = `a\u0345${text}\u0334b`; // marks of the highest and the lowest combining class: any other moves here
  return (
    nfd.normalizeString(text) === text.normalize("NFD") &&
    nfkc.normalizeString(text) === text.normalize("NFKC") &&
    nfd.normalizeString(between) === between.normalize("NFD")
  );
}

const sets = {
  word: [],
  letter: [],
  number: [],
  punctuation: [],
  space: [],
  nonspacingMark: [],
  anyMark: [],
  dropped: [],
  ideograph: [],
  inert: [],
  numeric: [],
  unassigned: [],
};
const composing = new Set();
for (let point = 0; point < 0x110000; point++) {
  if (point >= 0xd800 && point < 0xe000) continue;
  const text = String.fromCodePoint(point);
  const bertPieces = bertWords.preTokenizeString(`a${text}a`).length;
  const wordPieces = words.preTokenizeString(`a${text}a`).length;
  assert.equal(bertPieces === 2, wordPieces === 2, "the pre-tokenizers disagree about white space");
  if (wordPieces === 1) sets.word.push(point);
  const staysWith = other => bytes.preTokenizeString(`${other}${text}${other}`).length === 1;
  if (staysWith("a")) sets.letter.push(point);
  else if (staysWith("1")) sets.number.push(point);
  else assert.equal(bertPieces === 2, !staysWith("."), "the pre-tokenizers disagree about white space");
  if (digits.preTokenizeString(`a${text}a`).length === 3) sets.numeric.push(point);
  if (unassigned.preTokenizeString(`a${text}a`).length === 3) sets.unassigned.push(point);
  if (bertPieces === 3) sets.punctuation.push(point);
  if (bertPieces === 2) sets.space.push(point);
  if (strip.normalizeString(text) === "" && nfd.normalizeString(text) === text) sets.nonspacingMark.push(point);
  if (stripAll.normalizeString(text) === "") sets.anyMark.push(point);
  if (clean.normalizeString(text) === "") sets.dropped.push(point);
  if (chinese.normalizeString(text) !== text) sets.ideograph.push(point);
  if (!normalisesAlike(text)) {
    // Then it is younger than their tables: left as it is, and no mark to be moved.
    for (const place of [text, `a\u0345${text}\u0334b`]) {
      assert.equal(nfd.normalizeString(place), place);
      assert.equal(nfkc.normalizeString(place), place);
    }
    sets.inert.push(point);
    // What would compose to it must not, so its first half is inert too; being as young, it occurs in nothing older.
    const [first] = text.normalize("NFD");
    if (first !== text) composing.add(first.codePointAt(0));
  }
}
sets.inert = [...new Set([...sets.inert, ...composing])].sort((a, b) => a - b);

/** Alternating gap and length of each range, base 36: "start-end" pairs become about three characters each. */
function encodeRanges(points) {
  const ranges = [];
  for (const point of points) {
    if (ranges.length > 0 && ranges.at(-1)[1] === point - 1) ranges.at(-1)[1] = point;
    else ranges.push([point, point]);
  }
  let previous = 0;
  return ranges
    .flatMap(([start, end]) => {
      const numbers = [start - previous, end - start];
      previous = end;
      return numbers.map(number => number.toString(36));
    })
    .join(" ");
}

let text = `// Which code points Hugging Face \`tokenizers\` 0.23.2 counts as what. Made by test/golden/scripts/make-unicode-ranges.mjs, which
// asks that library about every code point; not to be edited. Each string alternates, in base 36, the distance from the
// end of the range before to the start of the next one, and that range's length less one.\n\n`;
const comments = {
  word: "Matched by \\w in the Whitespace pre-tokenizer.",
  letter: "Matched by \\p{L} in the ByteLevel pre-tokenizer.",
  number: "Matched by \\p{N} in it.",
  punctuation: "Split off by BertPreTokenizer.",
  space: "White space, for all pre-tokenizers.",
  nonspacingMark: "Deleted by BertNormalizer's accent stripping, after NFD.",
  anyMark: "Deleted by the StripAccents normalizer.",
  dropped: "Deleted by BertNormalizer's text cleaning.",
  ideograph: "Set between spaces by BertNormalizer.",
  numeric: "Found by the Digits pre-tokenizer.",
  unassigned: "No character to its regular expressions (Oniguruma): \\p{Cn}.",
  inert: "Younger than the tables of its NFD and NFKC, which leave them as and where they are.",
};
text += "export const unicodeRanges = {\n";
for (const [name, points] of Object.entries(sets)) {
  const lines = encodeRanges(points).match(/.{1,108}( |$)/g);
  text += `  /** ${comments[name]} */\n  ${name}:${lines.length === 1 ? " " : "\n    "}`;
  text += lines.map(line => `"${line}"`).join(" +\n    ");
  text += ",\n";
}
text += "};\n";
writeFileSync("src/tokenizer/normalising/unicode-ranges.ts", text);
