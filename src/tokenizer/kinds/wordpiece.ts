// WordPiece: a word is the longest piece that begins it, then the longest one that goes on, marked by "##".

import { learnMerges } from "../learning/learn-merges.ts";
import type { TokenizerKind } from "./kind.ts";
import type { WordPieceModel } from "./models.ts";
import { readVocabulary } from "./read-vocabulary.ts";
import { Trie } from "./trie.ts";

const mark = "##";

export const wordpiece: TokenizerKind<WordPieceModel> = {
  name: "wordpiece",
  summary: "the longest piece first; pieces are joined as BPE does",
  source: "Wu et al. 2016, arXiv 1609.08144; learned as Hugging Face's WordPieceTrainer",
  type: "WordPiece",
  preTokenizers: ["whitespace", "bert"],
  limitsAlphabet: () => true,
  describeUnknown: () => "words longer than 100 characters, or with a character that is none of the vocabulary's",
  learn: (wordCounts, options) => ({
    vocabulary: learnMerges(wordCounts, { ...options, continuation: mark, longestWord: 100 }).vocabulary,
    model: { kind: "wordpiece", longestWord: 100 },
  }),
  compile: ({ vocabulary, specials }, { longestWord }) => {
    const pieces = new Trie();
    for (const [id, token] of vocabulary.entries()) pieces.add(token, id);
    const inner = pieces.plant(mark);
    return (word, ids) => {
      const first = ids.count;
      let known = word.length <= longestWord || (word.length <= 2 * longestWord && [...word].length <= longestWord);
      for (let begin = 0; known && begin < word.length; ) {
        let id = -1;
        let end = begin;
        for (let at = begin, node = begin === 0 ? 0 : inner; at < word.length; ) {
          node = pieces.child(node, word.charCodeAt(at++));
          if (node < 0) break;
          if (pieces.values[node]! >= 0) {
            id = pieces.values[node]!;
            end = at;
          }
        }
        if (id < 0) known = false;
        else ids.push(id);
        begin = end;
      }
      if (known) return;
      ids.count = first;
      ids.push(specials.unknown);
    };
  },
  encodeJson: ({ vocabulary, specials }, { longestWord }) => ({
    unk_token: vocabulary[specials.unknown],
    continuing_subword_prefix: mark,
    max_input_chars_per_word: longestWord,
    vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
  }),
  decodeJson: (json, _, refuse) => {
    if (json.continuing_subword_prefix !== mark) refuse(`continuing_subword_prefix is not "${mark}"`);
    const longestWord = json.max_input_chars_per_word ?? 100;
    if (typeof longestWord !== "number") return refuse("model.max_input_chars_per_word is not a number");
    return { vocabulary: readVocabulary(json.vocab, refuse), model: { kind: "wordpiece", longestWord } };
  },
};
