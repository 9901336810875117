// The paper's recipe at a size a CPU trains: 4.7 M parameters (width 256, 4 layers), everything else unchanged but the
// batch, which a CPU fills at 32 sequences: 18.1 MFLOP a token, so 10 minutes at 15,000 tokens/s are 9 M tokens.

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedBert } from "./crammed-bert.ts";

export const crammedBertSmall = extendRecipe(crammedBert, {
  name: "crammed-bert-small",
  model: { width: 256, layers: 4, heads: 4, feedForward: 1024, vocabulary: 8192 },
  schedule: { batchSequences: 128 },
  train: { budget: "10m", microBatchSequences: 32, checkpointEverySeconds: 60 },
});
