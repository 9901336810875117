// What crammed-small is at BERT-base's size, for a day on a GPU: its choices, a vocabulary of 32768 of which a quarter tells a token apart, and
// rates that go on falling with the width as they fell from crammed-mini to crammed-small. 98.3 M parameters, 0.45 GFLOP a token. No GPU has
// trained it yet: that these choices hold at this size is what 5 M parameters promise (docs/LOG.md).

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedSmall } from "./crammed-small.ts";

export const crammedBase = extendRecipe(crammedSmall, {
  name: "crammed-base",
  model: { width: 768, layers: 12, heads: 12, feedForward: 3072, vocabulary: 32768 },
  objective: { candidates: 8192 },
  optimizer: { learningRate: 3e-3, muonLearningRate: 0.012 },
  schedule: { batchSequences: 4096 },
  train: { budget: "24h", validations: 20, checkpointEverySeconds: 600 },
});
