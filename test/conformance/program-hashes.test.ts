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
  "crammed-bert, cpu f32": "6f56c728b8ba6b08",
  "crammed-bert, cpu bf16": "da837e49dae89bab",
  "crammed-bert, cuda 8.0": "ebd09b5065d1494f",
  "crammed-bert, cuda 9.0": "1dfff7c6a5c577bf",
  "crammed-bert-small, cpu f32": "2b13a5f2c2f9719e",
  "crammed-bert-small, cpu bf16": "6f19a9f1f2e93456",
  "crammed-bert-small, cuda 8.0": "2ee5e6adb0940ffe",
  "crammed-bert-small, cuda 9.0": "46cfe82c712919ce",
  "quickstart, cpu f32": "7e6bf9a9b0d811d0",
  "quickstart, cpu bf16": "63cd77a1d8036d94",
  "quickstart, cuda 8.0": "4edf2caf0b1faeb0",
  "quickstart, cuda 9.0": "21962a74104ddcbc",
};

/** Of a finetuning's one program, at a length of batches. */
const expectedFinetuning: Readonly<Record<string, string>> = {
  "cpu f32": "c07343a91d8969d6",
  "cpu bf16": "45ec4ce64ff45197",
  "cuda 8.0": "aeb79e6635914af2",
  "cuda 9.0": "aeb79e6635914af2",
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
