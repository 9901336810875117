// A dataset written into an empty folder: documents are selected and counted in one pass, then tokenized from their copy.

import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { deduplicateDocuments } from "../../corpus/deduplication/deduplicate.ts";
import { readDocuments, writeDocuments } from "../../corpus/documents.ts";
import { startFunnel } from "../../corpus/funnel.ts";
import { isMixture, mixCorpus } from "../../corpus/mixture/mix-corpus.ts";
import { type SelectOptions, selectDocuments } from "../../corpus/select.ts";
import type { Document } from "../../corpus/sources/read-shard.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import { buildDataset } from "../../dataset/build.ts";
import type { PassedOver } from "../../tables/passed-over.ts";
import { WordCounter } from "../../tokenizer/learning/count-words.ts";
import { LossCounter } from "../../tokenizer/normalising/lost-text.ts";
import { normalisers } from "../../tokenizer/normalising/normaliser.ts";
import type { DatasetOptions, Prepared } from "./dataset-options.ts";
import { learnTokenCounter, learnTokenizer } from "./learn-tokenizer.ts";
import { createProgress } from "./progress.ts";
import { describeNormaliserLoss, describeText } from "./text-warnings.ts";

/** Writes a dataset into an empty folder. */
export async function buildFromText(
  folder: string,
  shards: readonly Shard[],
  originHash: string,
  options: DatasetOptions,
  showProgress: (what: string) => void,
  passedOver: readonly PassedOver[],
): Promise<Omit<Prepared, "folder">> {
  const { tokenizer: given } = options;
  const normaliser = given?.normaliser ?? normalisers[options.normaliser];
  const progress = (what: string) => (count: number) => showProgress(`${what} ${count.toLocaleString("en-US")}`);
  const { format, textField, documentSeparator, skipBroken, strict } = options;
  const separator = documentSeparator === undefined ? undefined : parseSeparator(documentSeparator);
  const { evaluationTexts, nearDuplicates, repeatedBytes, filters } = options;
  const select: SelectOptions = { format, textField, separator, skipBroken, strict, evaluationTexts, filters };
  const filter =
    options.maxTokensPerCharacter === undefined
      ? {}
      : {
          compressibility: {
            maxTokensPerCharacter: options.maxTokensPerCharacter,
            countTokens: await learnTokenCounter(shards, select, options, showProgress),
          },
        };
  let bytesRead = 0;
  const onBytes = (bytes: number) => {
    bytesRead += bytes;
  };
  const funnel = startFunnel();
  funnel.passedOver.push(...structuredClone(passedOver));
  const words = new WordCounter(normaliser, options.preTokenizer);
  const losses = new LossCounter(normaliser);
  const isDeduplicated = nearDuplicates !== undefined || repeatedBytes !== undefined;
  const describeShare = createProgress(1, systemClock);
  const deduplicate = (documents: AsyncIterable<Document>) =>
    isDeduplicated
      ? deduplicateDocuments(documents, options, funnel, join(folder, "deduplication"), (doing, share) =>
          showProgress(`${doing}: ${describeShare(share)}`),
        )
      : documents;
  const describeRead = createProgress(
    shards.reduce((sum, { bytes }) => sum + bytes, 0),
    systemClock,
  );
  const read = (async function* () {
    let count = 0;
    for await (const document of selectDocuments(shards, { ...select, ...filter, onBytes }, funnel)) {
      if (++count % 1024 === 0) {
        showProgress(`reading: ${describeRead(bytesRead)}, ${count.toLocaleString("en-US")} documents`);
      }
      yield document;
    }
  })();
  const mix = (documents: AsyncIterable<Document>) =>
    isMixture(shards)
      ? mixCorpus(documents, { shards, workFolder: join(folder, "parts"), seed: options.seed }, funnel)
      : documents;
  const selected = (async function* () {
    for await (const document of mix(deduplicate(read))) {
      if (given === undefined) words.addText(document.text);
      losses.addText(document.text);
      yield document;
    }
  })();
  const documentsFolder = join(folder, "documents");
  const documents = await writeDocuments(documentsFolder, selected, funnel);
  describeNormaliserLoss(losses.loss, options);
  const tokenizer = given ?? learnTokenizer(words, options, progress("learning the tokenizer: tokens"));
  const describeDone = createProgress(documents.documents, systemClock);
  const manifest = await buildDataset(folder, readDocuments(documentsFolder), tokenizer, {
    sequenceLength: options.sequenceLength,
    holdOut: options.holdOut,
    seed: options.seed,
    threads: options.threads,
    documentsHash: documents.hash,
    originHash,
    nameRecipe: options.nameRecipe,
    loss: losses.loss,
    onProgress: (done, sequences) =>
      showProgress(`tokenizing: ${describeDone(done)}, ${sequences.toLocaleString("en-US")} sequences`),
  });
  return { manifest, documents, warnings: describeText(manifest, options) };
}

function parseSeparator(separator: string): RegExp {
  if (separator === "blank-line") return /\r?\n[ \t]*\r?\n/;
  return new RegExp(separator.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
}
