// The words a model expects behind [MASK].

import type { Backend } from "../../backends/backend.ts";
import { UserError } from "../../base/errors.ts";
import { makePrintable } from "../../base/printable.ts";
import { openFiller } from "../../evaluate/fill.ts";
import { openPretrainedModel, type PretrainedModel, requireTokenHead } from "../../pretrained/pretrained-model.ts";
import { type BackendChoice, withBackend } from "../backend.ts";

export interface FilledMask {
  /** The likeliest tokens, best first. */
  readonly candidates: readonly { readonly token: string; readonly probability: number }[];
}

export interface FilledText {
  readonly text: string;
  /** One for each [MASK] of the text, in its order. */
  readonly masks: readonly FilledMask[];
}

export interface FillOptions extends BackendChoice {
  /** How many tokens for each mask. Default 5. */
  readonly top?: number | undefined;
  /** Told of a text of which the tokenizer loses a part; more than half of it is an error. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/**
 * Fills [MASK] in texts with the likeliest tokens of a model: a run's newest checkpoint, its export, or a masked language model
 * in a folder of Hugging Face's. Rows of the model that no token stands for are no candidates; probabilities are shares of all
 * rows.
 *
 * ```ts
 * const [filled] = await fill("runs/mine", ["the red [MASK] sleeps in its den."], { top: 3 });
 * for (const { token, probability } of filled!.masks[0]!.candidates) console.log(token, probability.toFixed(3));
 * ```
 *
 * Errors are `UserError`s, among them E_NO_MASK, E_TEXT_LENGTH, E_TEXT_LOST, and E_NO_HEAD for an encoder that predicts no tokens.
 */
export async function fill(folder: string, texts: readonly string[], options: FillOptions = {}): Promise<FilledText[]> {
  const { top = 5 } = options;
  const model = await openPretrainedModel(folder);
  requireTokenHead(model, folder);
  return withBackend(options, model.precision, async backend => {
    const fill = openMaskFiller(backend, model, options.onWarning);
    const filled: FilledText[] = [];
    for (const text of texts) filled.push({ text, masks: await fill(text, top) });
    return filled;
  });
}

/** Puts a model's parameters on the backend; the result fills one text after another. */
export function openMaskFiller(
  backend: Backend,
  model: PretrainedModel,
  onWarning: (text: string) => void = () => {},
): (text: string, top: number) => Promise<FilledMask[]> {
  const { shape, parameters, specials, tokenOf, encodeForModel } = model;
  const filler = openFiller(backend, shape, parameters, token => tokenOf(token) !== undefined);
  return async (text, top) => {
    const losses = model.describeLoss?.([text.replace(/\[MASK\]/gi, "")], makePrintable(text, 60)) ?? [];
    losses.forEach(onWarning);
    const written = text.replace(/\[MASK\]/gi, () => tokenOf(specials.mask)!);
    const tokens = Array.from(encodeForModel(written, "recognise"));
    const masked = tokens.flatMap((token, place) => (token === specials.mask ? [place] : []));
    if (masked.length === 0) {
      throw new UserError(
        "E_NO_MASK",
        `"${text}" has no [MASK]`,
        'Write [MASK] where a word is missing: "Hello [MASK]."',
      );
    }
    const filled = await filler.fill(tokens, masked, top);
    return filled.map(candidates => ({
      candidates: candidates.map(({ token, probability }) => ({ token: tokenOf(token)!, probability })),
    }));
  };
}
