// What each variation costs and whether it learns: `node dist/bench/variations.js step` times a step of every mixer, norm and optimizer
// against crammed-bert-small, and FLASH and Fourier at two lengths; `… smoke TEXT SECONDS [PART/OF]` trains every optimizer and mixer that
// long, or every so manieth of them, so that several may run on cores of their own.

import { join } from "node:path";
import { crammedBertSmall } from "../recipes/crammed-bert-small.ts";
import { openCpu } from "../src/backends/cpu/cpu.ts";
import { systemClock } from "../src/base/clock.ts";
import { UserError } from "../src/base/errors.ts";
import { measureStep } from "../src/machine/measure-step.ts";
import { mixers } from "../src/model/mixers/mixers.ts";
import { norms } from "../src/nn/norm.ts";
import { optimizers } from "../src/optim/optimizers.ts";
import { overrideRecipe } from "../src/train/recipe.ts";
import { prepare } from "../src/verbs/prepare/prepare.ts";
import { pretrain } from "../src/verbs/pretrain/pretrain.ts";
import { makeTemporaryFolder } from "./folder.ts";

type Settings = readonly string[];

const timedSeconds = 3;
const withoutHeads = ["model.heads=1", "model.positions=none"];
const ofMixer: Readonly<Record<string, Settings>> = {
  attention: [],
  "gated-unit": [...withoutHeads, "model.feedForwardEvery=0", "model.feedForward=2"],
};
/** A rate that suits, of those that the papers give for small models. */
const rates: Readonly<Record<string, number>> = {
  ...{
    sgd: 0.1,
    lars: 1,
    lion: 3e-4,
    adafactor: 1e-2,
    lamb: 1e-2,
    "adamw-scale": 2e-2,
    sophia: 5e-4,
    adahessian: 5e-2,
  },
};

const mixerCases = mixers.map(({ name }): [string, Settings] => [
  `mixer ${name}`,
  [`model.mixer.name=${name}`, ...(ofMixer[name] ?? withoutHeads)],
]);
const optimizerCases = optimizers.map(({ name }): [string, Settings] => {
  const muon = name === "muon" ? ["optimizer.muonLearningRate=0.02", "optimizer.muonMomentum=0.95"] : [];
  return [`optimizer ${name}`, [`optimizer.name=${name}`, `optimizer.learningRate=${rates[name] ?? 1e-3}`, ...muon]];
});
const normCases = norms.map(({ name }): [string, Settings] => [`norm ${name}`, [`model.norm=${name}`]]);

const print = (...cells: readonly string[]) =>
  console.log(cells.map((cell, i) => cell.padEnd(i === 0 ? 34 : 14)).join(""));

async function timeStep(settings: Settings): Promise<number> {
  const recipe = overrideRecipe(crammedBertSmall, settings);
  const backend = await openCpu({ precision: recipe.train.precision });
  try {
    const { microBatchSeconds, updateSeconds } = await measureStep(backend, recipe, systemClock, timedSeconds);
    return microBatchSeconds + updateSeconds;
  } finally {
    await backend.close();
  }
}

async function timeSteps(): Promise<void> {
  const base = await timeStep([]);
  print("of crammed-bert-small", "ms a step", "of the recipe's");
  print("the recipe", (1000 * base).toFixed(1), "1.00");
  for (const [name, settings] of [...mixerCases, ...normCases, ...optimizerCases]) {
    const seconds = await timeStep(settings);
    print(name, (1000 * seconds).toFixed(1), (seconds / base).toFixed(2));
  }
  for (const length of [128, 512]) {
    const sizes = [`model.sequenceLength=${length}`, `train.microBatchSequences=${4096 / length}`];
    for (const [name, settings] of mixerCases.filter(([name]) => name !== "mixer identity")) {
      print(`${name} at ${length}`, (1000 * (await timeStep([...settings, ...sizes]))).toFixed(1));
    }
  }
}

async function trainAll(text: string, seconds: number, part: number, of: number): Promise<void> {
  const folder = makeTemporaryFolder();
  const sizes = ["model.width=128", "model.layers=2", "model.feedForward=512", "model.vocabulary=4096"];
  const base = overrideRecipe(crammedBertSmall, [...sizes, "schedule.batchSequences=32", "schedule.batchRamp=0"]);
  const data = join(folder, "data");
  await prepare({ texts: [text], out: data, recipe: base });
  print(`${seconds} s each`, "held-out loss", "steps");
  for (const [i, [name, settings]] of [...optimizerCases, ...mixerCases].entries()) {
    if (i % of !== part - 1) continue;
    try {
      const recipe = overrideRecipe(base, [...settings, "train.validations=1"]);
      const { validationLoss, steps } = await pretrain({
        data,
        out: join(folder, `${i}`),
        recipe,
        budget: `${seconds}s`,
      });
      print(name, validationLoss?.toFixed(3) ?? "none", `${steps}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      print(name, error.code);
    }
  }
}

const [mode, text, seconds, share = "1/1"] = process.argv.slice(2);
const [part, of] = share.split("/").map(Number) as [number, number];
if (mode === "step") await timeSteps();
else if (mode === "smoke" && text !== undefined && Number(seconds) > 0) await trainAll(text, Number(seconds), part, of);
else console.error("variations step | variations smoke TEXT SECONDS [PART/OF]");
