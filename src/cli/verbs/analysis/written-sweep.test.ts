// What stands on the command line is the sweep that a file would say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSweep, listVariations } from "../../../sweep/sweep.ts";
import { writeSweep } from "./written-sweep.ts";

test("several values are a grid, one is a setting of all, and a list is one value", () => {
  const set = ["optimizer.learningRate=0.001, 0.0003", "model.layers=2,4", "model.width=128", "samples.masks=[1,2]"];
  const written = writeSweep({ recipe: "quickstart", set, seeds: "2", budget: "40steps" });
  const asked = {
    recipe: "quickstart",
    set: ["model.width=128", "samples.masks=[1,2]"],
    grid: { "optimizer.learningRate": [0.001, 0.0003], "model.layers": [2, 4] },
    seeds: [0, 1],
    budget: "40steps",
  };
  assert.deepEqual(written, checkSweep(asked, "test"));
  assert.deepEqual(
    listVariations(written).map(({ name }) => name),
    [
      "base",
      "optimizer.learningRate=0.001 model.layers=2",
      "optimizer.learningRate=0.001 model.layers=4",
      "optimizer.learningRate=0.0003 model.layers=2",
      "optimizer.learningRate=0.0003 model.layers=4",
    ],
  );
});

test("a recipe alone is its three seeds, and what lacks one or asks for none is refused", () => {
  assert.deepEqual(writeSweep({ recipe: "quickstart" }).seeds, [0, 1, 2]);
  assert.throws(() => writeSweep({ seeds: "3" }), { code: "E_OPTION" });
  assert.throws(() => writeSweep({ recipe: "quickstart", seeds: "0" }), { code: "E_OPTION" });
});

test("no value is lost or trained twice: a path with several values stands there once, and equal ones are one", () => {
  const write = (...set: string[]) => writeSweep({ recipe: "quickstart", set });
  assert.throws(() => write("model.layers=1,2", "model.layers=3,4"), { code: "E_OPTION" });
  assert.throws(() => write("model.layers=1", " model.layers =3,4"), { code: "E_OPTION" });
  assert.throws(() => listVariations(write("optimizer.learningRate=1e-3,0.001")), { code: "E_SWEEP" });
  assert.deepEqual(write("budget=2steps,-3,1.2.3").grid, { budget: ["2steps", -3, "1.2.3"] });
});
