// What a prepare will cost, before anything is done: a sample of the text is read, judged, counted and encoded with the clock running,
// and the rest is taken to be like it. Nothing is written.

import { existsSync, statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Clock, systemClock } from "../../../base/clock.ts";
import { chooseFingerprints, sizeFingerprints } from "../../../corpus/deduplication/fingerprints.ts";
import { hashShingles } from "../../../corpus/deduplication/shingles.ts";
import { signatureWords, writeSignature } from "../../../corpus/deduplication/signatures.ts";
import { listPortions, textPortionBytes } from "../../../corpus/portions/portion.ts";
import { makeJudge } from "../../../corpus/select.ts";
import type { Shard } from "../../../corpus/sources/shard.ts";
import { normaliserBefore } from "../../../tokenizer/define.ts";
import { Encoder } from "../../../tokenizer/encoding/encode.ts";
import { WordCounter } from "../../../tokenizer/learning/count-words.ts";
import { encodesInPortions } from "../build-from-text.ts";
import type { DatasetOptions } from "../dataset-options.ts";
import { learnTokenizer } from "../learn-tokenizer.ts";
import { type Estimate, estimateTotal } from "./estimate.ts";
import { readSample, type Sample } from "./read-sample.ts";

export interface PlannedStage {
  readonly stage: string;
  readonly seconds: number;
}

export interface PreparePlan {
  /** Of a set that was tokenized already: it has no documents and no characters, and its sequences are copied. */
  readonly isReadyMade?: true;
  readonly shards: number;
  readonly portions: number;
  /** Of the shards, as they lie there. */
  readonly bytes: number;
  readonly sample: { readonly documents: number; readonly characters: number; readonly isAll: boolean };
  /** What is expected of all, before documents are compared with each other. */
  readonly documents: number;
  readonly characters: number;
  /** Of these two, by how the parts of the sample differ: 95 %, lowest and highest; absent where that is not known. */
  readonly intervals: {
    readonly documents?: readonly [number, number] | undefined;
    readonly characters?: readonly [number, number] | undefined;
  };
  readonly keptShare: number;
  readonly tokens: number;
  readonly sequences: number;
  readonly stages: readonly PlannedStage[];
  readonly seconds: number;
  readonly threads: number;
  readonly disk: { readonly datasetBytes: number; readonly peakBytes: number; readonly freeBytes: number };
  readonly memoryBytes: number;
  /** What a person should know of the sources, as the preparing itself says it. */
  readonly warnings: readonly string[];
}

/** Written and read back by one thread, bytes a second: on the slow side of a disk. */
const assembledBytesPerSecond = 5e7;
/** Packed and written by one thread. */
const packedTokensPerSecond = 1e7;
/** A vocabulary of 32768 learned. */
const learningSeconds = 10;
/** Of the program, and of a thread with its longest documents. */
const programBytes = 2e8;
const threadBytes = 1.5e8;

/** Plans a prepare. UserErrors: those of reading its sources. */
export async function planDataset(
  out: string,
  shards: readonly Shard[],
  options: DatasetOptions,
  clock: Clock = systemClock,
): Promise<Omit<PreparePlan, "warnings">> {
  const sample = await readSample(shards, options, clock);
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const measured = measureSample(sample, options, clock);
  const { keptShare, tokensPerCharacter } = measured;
  const estimate = (amount: "documents" | "characters") =>
    sample.isAll
      ? { expected: sample[amount], low: sample[amount], high: sample[amount] }
      : estimateTotal(
          sample.parts.map(part => ({ bytes: part.bytes, amount: part[amount] })),
          bytes,
        );
  const intervals = { documents: estimate("documents"), characters: estimate("characters") };
  const documents = Math.round(intervals.documents.expected);
  const characters = Math.round(intervals.characters.expected);
  const kept = characters * keptShare;
  const tokens = Math.round(kept * tokensPerCharacter + documents * keptShare);
  const portions = listPortions(shards, textPortionBytes).length;
  const readers = Math.min(options.threads, portions);
  const isDeduplicated = options.nearDuplicates !== undefined || options.repeatedBytes !== undefined;
  const { secondsPerCharacter: per } = measured;
  const encodes = encodesInPortions(shards, options);
  // What is judged by its tokens is encoded then.
  const encodingBeside = encodes && options.maxTokensPerCharacter === undefined ? kept * per.encoding : 0;
  const stages = [
    {
      stage: "reading",
      seconds:
        (characters * (sample.secondsPerCharacter + per.judging) + kept * per.signing + encodingBeside) / readers,
    },
    { stage: "near duplicates", seconds: options.nearDuplicates === undefined ? 0 : kept * per.signing },
    { stage: "repeated stretches", seconds: options.repeatedBytes === undefined ? 0 : 2 * kept * per.fingerprints },
    { stage: "writing documents", seconds: kept / assembledBytesPerSecond },
    { stage: "counting words", seconds: encodes ? 0 : (kept * per.counting) / options.threads },
    {
      stage: "learning the tokenizer",
      seconds: options.tokenizer === undefined ? (learningSeconds * options.vocabulary) / 32_768 : 0,
    },
    {
      stage: "tokenizing",
      seconds: encodes ? tokens / packedTokensPerSecond : (kept * per.encoding) / options.threads,
    },
  ].filter(({ seconds }) => seconds > 0);
  const keptBytes = kept * measured.bytesPerCharacter;
  const waiting = waitingBytes(documents * keptShare, keptBytes, options);
  const datasetBytes = Math.round(1.03 * keptBytes + 2 * tokens);
  return {
    ...{ shards: shards.length, portions, bytes },
    sample: { documents: sample.documents, characters: sample.characters, isAll: sample.isAll },
    intervals: { documents: roundInterval(intervals.documents), characters: roundInterval(intervals.characters) },
    ...{ documents, characters, keptShare, tokens, sequences: Math.floor(tokens / options.sequenceLength) },
    ...{ stages, seconds: stages.reduce((sum, { seconds }) => sum + seconds, 0), threads: options.threads },
    disk: {
      datasetBytes,
      peakBytes: Math.round(keptBytes + Math.max(waiting, 1.03 * keptBytes + 6 * tokens)),
      freeBytes: measureFreeBytes(out),
    },
    memoryBytes: Math.round(programBytes + options.threads * threadBytes + (isDeduplicated ? options.memoryBytes : 0)),
  };
}

const roundInterval = ({ low, high }: Estimate): readonly [number, number] | undefined =>
  low === undefined || high === undefined ? undefined : [Math.round(low), Math.round(high)];

/** What waits on disk while documents are compared: keys and candidates of near duplicates, fingerprints of stretches. */
function waitingBytes(documents: number, bytes: number, { nearDuplicates, repeatedBytes }: DatasetOptions): number {
  const near = nearDuplicates === undefined ? 0 : documents * (4 * signatureWords + 2 * 25 * 8);
  const stretches = repeatedBytes === undefined ? 0 : (40 * bytes) / (sizeFingerprints(repeatedBytes).grams + 1);
  return near + stretches;
}

/** Every stage's work on the sample, timed; the tokenizer is learned from one half and measured on the other. */
function measureSample({ texts }: Sample, options: DatasetOptions, clock: Clock) {
  const time = (work: () => void): number => {
    const start = clock.seconds();
    work();
    return clock.seconds() - start;
  };
  const sum = (some: readonly string[]) => some.reduce((total, { length }) => total + length, 0);
  const [learned, other] = [texts.filter((_, i) => i % 2 === 0), texts.filter((_, i) => i % 2 === 1)];
  const counter = new WordCounter(normaliserBefore(options.normaliser, options.preTokenizer), options.preTokenizer);
  const counting = time(() => {
    for (const text of learned) counter.addText(text);
  });
  const tokenizer = options.tokenizer ?? learnTokenizer(counter.wordCounts(), options, () => {});
  const encoder = new Encoder(tokenizer);
  const countTokens = (text: string) => encoder.encode(text, "as-text").length;
  const measured = other.length > 0 ? other : learned;
  for (const text of measured) countTokens(text); // its cache of words fills
  let tokens = 0;
  const encoding = time(() => {
    for (const text of measured) tokens += countTokens(text);
  });
  const { maxTokensPerCharacter, evaluationTexts, filters, textField } = options;
  const compressibility = maxTokensPerCharacter === undefined ? undefined : { maxTokensPerCharacter, countTokens };
  const judge = makeJudge({ textField, evaluationTexts, filters, ...(compressibility && { compressibility }) });
  let kept = 0;
  const judging = time(() => {
    for (const text of texts) if (judge(text) === "kept") kept += text.length;
  });
  const signature = new Uint32Array(signatureWords);
  const signing = time(() => {
    if (options.nearDuplicates !== undefined) for (const text of texts) writeSignature(hashShingles(text), signature);
  });
  const contents = texts.map(text => Buffer.from(text));
  const fingerprints = time(() => {
    if (options.repeatedBytes === undefined) return;
    const sizes = sizeFingerprints(options.repeatedBytes);
    for (const content of contents) chooseFingerprints(content, sizes, () => {});
  });
  const all = Math.max(1, sum(texts));
  return {
    keptShare: kept / all,
    tokensPerCharacter: tokens / Math.max(1, sum(measured)),
    bytesPerCharacter: contents.reduce((total, { length }) => total + length, 0) / all,
    secondsPerCharacter: {
      counting: counting / Math.max(1, sum(learned)),
      encoding: encoding / Math.max(1, sum(measured)),
      ...{ judging: judging / all, signing: signing / all, fingerprints: fingerprints / all },
    },
  };
}

/** That the disk of a folder, which may not be there yet, has left for us. */
export function measureFreeBytes(folder: string): number {
  let at = resolve(folder);
  while (!existsSync(at)) at = dirname(at);
  const { bavail, bsize } = statfsSync(at);
  return bavail * bsize;
}
