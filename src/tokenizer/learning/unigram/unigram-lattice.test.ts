// What pieces expect of words, and what these are most probably made of: against a closed form where a word's probability is too small for a
// number, and against every way to cut short words that begin alike.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RandomSequence, streams } from "../../../base/random.ts";
import { Crew } from "../../../base/threads/crew.ts";
import { joinWords } from "./joined-words.ts";
import { packPiece, unknown } from "./lattice-part.ts";
import { PieceLattice } from "./piece-lattice.ts";
import { UnigramLattice } from "./unigram-lattice.ts";
import { Seeds } from "./unigram-seeds.ts";

/** A word of a and b with the pieces a, b and ab of these probabilities. */
function openLattice(word: string, count: number, shares: readonly number[]): UnigramLattice {
  const packed: number[] = [];
  [...word].forEach((letter, at) => {
    packed.push(packPiece(letter === "a" ? 1 : 2, 1, at === 0 ? 0 : 1));
    if (letter === "a" && word[at + 1] === "b") packed.push(packPiece(3, 2, 0));
  });
  const placed = { ...joinWords([word]), firsts: Uint32Array.of(0, packed.length), packed: Uint32Array.from(packed) };
  return new UnigramLattice(
    [placed],
    [Float64Array.of(count)],
    Float64Array.of(Number.NaN, ...shares.map(Math.log)),
    2,
  );
}

test("each of n times ab is one piece or two, by their probabilities alone, however long the word", () => {
  const [a, b, ab] = [0.3, 0.2, 0.01];
  const asOne = ab / (ab + a * b);
  for (const times of [1, 50, 5000, 300_000]) {
    const expected = openLattice("ab".repeat(times), 3, [a, b, ab]).expect();
    const right = [0, 1 - asOne, 1 - asOne, asOne].map(share => 3 * times * share);
    for (const [id, value] of right.entries()) {
      assert.ok(Math.abs(expected[id]! - value) <= 1e-8 * 3 * times, `${times} times: piece ${id}: ${expected[id]}`);
    }
  }
});

type Way = { readonly ids: readonly number[]; readonly score: number };

/** Every way to make a word of pieces. A character that is none is unknown. */
function cut(word: string, idOf: ReadonlyMap<string, number>, scores: Float64Array): Way[] {
  if (word === "") return [{ ids: [], score: 0 }];
  const begins = Array.from({ length: word.length }, (_, i) => word.slice(0, i + 1));
  return begins.flatMap(piece => {
    const id = idOf.get(piece) ?? (piece.length === 1 ? unknown : undefined);
    if (id === undefined) return [];
    return cut(word.slice(piece.length), idOf, scores).map(way => ({
      ids: [id, ...way.ids],
      score: scores[id]! + way.score,
    }));
  });
}

const findBest = (ways: readonly Way[]): Way | undefined =>
  ways.reduce<Way | undefined>((best, way) => (best === undefined || way.score > best.score ? way : best), undefined);

for (const [leastPart, threads] of [
  [undefined, 1],
  [64, 2],
] as const) {
  const parts = leastPart === undefined ? "one part" : "four parts by two threads";
  test(`words that begin alike have what every way to cut them says, before and after pieces went: ${parts}`, () => {
    const crew = new Crew(threads);
    try {
      compareWithAllWays(crew, leastPart);
    } finally {
      crew.close();
    }
  });
}

function compareWithAllWays(crew: Crew, leastPart: number | undefined): void {
  const random = new RandomSequence(3, streams.sampling, 0);
  const drawWord = () => Array.from({ length: 1 + random.below(9) }, () => "aaabbc"[random.below(6)]).join("");
  const words = [...new Set(Array.from({ length: 120 }, drawWord))].sort();
  const counts = Float64Array.from(words, () => 1 + random.below(9));
  const seeds = new Seeds(words, counts, ["a", "b", "c"], crew, leastPart);
  assert.equal(seeds.parts.length, leastPart === undefined ? 1 : 4);
  const drawScores = (count: number) => Float64Array.from({ length: count }, () => -1 - 4 * random.uniform());
  const lattice = new UnigramLattice(
    seeds.placeInWords(),
    seeds.parts.map(([from, to]) => counts.slice(from, to)),
    drawScores(seeds.scores.length),
    seeds.letters,
    crew,
  );
  const pieces = new PieceLattice(seeds, lattice.origins);
  for (let round = 0; round < 3; round++) {
    const { scores, origins } = lattice;
    const texts = Array.from(origins, (seed, id) => (id === unknown ? "" : seeds.textOf(seed)));
    const idOf = new Map(texts.flatMap((text, id) => (id === unknown ? [] : [[text, id] as const])));
    const expected = new Float64Array(scores.length);
    const used = new Float64Array(scores.length);
    for (const [i, word] of words.entries()) {
      const ways = cut(word, idOf, scores);
      const all = ways.reduce((sum, { score }) => sum + Math.exp(score), 0);
      for (const { ids, score } of ways) for (const id of ids) expected[id]! += (counts[i]! * Math.exp(score)) / all;
      for (const id of findBest(ways)!.ids) used[id]! += counts[i]!;
    }
    const got = lattice.expect();
    for (const [id, value] of expected.entries()) {
      assert.ok(Math.abs(got[id]! - value) < 1e-9 * (1 + value), `${texts[id]}: ${got[id]}, by hand ${value}`);
    }
    assert.deepEqual([...lattice.countUsed()], [...used]);
    const seen = new Set<number>();
    pieces.visit(scores, (id, isWhole, others) => {
      seen.add(id);
      const other = findBest(cut(texts[id]!, idOf, scores).filter(({ ids }) => ids.length > 1));
      assert.equal(isWhole, other === undefined || other.score <= scores[id]!, texts[id]);
      assert.deepEqual(others?.toReversed(), isWhole ? other?.ids : undefined, texts[id]);
    });
    assert.equal(seen.size, scores.length - 1);
    // Of letters c is the first to go. Where few go, they stay in the lists.
    const isKept = (id: number) =>
      id === unknown || (texts[id] !== "c" && (texts[id]!.length === 1 || random.below(round === 0 ? 4 : 20) > 0));
    const kept = Uint32Array.from(texts.keys()).filter(isKept);
    assert.ok(kept.length < texts.length);
    const drawn = drawScores(kept.length);
    lattice.keep(kept, drawn);
    pieces.keep(kept);
  }
}
