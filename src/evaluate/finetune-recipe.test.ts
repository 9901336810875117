import assert from "node:assert/strict";
import { test } from "node:test";
import { glue } from "../../recipes/glue.ts";
import { checkFinetuneRecipe, hashFinetuneRecipe, overrideFinetuneRecipe } from "./finetune-recipe.ts";

test("--set changes one value; the name changes no hash, every other value does", () => {
  const changed = overrideFinetuneRecipe(glue, ["learningRate=1e-4", "pooler=mean"]);
  assert.deepEqual(changed, { ...glue, learningRate: 1e-4, pooler: "mean" });
  assert.notEqual(hashFinetuneRecipe(changed), hashFinetuneRecipe(glue));
  assert.equal(hashFinetuneRecipe({ ...glue, name: "other" }), hashFinetuneRecipe(glue));
});

test("misspelt keys, missing and impossible values are refused with what to do", () => {
  const near = { code: "E_RECIPE_KEY", advice: "Did you mean learningRate?" };
  assert.throws(() => overrideFinetuneRecipe(glue, ["learningrate=1"]), near);
  assert.throws(() => checkFinetuneRecipe({ ...glue, learnigRate: 1 }, "x.json"), near);
  assert.throws(() => overrideFinetuneRecipe(glue, ["epochs"]), { code: "E_SET" });
  for (const set of ["epochs=0", "pooler=middle", "warmup=1", "dropout=1", "learningRate=fast"]) {
    assert.throws(() => overrideFinetuneRecipe(glue, [set]), { code: "E_RECIPE_VALUE" }, set);
  }
  const { epochs: _, ...without } = glue;
  assert.throws(() => checkFinetuneRecipe(without, "x.json"), {
    code: "E_RECIPE_VALUE",
    message: /^x\.json: epochs: /,
  });
});
