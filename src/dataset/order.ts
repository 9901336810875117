// The order in which training reads the sequences of a dataset: uniformly random, or by a rank that says what comes first. A rank is a
// record in the list below; sequences of one rank stand as they do in the dataset. Nothing but the seed and the position in the run
// decides, so a resumed run goes on where it was.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { permutation, streams } from "../base/random.ts";

/** What a rank reads of a dataset. */
export interface RankedDataset {
  readonly vocabulary: readonly string[];
  readonly separator: number;
  /** How many characters of text each token stands for. */
  readonly characters: Float64Array;
  /** How often each token stands in the training part. */
  countTokens(): Float64Array;
}

interface Rank {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  /** Gives the rank of a sequence, low ones first; or why the dataset has none. */
  prepare(dataset: RankedDataset): ((tokens: Uint32Array) => number) | string;
}

const source = "Geiping & Goldstein 2022, arXiv 2212.14034";

const sumOver = (tokens: Uint32Array, values: Float64Array): number => {
  let sum = 0;
  for (const token of tokens) sum += values[token]!;
  return sum;
};

/** The mean over a sequence of log2 of each token's share, every one counted once more, times a sign. */
function rankByFrequency(dataset: RankedDataset, sign: 1 | -1): (tokens: Uint32Array) => number {
  const counts = dataset.countTokens();
  const total = counts.reduce((a, b) => a + b, 0) + counts.length;
  const logarithms = counts.map(count => Math.log2((count + 1) / total));
  return tokens => (sign * sumOver(tokens, logarithms)) / tokens.length;
}

const count = (wanted: number) => (tokens: Uint32Array) => {
  let times = 0;
  for (const token of tokens) if (token === wanted) times++;
  return -times;
};

const likelyFirst = {
  name: "likely-first",
  summary: "by the mean logarithm of how frequent its tokens are, frequent ones first",
  source,
  prepare: dataset => rankByFrequency(dataset, -1),
} as const satisfies Rank;

const rareFirst = {
  name: "rare-first",
  summary: "the same, rare ones first",
  source,
  prepare: dataset => rankByFrequency(dataset, 1),
} as const satisfies Rank;

const shortFirst = {
  name: "short-first",
  summary: "by the characters of its text, few ones first",
  source,
  prepare:
    ({ characters }) =>
    tokens =>
      sumOver(tokens, characters),
} as const satisfies Rank;

/** What the paper's final recipes do: they count the token ".". */
const sentencesFirst = {
  name: "sentences-first",
  summary: "by its full stops, many ones first: short sentences",
  source,
  prepare: ({ vocabulary }) => {
    const stop = vocabulary.indexOf(".");
    return stop === -1 ? `its tokenizer has no token "."` : count(stop);
  },
} as const satisfies Rank;

const documentsFirst = {
  name: "documents-first",
  summary: "by its ends of documents, many ones first: short documents",
  source,
  prepare: ({ separator }) => count(separator),
} as const satisfies Rank;

const ranks = [likelyFirst, rareFirst, shortFirst, sentencesFirst, documentsFirst] as const;

export const orders = [
  { name: "uniform", summary: "every sequence once an epoch, at random", source: "" },
  ...ranks,
] as const;

const ranked = {
  buckets: z
    .number()
    .int()
    .min(0)
    .max(2 ** 20)
    .default(0)
    .describe("parts of equal size in which sequences stand at random; 0: strictly by rank, as the paper does"),
  uniformShare: z.number().min(0).max(1).default(0).describe("share of the places that have any sequence, at random"),
  laterEpochs: z
    .enum(["same", "uniform"])
    .default("uniform")
    .describe("whether epochs behind the first have an order, too"),
};

const schemaOf = <const Name extends string>(name: Name) => z.strictObject({ name: z.literal(name), ...ranked });

export const orderSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("uniform") }),
  schemaOf("likely-first"),
  schemaOf("rare-first"),
  schemaOf("short-first"),
  schemaOf("sentences-first"),
  schemaOf("documents-first"),
]);

export type OrderSettings = z.infer<typeof orderSchema>;

/** The sequences of an epoch, in the order in which they are read. */
export type EpochOrder = (seed: number, epoch: number) => Uint32Array;

export const uniformOrder =
  (sequences: number): EpochOrder =>
  (seed, epoch) =>
    permutation(sequences, seed, streams.sequenceOrder, epoch);

/**
 * Ranks every sequence, which `visit` shows in turn. UserError E_DATA_ORDER where all have one rank, or the dataset has no such rank.
 */
export function rankSequences(
  settings: OrderSettings,
  sequences: number,
  dataset: RankedDataset,
  visit: (see: (tokens: Uint32Array, index: number) => void) => void,
): EpochOrder {
  if (settings.name === "uniform") return uniformOrder(sequences);
  const rank = ranks.find(({ name }) => name === settings.name)!.prepare(dataset);
  if (typeof rank === "string") throw refuse(settings.name, rank);
  const values = new Float64Array(sequences);
  visit((tokens, index) => {
    values[index] = rank(tokens);
  });
  if (values.every(value => value === values[0])) throw refuse(settings.name, "all its sequences have one rank");
  const byRank = Uint32Array.from({ length: sequences }, (_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b);
  const { buckets, uniformShare, laterEpochs } = settings;
  return (seed, epoch) => {
    if (epoch > 0 && laterEpochs === "uniform") return permutation(sequences, seed, streams.sequenceOrder, epoch);
    return mixUniform(shuffleBuckets(byRank, buckets, seed, epoch), uniformShare, seed, epoch);
  };
}

const refuse = (name: string, seen: string): UserError =>
  new UserError(
    "E_DATA_ORDER",
    `data.order.name ${name}: the dataset has no such order, since ${seen}`,
    "Set data.order.name=uniform, or another order.",
  );

function shuffleBuckets(order: Uint32Array, buckets: number, seed: number, epoch: number): Uint32Array {
  if (buckets === 0 || buckets >= order.length) return order;
  const shuffled = new Uint32Array(order.length);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = Math.floor((bucket * order.length) / buckets);
    const end = Math.floor(((bucket + 1) * order.length) / buckets);
    const places = permutation(end - start, seed, streams.orderBuckets, epoch * buckets + bucket);
    for (const [i, place] of places.entries()) shuffled[start + i] = order[start + place]!;
  }
  return shuffled;
}

/** Draws `share` of the sequences and spreads them evenly between the others, whose order stays. */
function mixUniform(order: Uint32Array, share: number, seed: number, epoch: number): Uint32Array {
  const drawn = Math.round(share * order.length);
  if (drawn === 0) return order;
  const chosen = permutation(order.length, seed, streams.orderMixture, epoch).subarray(0, drawn);
  const isChosen = new Uint8Array(order.length);
  for (const sequence of chosen) isChosen[sequence] = 1;
  const mixed = new Uint32Array(order.length);
  let [fromChosen, fromOrder] = [0, 0];
  for (let place = 0; place < mixed.length; place++) {
    const due = Math.floor(((place + 1) * drawn) / mixed.length);
    if (fromChosen < due) mixed[place] = chosen[fromChosen++]!;
    else {
      while (isChosen[order[fromOrder]!] === 1) fromOrder++;
      mixed[place] = order[fromOrder++]!;
    }
  }
  return mixed;
}
