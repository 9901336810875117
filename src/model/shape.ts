// The shape of a model: every choice that decides which parameters exist and what is computed with them. Its fields are those of a
// recipe's model section. What a recipe leaves out has its value here and nowhere else: behind completeShape every shape is whole.

import { z } from "zod";
import { quoteValue } from "../base/printable.ts";

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
  positions: z.enum(["scaled-sinusoidal", "rotary", "learned"]).describe("how the model knows where a token stands"),
  normalisation: z
    .enum(["pre", "post"])
    .default("pre")
    .describe("pre: norms before attention and feed-forward, and at the end; post: after each sum, as BERT"),
  normEpsilon: z.number().positive().default(1e-12).describe("added to the variance in every norm"),
  firstAttentionNorm: z
    .boolean()
    .default(true)
    .describe("false: the first layer's attention reads the embedding's norm as it is, as in ModernBERT"),
  biases: z.boolean().default(false).describe("biases of the projections in the layers and in the head"),
  activation: z.enum(["geglu", "gelu"]).default("geglu").describe("the feed-forward's activation"),
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
  head: z
    .enum(["tied", "transform"])
    .default("tied")
    .describe(
      "what predicts tokens; tied: the embedding matrix alone; transform: a dense layer, GELU and a norm before it, a bias after",
    ),
});

/** A shape as a recipe may have it, without what is as it usually is. */
export type ShapeSettings = z.input<typeof shapeSchema>;
/** A whole shape. */
export interface ModelShape extends Readonly<z.output<typeof shapeSchema>> {}

/** The shape with every value that the settings leave out. Nothing is checked beyond types: checkShape does that. */
export function completeShape(settings: ShapeSettings): ModelShape {
  return shapeSchema.parse(settings);
}

const defaults: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries(shapeSchema.shape).flatMap(([name, schema]) =>
    schema instanceof z.ZodDefault ? [[name, schema.def.defaultValue]] : [],
  ),
);

const isDefault = (name: string, value: unknown) => JSON.stringify(value) === JSON.stringify(defaults[name]);

/** The shape without what is at its default: equal for equal models, whatever options there were when each was written. */
export function abbreviateShape(shape: ModelShape): ShapeSettings {
  return Object.fromEntries(
    Object.entries(shape).filter(([name, value]) => !isDefault(name, value)),
  ) as unknown as ShapeSettings;
}

/** What is wrong with a shape that no model can have, beginning with the field's name; undefined where all is well. */
export function findShapeFault(shape: ModelShape): { readonly message: string; readonly advice: string } | undefined {
  const { width, heads, feedForward, positions, activation, normEpsilon, rotaryBases } = shape;
  for (const [name, most] of Object.entries(largestSizes)) {
    const value = shape[name as keyof typeof largestSizes];
    if (!(Number.isInteger(value) && value > 0 && value <= most)) {
      return { message: `${name} is ${quoteValue(value)}`, advice: `It must be a whole number from 1 to ${most}.` };
    }
  }
  const { layers } = shape;
  const faults: readonly (readonly [boolean, string, string])[] = [
    [width % heads !== 0, `width ${width} is not a multiple of heads ${heads}`, "Change one of the two."],
    [width % 2 !== 0, `width ${width} is odd`, "Make it even."],
    [
      positions === "rotary" && (width / heads) % 2 !== 0,
      `positions are rotary and need an even head width, not ${width / heads}`,
      "Change width or heads.",
    ],
    [
      activation === "geglu" && feedForward % 2 !== 0,
      `feedForward ${feedForward} is odd, and the gate takes half of it`,
      "Make it even.",
    ],
    [!(normEpsilon > 0 && normEpsilon < 1), `normEpsilon is ${normEpsilon}`, "It must be small and above 0."],
    [
      !isDefault("rotaryBases", rotaryBases) && positions !== "rotary",
      `rotaryBases change nothing with ${positions} positions`,
      "Leave them out, or make positions rotary.",
    ],
    [
      rotaryBases.length === 0 || rotaryBases.some(base => !(base > 1)),
      `rotaryBases are [${rotaryBases.join(", ")}]`,
      "Each must be a number above 1.",
    ],
    [
      rotaryBases.length > layers,
      `rotaryBases are ${rotaryBases.length} and there are ${layers} layers`,
      "Leave out those that no layer uses.",
    ],
    [
      !shape.firstAttentionNorm && shape.normalisation === "post",
      "firstAttentionNorm changes nothing with normalisation post",
      "Leave it out.",
    ],
  ];
  const fault = faults.find(([holds]) => holds);
  return fault && { message: fault[1], advice: fault[2] };
}

/** Throws for a shape that no model can have: who read it from a file has said so, and named the file. */
export function checkShape(shape: ModelShape): void {
  const fault = findShapeFault(shape);
  if (fault !== undefined) throw new Error(`the model's shape: ${fault.message}`);
}

/** Whether layer 0 normalises what its attention reads. */
export const hasAttentionNorm = (shape: ModelShape, layer: number) => layer > 0 || shape.firstAttentionNorm;
