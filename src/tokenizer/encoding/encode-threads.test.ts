import assert from "node:assert/strict";
import { test } from "node:test";
import { RandomSequence, streams } from "../../base/random.ts";
import { defineLearnedTokenizer, defineTokenizer } from "../define.ts";
import { normalisers } from "../normalising/normaliser.ts";
import { specialTokens, type Tokenizer } from "../tokenizer.ts";
import { encodeText } from "./encode.ts";
import type { EncodedDocuments } from "./encode-batch.ts";
import { encodeDocuments } from "./encode-threads.ts";

const letters = [..."abcdefghijklmnopqrstuvwxyz.<>"];
const vocabulary = [...specialTokens, ...letters, ...letters.map(letter => `##${letter}`), "##ab", "abc", "mask"];
const tokenizer = defineLearnedTokenizer(vocabulary, normalisers["ascii-fold"], "whitespace");
const random = new RandomSequence(5, streams.sampling, 0);
const documents = Array.from({ length: 4000 }, (_, i) => {
  const words = i % 50 === 0 ? 5000 : random.below(300); // about seven batches
  return Array.from({ length: words }, () => `${letters[random.below(29)]}ab<mask>`.slice(0, 1 + random.below(9))).join(
    " ",
  );
}).concat("", "");

async function collect(encoded: AsyncIterable<EncodedDocuments>): Promise<number[][]> {
  const lists: number[][] = [];
  for await (const { ids, lengths } of encoded) {
    let at = 0;
    for (const length of lengths) lists.push(Array.from(ids.subarray(at, (at += length))));
    assert.equal(at, ids.length);
  }
  return lists;
}

const expected = documents.map(text => Array.from(encodeText(tokenizer, text, "as-text")));

for (const threads of [1, 2, 3]) {
  test(`${threads} threads: every document's ids in order, special tokens read as text`, {
    timeout: 60_000,
  }, async () => {
    assert.deepEqual(await collect(encodeDocuments(tokenizer, documents, threads)), expected);
  });
}

test("texts may come as they are made; none give nothing", async () => {
  async function* make() {
    for (const text of documents.slice(0, 10)) yield text;
  }
  assert.deepEqual(await collect(encodeDocuments(tokenizer, make(), 2)), expected.slice(0, 10));
  assert.deepEqual(await collect(encodeDocuments(tokenizer, [], 2)), []);
  assert.deepEqual(await collect(encodeDocuments(tokenizer, [], 1)), []);
});

test("a thread that cannot begin is an error", { timeout: 60_000 }, async () => {
  const broken: Tokenizer = defineTokenizer({
    ...tokenizer,
    normaliser: [{ step: "replace", pattern: "[", regex: true, by: "" }],
  });
  await assert.rejects(collect(encodeDocuments(broken, documents, 2)), SyntaxError);
});

test("a thread that fails under way is an error in its turn", { timeout: 60_000 }, async () => {
  const noText = { length: 1 } as unknown as string;
  const encoded = encodeDocuments(tokenizer, [...documents, noText, ...documents], 2);
  let before = 0;
  const read = async () => {
    for await (const { lengths } of encoded) before += lengths.length;
  };
  await assert.rejects(read(), TypeError);
  assert.ok(before > 1000 && before <= documents.length);
});

test("an error of the source of texts comes through, with batches under way", { timeout: 60_000 }, async () => {
  function* make() {
    yield* documents;
    throw new Error("the source broke");
  }
  await assert.rejects(collect(encodeDocuments(tokenizer, make(), 3)), /the source broke/);
});

test("who stops reading ends the threads", { timeout: 60_000 }, async () => {
  let asked = 0;
  let closed = false;
  function* make() {
    try {
      for (;;) {
        asked++;
        yield documents[asked % documents.length]!;
      }
    } finally {
      closed = true;
    }
  }
  for await (const { lengths } of encodeDocuments(tokenizer, make(), 2)) {
    assert.ok(lengths.length > 0);
    break;
  }
  assert.ok(closed);
  assert.ok(asked < 5 * documents.length); // no more than the batches under way
});
