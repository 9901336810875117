// A run that draws its candidates by how often tokens occur and moves the rows of its embedding that it reads: what it counts are all shards of
// its dataset, and interrupted and resumed it ends in the bytes of one that was left alone.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/checkpoint/state.ts";
import { Dataset } from "../../src/dataset/dataset.ts";
import { readManifest, writeManifest } from "../../src/dataset/manifest.ts";
import { defineLearnedTokenizer } from "../../src/tokenizer/define.ts";
import { encodeDocuments } from "../../src/tokenizer/encoding/encode-threads.ts";
import { startTextLoss } from "../../src/tokenizer/normalising/lost-text.ts";
import { normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { openBatches } from "../../src/train/batches.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { pretrain } from "../../src/verbs/pretrain/pretrain.ts";
import { buildDataset } from "../build-dataset.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-lazy-run-"));
const data = join(folder, "data");
const words = Array.from({ length: 50 }, (_, i) => String.fromCharCode(97 + (i % 25), 97 + Math.floor(i / 25)));
const [length, vocabulary, headerBytes] = [32, specialTokens.length + words.length, 32];
/** Of each token, in the shards that training reads. */
const counts = new Float64Array(vocabulary);

before(async () => {
  const tokenizer = defineLearnedTokenizer([...specialTokens, ...words], normalisers.bert, "bert");
  const texts = Array.from({ length: 200 }, (_, i) =>
    Array.from({ length: 12 }, (_, j) => words[Math.floor(50 * (((7 * i + 13 * j) % 97) / 97) ** 2)]).join(" "),
  );
  const origin = { documentsHash: "documents", originHash: "origin", loss: startTextLoss() };
  const options = { sequenceLength: length, holdOut: 0.2, seed: 1, ...origin };
  await buildDataset(data, encodeDocuments(tokenizer, texts, 1), tokenizer, options);
  splitTraining();
});
after(() => rmSync(folder, { recursive: true }));

/** Has the training part in two shards, of a third and of the rest, as docs/FORMATS.md describes them, and counts its tokens. */
function splitTraining(): void {
  const { format: _, version: __, hash: ___, ...content } = readManifest(data);
  const bytes = readFileSync(join(data, content.training.files[0]!.name));
  const rowBytes = 2 * length;
  for (let at = headerBytes; at < bytes.length; at += 2) counts[bytes.readUInt16LE(at)]! += 1;
  const cut = headerBytes + rowBytes * Math.floor((bytes.length - headerBytes) / rowBytes / 3);
  const files = [bytes.subarray(headerBytes, cut), bytes.subarray(cut)].map((rows, i) => {
    const header = Buffer.from(bytes.subarray(0, headerBytes));
    header.writeBigUInt64LE(BigInt(rows.length / rowBytes), 16);
    const shard = Buffer.concat([header, rows]);
    const name = `training-0000${i}.bin`;
    writeFileSync(join(data, name), shard);
    const sha256 = createHash("sha256").update(shard).digest("hex");
    return { name, sequences: rows.length / rowBytes, bytes: shard.length, sha256 };
  });
  writeManifest(data, { ...content, training: { ...content.training, files } });
}

const recipe = overrideRecipe(quickstart, [
  ...["width=16", "layers=1", "heads=2", "feedForward=16", `vocabulary=${vocabulary}`, `sequenceLength=${length}`].map(
    size => `model.${size}`,
  ),
  ...["train.microBatchSequences=2", "schedule.batchSequences=4", "train.precision=f32", "train.budget=8steps"],
  ...["data.maskFraction=0.0625", "objective.name=masked", "objective.candidates=12", "objective.candidatePower=0.5"],
  "optimizer.lazyEmbedding=true",
]);

test("candidates weigh by how often they occur in all shards of what is trained on", async () => {
  const dataset = new Dataset(data);
  try {
    const source = openBatches(dataset, recipe);
    const seen = new Set<number>();
    for (let first = 0; first < 20; first += 2) {
      const { candidates, weights } = (await source.training(first, 2, 0)) as {
        readonly candidates: Int32Array;
        readonly weights: Float32Array;
      };
      // What is predicted or drawn for certain weighs nothing; of others the chances are as the roots of counts.
      const drawn = [...candidates.keys()].filter(i => weights[i] !== 0);
      for (const i of drawn) {
        const [own, other] = [i, drawn[0]!].map(at => counts[candidates[at]!]! + 1);
        const apart = 0.5 * Math.log(other! / own!);
        assert.ok(Math.abs(weights[i]! - weights[drawn[0]!]! - apart) < 1e-5, `token ${candidates[i]}`);
        seen.add(own!);
      }
    }
    assert.ok(seen.size > 5, `${seen.size} different counts`);
  } finally {
    dataset.close();
  }
});

function compareEnds(whole: string, cut: string): void {
  for (const file of ["parameters.safetensors", "optimizer.safetensors"]) {
    const [one, other] = [whole, cut].map(run => readFileSync(join(run, "checkpoints/step-00000008", file)));
    assert.ok(one!.equals(other!), file);
  }
}

test("interrupted and resumed, it ends in the bytes of a run that was left alone", async () => {
  const [whole, cut] = [join(folder, "whole"), join(folder, "cut")];
  const left = await pretrain({ data, out: whole, recipe, backend: "reference" });
  assert.deepEqual([left.reason, left.steps], ["budget", 8]);
  const stop = new AbortController();
  const onStep = ({ step }: { readonly step: number }) => step === 3 && stop.abort();
  const begun = await pretrain({
    ...{ data, out: cut, recipe, backend: "reference", signal: stop.signal },
    on: { step: onStep },
  });
  assert.deepEqual([begun.reason, begun.steps], ["interrupted", 3]);
  assert.equal((await pretrain({ resume: cut, backend: "reference" })).steps, 8);
  compareEnds(whole, cut);
});

test("a checkpoint that has a mean which is kept no more is gone on from", async () => {
  const [whole, cut] = [join(folder, "whole-0"), join(folder, "cut-0")];
  const zero = overrideRecipe(recipe, ["optimizer.beta1=0"]);
  await pretrain({ data, out: whole, recipe: zero, backend: "reference" });
  const stop = new AbortController();
  const onStep = ({ step }: { readonly step: number }) => step === 3 && stop.abort();
  await pretrain({ data, out: cut, recipe: zero, backend: "reference", signal: stop.signal, on: { step: onStep } });
  const { counters, parameters, moments } = loadCheckpoint(cut, defineTraining(zero));
  const seconds = moments.filter(({ name }) => name.startsWith("second."));
  assert.ok(seconds.length > 1);
  // As versions before had it, which kept a mean of every parameter of AdamW's.
  const firsts = seconds.map(second => ({ ...second, name: second.name.replace("second", "first") }));
  await saveCheckpoint(cut, { counters, parameters, moments: [...firsts, ...moments] });
  assert.equal((await pretrain({ resume: cut, backend: "reference" })).steps, 8);
  compareEnds(whole, cut);
});
