// The documents of a corpus out of its portions, in their order: what needs all of them in view is decided here. Equal ones of
// different portions go, then near duplicates, then stretches are cut that stood in the corpus before.

import { mkdirSync } from "node:fs";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { type PassedOver, passOver } from "../../tables/passed-over.ts";
import type { TextKey } from "../deduplication/equal-texts.ts";
import { findNearDuplicates } from "../deduplication/near-duplicates.ts";
import { cutStretches, findRepeatedStretches, type Stretches } from "../deduplication/repeated-stretches.ts";
import { insertExample, mostExamples, showExample } from "../examples.ts";
import { countDocument, type DropReason, type Funnel } from "../funnel.ts";
import type { Document } from "../sources/formats/document-readers.ts";
import type { EncodedCounts } from "./encodings.ts";
import type { PortionSummary } from "./portion.ts";
import { PortionTexts } from "./portion-texts.ts";
import type { DocumentRecord } from "./record.ts";

export interface AssembleOptions {
  /** Drops a document with at least this share of shingles in common with an earlier one; undefined: none. */
  readonly nearDuplicates?: number | undefined;
  /** Cuts what stood in the corpus before, from this many bytes on; undefined: nothing. */
  readonly repeatedBytes?: number | undefined;
  /** What one step may hold at a time, about. */
  readonly memoryBytes: number;
  /** A folder that is made for what has to wait on disk, as much as the corpus, and removed. */
  readonly workFolder: string;
  readonly onProgress?: ((doing: AssembleStage, share: number) => void) | undefined;
  /** Told which of the portions' texts will be documents, before the first of them comes, where none will be cut. */
  readonly onChosen?: ((isDocument: Uint8Array) => void) | undefined;
}

/** A document as it came out of its portion. */
export interface AssembledDocument extends Document {
  /** Its number among the texts of all portions. */
  readonly number: number;
  /** Of one of which nothing can be cut; zeros where its portion did not encode it. */
  readonly encoded?: EncodedCounts | undefined;
}

export type AssembleStage = "near duplicates" | "repeated stretches";

/** Yields the documents that are left, and keeps the account in `funnel`, to which the portions' are added. */
export async function* assembleDocuments(
  folder: string,
  summaries: readonly PortionSummary[],
  options: AssembleOptions,
  funnel: Funnel,
): AsyncGenerator<AssembledDocument> {
  const { nearDuplicates, repeatedBytes, memoryBytes, workFolder, onProgress, onChosen } = options;
  // A step that sorts its numbers holds them more than once.
  const sortedBytes = memoryBytes / 3;
  for (const summary of summaries) addFunnel(funnel, summary.funnel);
  removeLeftovers(workFolder);
  mkdirSync(workFolder, { recursive: true });
  const takeBack = (from: { documents: number; characters: number }, characters: number) => {
    from.documents -= 1;
    from.characters -= characters;
  };
  let stretches: Stretches | undefined;
  let equal: { readonly text: number; readonly key: TextKey }[] = [];
  const texts = new PortionTexts(folder, summaries, sortedBytes, ({ verdict, characters, high, low }, text) => {
    takeBack(verdict === "kept" ? funnel.kept : funnel.dropped[verdict], characters);
    countDocument(funnel.dropped.duplicate, characters);
    if (text !== undefined) equal = keepFirst(equal, { text, key: { high, low } });
  });
  try {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (const { text } of equal) {
      showExample(funnel.examples, "duplicate", texts.sourceOf(text), decoder.decode(texts.readText(text)));
    }
    const drop = (reason: "near-duplicate" | "repeated", text: string, source: string) => {
      takeBack(funnel.kept, text.length);
      countDocument(funnel.dropped[reason], text.length);
      showExample(funnel.examples, reason, source, text);
    };
    if (nearDuplicates !== undefined) {
      onProgress?.("near duplicates", 0);
      const near = findNearDuplicates(texts, {
        ...{ leastJaccard: nearDuplicates, workFolder, memoryBytes: sortedBytes },
        onProgress: share => onProgress?.("near duplicates", share),
      });
      for (const [text, isNear] of near.entries()) {
        if (isNear === 0) continue;
        drop("near-duplicate", decoder.decode(texts.readText(text)), texts.sourceOf(text));
        texts.drop(text);
      }
    }
    if (repeatedBytes !== undefined) {
      onProgress?.("repeated stretches", 0);
      stretches = findRepeatedStretches(texts, {
        ...{ leastBytes: repeatedBytes, workFolder, memoryBytes },
        onProgress: share => onProgress?.("repeated stretches", share),
      });
    }
    if (stretches === undefined) onChosen?.(texts.listKept());
    const ahead = stretches?.[Symbol.iterator]();
    let stretch = ahead?.next();
    let number = -1;
    for (const record of texts.readRecords()) {
      number += 1;
      if (texts.isDropped(number)) continue;
      const source = texts.sourceOf(number);
      if (texts.asLines) {
        yield new StoredDocument(texts, number, source, record);
        continue;
      }
      const bytes = texts.readStored(number).subarray(0, -1);
      const [first, last] = [texts.startOf(number), texts.startOf(number) + bytes.length];
      const own: [number, number][] = [];
      for (; stretch !== undefined && stretch.done !== true && stretch.value[0] < last; stretch = ahead!.next()) {
        own.push([stretch.value[0] - first, stretch.value[1] - first]);
      }
      if (own.length === 0) {
        // Nobody may want it as a string.
        yield {
          number,
          utf8: bytes,
          source,
          get text() {
            return decoder.decode(bytes);
          },
        };
        continue;
      }
      const whole = decoder.decode(bytes);
      const text = cutStretches(bytes, own);
      if (text.trim() === "") {
        drop("repeated", whole, source);
        continue;
      }
      funnel.kept.characters -= whole.length - text.length;
      countDocument(funnel.cut, whole.length - text.length);
      for (const [from, to] of own) {
        showExample(funnel.examples, "cut", source, decoder.decode(bytes.subarray(from, to)));
      }
      yield { number, text, source };
    }
  } finally {
    stretches?.close();
    texts.close();
    removeLeftovers(workFolder);
  }
}

/**
 * Takes a text into the few that may become examples, one of each key: those of the smallest keys, which are the smallest draws, so
 * that no others need be read.
 */
function keepFirst<Text extends { readonly key: TextKey }>(few: Text[], text: Text): Text[] {
  const compare = (a: TextKey, b: TextKey) => a.high - b.high || a.low - b.low;
  const place = few.findIndex(({ key }) => compare(key, text.key) >= 0);
  if (place < 0) return few.length < mostExamples ? [...few, text] : few;
  return compare(few[place]!.key, text.key) === 0 ? few : few.toSpliced(place, 0, text).slice(0, mostExamples);
}

/** A document that stays as it lies in its portion; nobody may want it as a string. */
class StoredDocument implements AssembledDocument {
  readonly number: number;
  readonly source: string;
  readonly encoded: EncodedCounts;
  readonly written: NonNullable<Document["written"]>;
  private readonly texts: PortionTexts;

  constructor(texts: PortionTexts, number: number, source: string, record: DocumentRecord) {
    this.number = number;
    this.source = source;
    this.encoded = record;
    this.written = { bytes: texts.readStored(number), characters: record.characters };
    this.texts = texts;
  }

  get text(): string {
    return this.texts.readText(this.number).toString("utf8");
  }
}

/** Adds the account of a portion, as if there were no other. */
function addFunnel(to: Funnel, from: Funnel): void {
  const add = (sum: { documents: number; characters: number }, more: typeof sum) => {
    sum.documents += more.documents;
    sum.characters += more.characters;
  };
  add(to.read, from.read);
  add(to.kept, from.kept);
  for (const [reason, amount] of Object.entries(from.dropped)) add(to.dropped[reason as DropReason], amount);
  for (const example of from.examples) insertExample(to.examples, example);
  for (const passed of from.passedOver) addPassed(to.passedOver, passed);
}

function addPassed(to: PassedOver[], { reason, count, first }: PassedOver): void {
  for (const place of first) passOver(to, reason, place);
  to.find(each => each.reason === reason)!.count += count - first.length;
}
