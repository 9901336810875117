// What a model said while it trained, as texts that other programs show.

import type { SamplesEvent } from "../events/event.ts";

export interface SampleText {
  readonly kind: "masks" | "neighbours";
  /** The probe: a sentence with masks, or a word. */
  readonly probe: string;
  /** "fox 0.272, wolf 0.201", a part for each mask. */
  readonly answer: string;
}

export function describeSamples({ fills, neighbours }: SamplesEvent): SampleText[] {
  const join = (parts: readonly string[]) => parts.join(", ");
  return [
    ...fills.map(({ text, masks }) => ({
      kind: "masks" as const,
      probe: text,
      answer: masks
        .map(({ candidates }) => join(candidates.map(({ token, probability }) => `${token} ${probability.toFixed(3)}`)))
        .join("; "),
    })),
    ...neighbours.map(({ text, nearest }) => ({
      kind: "neighbours" as const,
      probe: text,
      answer: join(nearest.map(({ token, similarity }) => `${token} ${similarity.toFixed(3)}`)),
    })),
  ];
}
