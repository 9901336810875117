import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { compileForCpu } from "../backends/cpu/cpu.ts";
import { compileForCuda } from "../backends/cuda/cuda.ts";
import { figuresOf } from "../backends/cuda/figures.ts";
import { UserError } from "../base/errors.ts";
import type { Graph } from "../graph/tensor.ts";
import { overrideRecipe, type Recipe } from "../train/recipe.ts";
import { checkLeastMemory, countAmpleBytes, countLeastBytes } from "./least-memory.ts";
import { measurePrograms } from "./programs.ts";

const tiny = ["width=32", "layers=2", "heads=2", "feedForward=64", "vocabulary=100", "sequenceLength=32"];
const wide = ["width=16", "layers=1", "heads=2", "feedForward=32", "vocabulary=5000", "sequenceLength=16"];
const onCpu = (graph: Graph) => compileForCpu(graph, 2, "f32");
const onCuda = (graph: Graph) => compileForCuda(graph, "bf16", figuresOf(90));
const cases = [
  { model: [...tiny, "positions=rotary"], microBatch: 64, compile: onCpu },
  {
    model: [...tiny, "positions=learned", "normalisation=post", "biases=true", "activation=gelu", "head=transform"],
    ...{ microBatch: 64, compile: onCuda },
  },
  { model: wide, microBatch: 1, compile: onCpu },
];

test("what programs take lies between the least and the ample", () => {
  for (const { model, microBatch, compile } of cases) {
    const settings = [...model.map(pair => `model.${pair}`), `train.microBatchSequences=${microBatch}`];
    const recipe = overrideRecipe(quickstart, settings);
    const { total } = measurePrograms(recipe, compile).memory;
    assert.ok(countLeastBytes(recipe) <= total, `${model}: ${countLeastBytes(recipe)} <= ${total}`);
    assert.ok(total <= countAmpleBytes(recipe), `${model}: ${total} <= ${countAmpleBytes(recipe)}`);
  }
});

/** Applies each of the advised settings to the recipe that was refused. */
function follow(recipe: Recipe, room: number): Recipe[] {
  let advice = "";
  assert.throws(
    () => checkLeastMemory(recipe, room),
    (error: unknown) => {
      assert.ok(error instanceof UserError && error.code === "E_MEMORY");
      advice = error.advice;
      return true;
    },
  );
  const alternatives = advice.replace(/ would do\.$/, "").split(", or ");
  return alternatives.map(settings => overrideRecipe(recipe, settings.split(" and ")));
}

test("what cannot fit is refused at once, with sizes that do", () => {
  const room = 24e9;
  for (const settings of [
    ["model.width=65536", "model.heads=64"],
    ["model.layers=256", "model.width=16384", "model.heads=64"],
    ["train.microBatchSequences=1048576"],
    ["model.sequenceLength=131072", "train.microBatchSequences=1024"],
    ["model.vocabulary=1048576", "model.width=32768", "model.heads=32"],
    ["model.layers=256", "model.width=65536", "model.heads=64", "train.microBatchSequences=1048576"],
  ]) {
    const start = performance.now();
    const followed = follow(overrideRecipe(crammedBert, settings), room);
    // To compile it would take minutes.
    assert.ok(performance.now() - start < 10_000, settings.join(" "));
    for (const recipe of followed) assert.ok(countAmpleBytes(recipe) <= room, settings.join(" "));
  }
  checkLeastMemory(crammedBert, room);
});
