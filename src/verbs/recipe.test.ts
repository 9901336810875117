// Recipes in files: JSON and YAML, whole or as changes to another; and what is said of those that cannot be read.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { UserError } from "../base/errors.ts";
import { listPaths } from "../settings/schema.ts";
import { listRecipeValues, recipeSchema } from "../train/recipe.ts";
import { chooseRecipe, compareRecipes, listChoices } from "./recipe.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-recipes-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

test("a file that extends a name is that recipe with its own changes and its own name", () => {
  const path = write("narrow.json", { extends: "quickstart", model: { width: 64 }, train: { budget: "9s" } });
  assert.deepEqual(chooseRecipe({ recipe: path }), {
    ...quickstart,
    name: "narrow",
    model: { ...quickstart.model, width: 64 },
    train: { ...quickstart.train, budget: "9s" },
  });
});

test("a file extends another beside it, in YAML as in JSON, and both are read where they lie", () => {
  mkdirSync(join(folder, "deeper"), { recursive: true });
  write("base.yaml", "# a comment\nextends: crammed-bert\nmodel:\n  layers: 3\noptimizer: { learningRate: 2e-3 }\n");
  const path = write("deeper/child.yml", "extends: ../base.yaml\nname: child\nmodel: { heads: 6 }\n");
  const recipe = chooseRecipe({ recipe: path, set: ["train.seed=4"] });
  assert.equal(recipe.name, "child");
  assert.deepEqual(recipe.model, { ...crammedBert.model, layers: 3, heads: 6 });
  assert.equal(recipe.optimizer.learningRate, 2e-3);
  assert.equal(recipe.train.seed, 4);
});

test("another option of a choice leaves out what only the one before reads, and null takes a key away", () => {
  write("rotary.json", { extends: "quickstart", model: { rotaryBases: [1e4, 1e5] } });
  const adamw = write("adamw.json", {
    extends: "rotary.json",
    optimizer: { name: "adamw" },
    model: { rotaryBases: null },
  });
  const { optimizer, model } = chooseRecipe({ recipe: adamw });
  const {
    muonLearningRate: _,
    muonMomentum: __,
    muonNeuronMemory: ___,
    ...rest
  } = quickstart.optimizer as Record<string, unknown>;
  assert.deepEqual(optimizer, { ...rest, name: "adamw" });
  assert.deepEqual(model, quickstart.model);
});

test("a value extends as a file does", () => {
  const recipe = chooseRecipe({ recipe: { extends: "crammed-bert", name: "mine", model: { layers: 2 } } });
  assert.deepEqual(recipe, { ...crammedBert, name: "mine", model: { ...crammedBert.model, layers: 2 } });
});

const deep = Array.from({ length: 20 }, (_, i) =>
  write(`deep-${i}.json`, { extends: i === 19 ? "quickstart" : `deep-${i + 1}.json` }),
);
const refused: readonly (readonly [what: string, path: string, code: string, message: RegExp])[] = [
  ["a circle", write("a.json", { extends: "b.json" }), "E_RECIPE_EXTENDS", /a.json extends b.json extends a.json/],
  ["too long a chain", deep[0]!, "E_RECIPE_EXTENDS", /more than 16/],
  ["no text", write("number.json", { extends: 5 }), "E_RECIPE_EXTENDS", /extends is no text/],
  ["no such name", write("nobody.json", { extends: "quikstart" }), "E_RECIPE_NAME", /"quikstart"/],
  ["no such file", write("lost.json", { extends: "nowhere.json" }), "E_FILE_MISSING", /nowhere.json/],
  ["a misspelt key", write("key.json", { extends: "quickstart", modle: {} }), "E_RECIPE_KEY", /no "modle"/],
  ["a wrong value", write("value.yaml", "extends: quickstart\nmodel: 5"), "E_RECIPE_VALUE", /model: .*found 5/],
  [
    "a key of another option",
    write("o.json", { extends: "crammed-bert", optimizer: { muonMomentum: 0.9 } }),
    "E_RECIPE_KEY",
    /changes nothing under adamw/,
  ],
  ["a prototype", write("p.json", '{"extends": "quickstart", "__proto__": {"width": 1}}'), "E_RECIPE_KEY", /__proto__/],
  [
    "a needed key taken away",
    write("n.json", { extends: "quickstart", model: { width: null } }),
    "E_RECIPE_VALUE",
    /model.width: .*found nothing/,
  ],
  ["no YAML", write("bad.yaml", "a: [1"), "E_JSON", /bad.yaml: not a recipe/],
  [
    "a deep list",
    write("deep.yaml", `name: ${"[".repeat(501)}${"]".repeat(501)}`),
    "E_JSON",
    /nested more than 500 deep/,
  ],
  ["a deeper list", write("deeper.yaml", `name: ${"[".repeat(20_000)}`), "E_JSON", /deeper.yaml: not a recipe/],
  ["a key twice", write("twice.yaml", "extends: quickstart\nextends: quickstart"), "E_JSON", /unique/],
  ["aliases of aliases", write("bomb.yaml", bomb()), "E_JSON", /alias/i],
  ["a tag", write("tag.yaml", "extends: !!js/function quickstart"), "E_JSON", /tag/],
  ["another ending", write("recipe.txt", ""), "E_RECIPE_NAME", /recipe.txt/],
];
write("b.json", { extends: "a.json" });

/** Each line ten times the one before. */
function bomb(): string {
  const lines = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(", ")}]`);
  return ["a0: &a0 x", ...lines].join("\n");
}

for (const [what, path, code, message] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => chooseRecipe({ recipe: path }),
      (error: unknown) => error instanceof UserError && error.code === code && message.test(error.message),
    );
  });
}

test("two recipes differ where their values do, names aside", () => {
  const other = chooseRecipe({ recipe: { extends: "quickstart", name: "other", model: { width: 64, biases: true } } });
  assert.deepEqual(compareRecipes(quickstart, other), [
    { path: "model.width", values: [128, 64] },
    { path: "model.biases", values: [false, true] },
  ]);
  assert.deepEqual(compareRecipes(quickstart, { ...quickstart, name: "same" }), []);
});

test("every option of a choice that has a record is listed with its line and source", () => {
  const described = listChoices().filter(({ path }) =>
    ["recipe", "optimizer.name", "schedule.learningRate"].includes(path),
  );
  assert.equal(described.length, 3);
  for (const { options } of described) {
    for (const { name, summary = "", source = "" } of options) {
      assert.ok(summary.length > 10 && source.length > 5, name);
    }
  }
});

test("every path of a recipe is listed as a choice or as a value with a line, but for what a schedule reads", () => {
  const values = listRecipeValues();
  const listed = new Set([...listChoices(), ...values].map(({ path }) => path));
  assert.equal(listed.size, listChoices().length + values.length);
  const unlisted = listPaths(recipeSchema).filter(
    path => !listed.has(path) && !/^schedule\.(weightDecay|momentum|sequenceLength)\.|Schedule\./.test(path),
  );
  assert.deepEqual(unlisted, []);
  const causal = values.find(({ path }) => path === "model.mixer.causal");
  assert.deepEqual(causal, { path: "model.mixer.causal", summary: causal!.summary, default: false });
});
