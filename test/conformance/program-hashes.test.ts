// The programs of the recipes to the byte: a change that only moves or merges code changes none of them. One that is meant to change
// what is compiled replaces the hashes here, and says in its commit what it gained.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { compileForCpu } from "../../src/backends/cpu/cpu.ts";
import { compileForCuda } from "../../src/backends/cuda/cuda.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import { contentHash } from "../../src/base/files/files.ts";
import type { Program } from "../../src/compiler/program/program.ts";
import type { Graph } from "../../src/graph/tensor.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { buildStepGraphs } from "../../src/train/step.ts";

const recipes = [crammedBert, crammedBertSmall, quickstart];
const targets: Readonly<Record<string, (graph: Graph) => Program>> = {
  "cpu f32": graph => compileForCpu(graph, 2, "f32"),
  "cpu bf16": graph => compileForCpu(graph, 2, "bf16"),
  "cuda 8.0": graph => compileForCuda(graph, "bf16", figuresOf(80)),
  "cuda 9.0": graph => compileForCuda(graph, "bf16", figuresOf(90)),
};

/** Of the four programs of a training: the first micro-batch, the next ones, the update, validation. */
const expected: Readonly<Record<string, string>> = {
  "crammed-bert, cpu f32": "a62abd5f38b300d8",
  "crammed-bert, cpu bf16": "15490d1f16ae526a",
  "crammed-bert, cuda 8.0": "ac16b8a484e00457",
  "crammed-bert, cuda 9.0": "ac16b8a484e00457",
  "crammed-bert-small, cpu f32": "3c48817f5b4d1ca4",
  "crammed-bert-small, cpu bf16": "1dcbf98e8864b7af",
  "crammed-bert-small, cuda 8.0": "422a37cfd3f5b13d",
  "crammed-bert-small, cuda 9.0": "422a37cfd3f5b13d",
  "quickstart, cpu f32": "c81f83c69d657d3f",
  "quickstart, cpu bf16": "fd7f1c2771b8b5d4",
  "quickstart, cuda 8.0": "05ae8dfbe1ac205f",
  "quickstart, cuda 9.0": "05ae8dfbe1ac205f",
};

test("the recipes' programs are what they were", () => {
  const hashes: Record<string, string> = {};
  for (const recipe of recipes) {
    const graphs = buildStepGraphs(defineTraining(recipe));
    for (const [target, compile] of Object.entries(targets)) {
      const programs = [graphs.first, graphs.next, graphs.update, graphs.validation].map(compile);
      hashes[`${recipe.name}, ${target}`] = contentHash(programs.map(({ hash }) => hash).join(" "));
    }
  }
  assert.deepEqual(hashes, expected);
});
