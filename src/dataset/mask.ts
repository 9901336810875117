// Which tokens a model has to predict, drawn anew each time a sequence is used: exactly k positions, of which the first 80 %
// show <mask>, the next 10 % a random token and the rest themselves (reference-system: its collator; BERT's 80/10/10).

import type { RandomSequence } from "../base/random.ts";

export interface MaskOptions {
  /** Positions predicted in each sequence. */
  readonly predictions: number;
  readonly mask: number;
  /** Random tokens are drawn from [0, vocabulary). */
  readonly vocabulary: number;
}

/** Positions of `count` that show <mask>, and that show <mask> or a random token. */
export function splitPredictions(count: number): { readonly masked: number; readonly changed: number } {
  return { masked: Math.round(0.8 * count), changed: Math.round(0.9 * count) };
}

/**
 * Masks tokens[start, start + length) in place. Writes the places (in the whole of `tokens`, ascending) into `positions` and
 * the tokens that stood there into `labels`, both from `at`. Special tokens are predicted as any other.
 */
export function maskSequence(
  tokens: Int32Array,
  start: number,
  length: number,
  positions: Int32Array,
  labels: Int32Array,
  at: number,
  options: MaskOptions,
  random: RandomSequence,
): void {
  const { predictions, mask, vocabulary } = options;
  const { masked, changed } = splitPredictions(predictions);
  const order = Uint32Array.from({ length }, (_, i) => i);
  const original = tokens.slice(start, start + length);
  for (let i = 0; i < predictions; i++) {
    const j = i + random.below(length - i);
    const place = order[j]!;
    order[j] = order[i]!;
    order[i] = place;
    if (i < masked) tokens[start + place] = mask;
    else if (i < changed) tokens[start + place] = random.below(vocabulary);
  }
  const chosen = order.subarray(0, predictions).sort();
  for (let i = 0; i < predictions; i++) {
    positions[at + i] = start + chosen[i]!;
    labels[at + i] = original[chosen[i]!]!;
  }
}
