// Adam as it was first written, and as the original BERT had it: decay is a part of the gradient, and so of both moments.

import { z } from "zod";
import type { Optimizer } from "../optimizer.ts";
import { adamSettings, adamw, updateAdam } from "./adamw.ts";

const schema = z.strictObject({ name: z.literal("adam"), ...adamSettings });

export const adam = {
  ...adamw,
  name: "adam",
  summary: "mean gradient over the root of its mean square, decay in the gradient",
  source: "Kingma & Ba 2015, arXiv 1412.6980",
  schema,
  decay: "coupled",
  update: (_, operands, settings) => updateAdam(operands, settings),
} satisfies Optimizer<z.infer<typeof schema>>;
