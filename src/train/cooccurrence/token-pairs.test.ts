import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { associate, countPairs, type SparseRows, transpose } from "./token-pairs.ts";

const vocabulary = 5;
const token = fc.nat(vocabulary - 1);
/** Sequences of one length. */
const sequences = fc
  .integer({ min: 1, max: 7 })
  .chain(length => fc.array(fc.array(token, { minLength: length, maxLength: length }), { minLength: 1, maxLength: 6 }));

const show = (read: readonly (readonly number[])[]) => (see: (tokens: Uint32Array) => void) => {
  for (const row of read) see(Uint32Array.from(row));
};

const spread = ({ starts, columns, values }: SparseRows): number[][] => {
  const dense = Array.from({ length: starts.length - 1 }, () => new Array<number>(starts.length - 1).fill(0));
  dense.forEach((row, i) => {
    for (let at = starts[i]!; at < starts[i + 1]!; at++) row[columns[at]!]! += values[at]!;
  });
  return dense;
};

test("pairs are those of a count one by one, none across the end of a sequence", () => {
  fc.assert(
    fc.property(sequences, read => {
      const { counts, behind } = countPairs(show(read), vocabulary, 3);
      const expected = [1, 2, 3].map(distance => {
        const dense = Array.from({ length: vocabulary }, () => new Array<number>(vocabulary).fill(0));
        for (const row of read) {
          for (const [i, second] of row.slice(distance).entries()) dense[row[i]!]![second]!++;
        }
        return dense;
      });
      assert.deepEqual(behind.map(spread), expected);
      assert.deepEqual(
        [...counts],
        Array.from({ length: vocabulary }, (_, id) => read.flat().filter(each => each === id).length),
      );
    }),
  );
});

test("the transpose has rows and columns changed", () => {
  fc.assert(
    fc.property(sequences, read => {
      const { behind } = countPairs(show(read), vocabulary, 1);
      const dense = spread(behind[0]!);
      assert.deepEqual(
        spread(transpose(behind[0]!)),
        dense[0]!.map((_, i) => dense.map(row => row[i]!)),
      );
    }),
  );
});

test("an association is how much oftener than by chance, and nothing below that or of what was seen once", () => {
  // 0 1 0 1 0 2: five pairs; (0, 1) twice, (1, 0) twice, (0, 2) once.
  const { counts, behind } = countPairs(see => see(Uint32Array.of(0, 1, 0, 1, 0, 2)), 3, 1);
  const expected = [
    [0, Math.log((2 * 5) / (3 * 2)), 0],
    [Math.log((2 * 5) / (2 * 3)), 0, 0],
    [0, 0, 0],
  ].map(row => row.map(Math.fround));
  assert.deepEqual(spread(associate(behind[0]!, counts)), expected);
  // Of a pair that is as often as by chance nothing is kept.
  const { counts: even, behind: pairs } = countPairs(see => see(Uint32Array.of(0, 0, 0, 0)), 1, 1);
  assert.equal(associate(pairs[0]!, even).values.length, 0);
});
