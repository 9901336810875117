// What a thread does while words are counted: of the batches of documents that are its turn, the words of some and what normalising
// takes from all. Batches depend on the documents alone.

import { readDocuments } from "../../../corpus/documents.ts";
import { batchTexts } from "../../../tokenizer/encoding/encode-threads.ts";
import type { PreTokenizerName } from "../../../tokenizer/encoding/pre-tokenizer.ts";
import { WordCounter } from "../../../tokenizer/learning/count-words.ts";
import { LossCounter, type LostCounts, type TextLoss } from "../../../tokenizer/normalising/lost-text.ts";
import type { Normaliser } from "../../../tokenizer/normalising/normaliser.ts";

/** Plain data. */
export interface CountWork {
  readonly documentsFolder: string;
  readonly normaliser: Normaliser;
  readonly preTokenizer: PreTokenizerName;
  /** Of every so many batches the words of one are counted; 0 counts none. */
  readonly stride: number;
  /** The thread's number, and how many there are. */
  readonly turn: number;
  readonly turns: number;
}

export interface CountedWords {
  readonly kind: "counted";
  readonly words: readonly string[];
  readonly counts: Float64Array;
  readonly loss: TextLoss;
  readonly lost: LostCounts;
}

export type CountEvent = { readonly kind: "documents"; readonly documents: number } | CountedWords;

/** Tells how many documents it has passed, and last what it counted. */
export async function* countBatches(work: CountWork): AsyncGenerator<CountEvent> {
  const { documentsFolder, normaliser, preTokenizer, stride, turn, turns } = work;
  const counter = new WordCounter(normaliser, preTokenizer);
  const losses = new LossCounter(normaliser);
  let batch = 0;
  for await (const texts of batchTexts(readDocuments(documentsFolder))) {
    if (batch % turns === turn) {
      const isCounted = stride > 0 && batch % stride === 0;
      for (const text of texts) {
        if (isCounted) counter.addText(text);
        losses.addText(text);
      }
      yield { kind: "documents", documents: texts.length };
    }
    batch++;
  }
  const counted = counter.wordCounts();
  yield {
    kind: "counted",
    words: counted.map(([word]) => word),
    counts: Float64Array.from(counted, ([, count]) => count),
    ...{ loss: losses.loss, lost: losses.listLost() },
  };
}
