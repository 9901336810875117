// `corpus`: how fast each deduplication goes through a corpus, made of a little text by repetition with edits: on one thread, in MB of
// UTF-8 text a second, with the processor's own seconds beside those of the clock, and the memory of the process at most until then.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { SeenTexts } from "../../src/corpus/deduplication/equal-texts.ts";
import { makeEvaluationTexts, occursIn } from "../../src/corpus/deduplication/evaluation-texts.ts";
import { findNearDuplicates } from "../../src/corpus/deduplication/near-duplicates.ts";
import { findRepeatedStretches } from "../../src/corpus/deduplication/repeated-stretches.ts";
import { hashShingles } from "../../src/corpus/deduplication/shingles.ts";
import { signatureWords, writeSignature } from "../../src/corpus/deduplication/signatures.ts";
import { listPortions, type PortionSummary } from "../../src/corpus/portions/portion.ts";
import { PortionTexts } from "../../src/corpus/portions/portion-texts.ts";
import { readPortion } from "../../src/corpus/portions/read-portion.ts";
import type { Shard } from "../../src/corpus/sources/shard.ts";
import { listShards } from "../../src/corpus/sources/sources.ts";
import { makeTemporaryFolder } from "../folder.ts";
import { formatFigure, type Reporter } from "../report.ts";
import { writeRepeatedCorpus } from "./repeated-corpus.ts";
import { readTexts } from "./texts.ts";

export const deduplications = ["equal", "near", "evaluations", "stretches"] as const;
export type Deduplication = (typeof deduplications)[number];

export interface DeduplicationOptions {
  /** .jsonl or .jsonl.gz with a field "text". */
  readonly files: readonly string[];
  readonly bytes: number;
  readonly wordsPerEdit: number;
  readonly steps: readonly Deduplication[];
  /** Of one step. */
  readonly memoryBytes: number;
  /** Where the corpus is made, and found again; a temporary folder unless given. */
  readonly folder?: string | undefined;
}

export async function benchDeduplication(options: DeduplicationOptions, reporter: Reporter): Promise<void> {
  const { steps, memoryBytes, folder = makeTemporaryFolder() } = options;
  const corpus = join(folder, `corpus-${options.bytes}-${options.wordsPerEdit}`);
  if (!existsSync(corpus)) await writeRepeatedCorpus(corpus, options.files.flatMap(readTexts), options);
  const work = join(folder, "work");
  mkdirSync(work, { recursive: true });
  const shards = await listShards([corpus]);
  const reading = await spend(() => readAll(work, shards, steps.includes("near")));
  const texts = new PortionTexts(work, reading.result, memoryBytes, () => {});
  const megabytes = texts.byteLength / 1e6;

  const rows: string[][] = [];
  const tell = (what: string, { seconds, processorSeconds }: Spent, share = 1) => {
    const figures = {
      ...{ seconds: seconds / share, processorSeconds: processorSeconds / share },
      megabytesPerSecond: (megabytes * share) / seconds,
      megabytesPerProcessorSecond: (megabytes * share) / processorSeconds,
      peakMebibytes: process.resourceUsage().maxRSS / 1024,
    };
    reporter.record({ benchmark: "corpus", what, megabytes, ...figures });
    rows.push([what, ...Object.values(figures).map(formatFigure)]);
  };
  tell("reading, with all that follows from one text", reading);
  const some = takeSome(texts);
  const share = some.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / texts.byteLength;
  const each = async (what: string, work: (text: string) => void) =>
    tell(what, await spend(() => some.forEach(work)), share);
  const measures: Readonly<Record<Deduplication, () => Promise<void>>> = {
    equal: async () => {
      const seen = new SeenTexts();
      await each("equal documents", text => seen.take(text));
    },
    near: async () => {
      const signature = new Uint32Array(signatureWords);
      await each("near duplicates: MinHash of each", text => writeSignature(hashShingles(text), signature));
      const find = () => findNearDuplicates(texts, { leastJaccard: 0.8, workFolder: work, memoryBytes });
      tell("near duplicates: among all", await spend(find));
    },
    evaluations: async () => {
      const evaluations = makeEvaluationTexts(some.slice(0, 2000).map(text => text.slice(0, 400)));
      await each("text of evaluations", text => occursIn(evaluations, text));
    },
    stretches: async () => {
      const find = () => findRepeatedStretches(texts, { leastBytes: 100, workFolder: work, memoryBytes });
      const spent = await spend(find);
      tell("stretches of 100 bytes", spent);
      spent.result.close();
    },
  };
  for (const step of steps) await measures[step]();
  texts.close();
  reporter.heading(`${formatFigure(megabytes)} MB, a word of ${options.wordsPerEdit} replaced, one thread`);
  reporter.table(["", "seconds", "of processor", "MB/s", "MB/s of processor", "peak MiB"], rows);
}

async function readAll(work: string, shards: readonly Shard[], signs: boolean): Promise<PortionSummary[]> {
  const summaries: PortionSummary[] = [];
  for (const portion of listPortions(shards)) {
    const events = readPortion(work, portion, { textField: "text", signs, asLines: false });
    let event = await events.next();
    while (event.done !== true) event = await events.next();
    summaries.push(event.value);
  }
  return summaries;
}

/** Texts from everywhere, 64 MB at most: what is done with each text by itself needs no more. */
function takeSome(texts: PortionTexts): string[] {
  const step = Math.max(1, Math.ceil(texts.byteLength / 64e6));
  const some: string[] = [];
  for (let text = 0; text < texts.textCount; text += step) some.push(texts.readText(text).toString());
  return some;
}

interface Spent {
  readonly seconds: number;
  readonly processorSeconds: number;
}

async function spend<Result>(work: () => Promise<Result> | Result): Promise<Spent & { readonly result: Result }> {
  const [start, before] = [systemClock.seconds(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: systemClock.seconds() - start, processorSeconds: (user + system) / 1e6 };
}
