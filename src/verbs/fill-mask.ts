// The words a trained run expects behind [MASK].

import type { Backend } from "../backends/backend.ts";
import { UserError } from "../base/errors.ts";
import { openFiller } from "../evaluate/fill.ts";
import { readTrainedModel } from "../evaluate/trained-model.ts";
import { encodeForModel } from "../tokenizer/encode.ts";
import { readRunRecipe } from "../train/run-folder.ts";
import { type BackendChoice, withBackend } from "./backend.ts";

export interface FilledMask {
  /** The likeliest tokens, best first. */
  readonly candidates: readonly { readonly token: string; readonly probability: number }[];
}

export interface FilledText {
  readonly text: string;
  /** One for each [MASK] of the text, in its order. */
  readonly masks: readonly FilledMask[];
}

export interface FillMaskOptions extends BackendChoice {
  /** How many tokens for each mask. Default 5. */
  readonly top?: number | undefined;
}

/**
 * Fills [MASK] in texts with the likeliest tokens of a run's newest checkpoint.
 *
 * ```ts
 * const [filled] = await fillMask("runs/mine", ["the red [MASK] sleeps in its den."], { top: 3 });
 * for (const { token, probability } of filled!.masks[0]!.candidates) console.log(token, probability.toFixed(3));
 * ```
 *
 * Errors are `UserError`s, among them E_NO_MASK and E_TEXT_LENGTH.
 */
export async function fillMask(
  run: string,
  texts: readonly string[],
  options: FillMaskOptions = {},
): Promise<FilledText[]> {
  const { top = 5 } = options;
  return withBackend(options, readRunRecipe(run).train.precision, async backend => {
    const fill = openRunFiller(backend, run);
    const filled: FilledText[] = [];
    for (const text of texts) filled.push({ text, masks: await fill(text, top) });
    return filled;
  });
}

/** Opens a run's newest parameters; the result fills one text after another. */
export function openRunFiller(backend: Backend, run: string): (text: string, top: number) => Promise<FilledMask[]> {
  const { shape, tokenizer, parameters } = readTrainedModel(run);
  const filler = openFiller(backend, shape, parameters);
  const { mask } = tokenizer.specials;
  return async (text, top) => {
    const written = text.replace(/\[MASK\]/gi, tokenizer.vocabulary[mask]!);
    const tokens = [...encodeForModel(tokenizer, written).ids];
    const masked = tokens.flatMap((token, place) => (token === mask ? [place] : []));
    if (masked.length === 0) {
      throw new UserError(
        "E_NO_MASK",
        `"${text}" has no [MASK]`,
        'Write [MASK] where a word is missing: "Hello [MASK]."',
      );
    }
    const filled = await filler.fill(tokens, masked, top);
    return filled.map(candidates => ({
      candidates: candidates.map(({ token, probability }) => ({ token: tokenizer.vocabulary[token]!, probability })),
    }));
  };
}
