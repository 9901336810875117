// From rows of text to token ids: <cls> A <sep>, <cls> A <sep> B <sep>, and so on for more texts. Texts that are too long
// together are cut at their ends, the longest first, as Hugging Face's tokenizers do it. Words to be labelled are never cut.

import { UserError } from "../../base/errors.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import type { Example, Task } from "../tasks/task.ts";
import type { FinetuneRecipe } from "./finetune-recipe.ts";

export interface EncodedExample {
  readonly example: Example;
  /** Special tokens included. */
  readonly tokens: Int32Array;
  /** Where the second text begins; the number of tokens where there is none. */
  readonly secondStart: number;
  /** Place in `tokens` of the first piece of each word; only for kind tokens. */
  readonly wordPlaces: readonly number[];
}

export interface EncodedExamples {
  readonly examples: readonly EncodedExample[];
  /** Examples of which something was cut. */
  readonly truncated: number;
}

/**
 * Encodes every example. UserErrors: E_FINETUNE_LENGTH when maxLength is not one the model reads; E_TEXT_LENGTH, naming file
 * and row, for a text that may not be cut and is too long.
 */
export function encodeExamples(
  examples: readonly Example[],
  kind: Task["kind"],
  model: Pick<PretrainedModel, "name" | "shape" | "encodeText" | "specials">,
  recipe: Pick<FinetuneRecipe, "maxLength" | "longTexts">,
): EncodedExamples {
  const { maxLength, longTexts } = recipe;
  const { sequenceLength } = model.shape;
  if (maxLength > sequenceLength) {
    throw new UserError(
      "E_FINETUNE_LENGTH",
      `the recipe's maxLength is ${maxLength} tokens, and ${model.name} reads ${sequenceLength}`,
      `Use --set maxLength=${sequenceLength}.`,
    );
  }
  let truncated = 0;
  const encoded = examples.map(example => {
    const pieces = example.texts.map(text => model.encodeText(text));
    if (kind === "tokens") return joinWords(example, pieces, model, maxLength);
    const room = maxLength - pieces.length - 1;
    const full = pieces.map(piece => piece.length);
    // Texts longer than maxLength count as that long, as there: it decides which of two gets the odd token.
    const kept = fitLengths(
      full.map(length => Math.min(length, maxLength)),
      Math.max(room, 0),
    );
    if (kept.some((length, i) => length < full[i]!)) {
      if (longTexts === "refuse" || room < pieces.length) {
        throw tooLong(
          example,
          kind,
          full.reduce((a, b) => a + b, pieces.length + 1),
          maxLength,
        );
      }
      truncated++;
    }
    return joinTexts(example, pieces, kept, model);
  });
  return { examples: encoded, truncated };
}

/**
 * Lengths that add up to `room` at most, the longest cut first; of equally long ones the earlier is cut first. For two texts
 * this is `longest_first` of Hugging Face's tokenizers (truncation.rs).
 */
export function fitLengths(lengths: readonly number[], room: number): number[] {
  const total = lengths.reduce((a, b) => a + b, 0);
  if (total <= room) return [...lengths];
  const ascending = lengths.map((length, i) => ({ length, i })).sort((a, b) => a.length - b.length || a.i - b.i);
  const kept = new Array<number>(lengths.length).fill(0);
  let left = room;
  ascending.forEach(({ length, i }, place) => {
    kept[i] = Math.min(length, Math.floor(left / (ascending.length - place)));
    left -= kept[i]!;
  });
  return kept;
}

function joinTexts(
  example: Example,
  pieces: readonly ArrayLike<number>[],
  kept: readonly number[],
  { specials }: Pick<PretrainedModel, "specials">,
): EncodedExample {
  const tokens = new Int32Array(kept.reduce((a, b) => a + b, kept.length + 1));
  tokens[0] = specials.classify;
  let end = 1;
  let secondStart = tokens.length;
  pieces.forEach((piece, text) => {
    if (text === 1) secondStart = end;
    for (let i = 0; i < kept[text]!; i++) tokens[end++] = piece[i]!;
    tokens[end++] = specials.separator;
  });
  return { example, tokens, secondStart, wordPlaces: [] };
}

/** A sentence of words; one that the tokenizer drops altogether is the unknown token, so that it can carry its label. */
function joinWords(
  example: Example,
  words: readonly ArrayLike<number>[],
  { specials }: Pick<PretrainedModel, "specials">,
  maxLength: number,
): EncodedExample {
  const tokens = [specials.classify];
  const wordPlaces: number[] = [];
  for (const word of words) {
    wordPlaces.push(tokens.length);
    tokens.push(...(word.length === 0 ? [specials.unknown] : Array.from(word)));
  }
  tokens.push(specials.separator);
  if (tokens.length > maxLength) throw tooLong(example, "tokens", tokens.length, maxLength);
  return { example, tokens: Int32Array.from(tokens), secondStart: tokens.length, wordPlaces };
}

function tooLong({ origin }: Example, kind: Task["kind"], length: number, maxLength: number): UserError {
  return new UserError(
    "E_TEXT_LENGTH",
    `${origin}: ${length} tokens with the special ones, and at most ${maxLength} are read`,
    kind === "tokens"
      ? "Split this row, or raise maxLength if the model reads more."
      : "Shorten this row, raise maxLength if the model reads more, or cut such texts: --set longTexts=truncate.",
  );
}
