// Sequences that an exported model is compared on: held-out ones of the run's dataset with their masks, so that a loss can be
// measured as well, or drawn ones where the dataset is gone. Most are shorter than the model's length, so padding is compared too.

import { RandomSequence, streams } from "../base/random.ts";
import type { ModelShape } from "../model/shape.ts";

/** N sequences of S tokens. */
export interface Probes {
  /** (N·S) */
  readonly tokens: Int32Array;
  /** (N): tokens before the padding. */
  readonly lengths: Int32Array;
  /** Places in `tokens` with a known token, none of them padding; none where the tokens were drawn. */
  readonly positions: Int32Array;
  /** The tokens at `positions`. */
  readonly labels: Int32Array;
}

/** A masked batch, of which each sequence is cut at another place and filled up with `padding`. */
export function cutProbes(
  { tokens, positions, labels }: Pick<Probes, "tokens" | "positions" | "labels">,
  sequenceLength: number,
  padding: number,
): Probes {
  const sequences = tokens.length / sequenceLength;
  // From the whole length down to half of it, in steps that depend on no power of two.
  const lengths = Int32Array.from({ length: sequences }, (_, i) =>
    Math.max(1, sequenceLength - ((i * 7) % Math.max(1, sequenceLength >> 1))),
  );
  const isReal = (place: number) => place % sequenceLength < lengths[Math.floor(place / sequenceLength)]!;
  const kept = [...positions.keys()].filter(i => isReal(positions[i]!));
  return {
    tokens: tokens.map((token, place) => (isReal(place) ? token : padding)),
    lengths,
    positions: Int32Array.from(kept, i => positions[i]!),
    labels: Int32Array.from(kept, i => labels[i]!),
  };
}

/** Drawn tokens, for a model whose dataset is not there. */
export function drawProbes({ vocabulary, sequenceLength }: ModelShape, sequences: number, padding: number): Probes {
  const random = new RandomSequence(0, streams.sampling, 0);
  const tokens = Int32Array.from({ length: sequences * sequenceLength }, () => random.below(vocabulary));
  const none = new Int32Array(0);
  return cutProbes({ tokens, positions: none, labels: none }, sequenceLength, padding);
}
