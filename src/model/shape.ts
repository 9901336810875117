// The shape of a model: every choice that decides which parameters exist and what is computed with them. Its fields are those of a
// recipe's model section. What a recipe leaves out has its value here and nowhere else: behind completeShape every shape is whole.

import { z } from "zod";
import { activationNames, listedActivations } from "../nn/activation.ts";
import { normNames, norms } from "../nn/norm.ts";
import { describeChoice } from "../settings/choices.ts";
import { initialisationNames, initialisations } from "./initialisations.ts";
import { mixerSchema } from "./mixers/mixers.ts";
import { positionKinds, positionNames } from "./positions.ts";

/** The most of each size: far above any encoder, and such that a slip of the finger is an error and takes no memory. */
export const largestSizes = {
  width: 65_536,
  layers: 256,
  heads: 4096,
  feedForward: 524_288,
  vocabulary: 2 ** 20,
  sequenceLength: 131_072,
} as const;

const size = (name: keyof typeof largestSizes) => z.number().int().min(1).max(largestSizes[name]);

const normalisations = [
  {
    name: "pre",
    summary: "norms before mixer and feed-forward, and at the end",
    source: "Xiong et al. 2020, arXiv 2002.04745",
  },
  { name: "post", summary: "norms after each sum, as BERT", source: "Vaswani et al. 2017, arXiv 1706.03762" },
  {
    name: "sandwich",
    summary: "norms before and after mixer and feed-forward, and at the end",
    source: "Ding et al. 2021, CogView, arXiv 2105.13290",
  },
  {
    name: "deep",
    summary: "post, with (2 · layers)^¼ times what is added to",
    source: "Wang et al. 2022, DeepNet, arXiv 2203.00555",
  },
] as const;
type Normalisation = (typeof normalisations)[number]["name"];
const normalisationNames = normalisations.map(({ name }) => name) as [Normalisation, ...Normalisation[]];

const heads = [
  { name: "tied", summary: "the decoder alone", source: "Geiping & Goldstein 2022, arXiv 2212.14034" },
  {
    name: "transform",
    summary: "a dense layer, GELU and a norm before it, a bias after",
    source: "Devlin et al. 2018, arXiv 1810.04805",
  },
];

const decoderBiases = [
  { name: "transform", summary: "where the head is a transform" },
  { name: "always", summary: "with every head" },
  { name: "never", summary: "with none" },
];

const embeddingInitialisations = [
  { name: "drawn", summary: "as the matrices are, where those have one deviation, and 0.02 else" },
  {
    name: "cooccurrence",
    summary: "factors of what stands beside what in the dataset, and the neighbours' matrix by least squares",
    source: "Levy & Goldberg 2014, Neural word embedding as implicit matrix factorization",
  },
];

/** The model section of a recipe. Defaults are what crammed BERT has. */
export const shapeSchema = z.strictObject({
  width: size("width").describe("width of the hidden states"),
  layers: size("layers").describe("layers of attention and feed-forward"),
  heads: size("heads").describe("heads of attention"),
  feedForward: size("feedForward").describe(
    "width of the feed-forward's input projection; with a gate its output projection reads half of it",
  ),
  vocabulary: size("vocabulary").describe("tokens there are"),
  sequenceLength: size("sequenceLength").describe("tokens of a sequence"),
  positions: describeChoice(z.enum(positionNames), positionKinds).describe("how the model knows where a token stands"),
  normalisation: describeChoice(z.enum(normalisationNames), normalisations)
    .default("pre")
    .describe("where the norms of a layer stand"),
  normEpsilon: z.number().positive().default(1e-12).describe("added to the variance in every norm"),
  firstAttentionNorm: z
    .boolean()
    .default(true)
    .describe("false: the first layer's attention reads the embedding's norm as it is, as in ModernBERT"),
  biases: z.boolean().default(false).describe("biases of the projections in the layers and in the head"),
  activation: describeChoice(z.enum(activationNames), listedActivations)
    .default("geglu")
    .describe("the feed-forward's activation"),
  segments: z
    .boolean()
    .default(false)
    .describe("tokens of a pair's second text carry another embedding than those of the first"),
  rotaryBases: z
    .array(z.number().positive().max(1e12))
    .max(largestSizes.layers)
    .readonly()
    .default([10000])
    .describe("bases of the rotary frequencies; layer i turns by the i-th, counted round"),
  head: describeChoice(z.enum(["tied", "transform"]), heads)
    .default("tied")
    .describe("what predicts tokens"),
  norm: describeChoice(z.enum(normNames), norms).default("layer").describe("what every norm is"),
  normGain: z.boolean().default(true).describe("norms have gains"),
  normBias: z.boolean().default(true).describe("norms have biases"),
  rotaryShare: z.number().gt(0).max(1).default(1).describe("share of a head's width that rotary positions turn"),
  mixer: mixerSchema.prefault({ name: "attention" }).describe("how tokens see each other"),
  feedForwardEvery: z
    .number()
    .int()
    .min(0)
    .max(largestSizes.layers)
    .default(1)
    .describe("every so manieth layer has a feed-forward; 0: none has"),
  parallel: z
    .boolean()
    .default(false)
    .describe("attention and feed-forward read the same norm and are added together (GPT-J, PaLM)"),
  repeats: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe(
      "times that the layers are run through, with the same parameters (Dehghani et al. 2018, arXiv 1807.03819)",
    ),
  strides: z
    .array(z.number().int().min(1).max(largestSizes.sequenceLength))
    .max(largestSizes.layers)
    .readonly()
    .default([])
    .describe(
      "tokens that a hidden state stands for behind each layer, as [2, 4, 2, 1]: a funnel (Dai et al. 2020, arXiv 2006.03236); none: 1",
    ),
  initialisation: describeChoice(z.enum(initialisationNames), initialisations)
    .default("normal")
    .describe("what the matrices of the layers begin at"),
  zeroOutputs: z
    .boolean()
    .default(false)
    .describe("what a mixer and a feed-forward add begins at 0: their output projections do"),
  embedding: z
    .strictObject({
      width: z
        .number()
        .int()
        .min(0)
        .max(largestSizes.width)
        .default(0)
        .describe("width of the embedding, projected to the model's (ALBERT, arXiv 1909.11942); 0: the model's"),
      norm: z.boolean().default(true).describe("a norm of the embedding"),
      initialisation: describeChoice(z.enum(["drawn", "cooccurrence"]), embeddingInitialisations)
        .default("drawn")
        .describe("what vectors of tokens begin at; counting takes seconds of the budget"),
      tokenShift: z
        .boolean()
        .default(false)
        .describe("adds to each token its neighbours on both sides, times learned gates that begin at 0"),
      neighbours: z
        .number()
        .int()
        .min(0)
        .max(16)
        .default(0)
        .describe("tokens on each side that a matrix reads and adds to each token, before the first layer; 0: none"),
      bigramRows: z
        .number()
        .int()
        .min(0)
        .max(2 ** 24)
        .default(0)
        .describe("rows of an embedding of each token with the one before, by hash, added in every layer; 0: none"),
    })
    .prefault({})
    .describe("what tokens begin as"),
  residual: z
    .strictObject({
      scalars: z.boolean().default(false).describe("a learned number before what each layer goes on from, 1 at first"),
      embeddingSkip: z
        .boolean()
        .default(false)
        .describe("each layer reads the embedding again, times a learned number that begins at 0"),
    })
    .prefault({})
    .describe("what layers go on from"),
  decoder: z
    .strictObject({
      tied: z.boolean().default(true).describe("the decoder is the embedding matrix"),
      bias: describeChoice(z.enum(["transform", "always", "never"]), decoderBiases)
        .default("transform")
        .describe("a bias of each token"),
      logitCap: z
        .number()
        .min(0)
        .max(1e6)
        .refine(cap => cap === 0 || cap >= 1e-3, "0, or from 0.001 on")
        .default(0)
        .describe("logits z become cap · tanh(z / cap) (Gemma 2, arXiv 2408.00118); 0: as they are"),
    })
    .prefault({})
    .describe("what makes logits of hidden states"),
});

/** A shape as a recipe may have it, without what is as it usually is. */
export type ShapeSettings = z.input<typeof shapeSchema>;
/** A whole shape. */
export interface ModelShape extends Readonly<z.output<typeof shapeSchema>> {
  /** What is no part of a model, but of how it is trained; never stored. */
  readonly training?: TrainedAs;
  /** Whether nothing in it predicts tokens; never stored. */
  readonly isEncoder?: boolean;
}

/** How a model's layers are trained on a batch. */
export interface TrainedAs {
  /** The chance that the last layer is left out; the others' grow towards it in a straight line. */
  readonly layerDrop?: number | undefined;
  /** Whether attention sees the token's own document alone. */
  readonly separateDocuments?: boolean | undefined;
  /** The type of the residual stream's gradient; f32 unless given. */
  readonly residualGradient?: "bf16" | undefined;
}

/** The shape with every value that the settings leave out. Nothing is checked beyond types: checkShape does that. */
export function completeShape(settings: ShapeSettings): ModelShape {
  return shapeSchema.parse(settings);
}

/** A shape with nothing chosen: every option at its default. */
const plainShape = completeShape({
  ...{ width: 2, layers: 1, heads: 1, feedForward: 2, vocabulary: 2, sequenceLength: 2 },
  positions: "scaled-sinusoidal",
});

/** What says how a model is used, and is no choice. */
const unstored = new Set<string>(["training", "isEncoder"] satisfies (keyof ModelShape)[]);

const required = new Set<string>([...Object.keys(largestSizes), "positions"]);

/** Options that say what parameters begin at, and nothing of a trained model. */
export const initialOptions: readonly string[] = ["initialisation", "zeroOutputs", "embedding.initialisation"];

/** A value, or a value within a section, by its path: "norm", "mixer.causal". */
export interface ShapeOption {
  readonly path: string;
  readonly value: unknown;
}

/** Every value of a shape but its sizes, in order. */
export function listOptions(shape: ModelShape): ShapeOption[] {
  return Object.entries(shape)
    .filter(([name]) => !(name in largestSizes) && !unstored.has(name))
    .flatMap(([name, value]) =>
      typeof value === "object" && !Array.isArray(value)
        ? Object.entries(value as object).map(([key, inner]) => ({ path: `${name}.${key}`, value: inner as unknown }))
        : [{ path: name, value: value as unknown }],
    );
}

const defaults = new Map(listOptions(plainShape).map(({ path, value }) => [path, JSON.stringify(value)] as const));

/** Options that are not what crammed BERT has; an option of another mixer than attention is one, too. */
export function listChosenOptions(shape: ModelShape): ShapeOption[] {
  return listOptions(shape).filter(({ path, value }) => defaults.get(path) !== JSON.stringify(value));
}

/** The shape without what is at its default: equal for equal models, whatever options there were when each was written. */
export function abbreviateShape(shape: ModelShape): ShapeSettings {
  const pruned = Object.entries(shape).flatMap(([name, value]): [string, unknown][] => {
    const plain = plainShape[name as keyof ModelShape];
    if (unstored.has(name)) return [];
    if (required.has(name)) return [[name, value]];
    if (JSON.stringify(plain) === JSON.stringify(value)) return [];
    if (typeof value !== "object" || Array.isArray(value)) return [[name, value]];
    // A choice keeps its name.
    const inner = Object.entries(value as object).filter(
      ([key, each]) =>
        key === "name" || JSON.stringify((plain as Record<string, unknown>)[key]) !== JSON.stringify(each),
    );
    return [[name, Object.fromEntries(inner)]];
  });
  return Object.fromEntries(pruned) as unknown as ShapeSettings;
}

/** Width of the embedding. */
export const embeddingWidthOf = ({ embedding, width }: ModelShape): number => embedding.width || width;

/** Layers that a token goes through, counted as often as they are run through. */
export const countDepths = ({ layers, repeats }: ModelShape): number => layers * repeats;

/** Tokens that a row stands for before and behind the layer at a depth. */
export function findStrides({ strides, layers }: ModelShape, depth: number) {
  const layer = depth % layers;
  return { before: layer === 0 ? 1 : (strides[layer - 1] ?? 1), behind: strides[layer] ?? 1 };
}

/** The layer whose input the output of this one adds: between them lie the layers of the widest stride. undefined before these. */
export function findShortcut({ strides }: Pick<ModelShape, "strides">, layer: number): number | undefined {
  const most = Math.max(...strides);
  const [first, last] = [strides.indexOf(most), strides.lastIndexOf(most)];
  return strides.length > 0 && layer > last ? first + last + 1 - layer : undefined;
}

/** Whether norms stand before what they are for. */
export const isPreNorm = ({ normalisation }: ModelShape) => normalisation === "pre" || normalisation === "sandwich";

/** Whether layer 0 normalises what its mixer reads. */
export const hasAttentionNorm = (shape: ModelShape, layer: number) => layer > 0 || shape.firstAttentionNorm;

export const hasFeedForward = ({ feedForwardEvery }: ModelShape, layer: number) =>
  feedForwardEvery > 0 && (layer + 1) % feedForwardEvery === 0;

export const hasDecoderBias = ({ head, decoder }: ModelShape) =>
  decoder.bias === "always" || (decoder.bias === "transform" && head === "transform");

/** The shape without what predicts tokens: an encoder alone. */
export const withoutHead = (shape: ModelShape): ModelShape => ({
  ...shape,
  head: plainShape.head,
  decoder: plainShape.decoder,
  isEncoder: true,
});
