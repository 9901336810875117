import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { compileForCpu } from "../backends/cpu/cpu.ts";
import { overrideRecipe } from "../train/recipe.ts";
import { measurePrograms } from "./programs.ts";

const tiny = [
  ...["model.width=32", "model.layers=1", "model.heads=2", "model.feedForward=64", "model.vocabulary=128"],
  ...["model.sequenceLength=32", "train.microBatchSequences=4"],
];
const measure = (recipe: typeof crammedBert, assignments: readonly string[]) =>
  measurePrograms(overrideRecipe(recipe, assignments), graph => compileForCpu(graph, 2, "f32"));

// Embedding 128 · 32; scale 1; three norms and the embedding's, 2 · 32 each; q, k, v and output 4 · 32²; 32 · 64 + 32 · 32.
const parameters = 128 * 32 + 1 + 4 * 64 + 4 * 32 * 32 + 32 * 64 + 32 * 32;

test("states are counted by hand: two moments under AdamW, one and a number an output under NorMuon", () => {
  const adamw = measure(crammedBert, tiny).memory;
  assert.equal(adamw.parameters, 4 * parameters);
  assert.equal(adamw.gradients, 4 * parameters);
  assert.equal(adamw.moments, 8 * parameters);
  const muon = measure(quickstart, tiny).memory; // rotary: no scale
  const matrices = 4 * 32 * 32 + 32 * 64 + 32 * 32;
  const outputs = 4 * 32 + 64 + 32;
  assert.equal(muon.moments, 8 * (parameters - 1) - 4 * matrices + 4 * outputs);
  assert.equal(adamw.total, 16 * parameters + adamw.arena + adamw.inputsAndOutputs);
});

test("moments in eight bits are a byte and a share of a scale, of matrices of 4096 numbers or more", () => {
  const wide = [...tiny, "model.feedForward=128", "optimizer.momentBlock=256"];
  const { moments, parameters: bytes } = measure(crammedBert, wide).memory;
  // Only what the feed-forward reads with is, 32 · 128; the embedding has as many.
  assert.equal(moments, 2 * (bytes - 4 * 4096) + 2 * (4096 + 4 * 16));
});

test("activations grow with the micro-batch, states do not", () => {
  const one = measure(crammedBert, [...tiny, "train.microBatchSequences=64"]).memory;
  const four = measure(crammedBert, [...tiny, "train.microBatchSequences=256"]).memory;
  assert.ok(four.arena > 3.5 * one.arena && four.arena < 4.5 * one.arena, `${one.arena} ${four.arena}`);
  assert.equal(four.moments, one.moments);
  // 256 sequences of 32 tokens, and 8 predictions of each with their places, are written by the host in four bytes each.
  assert.ok(four.inputsAndOutputs >= 3 * 4 * 256 * (32 + 8 + 8));
});

test("an update reads and writes every state, and reads the gradient twice: once for its norm", () => {
  const { update } = measure(crammedBert, tiny);
  const least = (3 + 3 + 2) * 4 * parameters;
  assert.ok(update.bytesMoved >= least && update.bytesMoved < 1.1 * least, String(update.bytesMoved));
});
