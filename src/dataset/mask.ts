// Which tokens a model has to predict, drawn anew each time a sequence is used. The number of predictions of a batch is fixed, because
// programs have fixed shapes: where fewer are chosen, the places left over have the label -1, which no loss counts.

import type { RandomSequence } from "../base/random.ts";
import type { MaskableSequence } from "./mask-unit.ts";
import { findMaskUnit, type MaskSettings } from "./mask-units.ts";

export interface MaskOptions {
  /** Positions predicted in each sequence, at most. */
  readonly predictions: number;
  /** Places for predictions in a batch, of each sequence; not fewer than `predictions`. */
  readonly capacity: number;
  readonly mask: number;
  /** Random tokens are drawn from [0, vocabulary). */
  readonly vocabulary: number;
  readonly settings: MaskSettings;
  isSpecial(token: number): boolean;
  /** Whether a token goes on with the word of the one before it. */
  continuesWord(previous: number, token: number): boolean;
}

/** The label of a place without a prediction. */
const noLabel = -1;

/** Whether every sequence has as many predictions as there are places for them. */
export const fillsCapacity = ({ unit, specials }: MaskSettings): boolean =>
  unit === "tokens" && specials === "predicted";

/**
 * Masks tokens[start, start + length) in place. Writes the places (in the whole of `tokens`, ascending) into `positions` and
 * the tokens that stood there into `labels`, both from `at`, `capacity` of each.
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
  const { predictions, capacity, mask, vocabulary, settings } = options;
  const original = tokens.slice(start, start + length);
  const isCandidate = (place: number) => settings.specials === "predicted" || !options.isSpecial(original[place]!);
  // Filled by a loop: made from a length and filtered, it takes a third of a batch's time.
  const places = new Uint32Array(length);
  let count = 0;
  for (let place = 0; place < length; place++) if (isCandidate(place)) places[count++] = place;
  const sequence: MaskableSequence = {
    candidates: places.subarray(0, count),
    length,
    continuesWord: place =>
      place > 0 && options.continuesWord(original[place - 1]!, original[place]!) && isCandidate(place - 1),
  };
  const isChosen = new Uint8Array(length);
  findMaskUnit(settings).choose(sequence, predictions, settings as never, random, (place, shown) => {
    isChosen[place] = 1;
    if (shown === "mask") tokens[start + place] = mask;
    else if (shown === "random") tokens[start + place] = random.below(vocabulary);
  });
  let next = at;
  for (let place = 0; place < length; place++) {
    if (isChosen[place] === 0) continue;
    positions[next] = start + place;
    labels[next++] = original[place]!;
  }
  positions.fill(start + length - 1, next, at + capacity);
  labels.fill(noLabel, next, at + capacity);
}
