// Two layers run through twelve times (the paper's recurrent-c2) with the training of bert-c2: the work of 24 layers with the parameters of
// two, 39,969,537. A norm at the end is always here; the code had none.

import { extendRecipe } from "../src/train/recipe.ts";
import { bertC2 } from "./crammed-steps.ts";

export const recurrent = extendRecipe(bertC2, { name: "recurrent", model: { layers: 2, repeats: 12 } });
