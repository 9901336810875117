import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { holdTexts } from "../../../test/corpus-texts.ts";
import { RandomSequence, streams } from "../../base/random.ts";
import { findNearDuplicates } from "./near-duplicates.ts";
import { compareShingles, hashShingles } from "./shingles.ts";
import { hashWords } from "./words.ts";

const root = mkdtempSync(join(tmpdir(), "cram-near-"));
after(() => rmSync(root, { recursive: true }));

function find(texts: readonly string[], leastJaccard = 0.8, memoryBytes?: number): number[] {
  const dropped = findNearDuplicates(holdTexts(texts), { leastJaccard, workFolder: root, memoryBytes });
  assert.deepEqual(readdirSync(root), []);
  return [...dropped];
}

/** By sets of the shingles' own words, as the definition has it. */
function jaccard(a: string, b: string): number {
  const shingles = (text: string) => {
    const words = text
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .filter(word => word !== "");
    return new Set(words.map((_, i) => words.slice(i, i + 5).join(" ")).slice(0, Math.max(1, words.length - 4)));
  };
  const [x, y] = [shingles(a), shingles(b)];
  const common = [...x].filter(shingle => y.has(shingle)).length;
  return common / (x.size + y.size - common);
}

const random = new RandomSequence(3, streams.sampling, 0);
const drawText = (words: number) => Array.from({ length: words }, () => `w${random.below(3000)}`);

test("shingles compare as sets of words do", () => {
  for (let i = 0; i < 30; i++) {
    const words = drawText(40);
    const [a, b] = [words.join(" "), [...words.slice(random.below(20)), ...drawText(5)].join(", ")];
    assert.ok(Math.abs(compareShingles(hashShingles(a), hashShingles(b)) - jaccard(a, b)) < 1e-12);
  }
  assert.equal(compareShingles(hashShingles("One two"), hashShingles("one, TWO!")), 1);
  assert.equal(compareShingles(hashShingles(""), hashShingles("")), 0);
});

test("words are what the classes of Unicode say, whatever stands between them", () => {
  const letters = fc.string({
    unit: fc.constantFrom("a", "É", "7", "\u0301", "語", "𝒜", "😀", "\ud835", "ß", "İ", " ", "-", "²"),
  });
  fc.assert(
    fc.property(letters, text => {
      const lower = text.toLowerCase();
      const words = lower.match(/[\p{L}\p{N}]+/gu) ?? [];
      assert.deepEqual(
        [...hashWords(lower, 1)],
        words.flatMap(word => [...hashWords(word, 1)]),
      );
      assert.equal(hashWords(lower, 1).length, words.length);
    }),
  );
});

test("a text that is nearly an earlier one goes, at every place and of every length; others stay", () => {
  const texts: string[] = [];
  const expected: number[] = [];
  for (let i = 0; i < 400; i++) {
    const words = drawText(30 + random.below(400));
    texts.push(words.join(" "));
    expected.push(0);
    if (i % 2 === 1) continue;
    // One word in a hundred changed leaves about 0.9 of the shingles, of those that either has.
    const copy = words.map(word => (random.below(100) === 0 ? "changed" : word)).join(" ");
    texts.push(copy);
    expected.push(jaccard(texts[texts.length - 2]!, copy) >= 0.8 ? 1 : 0);
  }
  const found = find(texts);
  assert.deepEqual(find(texts, 0.8, 2000), found, "in little memory the same");
  const planted = expected.filter(Boolean).length;
  assert.ok(planted > 150);
  assert.ok(
    found.every((drop, i) => drop <= expected[i]!),
    "no text was dropped that has no near duplicate",
  );
  assert.ok(found.filter(Boolean).length >= 0.99 * planted);
});

test("the first of a group stays, and texts without words are no duplicates", () => {
  const text = drawText(50).join(" ");
  assert.deepEqual(find([text, "…", "–", text, `${text}.`, "…"]), [0, 0, 0, 1, 1, 0]);
});
