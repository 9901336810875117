import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Packer, type PackOptions, type Part } from "./pack.ts";

const separator = 9;

function pack(
  documents: readonly (readonly number[])[],
  sequenceLength: number,
  holdOut: number,
  seed = 0,
  options: Partial<PackOptions> = {},
) {
  const packed: Record<Part, number[][]> = { training: [], validation: [] };
  const packer = new Packer(
    { sequenceLength, separator, holdOut, seed, packing: "concatenate", ...options },
    (part, row) => packed[part].push([...row]),
  );
  for (const ids of documents) packer.addDocument(Uint32Array.from(ids));
  return { ...packed, leftOver: packer.finish() };
}

test("documents follow each other with a separator, the remainder is dropped", () => {
  // Half of the pieces are held out: one of each two, which one is the seed's choice.
  const documents = [
    [1, 2, 3, 4, 5],
    [11, 12],
    [21, 22, 23],
    [31, 32, 33, 34],
  ];
  const sides = (first: number, second: number) =>
    [[...documents[first]!, separator, ...documents[second]!, separator]].map(all =>
      [all.slice(0, 4), all.slice(4, 8), all.slice(8, 12)].filter(row => row.length === 4),
    )[0];
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const { training, validation } = pack(documents, 4, 0.5, seed);
    const possible = [0, 1].flatMap(i =>
      [2, 3].map(j => ({ validation: sides(i, j), training: sides(1 - i, 5 - j), name: `${i} ${j}` })),
    );
    const found = possible.find(
      one => JSON.stringify([one.training, one.validation]) === JSON.stringify([training, validation]),
    );
    assert.ok(found !== undefined, JSON.stringify({ training, validation }));
    seen.add(found.name);
  }
  assert.equal(seen.size, 4);
});

test("nothing is lost, added or reordered, whatever the lengths (random documents)", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 30 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 9 }), (documentLengths, sequenceLength) => {
      // Every token of the corpus is another number, in rising order.
      let next = 10;
      const documents = documentLengths.map(length => Array.from({ length }, () => next++));
      const { training, validation } = pack(documents, sequenceLength, 0.2);
      const sides = [training.flat(), validation.flat()].map(side => side.filter(token => token !== separator));
      for (const side of sides) assert.ok(side.every((token, i) => i === 0 || token > side[i - 1]!));
      assert.equal(new Set(sides.flat()).size, sides[0]!.length + sides[1]!.length);
      const missing = next - 10 - sides[0]!.length - sides[1]!.length;
      assert.ok(missing >= 0 && missing <= 2 * (sequenceLength - 1), `${missing} missing`);
    }),
    { numRuns: 60, seed: 1 },
  );
});

test("one of each block of pieces is held out, and a single long document is split", () => {
  const length = 8;
  const long = Array.from({ length: 64 * length * 40 }, (_, i) => 10 + (i % 1000));
  const { training, validation } = pack([long], length, 0.1);
  // 40 pieces of 64 sequences, four of them held out; separators add a few tokens to both sides.
  assert.equal(validation.length, 4 * 64);
  assert.ok(training.length >= 36 * 64 && training.length <= 36 * 64 + 1);
});

test("which text is held out depends on the seed", () => {
  const documents = Array.from({ length: 100 }, (_, i) => Array.from({ length: 20 }, () => 10 + i));
  const held = (seed: number) => pack(documents, 21, 0.1, seed).validation.map(row => row[0]);
  assert.deepEqual(held(1), held(1));
  assert.notDeepEqual(held(1), held(2));
  assert.equal(held(1).length, 10);
});

const classify = 8;

test("every packing has every token in one sequence, and says what is left over (random documents)", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 40 }),
      fc.constantFrom(2, 5, 32, 100, 128),
      fc.constantFrom("concatenate", "best-fit"),
      fc.boolean(),
      fc.boolean(),
      (lengths, sequenceLength, packing, isClassified, isSeparated) => {
        let next = 10;
        const documents = lengths.map(length => Array.from({ length }, () => next++));
        const frame = {
          classify: isClassified ? classify : undefined,
          separator: isSeparated ? separator : undefined,
        };
        const { training, validation, leftOver } = pack(documents, sequenceLength, 0.2, 3, { packing, ...frame });
        const tokens = [...training, ...validation].flat();
        const texts = tokens.filter(token => token >= 10);
        assert.equal(new Set(texts).size, texts.length);
        assert.ok(texts.every(token => token < next));
        assert.ok(leftOver < 2 * sequenceLength);
        const kept = lengths.filter(length => length > 0);
        // A document that is held out in part has a frame for each stretch.
        const frames = (isClassified ? 1 : 0) + (isSeparated ? 1 : 0);
        const more = tokens.length + leftOver - (next - 10) - kept.length * frames;
        const pieces = kept.reduce((sum, length) => sum + Math.ceil(length / (64 * sequenceLength)), 0);
        assert.ok(more >= 0 && more <= (pieces - kept.length) * frames, `${more} too many`);
        if (frames > 0 && pieces === kept.length) {
          const specials = tokens.filter(token => token < 10).length;
          assert.ok(specials <= kept.length * frames && specials >= kept.length * frames - leftOver);
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("best-fit keeps documents whole that fit, and tells where each ends", () => {
  const length = 32;
  const lengths = Array.from({ length: 300 }, (_, i) => 1 + ((i * 7919) % 31));
  const documents = lengths.map((length, i) => Array.from({ length }, () => 10 + i));
  const countCut = (packing: "concatenate" | "best-fit") => {
    const { training } = pack(documents, length, 0.01, 0, { packing });
    const seen = new Map<number, number>();
    for (const row of training) for (const token of new Set(row)) seen.set(token, (seen.get(token) ?? 0) + 1);
    // Between two documents of a sequence stands a separator.
    for (const row of training) {
      for (let i = 1; i < row.length; i++) {
        if (row[i]! >= 10 && row[i - 1]! >= 10) assert.equal(row[i], row[i - 1]);
      }
    }
    return [...seen].filter(([token, times]) => token >= 10 && times > 1).length;
  };
  assert.ok(countCut("concatenate") > 100);
  assert.ok(countCut("best-fit") <= 10, String(countCut("best-fit")));
});

test("a document is split once, however often its stretches change sides, and shares are rounded to whole blocks", () => {
  // Pieces of 64 sequences of one token: one of each two is held out.
  const documents = [Array<number>(64 * 10).fill(1), [1], [1], Array<number>(64 * 4).fill(1)];
  const packer = new Packer({ sequenceLength: 1, holdOut: 0.5, seed: 0, packing: "concatenate" }, () => {});
  for (const ids of documents) packer.addDocument(Uint32Array.from(ids));
  assert.equal(packer.splitDocuments, 2);
  // 1 / 0.15 is nearer to 7 than to 6.
  const words = Array.from({ length: 700 }, () => [1]);
  assert.equal(pack(words, 1, 0.15, 0, { separator: undefined }).validation.length, 100);
});
