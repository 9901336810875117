// What a person should know of a text: how much of it a tokenizer loses, and how much it does not know.

import type { DatasetManifest } from "../../dataset/manifest.ts";
import { findTokenizerKind } from "../../tokenizer/kinds/kinds.ts";
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
  const { tokenizer } = options;
  const kind = findTokenizerKind(tokenizer?.model.kind ?? options.tokenizerKind);
  const preTokenizer = tokenizer?.preTokenizer.name ?? options.preTokenizer;
  const limited = kind.limitsAlphabet(preTokenizer) ? " or --alphabet-limit" : "";
  const unknown =
    `${formatShare(unknownTokens, tokens)} of the tokens are unknown: ${kind.describeUnknown(preTokenizer)}.` +
    `${tokenizer === undefined ? ` A larger --vocabulary${limited} has more.` : ""}`;
  return [...describeNormaliserLoss(text, options), ...(unknownTokens > 0.01 * tokens ? [unknown] : [])];
}
