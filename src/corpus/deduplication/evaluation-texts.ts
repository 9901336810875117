// Text that a model will be judged on, so that it is not learned: a document that has 13 words in a row of an evaluation text goes
// (Brown et al. 2020, appendix C). Texts with fewer words count whole, from eight on; shorter ones occur anywhere.

import { contentHash } from "../../base/files/files.ts";
import type { Value } from "../../tables/row.ts";
import { openTable } from "../../tables/table.ts";

const runWords = 13;
const fewestWords = 8;

/** Plain data, so that a thread can have it. */
export interface EvaluationTexts {
  /** Of the texts, whatever their files are called. */
  readonly hash: string;
  readonly count: number;
  /** Hashes of runs of words, by how many words they have. */
  readonly runs: ReadonlyMap<number, ReadonlySet<number>>;
}

export function makeEvaluationTexts(texts: Iterable<string>): EvaluationTexts {
  const runs = new Map<number, Set<number>>();
  let count = 0;
  const contents: string[] = [];
  for (const text of texts) {
    const words = listWords(text);
    const length = Math.min(runWords, words.length);
    if (length < fewestWords) continue;
    count++;
    contents.push(contentHash(text));
    let known = runs.get(length);
    if (known === undefined) runs.set(length, (known = new Set()));
    for (const hash of hashRuns(words, length)) known.add(hash);
  }
  return { hash: contentHash(...contents.sort()), count, runs };
}

/** Whether a document has a run of words of one of the texts. */
export function occursIn({ runs }: EvaluationTexts, document: string): boolean {
  const words = listWords(document);
  for (const [length, known] of runs) {
    for (const hash of hashRuns(words, length)) if (known.has(hash)) return true;
  }
  return false;
}

/** Every text of these files of rows, whatever its column is called. Throws what `openTable` throws. */
export async function readEvaluationTexts(paths: readonly string[]): Promise<EvaluationTexts> {
  const texts: string[] = [];
  const take = (value: Value): void => {
    if (typeof value === "string") texts.push(value);
    else if (value !== null && typeof value === "object") Object.values(value).forEach(take);
  };
  for (const path of paths) {
    for await (const rows of openTable(path).rows) for (const { values } of rows) take(values);
  }
  return makeEvaluationTexts(texts);
}

const listWords = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** 52 bits of every run of `length` words. */
function* hashRuns(words: readonly string[], length: number): Generator<number> {
  if (words.length < length) return;
  const firsts = words.map(word => hashText(word, 0x811c9dc5));
  const seconds = words.map(word => hashText(word, 0x2f0b4a27));
  for (let at = 0; at + length <= words.length; at++) {
    let [first, second] = [0, 0];
    for (let i = at; i < at + length; i++) {
      first = (Math.imul(first, 0x9e3779b1) + firsts[i]!) | 0;
      second = (Math.imul(second, 0x85ebca6b) + seconds[i]!) | 0;
    }
    yield (first >>> 0) * 2 ** 20 + (second >>> 12);
  }
}

function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash ^ (hash >>> 15);
}
