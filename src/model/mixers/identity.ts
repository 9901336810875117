// No mixing: a token sees nothing of the others. What a model learns without attention, to measure what attention adds.

import { z } from "zod";
import type { Mixer } from "./mixer.ts";

const schema = z.strictObject({ name: z.literal("identity") });

export const identity = {
  name: "identity",
  summary: "none: a layer is its feed-forward, and its mixer adds its input again",
  source: "the reference's attention type none, github.com/JonasGeiping/cramming",
  schema,
  rotates: false,
  separates: false,
  asksFew: () => false,
  hasHeads: false,
  listParameters: () => [],
  apply: (x, _, { keepRows }) => keepRows(x),
  countProducts: () => 0,
  listTables: () => ({}),
  findFault: () => undefined,
} satisfies Mixer<z.output<typeof schema>>;
