import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bertProcessing, Tokenizer, WordLevel, whitespaceSplitPreTokenizer } from "tokenizers";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import type { Example } from "../tasks/task.ts";
import { encodeExamples, fitLengths } from "./encode-examples.ts";

const vocabulary = ["<pad>", "<s>", "</s>", "<unk>", "<cls>", "<sep>", "<mask>", "a", "b", "c", "d"];
const ids = new Map(vocabulary.map((word, id) => [word, id] as const));
const encodeText = (text: string) => text.split(" ").flatMap(word => (word === "" ? [] : (ids.get(word) ?? 3)));
const model = {
  name: "tiny",
  shape: { sequenceLength: 32 },
  encodeText,
  specials: { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 },
} as unknown as PretrainedModel;
const example = (texts: readonly string[], targets: readonly number[] = [0]): Example => ({
  id: "0",
  texts,
  targets,
  origin: "mine.csv:17",
});
const options = { maxLength: 32, longTexts: "truncate" } as const;
const tokensOf = (texts: readonly string[], maxLength = 32) =>
  Array.from(encodeExamples([example(texts)], "classification", model, { ...options, maxLength }).examples[0]!.tokens);

test("one text, a pair and three texts with their special tokens; where the second text begins", () => {
  assert.deepEqual(tokensOf(["a b"]), [4, 7, 8, 5]);
  assert.deepEqual(tokensOf(["a b", "c"]), [4, 7, 8, 5, 9, 5]);
  assert.deepEqual(tokensOf(["a b", "c", "d d"]), [4, 7, 8, 5, 9, 5, 10, 10, 5]);
  assert.deepEqual(tokensOf(["", ""]), [4, 5, 5]);
  const [pair, single] = encodeExamples(
    [example(["a b", "c"]), example(["a"])],
    "classification",
    model,
    options,
  ).examples;
  assert.equal(pair!.secondStart, 4);
  assert.equal(single!.secondStart, 3);
});

test("pairs are cut as Hugging Face's tokenizers cut them, longest first", async () => {
  const oracle = new Tokenizer(WordLevel.init(Object.fromEntries(ids), { unkToken: "<unk>" }));
  oracle.setPreTokenizer(whitespaceSplitPreTokenizer());
  oracle.setPostProcessor(bertProcessing(["<sep>", 5], ["<cls>", 4]));
  const word = fc.constantFrom("a", "b", "c", "d");
  const text = fc.array(word, { minLength: 1, maxLength: 30 }).map(words => words.join(" "));
  await fc.assert(
    fc.asyncProperty(text, text, fc.integer({ min: 6, max: 32 }), async (first, second, maxLength) => {
      oracle.setTruncation(maxLength); // longest first, unless told otherwise
      assert.deepEqual(tokensOf([first, second], maxLength), (await oracle.encode(first, second)).getIds());
      assert.deepEqual(tokensOf([first], maxLength), (await oracle.encode(first)).getIds());
    }),
    { numRuns: 500 },
  );
});

test("of three texts the longest is cut first, and what was cut is counted", () => {
  assert.deepEqual(fitLengths([3, 50, 4], 17), [3, 10, 4]);
  assert.deepEqual(fitLengths([9, 9, 9], 11), [3, 4, 4]);
  const texts = [example(["a", "b"]), example(["a ".repeat(40), "b"])];
  assert.equal(encodeExamples(texts, "classification", model, options).truncated, 1);
});

test("a label stands at the first piece of its word; a word without pieces is the unknown token", () => {
  const pieces = { ...model, encodeText: (word: string) => (word === "long" ? [7, 8, 9] : encodeText(word)) };
  const { examples } = encodeExamples([example(["a", "long", "", "d"], [0, 1, 0, 2])], "tokens", pieces, options);
  assert.deepEqual(Array.from(examples[0]!.tokens), [4, 7, 7, 8, 9, 3, 10, 5]);
  assert.deepEqual(examples[0]!.wordPlaces, [1, 2, 5, 6]);
});

test("what may not be cut and is too long names file and row; a length that the model does not read is refused", () => {
  const long = [example([Array.from({ length: 40 }, () => "a").join(" ")])];
  const words = [example(Array.from({ length: 40 }, () => "a"))];
  const refuse = { ...options, longTexts: "refuse" } as const;
  const tooLong = { code: "E_TEXT_LENGTH", message: /^mine\.csv:17: 42 tokens .* at most 32/ };
  assert.throws(() => encodeExamples(long, "classification", model, refuse), tooLong);
  assert.throws(() => encodeExamples(words, "tokens", model, options), tooLong);
  const beyond = { code: "E_FINETUNE_LENGTH", advice: "Use --set maxLength=32." };
  assert.throws(() => encodeExamples([], "classification", model, { ...options, maxLength: 33 }), beyond);
});
