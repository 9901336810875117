// Text that a model will be judged on, so that it is not learned: a document that has 13 words in a row of an evaluation text goes
// (Brown et al. 2020, appendix C). Texts with fewer words count whole, from eight on; shorter ones occur anywhere.

import { contentHash } from "../../base/files/files.ts";
import type { Value } from "../../tables/row.ts";
import { openTable } from "../../tables/table.ts";
import { hashWords } from "./words.ts";

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
    const words = hashWordsTwice(text);
    const length = Math.min(runWords, words.firsts.length);
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
  const words = hashWordsTwice(document);
  for (const [length, known] of runs) if (hashRuns(words, length).some(hash => known.has(hash))) return true;
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

interface WordHashes {
  readonly firsts: Uint32Array;
  readonly seconds: Uint32Array;
}

function hashWordsTwice(text: string): WordHashes {
  const lower = text.toLowerCase();
  return { firsts: hashWords(lower, 0x811c9dc5), seconds: hashWords(lower, 0x2f0b4a27) };
}

const firstBase = 0x9e3779b1;
const secondBase = 0x85ebca6b;

/** 52 bits of every run of `length` words: of each that begins, what leaves is taken from the one before. */
function hashRuns({ firsts, seconds }: WordHashes, length: number): Float64Array {
  const hashes = new Float64Array(Math.max(0, firsts.length - length + 1));
  let [first, second, firstLeaving, secondLeaving] = [0, 0, 1, 1];
  for (let i = 0; i < length; i++) {
    firstLeaving = Math.imul(firstLeaving, firstBase);
    secondLeaving = Math.imul(secondLeaving, secondBase);
  }
  for (let at = 0; at < firsts.length; at++) {
    first = (Math.imul(first, firstBase) + firsts[at]!) | 0;
    second = (Math.imul(second, secondBase) + seconds[at]!) | 0;
    if (at >= length) {
      first = (first - Math.imul(firsts[at - length]!, firstLeaving)) | 0;
      second = (second - Math.imul(seconds[at - length]!, secondLeaving)) | 0;
    }
    if (at >= length - 1) hashes[at - length + 1] = (first >>> 0) * 2 ** 20 + (second >>> 12);
  }
  return hashes;
}
