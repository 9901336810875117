import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSweep, describeRepeats, listVariations } from "./sweep.ts";
import { listTrials } from "./trial.ts";

const names = (given: object) =>
  listVariations(checkSweep({ recipe: "quickstart", ...given }, "test")).map(({ name }) => name);

test("the base, what is named, every combination of a grid, and draws", () => {
  assert.deepEqual(names({ variations: { deep: ["model.layers=8"], other: { data: "x" } } }), [
    "base",
    "deep",
    "other",
  ]);
  assert.deepEqual(names({ base: false, grid: { "model.layers": [1, 2], "train.precision": ["f32", "bf16"] } }), [
    "model.layers=1 train.precision=f32",
    "model.layers=1 train.precision=bf16",
    "model.layers=2 train.precision=f32",
    "model.layers=2 train.precision=bf16",
  ]);
  const values = { "optimizer.learningRate": { from: 1e-4, to: 1e-2, scale: "log" }, "model.heads": [2, 4] };
  const drawn = names({ base: false, random: { trials: 200, values } });
  assert.deepEqual(names({ base: false, random: { trials: 200, values } }), drawn);
  const rates = drawn.map(name => Number(/learningRate=(\S+)/.exec(name)![1]));
  assert.ok(rates.every(rate => rate >= 1e-4 && rate <= 1e-2));
  // Half of them lie below the geometric mean: binomial, four standard deviations.
  assert.ok(drawn.length > 190 && new Set(drawn).size === drawn.length);
  assert.ok(Math.abs(rates.filter(rate => rate < 1e-3).length - rates.length / 2) < 29);
  assert.ok(drawn.some(name => name.endsWith("heads=2")) && drawn.some(name => name.endsWith("heads=4")));
});

const refused: readonly (readonly [given: object, code: string])[] = [
  [{ variations: { base: ["model.layers=8"] } }, "E_SWEEP"],
  [{ base: false }, "E_SWEEP"],
  [{ seeds: [] }, "E_RECIPE_VALUE"],
  [{ seeds: [0, 1, 0] }, "E_SWEEP"],
  [{ set: ["train.seed=4"] }, "E_SWEEP"],
  [{ variations: { x: ["model.layers=3", "train.seed=4"] } }, "E_SWEEP"],
  [{ budget: "3steps", grid: { "train.budget": ["4steps"] } }, "E_SWEEP"],
  [{ random: { trials: 2, values: {} } }, "E_RECIPE_VALUE"],
  [{ sedes: [1] }, "E_RECIPE_KEY"],
  [{ variations: { x: ["model.layers"] } }, "E_RECIPE_VALUE"],
  // More than memory holds, so it is refused before it is listed.
  [
    { grid: Object.fromEntries(["a", "b", "c", "d"].map(key => [key, Array.from({ length: 200 }, (_, i) => i)])) },
    "E_SWEEP",
  ],
];

for (const [given, code] of refused) {
  test(`refused: ${JSON.stringify(given).slice(0, 60)}`, () => {
    assert.throws(() => names(given), { code });
  });
}

for (const name of ["two\nlines", "two\r", "a\ttab", "a\u2028b", "a\u2029b", "\u0085", "\u0000", "", " "]) {
  test(`a name that is no line is refused: ${JSON.stringify(name)}`, () => {
    const refusal = { code: "E_SWEEP", message: /a name is one line/ };
    assert.throws(() => names({ variations: { [name]: ["model.layers=8"] } }), refusal);
    if (name.trim() === "") return;
    assert.throws(() => names({ grid: { "model.norm": [name, "rms"] } }), refusal);
    assert.throws(() => names({ random: { trials: 1, values: { "model.norm": [name] } } }), refusal);
  });
}

test("draws that repeat are told with how many are left, of every search", () => {
  const values = { "model.layers": [1, 2], "model.heads": [1, 2] };
  for (const kind of ["random", "sobol"]) {
    for (const trials of [1, 2, 4, 6, 40]) {
      for (const seed of [0, 1, 2]) {
        const given = { base: false, [kind]: { trials, seed, values } };
        const distinct = names(given).length;
        const told = describeRepeats(checkSweep({ recipe: "quickstart", ...given }, "test")).join();
        if (distinct === trials) assert.equal(told, "");
        else assert.match(told, new RegExp(`^${trials} draws .* ${distinct} of them`));
        assert.ok(trials < 40 || distinct === 4);
      }
    }
  }
  assert.deepEqual(describeRepeats(checkSweep({ recipe: "quickstart", grid: { "model.layers": [1] } }, "test")), []);
});

test("a budget may vary where the sweep has none", () => {
  assert.deepEqual(names({ variations: { long: ["train.budget=4steps"] } }), ["base", "long"]);
});

test("folders of trials are plain names, and those of different variations differ", () => {
  const folders = ["", ".", "..", "a b", "a/b", "../x", "model.layers=2", "a".repeat(200)].map(
    name => listTrials("out", { name, set: [] }, [0])[0]!.folder,
  );
  assert.equal(new Set(folders).size, folders.length);
  assert.equal(folders[6], "out/trials/model.layers=2/seed-0");
  for (const folder of folders) assert.match(folder, /^out\/trials\/[\w.=+-]{1,90}\/seed-0$/);
  assert.ok(folders.every(folder => !folder.split("/").includes("..")));
});

test("a variation by the one name that no record keeps is refused, and not left out", () => {
  const given: unknown = JSON.parse(
    '{"recipe": "quickstart", "variations": {"a": [], "__proto__": ["model.layers=1"]}}',
  );
  assert.throws(() => checkSweep(given, "sweep.json"), { code: "E_RECIPE_KEY", message: /^sweep.json: "__proto__"/ });
});
