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
  "crammed-bert, cpu f32": "608ab4d5b5910a9f",
  "crammed-bert, cpu bf16": "f4ce8919a7265086",
  "crammed-bert, cuda 8.0": "73c16da611ed5b75",
  "crammed-bert, cuda 9.0": "61f2c686f050e64f",
  "crammed-bert-small, cpu f32": "52e3a94114f31c7f",
  "crammed-bert-small, cpu bf16": "97fcd908803b3daf",
  "crammed-bert-small, cuda 8.0": "a0c4046c0e07802a",
  "crammed-bert-small, cuda 9.0": "803944d80984792a",
  "quickstart, cpu f32": "7aad5d1a5a46bbd5",
  "quickstart, cpu bf16": "6d7687b196b2461f",
  "quickstart, cuda 8.0": "4512c56cdf7762c0",
  "quickstart, cuda 9.0": "1a457cf4884a366b",
};

/** Of a finetuning's one program, at a length of batches. */
const expectedFinetuning: Readonly<Record<string, string>> = {
  "cpu f32": "d707fc7cc31e7555",
  "cpu bf16": "01bc6f142023bce3",
  "cuda 8.0": "5572659e549864fb",
  "cuda 9.0": "5572659e549864fb",
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
