// Multi-head attention. Plain softmax over all tokens is the composite that backends have a kernel for; a mask of the future and other
// functions of the scores are written in primitives, which hold the scores of a micro-batch in memory.
//
// B sequences, S positions each, H heads of width D, T = B·S.

import { z } from "zod";
import {
  add,
  cast,
  concat,
  divide,
  equal,
  fill,
  gather,
  iota,
  less,
  matmul,
  mean,
  minimum,
  multiply,
  reshape,
  rsqrt,
  select,
  slice,
  subtract,
  sum,
  transpose,
} from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { sigmoid } from "../../nn/activation.ts";
import {
  attention as attend,
  type HeadLayout,
  mergeHeads,
  queriedAttention,
  splitHeads,
  splitParts,
} from "../../nn/attention.ts";
import { applyRotary } from "../../nn/rotary.ts";
import { findScoreFunction, type KeyMask, scoreFunctions, scoreNames } from "../../nn/score-functions.ts";
import { describeChoice } from "../../settings/choices.ts";
import type { MixedShape, Mixer, Mixing } from "./mixer.ts";

const normedScores = "Henry et al. 2020, Query-Key Normalization, arXiv 2010.04245";
const qkNorms = [
  { name: "none", summary: "queries and keys as they are", source: "Vaswani et al. 2017, arXiv 1706.03762" },
  { name: "fixed", summary: "over their root mean square, times a gain that stays what it is", source: normedScores },
  { name: "learned", summary: "over their root mean square, times a gain that learns", source: normedScores },
] as const;

const schema = z.strictObject({
  name: z.literal("attention"),
  headWidth: z.number().int().min(0).max(65_536).default(0).describe("width of a head; 0: width / heads"),
  scores: describeChoice(z.enum(scoreNames), scoreFunctions)
    .default("softmax")
    .describe("what makes weights of the scores"),
  causal: z.boolean().default(false).describe("a token sees itself and those before it"),
  qkNorm: describeChoice(z.enum(["none", "fixed", "learned"]), qkNorms)
    .default("none")
    .describe("queries and keys divided by their root mean square, and the scores times a gain, fixed or learned"),
  qkGain: z
    .number()
    .min(0)
    .max(1e3)
    .default(0)
    .describe("that gain, or what it begins at; 0: 15 / √headWidth, with which no score is beyond 15"),
  valueResidual: z
    .boolean()
    .default(false)
    .describe("values are a learned mixture with those of the first layer, half of each at first"),
  valueEmbeddings: z
    .boolean()
    .default(false)
    .describe("every other layer adds an embedding of the token to its values, times a gate of each head"),
});
export type AttentionSettings = z.output<typeof schema>;

export const defaultAttention: AttentionSettings = schema.parse({ name: "attention" });

/** Columns of the hidden state that a value embedding's gate reads. */
const gateColumns = (width: number) => Math.min(12, width);

export const headWidthOf = ({ headWidth }: AttentionSettings, { width, heads }: MixedShape): number =>
  headWidth === 0 ? width / heads : headWidth;

const hasValueEmbedding = ({ valueEmbeddings }: AttentionSettings, layer: number) => valueEmbeddings && layer % 2 === 1;

export const attention = {
  name: "attention",
  summary: "multi-head attention",
  source: "Vaswani et al. 2017, arXiv 1706.03762",
  schema,
  rotates: true,
  separates: true,
  asksFew: ({ causal }) => !causal,
  hasHeads: true,
  listParameters: (settings, shape, layer, make) => {
    const { width: C, heads: H, vocabulary: V } = shape;
    const D = headWidthOf(settings, shape);
    const { isAffine } = findScoreFunction(settings.scores);
    return [
      ...make.projection("qkv", C, 3 * H * D, "in", 3),
      ...make.projection("output", H * D, C, "out"),
      ...(settings.qkNorm === "learned" ? [make.vector("qkGain", 1, gainOf(settings, D))] : []),
      ...(isAffine ? [make.vector("scoreGain", H, 1), make.vector("scoreBias", H, 0)] : []),
      ...(settings.valueResidual && layer > 0 ? [make.vector("valueMixture", 1, 0.5)] : []),
      ...(hasValueEmbedding(settings, layer)
        ? [make.embedding("valueEmbedding", V, H * D), make.matrix("valueGate", gateColumns(C), H, "zero")]
        : []),
    ];
  },
  apply: (x, settings, mixing) => {
    const { shape, length } = mixing;
    const layout: HeadLayout = {
      batch: x.shape[0]! / length,
      length,
      heads: shape.heads,
      headWidth: headWidthOf(settings, shape),
    };
    const isMasked = settings.causal || mixing.documents !== undefined;
    const layer = mixing.depth % shape.layers;
    const isPlain = settings.scores === "softmax" && settings.qkNorm === "none" && !settings.valueResidual;
    if (mixing.kept !== undefined && isPlain && !isMasked && !hasValueEmbedding(settings, layer)) {
      return mixing.project(attendFew(x, mixing.kept, layout, mixing), "output");
    }
    let qkv = mixing.project(x, "qkv"); // (T, 3·H·D)
    if (settings.qkNorm !== "none") qkv = normaliseQueriesAndKeys(qkv, settings, layout, mixing);
    if (shape.positions === "rotary") qkv = turnByPlaces(qkv, layout, mixing, 3, 2);
    qkv = changeValues(qkv, x, settings, layout, mixing);
    // The place of a query decides what it sees behind a mask.
    const few = mixing.keepsFew && !isMasked ? mixing.keepRows(slice(qkv, 1, 0, qkv.shape[1]! / 3)) : undefined;
    const mixed =
      settings.scores !== "softmax" || isMasked
        ? weighValues(few, qkv, settings, layout, mixing)
        : few === undefined
          ? attend(qkv, layout, mixing.lengths)
          : queriedAttention(few, slice(qkv, 1, qkv.shape[1]! / 3, qkv.shape[1]!), layout, mixing.lengths);
    return mixing.project(few === undefined ? mixing.keepRows(mixed) : mixed, "output");
  },
  // q kᵀ and the weighted sum of v.
  countProducts: (settings, shape) => 2 * shape.sequenceLength * shape.heads * headWidthOf(settings, shape),
  listTables: () => ({}),
  findFault: (settings, shape) => {
    const D = headWidthOf(settings, shape);
    if (settings.headWidth === 0 && shape.width % shape.heads !== 0) {
      const message = `width ${shape.width} is not a multiple of heads ${shape.heads}`;
      return { message, advice: "Change one of the two, or give mixer.headWidth." };
    }
    if (shape.positions === "rotary" && D % 2 !== 0) {
      const message = `positions are rotary and need an even head width, not ${D}`;
      return { message, advice: "Change width or heads." };
    }
    if (settings.qkNorm === "none" && settings.qkGain !== 0) {
      const message = `mixer.qkGain ${settings.qkGain} changes nothing with mixer.qkNorm none`;
      return { message, advice: "Leave it out, or set model.mixer.qkNorm=fixed or learned." };
    }
    if (settings.causal && settings.scores === "norm") {
      const message = "mixer.causal normalises the one score of a first token to 0 with mixer.scores norm";
      return { message, advice: "Set model.mixer.causal=false or model.mixer.scores=softmax." };
    }
    if ((settings.valueResidual || settings.valueEmbeddings) && shape.layers < 2) {
      const name = settings.valueResidual ? "valueResidual" : "valueEmbeddings";
      return { message: `mixer.${name} changes nothing in one layer`, advice: `Set model.mixer.${name}=false.` };
    }
    return undefined;
  },
} satisfies Mixer<AttentionSettings>;

/** Rows that turn queries and keys, one for each place of a sequence, or, where only some tokens are there, for each of theirs. */
function findTurns({ shape, depth, tables, places }: Mixing): Tensor {
  const all = tables.positionTable!;
  const length = all.shape[0]! / shape.rotaryBases.length;
  const base = depth % shape.rotaryBases.length;
  const table = slice(all, 0, base * length, (base + 1) * length);
  return places === undefined ? table : gather(table, places);
}

/** The parts of a projection turned by where their tokens stand; values are not. */
function turnByPlaces(x: Tensor, layout: HeadLayout, mixing: Mixing, parts: number, turned: number): Tensor {
  const turns = findTurns(mixing);
  // Each row by a row of its own, as one long sequence.
  const rows = mixing.places === undefined ? layout : { ...layout, batch: 1, length: turns.shape[0]! };
  return applyRotary(x, turns, rows, parts, turned);
}

/** Attention for the rows of x that are kept, the only ones that queries are made for: to (P, H·D). */
function attendFew(x: Tensor, kept: Tensor, layout: HeadLayout, mixing: Mixing): Tensor {
  const C = layout.heads * layout.headWidth;
  let queries = mixing.project(mixing.keepRows(x), "qkv", [0, C]);
  let keys = mixing.project(x, "qkv", [C, 3 * C]);
  if (mixing.shape.positions === "rotary") {
    const { length: S } = layout;
    const turn = mixing.places === undefined ? subtract(kept, multiply(divide(kept, S), S)) : kept;
    const own = { ...layout, batch: 1, length: kept.shape[0]! };
    queries = applyRotary(queries, gather(findTurns(mixing), turn), own, 1);
    keys = turnByPlaces(keys, layout, mixing, 2, 1);
  }
  return queriedAttention(queries, keys, layout, mixing.lengths);
}

const gainOf = ({ qkGain }: AttentionSettings, D: number): number => (qkGain === 0 ? 15 / Math.sqrt(D) : qkGain);

/** q / rms(q) · gain and k / rms(k) of each head (Henry et al. 2020, Query-Key Normalization, with the root mean square). */
function normaliseQueriesAndKeys(qkv: Tensor, settings: AttentionSettings, layout: HeadLayout, mixing: Mixing): Tensor {
  const { heads: H, headWidth: D } = layout;
  const T = qkv.shape[0]!;
  const normal = (part: number): Tensor => {
    const x = reshape(slice(qkv, 1, part * H * D, (part + 1) * H * D), [T, H, D]);
    const scaled = multiply(x, rsqrt(add(mean(multiply(x, x), [-1]), mixing.shape.normEpsilon)));
    return reshape(scaled, [T, H * D]);
  };
  const gain = settings.qkNorm === "learned" ? reshape(mixing.find("qkGain"), [1, 1]) : gainOf(settings, D);
  return concat([multiply(normal(0), gain), normal(1), slice(qkv, 1, 2 * H * D, 3 * H * D)], 1);
}

/**
 * Values v become (1 - λ) v + λ v₁ with those of the first layer (Zhou et al. 2024, arXiv 2410.17897), and + 3σ(gate) E[token]
 * (value embeddings, as modded-nanogpt and nanochat have them).
 */
function changeValues(
  qkv: Tensor,
  x: Tensor,
  settings: AttentionSettings,
  { heads: H, headWidth: D }: HeadLayout,
  mixing: Mixing,
): Tensor {
  const layer = mixing.depth % mixing.shape.layers;
  const embeds = hasValueEmbedding(settings, layer);
  if (!settings.valueResidual && !embeds) return qkv;
  const T = qkv.shape[0]!;
  const values = slice(qkv, 1, 2 * H * D, 3 * H * D);
  let changed = values;
  if (settings.valueResidual) {
    const first = mixing.memory.get("values");
    if (first === undefined) mixing.memory.set("values", values);
    else if (layer > 0) {
      const share = reshape(mixing.find("valueMixture"), [1, 1]);
      changed = add(multiply(values, subtract(1, share)), multiply(first, share));
    }
  }
  if (embeds) {
    const read = slice(x, 1, 0, gateColumns(mixing.shape.width));
    const gate = multiply(sigmoid(matmul(read, mixing.find("valueGate"))), 3); // (T, H)
    const embedded = reshape(gather(mixing.find("valueEmbedding"), mixing.tokens), [T, H, D]);
    changed = add(changed, reshape(multiply(embedded, reshape(gate, [T, H, 1])), [T, H * D]));
  }
  return changed === values ? qkv : concat([slice(qkv, 1, 0, 2 * H * D), changed], 1);
}

/** Attention in primitives: (T, 3·H·D) to (T, H·D), or to the rows of a few queries, with the scores' function and mask. */
function weighValues(
  few: Tensor | undefined,
  qkv: Tensor,
  settings: AttentionSettings,
  layout: HeadLayout,
  mixing: Mixing,
): Tensor {
  const { heads: H, headWidth: D } = layout;
  const [all, k, v] = splitParts(qkv, layout); // (B, H, S, D)
  const q = few === undefined ? all : splitHeads(few, layout);
  const scores = multiply(matmul(q, transpose(k)), 1 / Math.sqrt(D)); // (B, H, S, S)
  const { apply, isAffine } = findScoreFunction(settings.scores);
  const mask = maskKeys(settings.causal, layout, mixing);
  const weights = apply(scores, mask);
  if (!isAffine) return mergeHeads(matmul(weights, v));
  const perHead = (name: string) => reshape(mixing.find(name), [1, H, 1, 1]);
  const scaled = add(multiply(weights, perHead("scoreGain")), perHead("scoreBias"));
  return mergeHeads(matmul(mask === undefined ? scaled : select(mask.isKey, scaled, 0), v));
}

/** undefined where every query sees every key. */
function maskKeys(
  causal: boolean,
  { batch: B, length: S }: HeadLayout,
  { lengths, documents }: Pick<Mixing, "lengths" | "documents">,
): KeyMask | undefined {
  if (!causal && lengths === undefined && documents === undefined) return undefined;
  const key = reshape(iota(S), [1, 1, 1, S]);
  const query = reshape(iota(S), [1, 1, S, 1]);
  const ends = lengths === undefined ? undefined : reshape(lengths, [B, 1, 1, 1]);
  // The first key that a query does not see.
  const seen = add(query, 1);
  const end = !causal ? (ends ?? fill(S, [1, 1, 1, 1], "i32")) : ends === undefined ? seen : minimum(seen, ends);
  const isKey = less(key, end);
  if (documents === undefined) return { isKey, count: cast(end, "f32") };
  const isOfDocument = equal(reshape(documents, [B, 1, S, 1]), reshape(documents, [B, 1, 1, S]));
  const both = select(isKey, select(isOfDocument, 1, 0), 0);
  return { isKey: less(0, both), count: sum(both, [-1]) };
}
