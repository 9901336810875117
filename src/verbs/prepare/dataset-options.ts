// Every choice of a dataset with its default taken, and what came of it.

import { UserError } from "../../base/errors.ts";
import type { EvaluationTexts } from "../../corpus/deduplication/evaluation-texts.ts";
import type { DocumentsManifest } from "../../corpus/documents.ts";
import type { ChosenFilter } from "../../corpus/filters/filters.ts";
import type { ChosenFormat } from "../../corpus/sources/read-options.ts";
import type { DatasetManifest } from "../../dataset/manifest.ts";
import type { PackingSettings } from "../../dataset/packings.ts";
import type { PreTokenizerName } from "../../tokenizer/encoding/pre-tokenizer.ts";
import type { TokenizerKindName } from "../../tokenizer/kinds/kinds.ts";
import type { NormaliserName } from "../../tokenizer/normalising/normaliser.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";

/** How text becomes sequences. */
export interface DatasetOptions {
  /** Name of the recipe that the dataset is for, by the tokens to train on. */
  readonly nameRecipe: (trainingTokens: number) => string;
  readonly vocabulary: number;
  readonly sequenceLength: number;
  readonly normaliser: NormaliserName;
  readonly tokenizerKind: TokenizerKindName;
  readonly preTokenizer: PreTokenizerName;
  /** Characters that the tokenizer knows at most; undefined: as `limitAlphabet` says. */
  readonly alphabetLimit?: number | undefined;
  /** Takes the place of one that is learned; vocabulary, normaliser, tokenizerKind, preTokenizer and alphabetLimit are then its own. */
  readonly tokenizer?: Tokenizer | undefined;
  /** What every file is; undefined: what its name says, or its content. */
  readonly format?: ChosenFormat | undefined;
  readonly textField: string;
  /** What stands between the documents of a text file: "blank-line", "line", or a text; undefined: a file is one document. */
  readonly documentSeparator?: string | undefined;
  /** Whether all white space is deleted. */
  readonly removeWhitespace?: boolean | undefined;
  /** Whether broken lines and files are counted and passed over instead of refused. */
  readonly skipBroken?: boolean | undefined;
  /** Whether a file in a folder that cannot be read is an error. */
  readonly strict?: boolean | undefined;
  /** Documents with as many tokens a character or more are dropped; undefined keeps them all. */
  readonly maxTokensPerCharacter: number | undefined;
  /** Drop documents by what is seen of each alone. */
  readonly filters?: readonly ChosenFilter[] | undefined;
  /** Drops a document with at least this share of shingles in common with an earlier one; undefined keeps them. */
  readonly nearDuplicates?: number | undefined;
  /** Cuts what stood in the corpus before, from this many bytes on; undefined: nothing. */
  readonly repeatedBytes?: number | undefined;
  /** Documents that have text of these are dropped. */
  readonly evaluationTexts?: EvaluationTexts | undefined;
  readonly packing: PackingSettings;
  readonly holdOut: number;
  readonly seed: number;
  /** Threads that read, count and encode; the result does not depend on it. */
  readonly threads: number;
  /** What the stages that need the whole corpus in view may hold, about; the result does not depend on it. */
  readonly memoryBytes: number;
}

/** UserError E_OPTION. */
export function checkHoldOut(share = 0.01): number {
  if (share > 0 && share <= 0.5) return share;
  const advice = "Hold out a share of the text, as in --hold-out 0.01.";
  throw new UserError("E_OPTION", `--hold-out ${share}: not above 0 and up to 0.5`, advice);
}

export interface Prepared {
  readonly folder: string;
  readonly manifest: DatasetManifest;
  /** What was read, kept and dropped; undefined when the dataset stood there already. */
  readonly documents: DocumentsManifest | undefined;
  /** Whether it was made of sequences that were tokenized already, without documents. */
  readonly isReadyMade?: boolean;
  /** Documents, longer than 64 sequences, of which stretches are held out and the rest is trained on; undefined where that is not known. */
  readonly splitDocuments?: number;
  /** What a person should know of the text: a share of it that was lost, or that the tokenizer does not know. */
  readonly warnings: readonly string[];
}

/** What one of several machines has read. */
export interface PreparedShard {
  readonly folder: string;
  readonly portions: number;
  /** Undefined where there are none: of a set that was tokenized already. */
  readonly documents?: { readonly read: number; readonly kept: number };
  /** Of a set that was tokenized already. */
  readonly sequences?: number;
}
