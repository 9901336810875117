// What an optimizer is: a record of its settings, the states it keeps of a parameter, the scalars that change from step to step, and
// its update as a graph. A new one is one file with such a record, and a line in optimizers.ts: the recipe's schema, --set, its
// errors, checkpoints and the update of a whole model follow from it.

import { z } from "zod";
import type { Shape, Tensor } from "../graph/tensor.ts";

/** What the optimizer needs to know of a parameter. */
export interface OptimizedParameter {
  readonly name: string;
  readonly shape: Shape;
  readonly role: "matrix" | "embedding" | "norm" | "scale";
  /** Equal matrices side by side in the columns. */
  readonly parts: number;
}

/** Settings that every optimizer has: what is done for all of them alike. */
export const commonSettings = {
  /** Peak learning rate. */
  learningRate: z.number().positive().max(1e6),
  weightDecay: z.number().min(0).max(1e3),
  /** Global gradient norm above which the gradient is scaled down to it; 0 turns clipping off. */
  clip: z.number().min(0).max(1e30),
};

export type Tensors = Readonly<Record<string, Tensor>>;

/** The update of one parameter: what it reads, all of the parameter's shape but for the scalars, of shape [1]. */
export interface UpdateOperands {
  readonly value: Tensor;
  /** Clipped already. */
  readonly gradient: Tensor;
  readonly states: Tensors;
  readonly scalars: Tensors;
  /** Of this parameter: 0 where it is not decayed. */
  readonly weightDecay: number;
}

export interface Optimizer<Settings = never> {
  readonly name: string;
  /** The optimizer section of a recipe, its name and the common settings included. */
  readonly schema: z.ZodObject;
  /** Names of the states of a parameter; each has the parameter's shape and begins as zeros. */
  listStates(parameter: OptimizedParameter): readonly string[];
  /** Values of the scalars at step t = 1, 2, …, with learning rates at `rateScale` of their peaks. */
  readScalars(settings: Settings, step: number, rateScale: number): Readonly<Record<string, number>>;
  update(
    parameter: OptimizedParameter,
    operands: UpdateOperands,
    settings: Settings,
  ): { readonly value: Tensor; readonly states: Tensors };
}
