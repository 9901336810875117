// Whole words of tokenizers that other people's files have.

import assert from "node:assert/strict";
import { test } from "node:test";
import { defineTokenizer } from "../define.ts";
import type { TokenizerData } from "../tokenizer.ts";
import { tellWords } from "./word-starts.ts";

const special = ["<pad>", "<unk>", "<cls>", "<sep>", "<mask>"];

/** Where words begin among these tokens. */
function splitWords(tokens: readonly string[], data: Partial<TokenizerData>): string[][] {
  const vocabulary = [...special, ...tokens];
  const continues = tellWords(
    defineTokenizer({
      vocabulary,
      model: { kind: "bpe", merges: [], fuseUnknown: false },
      normaliser: [],
      preTokenizer: { name: "whitespace", prefixSpace: "never" },
      specialTokens: special,
      specials: { pad: 0, unknown: 1, classify: 2, separator: 3, mask: 4 },
      maskTakesSpace: false,
      template: null,
      ...data,
    }),
  )!;
  const words: string[][] = [];
  tokens.forEach((token, i) => {
    if (i > 0 && continues(special.length + i - 1, special.length + i)) words.at(-1)!.push(token);
    else words.push([token]);
  });
  return words;
}

const added = (...contents: string[]) => ({
  ofModel: 20,
  tokens: contents.map(content => {
    return { content, special: false, singleWord: false, lstrip: false, rstrip: false, normalized: false };
  }),
});

test("a word ends where its suffix stands, and at an added token", () => {
  const model = { kind: "bpe", merges: [], fuseUnknown: false, wordEnd: "</w>" } as const;
  const tokens = ["th", "e</w>", "c", "at</w>", "new", "s", "it</w>"];
  assert.deepEqual(splitWords(tokens, { model, added: added("new") }), [
    ["th", "e</w>"],
    ["c", "at</w>"],
    ["new"],
    ["s", "it</w>"],
  ]);
});

test("behind spaces that are cut metaspace begins a word, and so does an added token", () => {
  const steps = [{ step: "whitespace-split" }, { step: "metaspace", prefixSpace: "always", split: true }] as const;
  const preTokenizer = { name: "metaspace", prefixSpace: "never", steps } as const;
  assert.deepEqual(splitWords(["▁c", "at", "new", "s", "▁it"], { preTokenizer, added: added("new") }), [
    ["▁c", "at"],
    ["new", "s"],
    ["▁it"],
  ]);
});

test("of bytes a number is a word, whatever cuts it", () => {
  const steps = [
    { step: "digits", apart: true },
    { step: "byte-level", prefixed: false, regex: true },
  ] as const;
  const preTokenizer = { name: "byte-level", prefixSpace: "never", steps } as const;
  assert.deepEqual(splitWords(["Ġ1", "2", "a", "new", "b"], { preTokenizer, added: added("new") }), [
    ["Ġ1", "2"],
    ["a"],
    ["new"],
    ["b"],
  ]);
});
