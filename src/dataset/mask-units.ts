// The units that masks are made of: tokens, whole words, spans of words.

import { z } from "zod";
import type { RandomSequence } from "../base/random.ts";
import { drawShown, findWord, type MaskUnit, splitSettings } from "./mask-unit.ts";

const tokensSchema = z.strictObject({ unit: z.literal("tokens"), ...splitSettings });

/** Exactly k places, of which exact shares show <mask> and random tokens, as the reference's collator has it. */
const tokens = {
  name: "tokens",
  summary: "each token by itself, exact numbers of each kind",
  source: "Devlin et al. 2019, arXiv 1810.04805; Geiping & Goldstein 2022",
  schema: tokensSchema,
  choose: ({ candidates }, predictions, split, random, mark) => {
    const count = Math.min(predictions, candidates.length);
    const masked = Math.round(split.masked * count);
    const changed = Math.round((split.masked + split.random) * count);
    for (let i = 0; i < count; i++) {
      const j = i + random.below(candidates.length - i);
      const place = candidates[j]!;
      candidates[j] = candidates[i]!;
      candidates[i] = place;
      mark(place, i < masked ? "mask" : i < changed ? "random" : "itself");
    }
  },
} as const satisfies MaskUnit<z.infer<typeof tokensSchema>>;

const wordsSchema = z.strictObject({ unit: z.literal("words"), ...splitSettings });

/** Words in random order, each whole or not at all, as long as they fit; what a place shows is drawn for itself, as BERT does. */
const words = {
  name: "words",
  summary: "whole words: all tokens of a word or none",
  source: "Devlin et al. 2019, google-research/bert, whole word masking",
  schema: wordsSchema,
  choose: (sequence, predictions, split, random, mark) => {
    const starts = sequence.candidates.filter(place => !sequence.continuesWord(place));
    let left = predictions;
    for (let i = 0; i < starts.length && left > 0; i++) {
      const j = i + random.below(starts.length - i);
      const start = starts[j]!;
      starts[j] = starts[i]!;
      const [, end] = findWord(sequence, start);
      if (end - start > left) continue;
      left -= end - start;
      for (let place = start; place < end; place++) mark(place, drawShown(split, random));
    }
  },
} as const satisfies MaskUnit<z.infer<typeof wordsSchema>>;

const spansSchema = z.strictObject({
  unit: z.literal("spans"),
  ...splitSettings,
  spanEnd: z
    .number()
    .gt(0)
    .max(1)
    .default(0.2)
    .describe("chance that a span ends after each of its words: lengths are geometric"),
  longestSpan: z.number().int().min(1).max(1000).default(10).describe("words of a span at most"),
});

/** Words of a span: geometric, given that it is no longer than `longest` (SpanBERT, §3.1: 0.2 and 10 give 3.8 in the mean). */
export function drawSpanLength(spanEnd: number, longest: number, random: RandomSequence): number {
  // P(length ≤ n) = (1 - q^n) / (1 - q^longest), solved for n.
  const q = 1 - spanEnd;
  if (q === 0) return 1;
  // So seldom that a span ends by itself in none: every length is as likely.
  if (q === 1) return 1 + random.below(longest);
  const chance = random.uniform() * (1 - q ** longest);
  return Math.min(longest, 1 + Math.floor(Math.log1p(-chance) / Math.log(q)));
}

/** Spans that begin with the word of a random place that is not yet chosen, cut where the number is full; a span shows one kind. */
const spans = {
  name: "spans",
  summary: "spans of whole words, of geometric length",
  source: "Joshi et al. 2020, SpanBERT, arXiv 1907.10529",
  schema: spansSchema,
  choose: (sequence, predictions, { spanEnd, longestSpan, ...split }, random, mark) => {
    const candidates = new Set(sequence.candidates);
    const free = new Set(candidates);
    let left = Math.min(predictions, free.size);
    while (left > 0) {
      const length = drawSpanLength(spanEnd, longestSpan, random);
      const shown = drawShown(split, random);
      let [place] = findWord(sequence, [...free][random.below(free.size)]!);
      for (let word = 0; word < length && left > 0; word++) {
        // What is protected ends a span; what another span has already is passed over.
        if (!candidates.has(place)) break;
        const [, end] = findWord(sequence, place);
        for (; place < end && left > 0; place++) {
          if (!free.delete(place)) continue;
          mark(place, shown);
          left -= 1;
        }
        place = end;
      }
    }
  },
} as const satisfies MaskUnit<z.infer<typeof spansSchema>>;

export const maskUnits = [tokens, words, spans] as const;

/** The mask section of a recipe's data. */
export const maskSchema = z.discriminatedUnion("unit", [tokensSchema, wordsSchema, spansSchema]);

export type MaskSettings = z.infer<typeof maskSchema>;

/** The reference's, and validation's: any token, 80/10/10. */
export const plainMask: MaskSettings = { unit: "tokens", masked: 0.8, random: 0.1, specials: "predicted" };

export function findMaskUnit({ unit }: MaskSettings): MaskUnit {
  return maskUnits.find(({ name }) => name === unit)!;
}
