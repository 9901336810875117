// A ladder as it is interrupted: stopped and begun again it has the law of the undisturbed one, the largest size is predicted before it
// is trained, and plan reads what was fitted.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readLawFile } from "../../src/scaling/law-file.ts";
import { plan } from "../../src/verbs/plan.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { chooseRecipe } from "../../src/verbs/recipe.ts";
import { describeStretch, predictRunLoss } from "../../src/verbs/scale/law-stretch.ts";
import { type ScaleOptions, scale } from "../../src/verbs/scale/scale.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-scale-"));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, "data");
const set = [
  ...["width=8", "layers=1", "heads=1", "feedForward=16", "sequenceLength=16", "vocabulary=84"].map(
    pair => `model.${pair}`,
  ),
  ...["schedule.batchSequences=2", "train.microBatchSequences=2", "train.validations=1", "data.validationSequences=2"],
];
const sizes = ["8x1", "16x1", "24x1", "32x1"];
const run = (name: string, options: Partial<ScaleOptions> = {}) =>
  scale({
    ...{
      recipe: "crammed-bert-small",
      set,
      data,
      out: join(folder, name),
      sizes,
      budgets: ["1steps", "3steps"],
      backend: "reference",
    },
    ...options,
  });

before(async () => {
  const text = join(folder, "texts.jsonl");
  const line = (i: number) =>
    JSON.stringify({ text: `${i} old boats sleep near the river wall and a green frog sings` });
  writeFileSync(text, Array.from({ length: 60 }, (_, i) => `${line(i)}\n`).join(""));
  await prepare({ texts: [text], out: data, vocabulary: 84, sequenceLength: 16, holdOut: 0.2 });
});

test("stopped and begun again, a ladder predicts its largest size before that is trained", async () => {
  const order: string[] = [];
  const before = join(folder, "ladder", "before.json");
  for (let calls = 0, done = 0; done < 8; calls++) {
    const stop = new AbortController();
    const scaled = await run("ladder", {
      signal: stop.signal,
      onTrial: ({ size, budget, number, count }) => {
        order.push(`${size} ${budget}`);
        assert.deepEqual([number, count], [order.length, 8]);
        assert.equal(existsSync(before), size === "32x1");
      },
      // Every third training is the last of its call.
      onResult: () => order.length % 3 === 0 && stop.abort(),
    });
    done = scaled.done;
    // A law is of what was trained, and of nothing else.
    if (scaled.law !== undefined) {
      const trained = sizes.filter(size => order.some(each => each.startsWith(`${size} `)));
      assert.deepEqual(
        scaled.law.sizes.map(({ name }) => name),
        trained,
      );
    }
    assert.ok(calls < 8);
  }
  assert.deepEqual(order.slice(-2), ["32x1 1steps", "32x1 3steps"]);
  const law = readLawFile(join(folder, "ladder", "law.json"));
  assert.deepEqual([law.trainings.length, law.sizes.at(-1)!.name, law.failed], [8, "32x1", 0]);
  assert.equal(law.heldOut!.wasBefore, true);
  for (const { low, high, loss, measured, budget } of law.heldOut!.budgets) {
    assert.ok(low <= loss && loss <= high);
    const trained = law.trainings.find(each => each.size === "32x1" && each.budget === budget)!;
    assert.ok(Math.abs(trained.loss - measured) < 1e-6);
  }
  const page = readFileSync(join(folder, "ladder", "scale.html"), "utf8");
  for (const id of ["loss-tokens", "loss-flops", "loss-parameters"]) assert.ok(page.includes(`id="${id}-title"`), id);
  assert.ok(!page.includes("no points yet"));
});

test("trainings that all come apart are counted as such, where they leave no law", async () => {
  const far = [
    ...set,
    "optimizer.name=sgd",
    "optimizer.learningRate=1e6",
    "optimizer.clip=0",
    "loss.name=squared-error",
  ];
  const { done, failed, count, law } = await run("apart", { set: far, budgets: ["20steps", "30steps"] });
  assert.deepEqual([done, failed, count, law], [8, 8, 8, undefined]);
});

test("plan predicts a loss from the ladder, and says where the law does not reach", async () => {
  const options = { recipe: "crammed-bert-small", set, device: "a6000", law: join(folder, "ladder") };
  const near = await plan({ ...options, budget: "2steps" });
  const { low, high, loss } = near.loss!;
  assert.ok(low <= loss && loss <= high && loss > 1 && loss < 10);
  assert.ok(!near.warnings.some(warning => warning.includes("law")), near.warnings.join());
  const recipe = chooseRecipe({ recipe: "crammed-bert-small", set: [...set, "data.maskFraction=0.5"] });
  const far = describeStretch(readLawFile(join(folder, "ladder", "law.json")), {
    ...{ recipe, parameters: near.parameters, tokens: 1e5, dataset: "other" },
  });
  assert.match(
    far.join("\n"),
    /another recipe: data\.maskFraction is 0\.5 and was 0\.25\n.*other text\noutside what was fitted: .* times the most tokens/,
  );
  // A quarter above what was fitted is outside already.
  const law = readLawFile(join(folder, "ladder", "law.json"));
  const most = Math.max(...law.trainings.map(({ tokens }) => tokens));
  const asked = { recipe: chooseRecipe({ recipe: "crammed-bert-small", set }), dataset: law.dataset };
  assert.deepEqual(
    describeStretch(law, { ...asked, parameters: near.parameters / 100, tokens: 1.25 * most }).map(
      line => line.split(";")[0],
    ),
    [
      `outside what was fitted: ${((Math.min(...law.sizes.map(size => size.parameters)) / near.parameters) * 100).toFixed(0)} times fewer parameters than the least, 1.3 times the most tokens`,
    ],
  );
});

test("the further a run is from what was fitted, the wider is its interval", () => {
  // Its term of parameters has died out at 5 million: resampled laws say the same of any number above.
  const law = readLawFile(join(import.meta.dirname, "../../../records/scaling/quickstart.json"));
  const widths = [5e6, 1e8, 1e10].map(parameters => {
    const { low, high } = predictRunLoss(law, { parameters, tokens: 2e6 });
    return Math.log(high / low);
  });
  assert.ok(widths[1]! > 1.1 * widths[0]! && widths[2]! > 1.1 * widths[1]!, widths.join());
});

test("what is no ladder is refused before anything is trained", async () => {
  const onTrial = () => assert.fail("trained");
  const refused: readonly [Partial<ScaleOptions>, string][] = [
    [{ sizes: ["8x1"] }, "E_SCALE"],
    [{ sizes: ["8x1", "12x1"] }, "E_SCALE"],
    [{ sizes: ["8x1", "8x1"] }, "E_SCALE"],
    [{ budgets: ["soon"] }, "E_BUDGET"],
  ];
  for (const [options, code] of refused) await assert.rejects(run("none", { ...options, onTrial }), { code });
  await assert.rejects(scale({ recipe: "crammed-bert-small", set, data, out: data, onTrial }), {
    code: "E_OUTPUT_OTHER",
  });
});
