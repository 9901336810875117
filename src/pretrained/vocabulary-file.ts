// BERT's vocab.txt: a token a line, its id the line's number from 0, as transformers counts them: a blank line among the tokens
// takes an id, blank lines at the end are none. A token on two lines, or bytes that are no UTF-8, are refused by line.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { mostBytes, readJson, readWholeFile } from "../base/files/files.ts";
import { quoteValue } from "../base/printable.ts";
import { defineTokenizer } from "../tokenizer/define.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { isObject, refuseTokenizer } from "./tokenizer-folder.ts";
import { findSpecials, type TokenizerSettings } from "./tokenizer-settings.ts";

/** BERT's tokenizer of a vocab.txt, with Hugging Face's defaults where the settings, which lie beside it, are silent. */
export function readBertVocabulary(path: string, settings: TokenizerSettings): Tokenizer {
  const vocabulary = readLines(path);
  const ids = new Map<string, number>();
  vocabulary.forEach((token, id) => {
    const first = ids.get(token);
    if (first !== undefined) throw refuseTokenizer(`${path}:${id + 1}`, `the token of line ${first + 1} again`);
    ids.set(token, id);
  });
  refuseAddedTokens(path, ids, settings);
  const specials = findSpecials(settings, token => ids.get(token), path);
  const lowercase = settings.do_lower_case !== false;
  const [classify, separator] = [specials.classify, specials.separator].map(id => vocabulary[id]!) as [string, string];
  return defineTokenizer({
    vocabulary,
    normaliser: [
      {
        step: "bert",
        cleanText: true,
        separateIdeographs: settings.tokenize_chinese_chars !== false,
        stripAccents: settings.strip_accents ?? lowercase,
        lowercase,
      },
    ],
    model: { kind: "wordpiece", longestWord: 100 },
    preTokenizer: { name: "bert", prefixSpace: "never" },
    specialTokens: [...new Set(Object.values(specials))].map(id => vocabulary[id]!),
    specials,
    maskTakesSpace: false,
    template: {
      single: [
        { token: classify, typeId: 0 },
        { sequence: "A", typeId: 0 },
        { token: separator, typeId: 0 },
      ],
      pair: [
        { token: classify, typeId: 0 },
        { sequence: "A", typeId: 0 },
        { token: separator, typeId: 0 },
        { sequence: "B", typeId: 1 },
        { token: separator, typeId: 1 },
      ],
    },
  });
}

function readLines(path: string): string[] {
  const bytes = readWholeFile(path, "vocabulary", mostBytes.ofTokenizer);
  let text: string;
  try {
    // A byte order mark stays part of the first token, as in Python.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuseTokenizer(`${path}:${findBrokenLine(bytes)}`, "bytes that are not UTF-8");
  }
  const lines = text.split(/\r\n|\n|\r/);
  const last = lines.findLastIndex(line => line !== "");
  return lines.slice(0, last + 1);
}

function findBrokenLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end));
    } catch {
      return line;
    }
    if (end < 0) break;
    start = end + 1;
  }
  return line;
}

/** Tokens that transformers adds to the vocabulary from other files. */
function refuseAddedTokens(path: string, ids: ReadonlyMap<string, number>, settings: TokenizerSettings): void {
  const list = join(dirname(path), "added_tokens.json");
  const listed = existsSync(list) ? readJson(list, "list of added tokens") : {};
  const decoder = settings.added_tokens_decoder;
  const named = isObject(decoder)
    ? Object.values(decoder).map(token => (isObject(token) ? token.content : undefined))
    : [];
  const added = [...(isObject(listed) ? Object.keys(listed) : []), ...named];
  const unknown = added.find(token => typeof token === "string" && !ids.has(token));
  if (unknown === undefined) return;
  throw refuseTokenizer(path, `the token ${quoteValue(unknown, 60)} was added beside it`);
}
