// A trained run asked to fill masks in text, and its answers as lines. Shared by fill and quickstart.

import { join } from "node:path";
import type { Backend } from "../backends/backend.ts";
import { UserError } from "../base/errors.ts";
import { readSafetensors } from "../checkpoint/safetensors.ts";
import { findParameters } from "../checkpoint/state.ts";
import { openFiller } from "../evaluate/fill.ts";
import { listParameters } from "../model/shape.ts";
import { encodeText } from "../tokenizer/encode.ts";
import { readTokenizer } from "../tokenizer/read-tokenizer.ts";
import { readRunRecipe } from "../train/run-folder.ts";

export interface FilledMask {
  /** The likeliest tokens, best first. */
  readonly candidates: readonly { readonly token: string; readonly probability: number }[];
}

/** Opens a run's newest parameters; the result fills one text after another. */
export function openRunFiller(backend: Backend, run: string): (text: string, top: number) => Promise<FilledMask[]> {
  const { model } = readRunRecipe(run);
  const tokenizer = readTokenizer(join(run, "tokenizer.json"));
  const shapes = new Map(listParameters(model).map(({ name, shape }) => [name, shape] as const));
  const parameters = [...readSafetensors(findParameters(run), shapes).values()];
  const filler = openFiller(backend, model, parameters);
  const { mask, separator } = tokenizer.specials;
  return async (text, top) => {
    const written = text.replace(/\[MASK\]/gi, tokenizer.vocabulary[mask]!);
    const tokens = [...encodeText(tokenizer, written), separator];
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

/** "word 41 %, word 12 %, …" of one mask. */
export function describeMask({ candidates }: FilledMask): string {
  return candidates.map(({ token, probability }) => `${token} ${(100 * probability).toFixed(0)} %`).join("  ");
}
