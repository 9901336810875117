// Corpora of tests: texts in memory where places of them are wanted, and a corpus read and put together as prepare does.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { RandomSequence, streams } from "../src/base/random.ts";
import { hashShingles } from "../src/corpus/deduplication/shingles.ts";
import { writeSignature } from "../src/corpus/deduplication/signatures.ts";
import type { SignedTexts } from "../src/corpus/deduplication/text-places.ts";
import { type Funnel, startFunnel } from "../src/corpus/funnel.ts";
import { type AssembleOptions, assembleDocuments } from "../src/corpus/portions/assemble-documents.ts";
import { listPortions, type PortionSummary } from "../src/corpus/portions/portion.ts";
import { readPortion } from "../src/corpus/portions/read-portion.ts";
import type { SelectOptions } from "../src/corpus/select.ts";
import type { Document } from "../src/corpus/sources/formats/document-readers.ts";
import type { Shard } from "../src/corpus/sources/shard.ts";

/** So many texts of drawn words, a quarter with one foot; then equal ones, an empty one, near ones and a short one. */
export function drawRepeatingTexts(seed: number, count: number): string[] {
  const random = new RandomSequence(seed, streams.sampling, 0);
  const words = Array.from(
    { length: 300 },
    (_, i) => `${"bcdfglmnprst"[i % 12]}${"aeiouä"[i % 6]}${"lmnrst"[i % 6]}${i % 7}`,
  );
  const draw = (length: number) => Array.from({ length }, () => words[random.below(words.length)]).join(" ");
  const foot = draw(30);
  const texts = Array.from({ length: count }, (_, i) => `${draw(40)}${i % 4 === 0 ? ` ${foot}` : ""}`);
  return [...texts, ...texts.slice(0, 20), "", ...texts.slice(20, 60).map(text => `${text} again`), "short"];
}

/** Texts as their places see them. */
export function holdTexts(texts: readonly string[]): SignedTexts {
  const bytes = Buffer.concat(texts.flatMap(text => [Buffer.from(text), Uint8Array.of(0xff)]));
  const starts = [0];
  for (const text of texts) starts.push(starts.at(-1)! + Buffer.byteLength(text) + 1);
  return {
    textCount: texts.length,
    byteLength: bytes.length,
    startOf: text => starts[text]!,
    readText: text => bytes.subarray(starts[text]!, starts[text + 1]! - 1),
    read: (from, length, into = Buffer.alloc(length)) => into.subarray(0, bytes.copy(into, 0, from, from + length)),
    isDropped: () => false,
    readSignature: (text, into) => writeSignature(hashShingles(texts[text]!), into),
  };
}

/** What is left of a corpus, and the account of it. `portionBytes` 0 makes a portion of each shard. */
export async function readCorpus(
  shards: readonly Shard[],
  folder: string,
  options: Partial<SelectOptions & Pick<AssembleOptions, "nearDuplicates" | "repeatedBytes" | "memoryBytes">> = {},
  portionBytes?: number,
): Promise<{ readonly documents: Document[]; readonly funnel: Funnel }> {
  mkdirSync(folder, { recursive: true });
  const { nearDuplicates, repeatedBytes, memoryBytes = 2 ** 28, ...select } = options;
  const summaries: PortionSummary[] = [];
  for (const portion of listPortions(shards, portionBytes)) {
    const asLines = repeatedBytes === undefined;
    const portionOptions = { textField: "text", signs: nearDuplicates !== undefined, asLines, ...select };
    const events = readPortion(folder, portion, portionOptions);
    for (let event = await events.next(); ; event = await events.next()) {
      if (event.done !== true) continue;
      summaries.push(event.value);
      break;
    }
  }
  const funnel = startFunnel();
  const documents: Document[] = [];
  const workFolder = join(folder, "work");
  const assemble = { nearDuplicates, repeatedBytes, memoryBytes, workFolder };
  for await (const document of assembleDocuments(folder, summaries, assemble, funnel)) documents.push(document);
  if (existsSync(workFolder)) throw new Error("something waits on disk still");
  return { documents, funnel };
}
