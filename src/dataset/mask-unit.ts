// What masks are made of: a record of its settings and of how it chooses the places that a sequence has to predict. A new one is one
// record, and a line in mask-units.ts.

import { z } from "zod";
import type { RandomSequence } from "../base/random.ts";

/** What a place shows that is to be predicted: <mask>, a random token, or the token that stands there. */
export type Shown = "mask" | "random" | "itself";

/** Settings that every unit has: BERT's 80/10/10, or another split. */
export const splitSettings = {
  masked: z.number().min(0).max(1).default(0.8).describe("share of the predicted places that show <mask>"),
  random: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe("share of them that show a random token; the rest show their own"),
  specials: z
    .enum(["predicted", "protected"])
    .default("predicted")
    .describe("whether special tokens, as the separator of documents, are predicted as any other"),
};

export interface SplitSettings {
  readonly masked: number;
  readonly random: number;
}

/** What may be predicted of one sequence. */
export interface MaskableSequence {
  /** Places from 0, ascending, without those that are protected. */
  readonly candidates: Uint32Array;
  readonly length: number;
  /** Whether the token at a place goes on with the word before it, and the place before may be predicted, too. */
  continuesWord(place: number): boolean;
}

export interface MaskUnit<Settings = never> {
  readonly name: string;
  /** What it does, one line for lists. */
  readonly summary: string;
  /** The paper. */
  readonly source: string;
  /** The mask section of a recipe's data, its unit included. */
  readonly schema: z.ZodObject;
  /** Marks places of `candidates`, each at most once, `predictions` of them at most. */
  choose(
    sequence: MaskableSequence,
    predictions: number,
    settings: Settings,
    random: RandomSequence,
    mark: (place: number, shown: Shown) => void,
  ): void;
}

/** What one place or span shows, by chance. */
export function drawShown({ masked, random: drawn }: SplitSettings, random: RandomSequence): Shown {
  const chance = random.uniform();
  if (chance < masked) return "mask";
  return chance < masked + drawn ? "random" : "itself";
}

/** The places of the word that `place` is in: its first, and the one behind its last. */
export function findWord({ length, continuesWord }: MaskableSequence, place: number): readonly [number, number] {
  let [first, end] = [place, place + 1];
  while (continuesWord(first)) first -= 1;
  while (end < length && continuesWord(end)) end += 1;
  return [first, end];
}
