// What a thread does of a prepare: a portion read into its files.

import type { Portion, PortionSummary } from "../../../corpus/portions/portion.ts";
import { type PortionOptions, type PortionProgress, readPortion } from "../../../corpus/portions/read-portion.ts";
import { Encoder } from "../../../tokenizer/encoding/encode.ts";
import type { Tokenizer } from "../../../tokenizer/tokenizer.ts";

/** Plain data. */
export interface PortionWork {
  readonly folder: string;
  readonly portion: Portion;
  readonly options: Omit<PortionOptions, "compressibility" | "onBytes">;
  /** Drops what the tokenizer does not compress. */
  readonly compressibility?: { readonly maxTokensPerCharacter: number; readonly tokenizer: Tokenizer } | undefined;
}

export type PortionEvent = PortionProgress | PortionSummary;

/** Tells how far it is, and last what came of the portion. */
export async function* runPortion(work: PortionWork): AsyncGenerator<PortionEvent> {
  const { folder, portion, options, compressibility } = work;
  const filter =
    compressibility === undefined
      ? {}
      : {
          compressibility: {
            maxTokensPerCharacter: compressibility.maxTokensPerCharacter,
            countTokens: countTokensWith(compressibility.tokenizer),
          },
        };
  yield yield* readPortion(folder, portion, { ...options, ...filter });
}

function countTokensWith(tokenizer: Tokenizer): (text: string) => number {
  const encoder = new Encoder(tokenizer);
  return text => encoder.encode(text, "as-text").length;
}
