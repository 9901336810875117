// What prepare may be asked, by the names and in the ranges that it has.

import type { ChosenFormat } from "../../corpus/sources/read-options.ts";
import type { PackingName } from "../../dataset/packings.ts";
import type { PreTokenizerName } from "../../tokenizer/encoding/pre-tokenizer.ts";
import type { TokenizerKindName } from "../../tokenizer/kinds/kinds.ts";
import type { NormaliserName } from "../../tokenizer/normalising/normaliser.ts";
import type { Recipe } from "../../train/recipe.ts";
import { mostThreads, type OptionKinds, readOptions, requireCount, requireList, requireText } from "../given-values.ts";
import type { StageProgress } from "./stages/progress.ts";

export interface PrepareOptions {
  /** Files and folders: .txt, .md, .html, .jsonl, .json, .csv, .tsv, each also .gz or .zst, and .parquet. */
  readonly texts: readonly string[];
  /** The dataset's folder. */
  readonly out: string;
  /**
   * The recipe that the dataset is for, whose vocabulary and sequence length are used. Default: those of crammed-bert, and the recipe
   * that the amount of text suits.
   */
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
  /** Kind of the tokenizer to learn. Default wordpiece. */
  readonly tokenizerKind?: TokenizerKindName | undefined;
  /**
   * How text is split into words. Default of wordpiece and wordlevel: whitespace for ascii-fold and reference, bert for what keeps other
   * letters; of bpe byte-level, of unigram metaspace.
   */
  readonly preTokenizer?: PreTokenizerName | undefined;
  /** What every file is, text, jsonl or html. Default: what its name says, or its content. */
  readonly format?: ChosenFormat | undefined;
  /** The field of a .jsonl line, or the column of a table, that holds the text. Default text. */
  readonly textField?: string | undefined;
  /** What stands between the documents of a text file: "blank-line", "line", or a text. Default: a file is one document. */
  readonly documentSeparator?: string | undefined;
  /** Reads no further files once these hold so many bytes, as they lie there; the last is read whole. Default: all. */
  readonly limitBytes?: number | undefined;
  /** Deletes all white space, as an option of the reference does. Default false. */
  readonly removeWhitespace?: boolean | undefined;
  /** Counts and passes over broken lines and files instead of refusing them. Default false. */
  readonly skipBroken?: boolean | undefined;
  /** Refuses a file in a folder that cannot be read, which is else counted and passed over. Default false. */
  readonly strict?: boolean | undefined;
  /**
   * Drops documents with that many tokens a character or more. The paper: 0.25 at 32768 tokens; 0.35 is the like at 4096. Default: keeps
   * them all.
   */
  readonly maxTokensPerCharacter?: number | undefined;
  /**
   * Drop documents by what is seen of each alone: "length", "prose", "repetition", each with limits: "length:least=20,most=5000". Default:
   * none.
   */
  readonly filters?: readonly string[] | undefined;
  /** Drops a document that has at least this share of shingles (five words) in common with an earlier one. Default: keeps them. */
  readonly nearDuplicates?: number | undefined;
  /** Cuts every stretch that stood in the corpus before, from this many bytes on. Default: none. */
  readonly repeatedBytes?: number | undefined;
  /** Files of rows whose texts are for judging: a document with 13 words in a row of one is dropped. Default: none. */
  readonly decontaminate?: readonly string[] | undefined;
  /** How sequences are filled with documents: "concatenate" or "best-fit". Default concatenate. */
  readonly packing?: PackingName | undefined;
  /** Puts the classifying token before each document. Default false. */
  readonly classify?: boolean | undefined;
  /** Puts the separator behind each document. Default true. */
  readonly separator?: boolean | undefined;
  /** Share of the text that is kept for validation. Default 0.01. */
  readonly holdOut?: number | undefined;
  /** Decides which text is held out. Default 0. */
  readonly seed?: number | undefined;
  /** Threads that read, encode and learn; the result does not depend on it. Default: the performance cores. */
  readonly threads?: number | undefined;
  /** Bytes that the stages which need the whole corpus in view may hold, about; the result does not depend on it. Default 1 GiB. */
  readonly memoryBytes?: number | undefined;
  /** Told what is being done, in words. */
  readonly onProgress?: ((what: string) => void) | undefined;
  /** The same for programs: the stage, its share that is done, its speed and the seconds left. */
  readonly onStage?: ((progress: StageProgress) => void) | undefined;
}

const optionKinds: OptionKinds<PrepareOptions> = {
  ...{ texts: "list of sources", out: "path", recipe: "read later", vocabulary: "number", alphabetLimit: "number" },
  ...{ tokenizer: "path", sequenceLength: "number", normaliser: "text", tokenizerKind: "text", preTokenizer: "text" },
  ...{ format: "text", textField: "text", documentSeparator: "text", limitBytes: "number", removeWhitespace: "flag" },
  ...{ skipBroken: "flag", strict: "flag", maxTokensPerCharacter: "number", filters: "list of filters" },
  ...{ nearDuplicates: "number", repeatedBytes: "number", decontaminate: "list of files", packing: "text" },
  ...{ classify: "flag", separator: "flag", holdOut: "number", seed: "number", threads: "number" },
  ...{ memoryBytes: "number", onProgress: "function", onStage: "function" },
};

/** The least that whole numbers may be. */
const leastCounts = {
  ...{ vocabulary: 1, alphabetLimit: 1, sequenceLength: 1, limitBytes: 1, seed: 0, threads: 1, memoryBytes: 0 },
} as const satisfies Partial<Record<keyof PrepareOptions, number>>;

/** What `call` is given. UserError E_OPTION. */
export function readPrepareOptions(call: string, given: PrepareOptions): PrepareOptions {
  const options = readOptions(call, given, optionKinds);
  requireList(options.texts, "source");
  requireText(call, options.out, "out", "Give the dataset's folder, as out.");
  for (const [name, least] of Object.entries(leastCounts)) {
    const value = options[name as keyof typeof leastCounts];
    if (value !== undefined) requireCount(value, name, least, name === "threads" ? mostThreads : undefined);
  }
  return options;
}
