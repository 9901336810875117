// From text to a dataset in one folder: documents/, tokenizer.json, shards, manifest.json. A folder that was made from the same
// files with the same options is left as it is.

import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { contentHash } from "../base/files/files.ts";
import { finishMoves, replaceFiles } from "../base/files/folder-draft.ts";
import { checkOutput } from "../base/files/folder-kind.ts";
import { withFolderLock } from "../base/files/folder-lock.ts";
import { type DocumentsManifest, readDocuments, writeDocuments } from "../corpus/documents.ts";
import { type PassedOver, passOver, startFunnel } from "../corpus/funnel.ts";
import { type SelectOptions, selectDocuments } from "../corpus/select.ts";
import type { ChosenFormat } from "../corpus/sources/read-source.ts";
import { hashSources, type ListOptions, listSources, type Source } from "../corpus/sources/sources.ts";
import { buildDataset } from "../dataset/build.ts";
import { type DatasetManifest, writeManifest } from "../dataset/manifest.ts";
import { largestVocabulary } from "../dataset/shards.ts";
import { countPerformanceCores } from "../machine/cores.ts";
import { defineLearnedTokenizer } from "../tokenizer/define.ts";
import { Encoder } from "../tokenizer/encoding/encode.ts";
import type { PreTokenizer } from "../tokenizer/encoding/split.ts";
import { WordCounter } from "../tokenizer/learning/count-words.ts";
import { learnVocabulary, limitAlphabet } from "../tokenizer/learning/learn.ts";
import { describeLoss, formatShare, LossCounter, type TextLoss } from "../tokenizer/normalising/lost-text.ts";
import { type NormaliserName, normalisers } from "../tokenizer/normalising/normaliser.ts";
import { specialTokens, type Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Recipe } from "../train/recipe.ts";
import { datasetNames, leaveOutOwnFiles, listDatasetFiles, readWholeDataset } from "./dataset-folder.ts";
import { readLearnedLength } from "./next-pretrain.ts";
import { openTokenizer } from "./open-tokenizer.ts";
import { createProgress } from "./progress.ts";
import { chooseRecipe } from "./recipe.ts";

/** How text becomes sequences. */
export interface DatasetOptions {
  /** Name of the recipe that the dataset is for. */
  readonly recipe: string;
  readonly vocabulary: number;
  readonly sequenceLength: number;
  readonly normaliser: NormaliserName;
  readonly preTokenizer: PreTokenizer;
  /** Characters that the tokenizer knows at most; undefined: as `limitAlphabet` says. */
  readonly alphabetLimit?: number | undefined;
  /** Takes the place of one that is learned; vocabulary, normaliser, preTokenizer and alphabetLimit are then its own. */
  readonly tokenizer?: Tokenizer | undefined;
  /** What every file is; undefined: what its name says, or its content. */
  readonly format?: ChosenFormat | undefined;
  readonly textField: string;
  /** What stands between the documents of a text file: "blank-line", or a text; undefined: a file is one document. */
  readonly documentSeparator?: string | undefined;
  /** Whether broken lines and files are counted and passed over instead of refused. */
  readonly skipBroken?: boolean | undefined;
  /** Whether a file in a folder that cannot be read is an error. */
  readonly strict?: boolean | undefined;
  /** Documents with as many tokens a character or more are dropped; undefined keeps them all. */
  readonly maxTokensPerCharacter: number | undefined;
  readonly holdOut: number;
  readonly seed: number;
  readonly threads: number;
}

export interface PrepareOptions {
  /** Files and folders: .txt, .md, .html, .jsonl, .json, .csv, .tsv, each also .gz or .zst, and .parquet. */
  readonly texts: readonly string[];
  /** The dataset's folder. */
  readonly out: string;
  /** The recipe whose vocabulary and sequence length are used. Default crammed-bert. */
  readonly recipe?: string | Recipe | undefined;
  /** Tokens of the tokenizer to learn, special ones included. Default: the recipe's. */
  readonly vocabulary?: number | undefined;
  /** Characters that the tokenizer knows at most. Default: 1,000, or a quarter of the vocabulary where that is more. */
  readonly alphabetLimit?: number | undefined;
  /**
   * A tokenizer.json, a vocab.txt, or the folder of a run, an export or a model of Hugging Face's, whose tokenizer is used
   * instead of a learned one: for training that goes on from a model (`initFrom`).
   */
  readonly tokenizer?: string | undefined;
  /** Tokens of a sequence. Default: the recipe's. */
  readonly sequenceLength?: number | undefined;
  /** What text becomes before it is split. Default ascii-fold. */
  readonly normaliser?: NormaliserName | undefined;
  /** How text is split into words. Default whitespace for ascii-fold and reference, bert for what keeps other letters. */
  readonly preTokenizer?: PreTokenizer | undefined;
  /** What every file is, text, jsonl or html. Default: what its name says, or its content. */
  readonly format?: ChosenFormat | undefined;
  /** The field of a .jsonl line, or the column of a table, that holds the text. Default text. */
  readonly textField?: string | undefined;
  /** What stands between the documents of a text file: "blank-line", or a text. Default: a file is one document. */
  readonly documentSeparator?: string | undefined;
  /** Counts and passes over broken lines and files instead of refusing them. Default false. */
  readonly skipBroken?: boolean | undefined;
  /** Refuses a file in a folder that cannot be read, which is else counted and passed over. Default false. */
  readonly strict?: boolean | undefined;
  /** Drops documents with that many tokens a character or more. The paper: 0.25 at 32768 tokens. Default: keeps them all. */
  readonly maxTokensPerCharacter?: number | undefined;
  /** Share of the text that is kept for validation. Default 0.01. */
  readonly holdOut?: number | undefined;
  /** Decides which text is held out. Default 0. */
  readonly seed?: number | undefined;
  /** Threads that encode; the result does not depend on it. Default: the performance cores. */
  readonly threads?: number | undefined;
  /** Told what is being done, in words. */
  readonly onProgress?: ((what: string) => void) | undefined;
}

export interface Prepared {
  readonly folder: string;
  readonly manifest: DatasetManifest;
  /** What was read, kept and dropped; undefined when the dataset stood there already. */
  readonly documents: DocumentsManifest | undefined;
  /** What a person should know of the text: a share of it that was lost, or that the tokenizer does not know. */
  readonly warnings: readonly string[];
}

/**
 * Makes a dataset of text: selects documents, learns a tokenizer from them, cuts them into sequences of tokens.
 *
 * ```ts
 * const { folder, manifest } = await prepare({ texts: ["texts"], out: "data/mine", recipe: "quickstart" });
 * console.log(`${folder}: ${manifest.training.sequences} sequences of ${manifest.sequenceLength} tokens`);
 * ```
 *
 * Errors are `UserError`s with a code that docs/ERRORS.md explains, among them E_TEXT_MISSING, E_UTF8, E_TOO_LITTLE_TEXT.
 */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { name, model } = chooseRecipe({ recipe: options.recipe ?? "crammed-bert" });
  const { texts, out, maxTokensPerCharacter, holdOut = 0.01 } = options;
  if (!(holdOut > 0 && holdOut <= 0.5)) {
    throw new UserError("E_OPTION", `holdOut is ${holdOut}`, "Hold out a share above 0 and up to 0.5.");
  }
  const normaliser = options.normaliser ?? "ascii-fold";
  const tokenizer = options.tokenizer === undefined ? undefined : await openGivenTokenizer(options.tokenizer, options);
  const shaping = {
    recipe: name,
    vocabulary: checkVocabulary(tokenizer?.vocabulary.length ?? options.vocabulary ?? model.vocabulary),
    alphabetLimit: options.alphabetLimit,
    tokenizer,
    sequenceLength: options.sequenceLength ?? (await readLearnedLength(options.tokenizer)) ?? model.sequenceLength,
    normaliser,
    preTokenizer: options.preTokenizer ?? defaultPreTokenizer(normaliser),
    format: options.format,
    textField: options.textField ?? "text",
    documentSeparator: options.documentSeparator,
    skipBroken: options.skipBroken,
    strict: options.strict,
    maxTokensPerCharacter,
    holdOut,
    seed: options.seed ?? 0,
    threads: options.threads ?? countPerformanceCores(),
  } as const;
  checkOutput(out, "a dataset", datasetNames);
  const passedOver: PassedOver[] = [];
  const sources = listSources(texts, listingOf(shaping, passedOver));
  return prepareSources(out, leaveOutOwnFiles(sources, texts, out), shaping, options.onProgress, passedOver);
}

const listingOf = ({ strict }: DatasetOptions, passed: PassedOver[]): ListOptions => ({
  tolerant: strict !== true,
  passOver: (reason, path) => passOver(passed, reason, path),
});

/** UserError E_OPTION where an option is given that the tokenizer decides; those of opening it. */
function openGivenTokenizer(path: string, options: PrepareOptions): Promise<Tokenizer> {
  const decided = (["vocabulary", "normaliser", "preTokenizer", "alphabetLimit"] as const).filter(
    name => options[name] !== undefined,
  );
  if (decided.length === 0) return openTokenizer(path);
  throw new UserError(
    "E_OPTION",
    `${decided.join(", ")} beside the tokenizer of ${path}: it has its own`,
    "Leave these out, or leave out the tokenizer and learn one.",
  );
}

/** Said before hours of reading. UserError E_VOCABULARY_LARGE. */
function checkVocabulary(vocabulary: number): number {
  if (vocabulary <= largestVocabulary) return vocabulary;
  throw new UserError(
    "E_VOCABULARY_LARGE",
    `a vocabulary of ${vocabulary} tokens, and a shard holds ids below ${largestVocabulary}`,
    `Use one of ${largestVocabulary} tokens at most.`,
  );
}

/** Where letters are not all ASCII, BERT's: the other splits them otherwise in @huggingface/tokenizers. */
function defaultPreTokenizer(normaliser: NormaliserName): PreTokenizer {
  return normaliser === "ascii-fold" || normaliser === "reference" ? "whitespace" : "bert";
}

/** The same of files that are found already. E_FOLDER_BUSY where another prepares into that folder. */
export function prepareSources(
  folder: string,
  sources: readonly Source[],
  options: DatasetOptions,
  showProgress: (what: string) => void = () => {},
  passedOver: PassedOver[] = [],
): Promise<Prepared> {
  checkOutput(folder, "a dataset", datasetNames);
  return withFolderLock(folder, "prepare", async () => {
    finishMoves(folder);
    const { threads: _, recipe, tokenizer, ...rest } = options;
    const shaping = { ...rest, tokenizer: tokenizer?.hash };
    showProgress("looking for changes");
    const hashed = hashSources(sources, listingOf(options, passedOver));
    const files = hashed.map(({ source, hash }) => [source.path, hash]);
    const originHash = contentHash(JSON.stringify([files, shaping]));
    const manifest = readWholeDataset(folder);
    if (manifest?.originHash === originHash) {
      // Which recipe asked for it changes nothing else of the dataset.
      const renamed = manifest.recipe === recipe ? manifest : writeManifest(folder, { ...manifest, recipe });
      return { folder, manifest: renamed, documents: undefined, warnings: describeText(manifest, options) };
    }
    const replacement = { own: listDatasetFiles(folder), last: "manifest.json" };
    const built = await replaceFiles(folder, replacement, draft =>
      buildFrom(
        draft,
        hashed.map(({ source }) => source),
        originHash,
        options,
        showProgress,
        passedOver,
      ),
    );
    return { ...built, folder };
  });
}

/** Writes a dataset into an empty folder. */
async function buildFrom(
  folder: string,
  sources: readonly Source[],
  originHash: string,
  options: DatasetOptions,
  showProgress: (what: string) => void,
  passedOver: readonly PassedOver[],
): Promise<Prepared> {
  const { tokenizer: given } = options;
  const normaliser = given?.normaliser ?? normalisers[options.normaliser];
  const progress = (what: string) => (count: number) => showProgress(`${what} ${count.toLocaleString("en-US")}`);
  const { format, textField, documentSeparator, skipBroken, strict } = options;
  const separator = documentSeparator === undefined ? undefined : parseSeparator(documentSeparator);
  const select: SelectOptions = { format, textField, separator, skipBroken, strict };
  const filter =
    options.maxTokensPerCharacter === undefined
      ? {}
      : {
          compressibility: {
            maxTokensPerCharacter: options.maxTokensPerCharacter,
            countTokens: await learnTokenCounter(sources, select, options, showProgress),
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
  const selected = (async function* () {
    for await (const document of selectDocuments(sources, { ...select, ...filter, onBytes }, funnel)) {
      if (given === undefined) words.addText(document.text);
      losses.addText(document.text);
      yield document;
    }
  })();
  const documentsFolder = join(folder, "documents");
  const describeRead = createProgress(
    sources.reduce((sum, { bytes }) => sum + bytes, 0),
    systemClock,
  );
  const documents = await writeDocuments(documentsFolder, selected, funnel, count =>
    showProgress(`reading: ${describeRead(bytesRead)}, ${count.toLocaleString("en-US")} documents`),
  );
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
    recipe: options.recipe,
    loss: losses.loss,
    onProgress: (done, sequences) =>
      showProgress(`tokenizing: ${describeDone(done)}, ${sequences.toLocaleString("en-US")} sequences`),
  });
  return { folder, manifest, documents, warnings: describeText(manifest, options) };
}

function parseSeparator(separator: string): RegExp {
  if (separator === "blank-line") return /\r?\n[ \t]*\r?\n/;
  return new RegExp(separator.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
}

const describeNormaliserLoss = (loss: TextLoss, { normaliser, tokenizer }: DatasetOptions) =>
  tokenizer === undefined
    ? describeLoss(
        loss,
        "the text",
        `--normaliser ${normaliser}`,
        "--normaliser keep keeps every letter, --normaliser lowercase all but upper case.",
      )
    : describeLoss(
        loss,
        "the text",
        "the given tokenizer",
        "Use the tokenizer of a model of this language, or learn one.",
      );

/** UserError E_TEXT_LOST where more than half of the text was lost. */
function describeText({ text }: DatasetManifest, options: DatasetOptions): string[] {
  if (text === undefined) return [];
  const { tokens, unknownTokens } = text;
  const unknown =
    `${formatShare(unknownTokens, tokens)} of the tokens are unknown words: longer than 100 characters, or with a ` +
    `character that is none of the vocabulary's.${options.tokenizer === undefined ? " A larger --vocabulary or --alphabet-limit has more." : ""}`;
  return [...describeNormaliserLoss(text, options), ...(unknownTokens > 0.01 * tokens ? [unknown] : [])];
}

function learnTokenizer(words: WordCounter, options: DatasetOptions, onProgress: (tokens: number) => void): Tokenizer {
  const { vocabulary: vocabularySize, alphabetLimit = limitAlphabet(vocabularySize) } = options;
  const learning = { vocabularySize, alphabetLimit, specialTokens, onProgress };
  const vocabulary = learnVocabulary(words.wordCounts(), learning);
  return defineLearnedTokenizer(vocabulary, normalisers[options.normaliser], options.preTokenizer);
}

/** A first pass over all text, for a tokenizer of its own to judge documents with: no outside data decides. */
async function learnTokenCounter(
  sources: readonly Source[],
  select: SelectOptions,
  options: DatasetOptions,
  showProgress: (what: string) => void,
): Promise<(text: string) => number> {
  if (options.tokenizer !== undefined) return countTokensWith(options.tokenizer);
  const words = new WordCounter(normalisers[options.normaliser], options.preTokenizer);
  let count = 0;
  for await (const { text } of selectDocuments(sources, select, startFunnel())) {
    words.addText(text);
    if (++count % 1024 === 0) showProgress(`first pass, for the filter: documents ${count.toLocaleString("en-US")}`);
  }
  return countTokensWith(learnTokenizer(words, options, () => {}));
}

function countTokensWith(tokenizer: Tokenizer): (text: string) => number {
  const encoder = new Encoder(tokenizer);
  return text => encoder.encode(text, "as-text").length;
}
