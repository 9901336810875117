// From text to a dataset in one folder: documents/, tokenizer.json, shards, manifest.json. Defaults come from a recipe.

import { UserError } from "../../base/errors.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { type EvaluationTexts, readEvaluationTexts } from "../../corpus/deduplication/evaluation-texts.ts";
import { chooseFilters } from "../../corpus/filters/filters.ts";
import { limitShards, listShards } from "../../corpus/sources/sources.ts";
import { type PackingName, packings } from "../../dataset/packings.ts";
import { largestVocabulary } from "../../dataset/shards.ts";
import { countPerformanceCores } from "../../machine/cores.ts";
import type { PassedOver } from "../../tables/passed-over.ts";
import type { PreTokenizerName } from "../../tokenizer/encoding/pre-tokenizer.ts";
import type { TokenizerKind } from "../../tokenizer/kinds/kind.ts";
import { findTokenizerKind } from "../../tokenizer/kinds/kinds.ts";
import { type NormaliserName, normalisers } from "../../tokenizer/normalising/normaliser.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { readOptions, requireName } from "../given-values.ts";
import { findReadyMade, prepareReadyMade, prepareReadyMadeShard } from "../ready-made/ready-made.ts";
import { chooseRecipe } from "../recipe.ts";
import { datasetNames, knowOwnFiles, leaveOutOwnFiles } from "./dataset-folder.ts";
import { checkHoldOut, type Prepared, type PreparedShard } from "./dataset-options.ts";
import { nameOption } from "./name-option.ts";
import { readLearnedLength, recommendRecipe } from "./next-pretrain.ts";
import { openTokenizer } from "./open-tokenizer.ts";
import type { PreparePlan } from "./plan/plan-prepare.ts";
import type { MachineShard } from "./portioned-work.ts";
import { type PrepareOptions, readPrepareOptions } from "./prepare-options.ts";
import { listingOf, prepareShard, prepareSources } from "./prepare-sources.ts";
import { describeProgress, type StageProgress } from "./stages/progress.ts";

/**
 * Makes a dataset of text: selects documents, learns a tokenizer from them, cuts them into sequences of tokens.
 *
 * ```ts
 * const { folder, manifest } = await prepare({ texts: ["texts"], out: "data/mine", recipe: "quickstart" });
 * console.log(`${folder}: ${manifest.training.sequences} sequences of ${manifest.sequenceLength} tokens`);
 * ```
 *
 * Errors are `UserError`s with a code that docs/ERRORS.md explains, among them E_FILE_MISSING, E_UTF8, E_TOO_LITTLE_TEXT.
 */
export async function prepare(given: PrepareOptions): Promise<Prepared> {
  const options = readPrepareOptions("prepare", given);
  const readyMade = await findReadyMade(options);
  if (readyMade !== undefined) return prepareReadyMade(readyMade, { ...options, onStage: tellBoth(options) });
  const { shards, shaping, passedOver, notes } = await chooseDataset(options);
  return addNotes(await prepareSources(options.out, shards, shaping, tellBoth(options), passedOver), notes);
}

/** Joins what `prepareOnMachine` did on all machines to the dataset that one machine would have made. UserError E_PORTIONS_MISSING. */
export async function mergeMachines(given: PrepareOptions): Promise<Prepared> {
  const options = readPrepareOptions("mergeMachines", given);
  const readyMade = await findReadyMade(options);
  if (readyMade !== undefined) return prepareReadyMade(readyMade, { ...options, onStage: tellBoth(options) }, true);
  const { shards, shaping, passedOver, notes } = await chooseDataset(options);
  return addNotes(await prepareSources(options.out, shards, shaping, tellBoth(options), passedOver, true), notes);
}

const addNotes = (prepared: Prepared, notes: readonly string[]): Prepared => ({
  ...prepared,
  warnings: [...notes, ...prepared.warnings],
});

/** Does of the whole work what is one machine's. */
export async function prepareOnMachine(given: PrepareOptions, machine: MachineShard): Promise<PreparedShard> {
  const options = readPrepareOptions("prepareOnMachine", given);
  const { number, of } = readOptions("machine of prepareOnMachine", machine, { number: "number", of: "number" });
  if (!(Number.isInteger(number) && Number.isInteger(of) && number >= 1 && number <= of)) {
    throw new UserError(
      "E_OPTION",
      `--shard ${number}/${of}: not a machine of some`,
      "Give the number of the machine and how many there are, as in --shard 1/8, to 8/8.",
    );
  }
  const readyMade = await findReadyMade(options);
  if (readyMade !== undefined) {
    return prepareReadyMadeShard(readyMade, { ...options, onStage: tellBoth(options) }, machine);
  }
  const { shards, shaping } = await chooseDataset(options);
  return prepareShard(options.out, shards, shaping, machine, tellBoth(options));
}

/** What `prepare` would do: bytes, documents and tokens that are expected, time, disk and memory. Nothing is written. */
export async function planPrepare(given: PrepareOptions): Promise<PreparePlan> {
  const options = readPrepareOptions("planPrepare", given);
  const readyMade = await findReadyMade(options);
  if (readyMade !== undefined) {
    const { planReadyMade } = await import("../ready-made/plan-ready-made.ts");
    return planReadyMade(readyMade, { ...options, onStage: tellBoth(options) });
  }
  const { planDataset } = await import("./plan/plan-prepare.ts");
  const { shards, shaping, notes } = await chooseDataset(options);
  return { ...(await planDataset(options.out, shards, shaping)), warnings: notes };
}

const normaliserNames = Object.keys(normalisers) as NormaliserName[];

const tellBoth =
  ({ onProgress, onStage }: PrepareOptions) =>
  (progress: StageProgress) => {
    onStage?.(progress);
    onProgress?.(describeProgress(progress));
  };

/** The shards that are named, and every choice with its default taken. */
async function chooseDataset(options: PrepareOptions) {
  const { name, model } = chooseRecipe({ recipe: options.recipe ?? "crammed-bert" });
  const nameRecipe = options.recipe === undefined ? recommendRecipe : () => name;
  const { texts, out, maxTokensPerCharacter } = options;
  const holdOut = checkHoldOut(options.holdOut);
  const normaliser = requireName(options.normaliser ?? "ascii-fold", "normaliser", normaliserNames);
  const kind = findTokenizerKind(options.tokenizerKind ?? "wordpiece");
  const tokenizer = options.tokenizer === undefined ? undefined : await openGivenTokenizer(options.tokenizer, options);
  const shaping = {
    nameRecipe,
    vocabulary: checkVocabulary(tokenizer?.vocabulary.length ?? options.vocabulary ?? model.vocabulary),
    alphabetLimit: options.alphabetLimit,
    tokenizer,
    packing: {
      name: choosePacking(options.packing),
      classify: options.classify ?? false,
      separator: options.separator ?? true,
    },
    sequenceLength: options.sequenceLength ?? (await readLearnedLength(options.tokenizer)) ?? model.sequenceLength,
    normaliser,
    tokenizerKind: kind.name,
    preTokenizer: choosePreTokenizer(kind, options),
    format: options.format,
    textField: options.textField ?? "text",
    documentSeparator: options.documentSeparator,
    removeWhitespace: options.removeWhitespace,
    skipBroken: options.skipBroken,
    strict: options.strict,
    maxTokensPerCharacter,
    filters: options.filters === undefined || options.filters.length === 0 ? undefined : chooseFilters(options.filters),
    nearDuplicates: checkNearDuplicates(options.nearDuplicates),
    repeatedBytes: checkRepeatedBytes(options.repeatedBytes),
    evaluationTexts: await readEvaluationTextsOf(options.decontaminate),
    holdOut,
    seed: options.seed ?? 0,
    threads: options.threads ?? countPerformanceCores(),
    memoryBytes: checkMemory(options.memoryBytes ?? defaultMemory),
  } as const;
  checkOutput(out, "a dataset", datasetNames);
  const passedOver: PassedOver[] = [];
  const listing = listingOf(shaping, passedOver);
  const isOwn = knowOwnFiles(out);
  // What an earlier call wrote is no text that was overlooked.
  const passOver = (reason: string, path: string) => isOwn(path) || listing.passOver?.(reason, path);
  const notes: string[] = [];
  const told = { passOver, note: (what: string) => void notes.push(what) };
  const listed = await listShards(texts, { ...listing, ...told });
  const shards = limitShards(listed, options.limitBytes, told);
  return { shards: leaveOutOwnFiles(shards, texts, out), shaping, passedOver, notes };
}

/** UserError E_OPTION where an option is given that the tokenizer decides; those of opening it. */
function openGivenTokenizer(path: string, options: PrepareOptions): Promise<Tokenizer> {
  const decided = (["vocabulary", "normaliser", "tokenizerKind", "preTokenizer", "alphabetLimit"] as const).filter(
    name => options[name] !== undefined,
  );
  if (decided.length === 0) return openTokenizer(path);
  throw new UserError(
    "E_OPTION",
    `${decided.map(nameOption).join(", ")} beside the tokenizer of ${path}: it has its own`,
    "Leave these out, or leave out the tokenizer and learn one.",
  );
}

const defaultMemory = 2 ** 30;
const leastMemory = 2 ** 26;

function checkMemory(bytes: number): number {
  if (bytes >= leastMemory) return bytes;
  throw new UserError(
    "E_OPTION",
    `--memory ${bytes}: less than 64 MiB`,
    "Give more, as in --memory 2GiB; the program itself takes more beside it.",
  );
}

function choosePacking(name: PackingName = "concatenate"): PackingName {
  if (packings.some(packing => packing.name === name)) return name;
  throw new UserError(
    "E_OPTION",
    `--packing ${name}: no such packing`,
    `Choose one of ${packings.map(({ name }) => name).join(", ")}.`,
  );
}

function checkNearDuplicates(share: number | undefined): number | undefined {
  if (share === undefined || (share >= 0.5 && share < 1)) return share;
  throw new UserError(
    "E_OPTION",
    `--near-duplicates ${share}: not from 0.5 to below 1`,
    "Give the share of shingles in common from which on a document is dropped, as in --near-duplicates 0.8.",
  );
}

function checkRepeatedBytes(bytes: number | undefined): number | undefined {
  if (bytes === undefined || (Number.isInteger(bytes) && bytes >= 20 && bytes <= 10_000)) return bytes;
  throw new UserError(
    "E_OPTION",
    `--repeated ${bytes}: not a whole number from 20 to 10,000`,
    "Give another, as in --repeated 100; below that ordinary phrases go.",
  );
}

/** UserErrors E_OPTION where no text is long enough, and those of reading a table. */
async function readEvaluationTextsOf(paths: readonly string[] = []): Promise<EvaluationTexts | undefined> {
  if (paths.length === 0) return undefined;
  const texts = await readEvaluationTexts(paths);
  if (texts.count > 0) return texts;
  throw new UserError(
    "E_OPTION",
    `no text of ${paths.join(", ")} has eight words, and shorter ones occur anywhere`,
    "Leave it out of what is decontaminated.",
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

/** UserError E_OPTION where the kind of tokenizer takes no such words, or has no alphabet to limit. */
function choosePreTokenizer(kind: TokenizerKind, options: PrepareOptions): PreTokenizerName {
  const { preTokenizer = defaultPreTokenizer(kind, options.normaliser ?? "ascii-fold"), alphabetLimit } = options;
  if (!kind.preTokenizers.includes(preTokenizer)) {
    throw new UserError(
      "E_OPTION",
      `--pre-tokenizer is ${preTokenizer}, and a ${kind.name} tokenizer is learned behind ${kind.preTokenizers.join(" or ")}`,
      "Choose one of these, or another --tokenizer-kind.",
    );
  }
  if (alphabetLimit !== undefined && !kind.limitsAlphabet(preTokenizer)) {
    throw new UserError(
      "E_OPTION",
      `--alphabet-limit beside a ${kind.name} tokenizer behind ${preTokenizer}, which has no alphabet of characters`,
      "Leave it out.",
    );
  }
  return preTokenizer;
}

/** Of words, where letters are not all ASCII, BERT's: the other splits them otherwise in @huggingface/tokenizers. */
function defaultPreTokenizer({ preTokenizers }: TokenizerKind, normaliser: NormaliserName): PreTokenizerName {
  const isAscii = normaliser === "ascii-fold" || normaliser === "reference";
  return !isAscii && preTokenizers[0] === "whitespace" ? "bert" : preTokenizers[0]!;
}
