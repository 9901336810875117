import assert from "node:assert/strict";
import { test } from "node:test";
import { glue } from "../../../recipes/glue.ts";
import { checkFinetuneRecipe, hashFinetuneRecipe, overrideFinetuneRecipe } from "./finetune-recipe.ts";

test("--set changes one value; the name changes no hash, every other value does", () => {
  const changed = overrideFinetuneRecipe(glue, ["learningRate=1e-4", "pooler=mean"]);
  assert.deepEqual(changed, { ...glue, learningRate: 1e-4, pooler: "mean" });
  assert.notEqual(hashFinetuneRecipe(changed), hashFinetuneRecipe(glue));
  assert.equal(hashFinetuneRecipe({ ...glue, name: "other" }), hashFinetuneRecipe(glue));
});

test("a recipe that is older than the choice of a head is read, and its stored results still count", () => {
  const { head: _, ...older } = glue;
  const read = checkFinetuneRecipe(older, "x.json");
  assert.deepEqual(read, glue);
  // SHA-256 of [4e-5,16,5,"cosine",0.1,128,0.1,0.9,0.98,1e-6,0,0,"cls",1024,"truncate","auto"], as JSON spells it.
  assert.equal(hashFinetuneRecipe(read), "30db4a78f4afee60");
  assert.notEqual(hashFinetuneRecipe({ ...glue, head: "gelu-norm" }), hashFinetuneRecipe(glue));
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
