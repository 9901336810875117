// The command that prepare prints trains what was prepared, whatever was chosen: the recipe that its words give fits the dataset
// and the model to go on from, and nothing is warned of.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { readManifest } from "../../dataset/manifest.ts";
import { describeFit } from "../../plan/data-fit.ts";
import { checkFit } from "../../train/batches.ts";
import { exportRun } from "../export/export-run.ts";
import { pretrain } from "../pretrain/pretrain.ts";
import { planNewRun } from "../pretrain/run-plan.ts";
import { recipeNames } from "../recipe.ts";
import { describeOtherLength, recommendRecipe, suggestPretrain } from "./next-pretrain.ts";
import { prepare } from "./prepare.ts";
import type { PrepareOptions } from "./prepare-options.ts";

const root = mkdtempSync(join(tmpdir(), "cram next-"));
after(() => rmSync(root, { recursive: true }));

const words = Array.from({ length: 900 }, (_, i) => `w${String.fromCharCode(97 + (i % 26), 97 + ((i * 7) % 26))}`);
const text = join(root, "a text.txt");
writeFileSync(
  text,
  Array.from({ length: 40 }, (_, i) => [...words.slice(i), ...words.slice(0, i)].join(" ")).join("\n\n"),
);
const run = join(root, "a run");
await writeTinyRun(run, [...new Set(words)], ["train.microBatchSequences=4", "schedule.batchSequences=4"]);
const learned = join(root, "learned");
await writeTinyRun(learned, [...new Set(words)], ["model.positions=learned", "model.sequenceLength=24"]);
// As another program, or a hub, would have it: a config.json beside parameters and tokenizer.
const exported = join(root, "exported model");
await exportRun(run, { out: exported, formats: ["huggingface"] });
const recipe = join(run, "recipe.json");
mkdirSync(join(root, "data"));

let datasets = 0;
const common = { texts: [text], documentSeparator: "blank-line", holdOut: 0.1, threads: 1 };

/** The plan of the printed command, and what was prepared. */
async function follow(choices: Partial<PrepareOptions> & { readonly recipe?: string }) {
  const out = join(root, `data/${datasets++}`);
  const { manifest } = await prepare({ ...common, ...choices, out });
  const recipe = choices.recipe ?? manifest.recipe!;
  const command = await suggestPretrain({ ...choices, recipe, out, manifest });
  const valuesOf = (flag: string) => command.flatMap((word, i) => (command[i - 1] === flag ? [word] : []));
  const [data, name, initFrom] = ["--data", "--recipe", "--init-from"].map(flag => valuesOf(flag)[0]);
  const [budget] = valuesOf("--budget");
  const flags = { data: data!, recipe: name!, initFrom, budget, set: valuesOf("--set") };
  return { flags, manifest: readManifest(out), planned: planNewRun(flags), command };
}

const cases: readonly (Partial<PrepareOptions> & { readonly recipe?: string })[] = [
  {},
  { recipe: "quickstart" },
  { recipe: "crammed-bert", sequenceLength: 32 },
  { recipe: "quickstart", vocabulary: 300, sequenceLength: 16 },
  { recipe: "crammed-mini-64k", vocabulary: 300, sequenceLength: 16 },
  { recipe: "crammed-small", vocabulary: 300, sequenceLength: 64 },
  { recipe, vocabulary: 80 },
  { recipe, tokenizer: run },
  { recipe: "quickstart", tokenizer: run },
  { recipe: "quickstart", tokenizer: join(run, "tokenizer.json") },
  { recipe: "quickstart", tokenizer: learned },
  { recipe: "quickstart", tokenizer: learned, sequenceLength: 16 },
  { recipe: "quickstart", tokenizer: exported },
];
for (const choices of cases) {
  const { tokenizer, ...rest } = choices;
  const title = JSON.stringify({ ...rest, tokenizer }).replaceAll(root, "");
  test(`what is printed after ${title} trains that`, async () => {
    const { manifest, planned, flags } = await follow(choices);
    assert.equal(manifest.recipe, planned.recipe.name);
    checkFit(manifest, planned.recipe);
    // The texts are few; how much of them a validation reads is no matter of the command.
    const validation = { sequences: planned.recipe.data.validationSequences };
    assert.deepEqual(describeFit({ ...manifest, validation }, planned.recipe, recipeNames), []);
    // A model of 24 learned positions is not gone on from with sequences of 16.
    const isOther = tokenizer === learned && manifest.sequenceLength !== 24;
    assert.equal(flags.initFrom, tokenizer?.endsWith(".json") || isOther ? undefined : tokenizer);
    const said = await describeOtherLength({ out: flags.data, recipe: flags.recipe, tokenizer, manifest });
    if (isOther) assert.match(said!, /24 learned positions: prepare with --sequence-length 24/);
    else assert.equal(said, undefined);
  });
}

test("the recipe's own numbers are not printed again, and others than those of the recipe are", async () => {
  const { command } = await follow({ recipe: "quickstart", vocabulary: 80 });
  assert.deepEqual(command.slice(4, 8), ["--recipe", "quickstart", "--set", "model.vocabulary=80"]);
});

test("a recipe suits the amount of text, and a small text is read forty times", async () => {
  // Twenty tokens a parameter in forty readings; of models of 119.6 M, 4.7 M and 0.9 M parameters.
  const recommended = [61e6, 58e6, 2.5e6, 2.2e6, 100].map(recommendRecipe);
  assert.deepEqual(recommended, [
    "crammed-bert",
    ...["crammed-bert-small", "crammed-bert-small"],
    ...["quickstart", "quickstart"],
  ]);
  const { planned, manifest } = await follow({});
  const readings = (Number.parseInt(planned.recipe.train.budget, 10) * 16) / manifest.training.sequences;
  assert.ok(planned.recipe.train.budget.endsWith("steps") && readings <= 40 && readings > 39, String(readings));
});

test("the same text for another recipe of the same numbers renames the dataset", async () => {
  const choices = { ...common, vocabulary: 300, sequenceLength: 16, out: join(root, "renamed") };
  await prepare({ ...choices, recipe: "quickstart" });
  const { documents, manifest } = await prepare({ ...choices, recipe: "crammed-bert" });
  assert.equal(documents, undefined);
  assert.deepEqual([manifest.recipe, readManifest(choices.out).recipe], ["crammed-bert", "crammed-bert"]);
});

test("training goes on from an exported model whose tokenizer was taken, and what does not suit it is told", async () => {
  const { flags } = await follow({ recipe: "quickstart", tokenizer: exported });
  const warned: string[] = [];
  const tiny = ["train.microBatchSequences=4", "schedule.batchSequences=4", "train.validations=1"];
  const options = {
    ...flags,
    set: [...flags.set, ...tiny],
    budget: "2steps",
    onWarning: (it: string) => warned.push(it),
  };
  const { steps } = await pretrain({ ...options, out: join(root, "further"), threads: 1 });
  assert.deepEqual([steps, warned], [2, []]);
  const wide = [...flags.set, ...tiny, "model.vocabulary=4096"];
  await pretrain({ ...options, initFrom: undefined, set: wide, out: join(root, "wide"), threads: 1 });
  assert.deepEqual(warned.length, 1);
  assert.match(warned[0]!, /row for each of 4,096 tokens/);
  // Killed before its first checkpoint it starts over, with the choices it has: nothing is advised that --resume refuses.
  rmSync(join(root, "wide/checkpoints"), { recursive: true });
  const resumed = { resume: join(root, "wide"), onWarning: options.onWarning, threads: 1 };
  const other = (await follow({ recipe: "quickstart", vocabulary: 300, sequenceLength: 16 })).flags.data;
  await assert.rejects(pretrain({ ...resumed, data: other }), { code: "E_RESUME_DATA" });
  await pretrain(resumed);
  assert.match(warned.slice(1).join("\n"), /^[^\n]+wide has no checkpoint: it begins at step 0 again[^\n]*$/);
});
