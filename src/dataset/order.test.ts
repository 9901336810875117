import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { countCharacters } from "../tokenizer/encoding/decode.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type OrderSettings, orderSchema, orders, rankSequences } from "./order.ts";

interface Golden {
  readonly vocabulary: readonly string[];
  readonly sequences: readonly (readonly number[])[];
  /** By name, made with NumPy (test/golden/scripts/make-orders.py). */
  readonly orders: Readonly<Record<string, readonly number[]>>;
}
const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/orders.json", import.meta.url), "utf8"),
) as Golden;

function rank(settings: object, { vocabulary, sequences }: Golden = golden) {
  const countTokens = () => {
    const counts = new Float64Array(vocabulary.length);
    for (const token of sequences.flat()) counts[token]! += 1;
    return counts;
  };
  const data = {
    vocabulary,
    model: { kind: "wordpiece" },
    preTokenizer: { name: "whitespace" },
  } as unknown as Tokenizer;
  const separator = vocabulary.indexOf("<sep>");
  const dataset = { vocabulary, separator, countTokens, characters: countCharacters(data) };
  const visit = (see: (tokens: Uint32Array, index: number) => void) => {
    for (const [index, tokens] of sequences.entries()) see(Uint32Array.from(tokens), index);
  };
  return rankSequences(orderSchema.parse(settings) as OrderSettings, sequences.length, dataset, visit);
}

const ranked = orders.map(({ name }) => name).filter(name => name !== "uniform");
const count = golden.sequences.length;

for (const name of ranked) {
  test(`${name} is the reference's order`, () => {
    assert.deepEqual([...rank({ name })(7, 0)], golden.orders[name]);
  });
}

test("whatever is asked for, an epoch has every sequence once, and the same again", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ranked),
      fc.nat(200),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom("same", "uniform"),
      fc.nat(3),
      (name, buckets, uniformShare, laterEpochs, epoch) => {
        const order = rank({ name, buckets, uniformShare, laterEpochs });
        const seen = [...order(5, epoch)];
        assert.deepEqual(
          [...seen].sort((a, b) => a - b),
          Array.from({ length: count }, (_, i) => i),
        );
        assert.deepEqual([...order(5, epoch)], seen);
      },
    ),
    { numRuns: 60 },
  );
});

test("buckets stand by rank, and sequences within them at random", () => {
  const strict = golden.orders["sentences-first"]!;
  const order = rank({ name: "sentences-first", buckets: 4, laterEpochs: "same" });
  for (let bucket = 0; bucket < 4; bucket++) {
    const part = (of: ArrayLike<number>) => Array.from(of).slice(bucket * 20, bucket * 20 + 20);
    assert.deepEqual(
      part(order(1, 0)).sort((a, b) => a - b),
      part(strict).sort((a, b) => a - b),
    );
    assert.notDeepEqual(part(order(1, 0)), part(strict));
    assert.notDeepEqual(part(order(1, 0)), part(order(1, 1)));
    assert.notDeepEqual(part(order(1, 0)), part(order(2, 0)));
  }
});

test("a share of uniform sequences is spread evenly, and the others keep their order", () => {
  const strict = golden.orders["short-first"]!;
  const mixed = [...rank({ name: "short-first", uniformShare: 0.25 })(1, 0)];
  // Every fourth place has one that was drawn.
  const others = mixed.filter((_, place) => place % 4 !== 3);
  assert.deepEqual(
    others,
    strict.filter(sequence => others.includes(sequence)),
  );
  const drawn = mixed.filter((_, place) => place % 4 === 3);
  assert.notDeepEqual(
    drawn,
    strict.filter(sequence => drawn.includes(sequence)),
  );
});

test("later epochs are uniform unless they are to be the same", () => {
  const strict = golden.orders["documents-first"]!;
  assert.deepEqual([...rank({ name: "documents-first", laterEpochs: "same" })(1, 3)], strict);
  const later = rank({ name: "documents-first" });
  assert.deepEqual([...later(1, 0)], strict);
  assert.deepEqual([...later(1, 3)], [...rank({ name: "uniform" })(1, 3)]);
});

test("an order that a dataset does not have is refused", () => {
  const one = {
    vocabulary: ["<sep>", "a"],
    sequences: [
      [1, 1],
      [1, 1],
    ],
    orders: {},
  };
  assert.throws(() => rank({ name: "sentences-first" }, one), { code: "E_DATA_ORDER", message: /no token "\."/ });
  assert.throws(() => rank({ name: "documents-first" }, one), { code: "E_DATA_ORDER", message: /one rank/ });
});
