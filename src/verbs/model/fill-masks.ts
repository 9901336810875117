// Texts with [MASK] as a model reads them, and its answers as words.

import type { Backend, DeviceBuffer } from "../../backends/backend.ts";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { UserError } from "../../base/errors.ts";
import { makePrintable } from "../../base/printable.ts";
import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import { openFiller } from "./mask-filler.ts";

export interface FilledMask {
  /** The likeliest tokens, best first. */
  readonly candidates: readonly { readonly token: string; readonly probability: number }[];
}

export interface FilledText {
  readonly text: string;
  /** One for each [MASK] of the text, in its order. */
  readonly masks: readonly FilledMask[];
}

export interface FillingModel
  extends Pick<PretrainedModel, "shape" | "specials" | "isSpecial" | "tokenOf" | "encodeForModel" | "describeLoss"> {
  readonly parameters: readonly Pick<StoredTensor, "name" | "shape">[];
}

/** Fills one text; `origin`, as in "text 2: ", is what errors and warnings begin with where there are several. */
export type FillText = (text: string, top: number, origin?: string) => Promise<FilledMask[]>;

/** Over parameters that stand on the backend; the result fills one text after another. */
export function openMaskFiller(
  backend: Backend,
  model: FillingModel,
  onWarning: (text: string) => void,
  states: ReadonlyMap<string, DeviceBuffer>,
): FillText {
  const { shape, parameters, specials, isSpecial, tokenOf, encodeForModel } = model;
  // A mask is no answer, which a model of seconds may think; other programs show it.
  const isCandidate = (token: number) => tokenOf(token) !== undefined && !isSpecial(token);
  const filler = openFiller(backend, shape, parameters, isCandidate, states);
  return async (text, top, origin = "") => {
    const losses = model.describeLoss?.([text.replace(/\[MASK\]/gi, "")], origin + makePrintable(text, 60)) ?? [];
    losses.forEach(onWarning);
    const written = text.replace(/\[MASK\]/gi, () => tokenOf(specials.mask)!);
    const tokens = Array.from(encodeForModel(written, "recognise"));
    const masked = tokens.flatMap((token, place) => (token === specials.mask ? [place] : []));
    if (masked.length === 0) {
      throw new UserError(
        "E_NO_MASK",
        `${origin}"${text}" has no [MASK]`,
        'Write [MASK] where a word is missing: "Hello [MASK]."',
      );
    }
    if (tokens.length > shape.sequenceLength) {
      throw new UserError(
        "E_TEXT_LENGTH",
        `${origin}"${text.slice(0, 40)}…" has ${tokens.length} tokens and the model was trained on ${shape.sequenceLength}`,
        "Shorten the text.",
      );
    }
    const filled = await filler.fill(tokens, masked, top);
    return filled.map(candidates => ({
      candidates: candidates.map(({ token, probability }) => ({ token: tokenOf(token)!, probability })),
    }));
  };
}

/** The same with a model's parameters put on the backend. */
export const placeMaskFiller = (backend: Backend, model: PretrainedModel) =>
  openMaskFiller(backend, model, () => {}, placeParameters(backend, model.parameters));
