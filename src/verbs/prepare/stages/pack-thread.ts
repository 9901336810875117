// What a thread does of a dataset whose documents were encoded when they were read: it packs their ids while another one writes the documents.

import type { PortionSummary } from "../../../corpus/portions/portion.ts";
import { type PackedDocuments, type PackSettings, type PackTokenizer, packDocuments } from "../../../dataset/build.ts";
import { readChosen } from "./encode-files.ts";

/** Plain data. */
export interface PackWork {
  /** The dataset's. */
  readonly folder: string;
  readonly work: string;
  readonly summaries: readonly Pick<PortionSummary, "records">[];
  readonly tokenizer: PackTokenizer;
  readonly settings: PackSettings;
}

/** Documents that are packed; in the end what all are. */
export async function* packChosen({
  folder,
  work,
  summaries,
  tokenizer,
  settings,
}: PackWork): AsyncGenerator<number | PackedDocuments> {
  const encoded = readChosen(work, summaries, tokenizer.vocabulary.length);
  yield yield* packDocuments(folder, encoded, tokenizer, settings);
}
