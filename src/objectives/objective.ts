// What an objective is: what a run trains its model to do. A record of its settings, of the batches that it feeds, its loss as a graph,
// what it trains beside the model, and what a token costs. A new one is one file with such a record, and a line in objectives.ts.

import type { z } from "zod";
import type { MaskedBatch } from "../dataset/dataset.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import type { Parameters } from "../model/layer-parts.ts";
import type { Parameter } from "../model/parameter.ts";
import type { ModelShape } from "../model/shape.ts";
import type { TokenLossSettings } from "../nn/token-losses/token-losses.ts";
import type { PredictionSettings } from "./predictions.ts";

/** What an objective reads of a recipe. */
export interface ObjectiveRecipe {
  readonly model: ModelShape;
  readonly data: PredictionSettings;
  readonly loss?: TokenLossSettings;
  readonly train: { readonly microBatchSequences: number };
  /** Equal pieces that each sequence of a micro-batch is cut into, each a sequence of its own; without it one. */
  readonly cut?: number;
}

/** Sequences as they are. */
export interface WholeSequences {
  /** (count·S) */
  readonly tokens: Int32Array;
  /** (count·S): which document of its sequence a token is of, where documents are kept apart. */
  readonly documents?: Int32Array;
}

/** The sequences of one micro-batch, in their order. */
export interface SequenceSource {
  /** `count` of them from `from`, masked as the recipe says. */
  readMasked(from: number, count: number): MaskedBatch;
  /** The same as they are. */
  readWhole(from: number, count: number): WholeSequences;
  /** For what the device draws: another number for each micro-batch of a run, the same when it is resumed. */
  readonly seed: number;
  /** The token that hides others. */
  readonly mask: number;
  /** How often each token occurs in training: the same array each time. */
  countTokens(): Float64Array;
  /** Whether a token stands for no text: a separator, a mask. */
  isSpecial(token: number): boolean;
}

/** The inputs of a graph that depend on the batch, by name. */
export type Batch = Readonly<Record<string, Int32Array | Uint32Array | Float32Array>>;

export interface ObjectiveLoss {
  /** Mean of a micro-batch, one element. */
  readonly loss: Tensor;
  /** What its memory learns from: added up over a step's micro-batches, by name. */
  readonly seen?: Readonly<Record<string, Tensor>>;
}

/** How a model reads the masked tokens of a held-out batch, in nats of cross-entropy. */
export interface ObjectiveValidation<Settings> {
  feed(batch: MaskedBatch, mask: number, settings: Settings, recipe: ObjectiveRecipe): Batch;
  computeLoss(parameters: Parameters, settings: Settings, recipe: ObjectiveRecipe): Tensor;
  /** Whom it measures, where that is not the model. */
  readonly subject?: string;
}

/** States of an objective, by name, kept in checkpoints with the optimizer's. */
export interface ObjectiveMemory<Settings> {
  listStates(settings: Settings, recipe: ObjectiveRecipe): ReadonlyMap<string, Shape>;
  listSeen(settings: Settings, recipe: ObjectiveRecipe): ReadonlyMap<string, Shape>;
  /** New values of the states after a step, from sums of what was seen. */
  update(
    seen: Readonly<Record<string, Tensor>>,
    settings: Settings,
    recipe: ObjectiveRecipe,
  ): Readonly<Record<string, Tensor>>;
}

export interface Objective<Settings = never> {
  readonly name: string;
  /** What it does, one line for lists. */
  readonly summary: string;
  /** The paper. */
  readonly source: string;
  /** The objective section of a recipe, its name included. */
  readonly schema: z.ZodObject;
  /** All that is trained, in the order of the initialisation's random numbers; without it the model's parameters. */
  listParameters?(settings: Settings, recipe: ObjectiveRecipe): readonly Parameter[];
  /** The shape that a trained model is read with afterwards; without it the recipe's. */
  trainedShape?(model: ModelShape): ModelShape;
  /** The head by which the trained model tells replaced tokens, among all that is trained. */
  listDiscriminator?(model: ModelShape): readonly Parameter[];
  /** Tables that graphs read beside the model's own. */
  makeTables?(settings: Settings, recipe: ObjectiveRecipe): Readonly<Record<string, Float32Array>>;
  /** A micro-batch of training: what the loss reads beside the model's tables. */
  feed(source: SequenceSource, settings: Settings, recipe: ObjectiveRecipe): Batch;
  computeLoss(parameters: Parameters, settings: Settings, recipe: ObjectiveRecipe): ObjectiveLoss;
  /** Where the model reads held-out tokens another way than a masked language model; the tokens and masks are the same. */
  readonly validation?: ObjectiveValidation<Settings>;
  /** Why a trained model predicts no tokens when it is read by itself; undefined where it does. */
  readonly headFault?: string;
  /** What it remembers from step to step; zeros at first. */
  readonly memory?: ObjectiveMemory<Settings>;
  /** Why its sequences cannot be cut into shorter ones; undefined where they can. */
  readonly cutFault?: string;
  /** Sequences of the smallest micro-batch, a power of two, that can be fed; without it one. */
  findLeastSequences?(settings: Settings): number;
  /** Sequences of the largest micro-batch that can be fed; without it any. */
  findMostSequences?(settings: Settings, recipe: ObjectiveRecipe): number;
  /** Multiplications and additions of training on one token, as countTrainingFlops has it. */
  countFlops(settings: Settings, recipe: ObjectiveRecipe): number;
  /** What is wrong with the settings in this recipe, beginning with its path; undefined where all is well. */
  findFault?(
    settings: Settings,
    recipe: ObjectiveRecipe,
  ): { readonly message: string; readonly advice: string } | undefined;
}
