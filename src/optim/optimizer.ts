// What an optimizer is: a record of its settings, the states it keeps of a parameter, the scalars that change from step to step, and
// its step as a graph. A new one is one file with such a record, and a line in optimizers.ts: the recipe's schema, --set, its
// errors, checkpoints and the update of a whole model follow from it.

import { z } from "zod";
import type { Shape, Tensor } from "../graph/tensor.ts";
import type { MomentSign } from "./eight-bits.ts";

/** What the optimizer needs to know of a parameter. */
export interface OptimizedParameter {
  readonly name: string;
  readonly shape: Shape;
  readonly role: "matrix" | "embedding" | "norm" | "scale";
  /** Equal matrices side by side in the columns. */
  readonly parts: number;
}

const factor = z.number().positive().max(1e6).exactOptional();

/** Settings that every optimizer has: what is done for all of them alike. */
export const commonSettings = {
  learningRate: z.number().positive().max(1e6).describe("peak learning rate"),
  weightDecay: z.number().min(0).max(1e3).describe("decay of all parameters but norms and biases"),
  clip: z
    .number()
    .min(0)
    .max(1e30)
    .describe("global gradient norm above which the gradient is scaled down to it; 0 turns clipping off"),
  // Absent, each changes nothing.
  sharpness: z
    .number()
    .positive()
    .max(1e6)
    .exactOptional()
    .describe(
      "SAM: distance uphill at which the gradient is taken, at twice the cost (Foret et al. 2021, arXiv 2010.01412)",
    ),
  embeddingRate: factor.describe("rate of embeddings, as a multiple of their rate"),
  headRate: factor.describe(
    "rate of what predicts tokens or tells replaced ones, where it has parameters of its own, as a multiple",
  ),
  matrixRate: factor.describe("rate of the matrices of the layers, as a multiple"),
  vectorRate: factor.describe("rate of norms, biases and scales, as a multiple"),
  layerDecay: z
    .number()
    .positive()
    .max(1)
    .exactOptional()
    .describe("factor of the rate from each layer to the one below it, and from the lowest to the embeddings"),
  momentBlock: z
    .number()
    .int()
    .min(16)
    .max(65_536)
    .exactOptional()
    .describe(
      "moments of matrices are kept in eight bits, so many numbers to a scale: 2048 in Dettmers et al. 2021, arXiv 2110.02861, 256 in bitsandbytes",
    ),
  cautious: z
    .boolean()
    .exactOptional()
    .describe(
      "whether only elements move whose step goes against their gradient (Liang et al. 2024, arXiv 2411.16085)",
    ),
  cautiousDecay: z
    .boolean()
    .exactOptional()
    .describe("whether only elements decay that their step makes smaller (Chen et al. 2025, arXiv 2510.12402)"),
  lazyEmbedding: z
    .boolean()
    .exactOptional()
    .describe(
      "whether a step moves and decays only those rows of the word embedding that its tokens and candidates read, and their moments, as SparseAdam does; the others stay as they are",
    ),
};

/** Of a moving mean, which 1 would stop. */
export const meanFraction = z.number().min(0).lt(1);

/** Added to a denominator: no more vanishes in f32. */
export const smallNumber = z.number().min(1e-37).max(1);

export type Tensors = Readonly<Record<string, Tensor>>;

/** What the step of one parameter reads. */
export interface StepOperands {
  readonly value: Tensor;
  /** Clipped already, with the decay in it where this is coupled. */
  readonly gradient: Tensor;
  /** As listStates names and shapes them. */
  readonly states: Tensors;
  /** Of shape [1] each. */
  readonly scalars: Tensors;
  /** Of this parameter: 0 where it is not decayed. */
  readonly weightDecay: number | Tensor;
  /** Whether the step is one of every so many, as findInterval says. */
  readonly isDue: boolean;
  /** The optimizer's second gradient, as it is, at due steps. */
  readonly probe?: Tensor | undefined;
  /** What prepareAll made for this parameter. */
  readonly together?: Tensors | undefined;
}

/** A parameter with what its step reads. */
export interface Prepared {
  readonly parameter: OptimizedParameter;
  readonly operands: StepOperands;
}

export interface OptimizerStep {
  /** What is subtracted from the parameter, learning rate included. */
  readonly step: Tensor;
  /** The learning rate that is in it, which decoupled decay is scaled by, too. */
  readonly rate: Tensor;
  readonly states: Tensors;
}

export interface Optimizer<Settings = never> {
  readonly name: string;
  /** What it does, one line for lists. */
  readonly summary: string;
  /** The paper. */
  readonly source: string;
  /** The optimizer section of a recipe, its name and the common settings included. */
  readonly schema: z.ZodObject;
  /** decoupled: (1 - rate · λ) w before the step; coupled: λ w is added to the gradient; own: the step has it. */
  readonly decay: "decoupled" | "coupled" | "own";
  /** What goes wrong together although each setting is right, and what to do; undefined where nothing does. */
  findFault?(settings: Settings): { readonly message: string; readonly advice: string } | undefined;
  /** Names of the scalars that are learning rates: learningRate alone, unless said. */
  readonly rates?: readonly string[];
  /** Whether it moves each element of an embedding by what there is of that alone, so that some rows may be moved without the others. */
  readonly movesElements?: true;
  /** The second gradient that its due steps read, as probe.ts says. */
  readonly probe?: "sampled" | "curvature";
  /** The setting that is its momentum, where a schedule may change it: its step then reads the scalar `momentum` instead. */
  readonly momentum?: string;
  /** Steps 1, 1 + interval, … are due; all are, unless said. */
  findInterval?(settings: Settings): number;
  /** Names and shapes of the states of a parameter, which begin as zeros. */
  listStates(parameter: OptimizedParameter, settings: Settings): Readonly<Record<string, Shape>>;
  /** Which of the states may be kept in eight bits, where they have the parameter's shape, and what their numbers are. */
  readonly moments?: Readonly<Record<string, MomentSign>>;
  /** Values of the scalars at step t = 1, 2, …, with learning rates at `rateScale` of their peaks. */
  readScalars(settings: Settings, step: number, rateScale: number): Readonly<Record<string, number>>;
  /** What is computed for parameters together rather than one after another, by name: their update reads it. */
  prepareAll?(all: readonly Prepared[], settings: Settings): ReadonlyMap<string, Tensors>;
  update(parameter: OptimizedParameter, operands: StepOperands, settings: Settings): OptimizerStep;
}
