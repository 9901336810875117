// A mask that takes the white space before it gives Hugging Face's ids, and so it is in what is learned here where spaces belong to words:
// "the <mask>" stands for "the fox", whose second token begins with the space.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { defineLearnedTokenizer } from "../../src/tokenizer/define.ts";
import { encodeText } from "../../src/tokenizer/encoding/encode.ts";
import { decodeTokenizerJson } from "../../src/tokenizer/read-tokenizer.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { encodeTokenizerJson } from "../../src/tokenizer/tokenizer-json.ts";

interface Golden {
  readonly tokenizer: unknown;
  readonly ids: readonly (readonly number[])[];
}
const { texts, ...kinds } = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/mask-space.json", import.meta.url), "utf8"),
) as { readonly texts: readonly string[] } & Readonly<Record<"byte-level" | "metaspace" | "unigram", Golden>>;

for (const [kind, { tokenizer, ids }] of Object.entries(kinds)) {
  test(`${kind}: the mask takes the space before it, as there`, () => {
    const read = decodeTokenizerJson(tokenizer, kind);
    assert.ok(read.maskTakesSpace);
    assert.deepEqual(
      texts.map(text => Array.from(encodeText(read, text))),
      ids,
    );
    assert.equal(decodeTokenizerJson(JSON.parse(encodeTokenizerJson(read)), kind).hash, read.hash);
  });
}

test("of learned tokenizers the mask takes the space where the word behind it has one", () => {
  const learned = (name: "whitespace" | "byte-level" | "metaspace") => {
    const vocabulary = [...specialTokens, "a", "Ġa", "▁a", "."];
    return defineLearnedTokenizer(vocabulary, [], name, { kind: "unigram", scores: vocabulary.map(() => -1) });
  };
  assert.equal(learned("whitespace").maskTakesSpace, false);
  assert.equal(learned("byte-level").maskTakesSpace, true);
  const tokenizer = learned("metaspace");
  assert.deepEqual(
    Array.from(encodeText(tokenizer, "a a <mask>. a<mask>"), id => tokenizer.vocabulary[id]),
    ["▁a", "▁a", "<mask>", ".", "▁a", "<mask>"],
  );
});
