// What a person should know of a text: how much of it a tokenizer loses, and how much it does not know.

import type { DatasetManifest } from "../../dataset/manifest.ts";
import { describeLoss, formatShare, type TextLoss } from "../../tokenizer/normalising/lost-text.ts";
import type { DatasetOptions } from "./dataset-options.ts";

/** What was lost of the text; UserError E_TEXT_LOST where it is more than half. */
export const describeNormaliserLoss = (loss: TextLoss, { normaliser, tokenizer }: DatasetOptions) =>
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
export function describeText({ text }: DatasetManifest, options: DatasetOptions): string[] {
  if (text === undefined) return [];
  const { tokens, unknownTokens } = text;
  const unknown =
    `${formatShare(unknownTokens, tokens)} of the tokens are unknown words: longer than 100 characters, or with a ` +
    `character that is none of the vocabulary's.${options.tokenizer === undefined ? " A larger --vocabulary or --alphabet-limit has more." : ""}`;
  return [...describeNormaliserLoss(text, options), ...(unknownTokens > 0.01 * tokens ? [unknown] : [])];
}
