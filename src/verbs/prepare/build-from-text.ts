// A dataset written into an empty folder, stage by stage. What each stage has finished lies in the work folder: whoever begins again
// finds it there. The order of the shards decides what comes out; threads, memory and interruptions do not.

import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { findChangedFile } from "../../base/files/checksums.ts";
import { makeFolder, readJson, syncFiles, writeFileAtomically } from "../../base/files/files.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { isSealed, sealFile } from "../../base/files/sealed-file.ts";
import { shareFile } from "../../base/files/share-file.ts";
import type { BoundedThread } from "../../base/threads/bounded-worker.ts";
import {
  type DocumentsManifest,
  listChecksums,
  readDocumentsManifest,
  writeDocuments,
} from "../../corpus/documents.ts";
import { listTaken, startFunnel } from "../../corpus/funnel.ts";
import { isMixture, mixCorpus } from "../../corpus/mixture/mix-corpus.ts";
import {
  type AssembledDocument,
  type AssembleStage,
  assembleDocuments,
} from "../../corpus/portions/assemble-documents.ts";
import type { Portion, PortionSummary } from "../../corpus/portions/portion.ts";
import type { SelectOptions } from "../../corpus/select.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import { finishDataset, type PackedDocuments, packDocuments } from "../../dataset/build.ts";
import type { PassedOver } from "../../tables/passed-over.ts";
import { normaliserBefore } from "../../tokenizer/define.ts";
import { addLoss, listCommonest, startTextLoss, type TextLoss } from "../../tokenizer/normalising/lost-text.ts";
import { readTokenizer } from "../../tokenizer/read-tokenizer.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { writeTokenizer } from "../../tokenizer/tokenizer-json.ts";
import type { DatasetOptions, Prepared } from "./dataset-options.ts";
import { learnFilterTokenizer, learnTokenizer } from "./learn-tokenizer.ts";
import { parseSeparator } from "./separator.ts";
import { countWords } from "./stages/count-words.ts";
import { encodeFiles, keepChoice } from "./stages/encode-files.ts";
import { packHere, packInThread } from "./stages/pack-documents.ts";
import { createProgress, type StageName, type StageProgress } from "./stages/progress.ts";
import { readPortions } from "./stages/read-portions.ts";
import { describeNormaliserLoss, describeText } from "./text-warnings.ts";

export type OnStage = (progress: StageProgress) => void;

/** Reads what is not read yet of these portions of the shards, with these threads beside this one. */
export async function readText(
  work: string,
  shards: readonly Shard[],
  portions: readonly Portion[],
  options: DatasetOptions,
  threads: readonly BoundedThread[],
  onStage: OnStage,
): Promise<PortionSummary[]> {
  const { format, textField, documentSeparator, removeWhitespace, skipBroken, strict } = options;
  const { evaluationTexts, filters } = options;
  const separator = documentSeparator === undefined ? undefined : parseSeparator(documentSeparator);
  const select: SelectOptions = {
    ...{ format, textField, separator, removeWhitespace, skipBroken, strict },
    ...{ evaluationTexts, filters },
  };
  const { maxTokensPerCharacter } = options;
  const encodes = encodesInPortions(shards, options);
  const tokenizer =
    encodes || maxTokensPerCharacter !== undefined
      ? (options.tokenizer ?? (await keepTokenizer(join(work, "filter.json"), learnOfSample)))
      : undefined;
  function learnOfSample(): Promise<Tokenizer> {
    return learnFilterTokenizer(shards, select, options, onStage);
  }
  const total = portions.flatMap(portion => portion.shards).reduce((sum, { bytes }) => sum + bytes, 0);
  const describe = createProgress("reading", systemClock, total, "bytes");
  let done = 0;
  const signs = options.nearDuplicates !== undefined;
  const asLines = staysWhole(shards, options);
  return readPortions(
    { folder: work, portions, options: { ...select, signs, asLines }, tokenizer, maxTokensPerCharacter, encodes },
    threads,
    ({ bytes }) => {
      done += bytes;
      onStage(describe(done));
    },
  );
}

/**
 * Whether who reads a document encodes it, too: where the tokenizer is known then, and the document comes into the dataset once and as it
 * is, unless it is dropped.
 */
export const encodesInPortions = (shards: readonly Shard[], options: DatasetOptions): boolean =>
  options.tokenizer !== undefined && staysWhole(shards, options);

const staysWhole = (shards: readonly Shard[], { repeatedBytes }: DatasetOptions): boolean =>
  repeatedBytes === undefined && !isMixture(shards);

/** Writes a dataset of what was read into an empty folder. Of the threads one may pack it while this one writes its documents. */
export async function buildFromText(
  folder: string,
  work: string,
  shards: readonly Shard[],
  summaries: readonly PortionSummary[],
  originHash: string,
  options: DatasetOptions,
  [thread]: readonly BoundedThread[],
  onStage: OnStage,
  passedOver: readonly PassedOver[],
): Promise<Omit<Prepared, "folder">> {
  const documentsFolder = join(work, "documents");
  const { sequenceLength, packing, holdOut, seed } = options;
  const settings = { sequenceLength, packing, holdOut, seed };
  let packed: Promise<PackedDocuments> | undefined;
  let onPacked = (_: number) => {};
  const pack = () => {
    if (thread === undefined) return;
    const { vocabulary, specials } = options.tokenizer!;
    const tokenizer = { vocabulary: { length: vocabulary.length }, specials };
    packed = packInThread(
      thread,
      {
        folder,
        work,
        summaries: summaries.map(({ records }) => ({ records })),
        tokenizer,
        settings,
      },
      done => onPacked(done),
    );
    packed.catch(() => {});
  };
  try {
    const documents =
      findFinished(documentsFolder) ??
      (await assemble(work, documentsFolder, shards, summaries, options, pack, onStage, passedOver));
    // The disk takes its time while the rest is done.
    const synced = syncFiles(documents.files.map(({ name }) => join(documentsFolder, name)));
    synced.catch(() => {});
    const { tokenizer, loss } = await learnOf(work, documents, documentsFolder, options, onStage);
    const describe = createProgress("tokenizing", systemClock, documents.documents, "documents");
    onPacked = done => onStage(describe(done));
    const here = () =>
      packDocuments(
        folder,
        encodeFiles(work, documentsFolder, summaries, tokenizer, options.threads),
        tokenizer,
        settings,
      );
    const done = await (packed ?? packHere(here(), onPacked));
    const manifest = finishDataset(folder, done, tokenizer, {
      ...settings,
      documentsHash: documents.hash,
      originHash,
      nameRecipe: options.nameRecipe,
      loss,
      taken: describeTaken(documents),
    });
    await synced;
    shareFiles(documentsFolder, join(folder, "documents"), documents);
    const { splitDocuments } = done;
    return { manifest, documents, splitDocuments, warnings: describeText(manifest, options) };
  } catch (error) {
    // Nobody writes into the folder any more when it is said that this failed.
    await thread?.close();
    throw error;
  }
}

/** What of the text that was read is not in the documents. */
function describeTaken({ funnel }: DocumentsManifest): string[] {
  const { documents } = funnel.cut;
  return [...listTaken(funnel), ...(documents > 0 ? [`parts of ${documents}`] : [])];
}

/** The documents that were put together before, where every file of them is what it was. */
function findFinished(folder: string): DocumentsManifest | undefined {
  if (!isSealed(join(folder, "manifest.json"))) return undefined;
  const manifest = readDocumentsManifest(folder);
  return findChangedFile(folder, listChecksums(manifest)) === undefined ? manifest : undefined;
}

async function assemble(
  work: string,
  documentsFolder: string,
  shards: readonly Shard[],
  summaries: readonly PortionSummary[],
  options: DatasetOptions,
  onKeptChoice: () => void,
  onStage: OnStage,
  passedOver: readonly PassedOver[],
): Promise<DocumentsManifest> {
  removeLeftovers(documentsFolder);
  const { nearDuplicates, repeatedBytes, memoryBytes, seed } = options;
  const funnel = startFunnel();
  funnel.passedOver.push(...structuredClone(passedOver));
  const textBytes = summaries.reduce((sum, { bytes }) => sum + bytes, 0);
  const describe: { [Stage in AssembleStage]?: ReturnType<typeof createProgress<StageName>> } = {};
  const total = summaries.reduce((sum, { kept }) => sum + kept, 0);
  let describeWritten: ReturnType<typeof createProgress<StageName>> | undefined;
  const encodes = encodesInPortions(shards, options);
  const onChosen = (isDocument: Uint8Array) => {
    keepChoice(work, isDocument);
    onKeptChoice();
  };
  const documents = assembleDocuments(
    work,
    summaries,
    {
      ...{ nearDuplicates, repeatedBytes, workFolder: join(work, "deduplication") },
      // Beside it stands the program.
      memoryBytes: 0.75 * memoryBytes,
      onProgress: (stage, share) => {
        // A stage begins when it is first told of: the one before it takes none of its time.
        describe[stage] ??= createProgress<StageName>(stage, systemClock, textBytes, "bytes");
        onStage(describe[stage](share * textBytes));
      },
      ...(encodes && { onChosen }),
    },
    funnel,
  );
  const loss = startTextLoss();
  const mixed = isMixture(shards)
    ? mixCorpus(documents, { shards, workFolder: join(work, "mixture"), seed }, funnel)
    : encodes
      ? countLoss(documents, loss)
      : documents;
  const manifest = await writeDocuments(documentsFolder, mixed, funnel, done => {
    describeWritten ??= createProgress("writing documents", systemClock, total, "documents");
    onStage(describeWritten(done));
  });
  if (encodes) {
    loss.examples.push(...listCommonest(summaries.map(({ lost = [] }) => lost)));
    keepLoss(work, loss);
  }
  sealFile(join(documentsFolder, "manifest.json"));
  return manifest;
}

async function* countLoss(documents: AsyncIterable<AssembledDocument>, loss: TextLoss) {
  for await (const document of documents) {
    const { visible, lost, unaccented } = document.encoded!;
    addLoss(loss, { characters: visible, lost, unaccented });
    yield document;
  }
}

const lossOf = (work: string) => join(work, "loss.json");

function keepLoss(work: string, loss: TextLoss): void {
  writeFileAtomically(lossOf(work), JSON.stringify(loss));
  sealFile(lossOf(work));
}

/** The tokenizer of the documents, and what its normaliser takes from them. */
async function learnOf(
  work: string,
  { characters, documents }: DocumentsManifest,
  documentsFolder: string,
  options: DatasetOptions,
  onStage: OnStage,
): Promise<{ readonly tokenizer: Tokenizer; readonly loss: TextLoss }> {
  const path = join(work, "tokenizer.json");
  const { tokenizer: given, threads, preTokenizer } = options;
  if (isSealed(lossOf(work)) && (given !== undefined || isSealed(path))) {
    const loss = readJson(lossOf(work), "list of losses") as TextLoss;
    describeNormaliserLoss(loss, options);
    return { tokenizer: given ?? readTokenizer(path), loss };
  }
  const describe = createProgress("counting words", systemClock, documents, "documents");
  let done = 0;
  const { words, loss } = await countWords(
    {
      documentsFolder,
      normaliser: given?.normaliser ?? normaliserBefore(options.normaliser, preTokenizer),
      preTokenizer,
    },
    { characters, wantsWords: given === undefined, threads },
    count => {
      done += count;
      onStage(describe(done));
    },
  );
  describeNormaliserLoss(loss, options);
  const describeTokens = createProgress("learning the tokenizer", systemClock, options.vocabulary, "tokens");
  const learn = () => learnTokenizer(words, options, tokens => onStage(describeTokens(tokens)));
  const tokenizer = given ?? (await keepTokenizer(path, learn));
  keepLoss(work, loss);
  return { tokenizer, loss };
}

async function keepTokenizer(path: string, learn: () => Promise<Tokenizer> | Tokenizer): Promise<Tokenizer> {
  if (isSealed(path)) return readTokenizer(path);
  const tokenizer = await learn();
  writeTokenizer(path, tokenizer);
  sealFile(path);
  return tokenizer;
}

/** The files stay where they are until the dataset is whole. */
function shareFiles(from: string, to: string, { files }: DocumentsManifest): void {
  makeFolder(to);
  for (const name of [...files.map(file => file.name), "manifest.json"]) shareFile(join(from, name), join(to, name));
}
