// The optimizers there are. A line here is all that the rest needs to know of one.

import { z } from "zod";
import { adamw } from "./adamw.ts";
import { muon } from "./muon.ts";
import type { Optimizer } from "./optimizer.ts";

export const optimizers = [adamw, muon] as const;

type Schemas<List extends readonly { readonly schema: unknown }[]> = {
  -readonly [Index in keyof List]: List[Index]["schema"];
};

/** The optimizer section of a recipe. */
export const optimizerSchema = z.discriminatedUnion(
  "name",
  optimizers.map(({ schema }) => schema) as unknown as Schemas<typeof optimizers>,
);

export type OptimizerSettings = z.infer<typeof optimizerSchema>;

export function findOptimizer({ name }: OptimizerSettings): Optimizer {
  return optimizers.find(optimizer => optimizer.name === name)!;
}
