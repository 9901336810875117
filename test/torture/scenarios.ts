// What is interrupted: a verb in a folder, how it is continued, what must stand there at every moment, and what its end is known by.
// Every scenario runs undisturbed first; whatever happens to another run of it, the end must be the same. What several begin with,
// as a finished run, is made once and copied.

import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { Dataset } from "../../src/dataset/dataset.ts";
import { optimizers } from "../../src/optim/optimizers.ts";
import { openPretrainedModel } from "../../src/pretrained/pretrained-model.ts";
import { recipeNames } from "../../src/verbs/recipe.ts";
import type { Campaign } from "./campaign.ts";
import { compareEnds, countBytes, describeEnd } from "./ends.ts";
import { describeEnding, type Ending, runCram, succeed } from "./program.ts";
import { dataOptions, recipeOptions, recipeSettings, taskOptions } from "./readers/good-files.ts";
import { countTries } from "./tries.ts";

export interface Scenario {
  readonly name: string;
  /** Of the others' tries, how many: 1 unless told otherwise. */
  readonly weight?: number;
  /** Copies what it begins with into an empty folder, where it runs. */
  readonly begin: (folder: string) => void;
  readonly words: readonly string[];
  /** The words that continue what an accident left; the same words unless told otherwise. */
  readonly continueWith?: (folder: string) => readonly string[];
  /** What is wrong with what stands there, right after the accident. Throws or says it. */
  readonly check?: (folder: string) => Promise<void> | void;
  /** The folder that its end is known by. */
  readonly made: string;
}

/** A scenario with the end of an undisturbed run. */
export interface Known {
  readonly scenario: Scenario;
  readonly end: ReadonlyMap<string, string>;
  /** Beside another process, as the tries are. */
  readonly seconds: number;
  /** Of the files it ends with. */
  readonly bytes: number;
}

const often = ["--set", "train.checkpointEverySeconds=0.1"];
const training = [
  ...["pretrain", "--data", "data", "--out", "run", ...recipeOptions, "--budget", "300steps", ...often],
  ...["--threads", "1"],
];
/** A shorter training of a recipe with these settings. */
const trainingWith = (...settings: readonly string[]) => trainingOf("quickstart", settings);
const trainingOf = (recipe: string, settings: readonly string[]) => [
  ...["pretrain", "--data", "data", "--out", "run", "--recipe", recipe, "--budget", "150steps", ...often],
  ...[...recipeSettings, ...settings].flatMap(setting => ["--set", setting]),
];
/** What keeps of a narrow recipe what its name says. */
const narrowing: Readonly<Record<string, readonly string[]>> = {
  funnel: ["model.layers=2", "model.strides=[2,1]"],
  recurrent: ["model.layers=2", "model.repeats=2"],
  "modern-bert": ["model.layers=3"],
};
/** Both second gradients and averages have states of their own. */
const averaging = trainingWith("optimizer.name=sophia", "average.name=lawa");
/** What is drawn for a micro-batch, and what it is cut into. */
const layered = ["train.layerDrop=0.4", "data.separateDocuments=true", "train.recompute=true"];
const replacing = trainingWith(
  ...["objective.name=electra", "objective.generatorWidth=0.5", "model.layers=2", ...layered, "average.name=ema"],
  ...["schedule.sequenceLength.name=linear", "schedule.sequenceLength.least=8"],
);
/** Losses of tokens are remembered from step to step. */
const dropping = trainingWith("objective.name=token-dropping", "model.layers=3", ...layered);
const finetuning = ["evaluate", "run", ...taskOptions, "--controls", "--set", "epochs=4", "--seeds", "2"];

/** Four trainings with a validation each. */
const sweep = {
  recipe: "quickstart",
  set: [...recipeSettings, "train.checkpointEverySeconds=0.1"],
  ...{ budget: "40steps", seeds: [0, 1], variations: { slow: ["optimizer.learningRate=0.0001"] } },
};

/** Documents of which some stand there twice, nearly twice, with the same foot, or in an evaluation. */
function writeCrawl(folder: string): void {
  const random = new RandomSequence(0, streams.sampling, 1);
  const words = ["river", "boat", "wall", "green", "frog", "sings", "old", "near", "sleeps", "stone", "moss", "quiet"];
  const draw = (count: number) => Array.from({ length: count }, () => words[random.below(words.length)]).join(" ");
  const foot = draw(30);
  const texts = Array.from({ length: 400 }, (_, i) => `${draw(40)} ${i}. ${i % 3 === 0 ? foot : draw(10)}`);
  const all = [...texts, ...texts.slice(0, 60).map(text => `${text} again`), ...texts.slice(60, 90)];
  writeFileSync(join(folder, "crawl.jsonl"), all.map(text => `${JSON.stringify({ text })}\n`).join(""));
  writeFileSync(join(folder, "evaluation.jsonl"), `${JSON.stringify({ text: texts[7] })}\n`);
}

/** A resumable run is resumed; without a recipe nothing was begun. */
const resumeOrBegin = (words: readonly string[]) => (folder: string) =>
  existsSync(join(folder, "run/recipe.json")) ? ["pretrain", "--resume", "run"] : words;

const copy = (from: string, to: string) => cpSync(from, to, { recursive: true, preserveTimestamps: true });

/** All of them; `good` holds the good files, `trained` a finished run where the scenario begins with one. */
function listScenarios(good: string, trained: string): Scenario[] {
  const take =
    (...names: string[]) =>
    (folder: string) => {
      for (const name of names) copy(join(good, name), join(folder, name));
    };
  const takeRun = (folder: string) => {
    take("data", "tasks")(folder);
    copy(trained, join(folder, "run"));
  };
  const checkData = (folder: string) => readWholeDataset(join(folder, "data"));
  const checkRun = async (folder: string) => void (await openPretrainedModel(join(folder, "run")));
  const prepare = ["prepare", "texts/text.jsonl", "texts/text.md", "--out", "data", ...dataOptions];
  const clean = ["--near-duplicates", "0.8", "--repeated", "100", "--decontaminate", "evaluation.jsonl"];
  return [
    { name: "prepare", words: prepare, made: "data", begin: take("texts") },
    {
      ...{ name: "prepare over a data set", words: [...prepare, "--seed", "1"], made: "data" },
      ...{ begin: take("texts", "data"), check: checkData },
    },
    {
      ...{ name: "prepare without duplicates", made: "data", weight: 0.5, begin: writeCrawl },
      words: ["prepare", "crawl.jsonl", "--out", "data", ...dataOptions, ...clean],
    },
    {
      ...{ name: "pretrain", words: training, made: "run" },
      ...{ begin: take("data"), continueWith: resumeOrBegin(training) },
    },
    {
      ...{ name: "pretrain, second gradient, averages", words: averaging, made: "run", weight: 0.5 },
      ...{ begin: take("data"), continueWith: resumeOrBegin(averaging) },
    },
    {
      ...{ name: "pretrain, ELECTRA in pieces", words: replacing, made: "run", weight: 0.5 },
      ...{ begin: take("data"), continueWith: resumeOrBegin(replacing) },
    },
    {
      ...{ name: "pretrain, token dropping", words: dropping, made: "run", weight: 0.5 },
      ...{ begin: take("data"), continueWith: resumeOrBegin(dropping) },
    },
    {
      ...{ name: "pretrain --resume, finished", words: ["pretrain", "--resume", "run"], made: "run" },
      ...{ begin: takeRun, check: checkRun },
    },
    {
      ...{ name: "sweep of four trials", made: "sweep", weight: 0.5 },
      words: ["sweep", "sweep-asked.json", "--data", "data", "--out", "sweep", "--threads", "1"],
      begin: folder => {
        take("data")(folder);
        writeFileSync(join(folder, "sweep-asked.json"), JSON.stringify(sweep));
      },
    },
    { name: "evaluate, seeds and controls", words: finetuning, made: "run/evaluations", begin: takeRun },
    {
      ...{ name: "export", made: "run/export", begin: takeRun, check: checkRun },
      words: ["export", "run", "--format", "huggingface,onnx", "--types", "f32"],
    },
  ];
}

/** A training of every recipe and with every optimizer: what each keeps from step to step must come back. Only killed. */
function listTrainings(good: string): Scenario[] {
  const train = (name: string, words: readonly string[]): Scenario => ({
    ...{ name: `pretrain, ${name}`, words, made: "run", weight: 0.1 },
    begin: folder => copy(join(good, "data"), join(folder, "data")),
    continueWith: resumeOrBegin(words),
  });
  return [
    ...recipeNames.map(name => train(`recipe ${name}`, trainingOf(name, narrowing[name] ?? []))),
    ...optimizers.map(({ name }) => train(`optimizer ${name}`, trainingWith(`optimizer.name=${name}`))),
  ];
}

function readWholeDataset(folder: string): void {
  const dataset = new Dataset(folder);
  try {
    dataset.verify();
  } finally {
    dataset.close();
  }
}

/** An empty folder with what the scenario begins with. */
export function beginScenario({ begin }: Scenario, folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  begin(folder);
  return folder;
}

const knownIn = new Map<string, Promise<Known[]>>();

/** Runs scenarios undisturbed, once for all kinds of faults. */
export function knowScenarios(campaign: Campaign): Promise<Known[]> {
  const { good, folder } = campaign;
  const known = knownIn.get(folder) ?? runUndisturbed(campaign, listScenarios(good, trainedIn(folder)), "undisturbed");
  knownIn.set(folder, known);
  return known;
}

/** Runs the trainings that are killed alone undisturbed. */
export const knowTrainings = (campaign: Campaign): Promise<Known[]> =>
  runUndisturbed(campaign, listTrainings(campaign.good), "undisturbed-recipes");

const trainedIn = (folder: string) => join(folder, "undisturbed-training/run");

async function runUndisturbed(
  { good, folder, only }: Campaign,
  all: readonly Scenario[],
  name: string,
): Promise<Known[]> {
  const chosen = all.filter(({ name }) => isChosen(name, only.scenario));
  const [pretrain] = listScenarios(good, "").filter(({ name }) => name === "pretrain");
  const trained = trainedIn(folder);
  if (!existsSync(trained) && !chosen.every(({ name }) => name.startsWith("prepare"))) {
    await succeed(pretrain!.words, { cwd: beginScenario(pretrain!, dirname(trained)) });
  }
  return countTries(join(folder, name), chosen.length, async (number, place) => {
    const scenario = chosen[number]!;
    const run = async () => {
      const { seconds } = await succeed(scenario.words, { cwd: beginScenario(scenario, place) });
      return { seconds, end: describeEnd(join(place, scenario.made)) };
    };
    const first = await run();
    // Once more for its time, now that kernels are compiled.
    const { seconds, end } = await run();
    const differing = compareEnds(first.end, end);
    if (differing !== undefined) throw new Error(`${scenario.name}: two undisturbed runs differ: ${differing}`);
    return { scenario, end, seconds, bytes: countBytes(join(place, scenario.made)) };
  });
}

/** Whether a campaign wants a scenario: its name, or with a star behind it how the name begins. */
const isChosen = (name: string, wanted = "*"): boolean =>
  wanted.endsWith("*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted;

/** Continues to the end and compares it: what is wrong, or undefined. */
export async function finishScenario({ scenario, end }: Known, folder: string): Promise<string | undefined> {
  const words = scenario.continueWith?.(folder) ?? scenario.words;
  const ending = await runCram(words, { cwd: folder });
  if (ending.code !== 0) return `cannot be continued: ${describeEnding(ending)}`;
  const differing = compareEnds(end, describeEnd(join(folder, scenario.made)));
  return differing === undefined ? undefined : `another end: ${differing}`;
}

/** What is wrong with what the accident left, or undefined. */
export async function checkScenario({ check }: Scenario, folder: string): Promise<string | undefined> {
  try {
    await check?.(folder);
    return undefined;
  } catch (error) {
    return `what stood there is lost: ${(error as Error).message.slice(0, 200)}`;
  }
}

export const isRefused = ({ code, stderr }: Ending): boolean =>
  code === 1 && /^(\{"kind":"error"|E_[A-Z_]+)/m.test(stderr);
