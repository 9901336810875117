// The programs of the recipes to the byte: a change that only moves or merges code changes none of them. One that is meant to change
// what is compiled replaces the hashes here, and says in its commit what it gained.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { glue } from "../../recipes/glue.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { compileForCpu } from "../../src/backends/cpu/cpu.ts";
import { compileForCuda } from "../../src/backends/cuda/cuda.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import { contentHash } from "../../src/base/files/files.ts";
import type { Program } from "../../src/compiler/program/program.ts";
import { buildTrainingGraph } from "../../src/evaluate/finetuning/finetune-step.ts";
import type { Graph } from "../../src/graph/tensor.ts";
import { withoutHead } from "../../src/model/shape.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";

const recipes = [crammedBert, crammedBertSmall, quickstart];
const targets: Readonly<Record<string, (graph: Graph) => Program>> = {
  "cpu f32": graph => compileForCpu(graph, 2, "f32"),
  "cpu bf16": graph => compileForCpu(graph, 2, "bf16"),
  "cuda 8.0": graph => compileForCuda(graph, "bf16", figuresOf(80)),
  "cuda 9.0": graph => compileForCuda(graph, "bf16", figuresOf(90)),
};

/** Of the four programs of a training: the first micro-batch, the next ones, the update, validation. */
const expected: Readonly<Record<string, string>> = {
  "crammed-bert, cpu f32": "2af5dc53684bd8b9",
  "crammed-bert, cpu bf16": "c9988ad7ef5ec565",
  "crammed-bert, cuda 8.0": "511d940ad0d6df5f",
  "crammed-bert, cuda 9.0": "dfb181328965ffc7",
  "crammed-bert-small, cpu f32": "cf9a2e219dceeb3b",
  "crammed-bert-small, cpu bf16": "cbc4b4eb9b195e68",
  "crammed-bert-small, cuda 8.0": "392d5eadc237bedf",
  "crammed-bert-small, cuda 9.0": "1948ad620a807e9e",
  "quickstart, cpu f32": "33d7dfa0ee44c951",
  "quickstart, cpu bf16": "8b21288139f32006",
  "quickstart, cuda 8.0": "df9fcfa9c112cd63",
  "quickstart, cuda 9.0": "b63e1d520b529b5d",
};

/** Of a finetuning's one program, at a length of batches. */
const expectedFinetuning: Readonly<Record<string, string>> = {
  "cpu f32": "ae90baeb0bdc0168",
  "cpu bf16": "e62f17f45f1d8e73",
  "cuda 8.0": "6359be314ee56073",
  "cuda 9.0": "6359be314ee56073",
};

test("the recipes' programs are what they were", () => {
  const hashes: Record<string, string> = {};
  for (const recipe of recipes) {
    const graphs = buildStepGraphs({ ...defineTraining(recipe), isOfOne: false });
    for (const [target, compile] of Object.entries(targets)) {
      const programs = [graphs.first, graphs.next!, graphs.update, graphs.validation].map(compile);
      hashes[`${recipe.name}, ${target}`] = contentHash(programs.map(({ hash }) => hash).join(" "));
    }
  }
  assert.deepEqual(hashes, expected);
});

test("a finetuning's program is what it was", () => {
  const { pooler, head, headWidth } = glue;
  const classifier = { kind: "classification", outputs: 3, pooler, head, headWidth } as const;
  const graph = buildTrainingGraph(withoutHead(quickstart.model), classifier, glue, 64);
  const hashes = Object.entries(targets).map(([target, compile]) => [target, compile(graph).hash] as const);
  assert.deepEqual(Object.fromEntries(hashes), expectedFinetuning);
});
