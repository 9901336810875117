// An export in the client that people use, @huggingface/transformers with ONNX Runtime: pipelines fill masks and embed texts as the
// run itself does. It is no dependency of this package (half a gigabyte, and a download of its own), so where it is not installed
// test/golden/golden-onnx.test.ts stands alone.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { saveCheckpoint } from "../../src/checkpoint/state.ts";
import { initialiseParameters } from "../../src/model/initialise.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { defineLearnedTokenizer } from "../../src/tokenizer/define.ts";
import { normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { writeTokenizer } from "../../src/tokenizer/tokenizer-json.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { hashRecipe } from "../../src/train/run-folder.ts";
import { exportRun } from "../../src/verbs/export/export-run.ts";
import { embed } from "../../src/verbs/model/embed.ts";
import { fill as fillMasks } from "../../src/verbs/model/fill.ts";

/** The part of the client that is used here. */
interface Client {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  pipeline(
    task: "fill-mask",
    model: string,
    options: object,
  ): Promise<(text: string, options: object) => Promise<{ token_str: string; score: number }[]>>;
  pipeline(
    task: "feature-extraction",
    model: string,
    options: object,
  ): Promise<(texts: readonly string[], options: object) => Promise<{ data: Float32Array; dims: number[] }>>;
}

const folder = mkdtempSync(join(tmpdir(), "cram-clients-"));
after(() => rmSync(folder, { recursive: true }));

const name = "@huggingface/transformers";
const client = await import(name).then(
  loaded => loaded as Client,
  () => undefined,
);
const skip = client === undefined ? `${name} is not installed` : false;

const vocabulary = [...specialTokens, "good", "bad", "film", "plot", "actor", "was", "the"];
const texts = ["The film was good", "The good good actor was the plot of the bad film"];

for (const positions of ["rotary", "scaled-sinusoidal"] as const) {
  test(`transformers.js fills and embeds as a ${positions} run does`, { skip }, async () => {
    const recipe = overrideRecipe(quickstart, [
      ...["model.width=16", "model.layers=2", "model.heads=2", "model.feedForward=32", "model.sequenceLength=16"],
      ...[`model.vocabulary=${vocabulary.length}`, `model.positions=${positions}`, "train.precision=f32"],
    ]);
    const run = join(folder, positions);
    mkdirSync(run);
    writeFileSync(join(run, "recipe.json"), JSON.stringify(recipe));
    writeTokenizer(
      join(run, "tokenizer.json"),
      defineLearnedTokenizer(vocabulary, normalisers.reference, "whitespace"),
    );
    const values = initialiseParameters(recipe.model, 0);
    // Larger than where training starts, or every token would be as likely.
    const read = (parameter: string) =>
      values.get(parameter)!.map(value => (parameter.includes("norm") ? value : 10 * value));
    await saveCheckpoint(run, {
      counters: {
        ...{ step: 1, sequences: 1, elapsedSeconds: 1, seed: 0, datasetHash: "none" },
        recipeHash: hashRecipe(recipe),
      },
      parameters: listParameters(recipe.model).map(each => ({ ...each, read: () => read(each.name) })),
      moments: [],
    });
    const { out, onnx } = await exportRun(run, { threads: 1, types: ["f32"] });
    assert.ok(onnx[0]!.comparison!.logits! < 1e-4);

    client!.env.allowRemoteModels = false;
    client!.env.localModelPath = "";
    const options = { dtype: "fp32" };
    const fill = await client!.pipeline("fill-mask", out, options);
    const [ours] = await fillMasks(run, ["The [MASK] was good"], { threads: 1, top: 4 });
    const theirs = await fill("The <mask> was good", { top_k: 4 });
    const { candidates } = ours!.masks[0]!;
    assert.deepEqual(
      theirs.map(({ token_str }) => token_str),
      candidates.map(({ token }) => token),
    );
    for (const [i, { score }] of theirs.entries()) assert.ok(Math.abs(score - candidates[i]!.probability) < 1e-5);

    const extract = await client!.pipeline("feature-extraction", out, options);
    const { data, dims } = await extract(texts, { pooling: "mean" });
    const vectors = await embed(run, texts, { threads: 1 });
    assert.deepEqual(dims, [texts.length, 16]);
    const expected = vectors.flatMap(vector => [...vector]);
    for (const [i, value] of expected.entries()) assert.ok(Math.abs(data[i]! - value) < 1e-4, `${data[i]} ${value}`);
  });
}
