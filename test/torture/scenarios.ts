// What is interrupted: a verb in a folder, how it is continued, what must stand there at every moment, and what its end is known by.
// Every scenario runs once undisturbed; whatever happens to another run of it, the end must be the same.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { contentHash } from "../../src/base/files/files.ts";
import { listCheckpoints } from "../../src/checkpoint/state.ts";
import { Dataset } from "../../src/dataset/dataset.ts";
import { openPretrainedModel } from "../../src/pretrained/pretrained-model.ts";
import type { Campaign } from "./campaign.ts";
import { describeEnding, type Ending, runCram, succeed } from "./program.ts";
import { dataOptions, recipeOptions, taskOptions } from "./readers/good-files.ts";

export interface Scenario {
  readonly name: string;
  readonly verb: string;
  /** Copies what it begins with into an empty folder, where it runs. */
  readonly begin: (folder: string) => Promise<void> | void;
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
  readonly seconds: number;
  /** Of the files it ends with. */
  readonly bytes: number;
}

const training = [
  ...["pretrain", "--data", "data", "--out", "run", ...recipeOptions, "--budget", "300steps"],
  ...["--set", "train.checkpointEverySeconds=0.1"],
];
const finetuning = ["evaluate", "run", ...taskOptions, "--controls", "--set", "epochs=4", "--seeds", "2"];

/** A resumable run is resumed; without a recipe nothing was begun. */
const resumeOrBegin = (folder: string) =>
  existsSync(join(folder, "run/recipe.json")) ? ["pretrain", "--resume", "run"] : training;

/** All of them; `good` holds the good files, `finish` gives a run that `training` finished. */
function listScenarios(good: string, finish: () => Promise<string>): Scenario[] {
  const take =
    (...names: string[]) =>
    (folder: string) => {
      for (const name of names) copy(join(good, name), join(folder, name));
    };
  const takeRun = async (folder: string) => {
    take("data", "tasks")(folder);
    copy(await finish(), join(folder, "run"));
  };
  const prepare = ["prepare", "texts/text.jsonl", "texts/text.md", "--out", "data"];
  return [
    {
      ...{ name: "prepare", verb: "prepare", words: [...prepare, ...dataOptions], made: "data" },
      begin: take("texts"),
    },
    {
      ...{ name: "prepare over a data set", verb: "prepare", made: "data" },
      words: [...prepare, ...dataOptions, "--seed", "1"],
      begin: take("texts", "data"),
      check: folder => readWholeDataset(join(folder, "data")),
    },
    {
      ...{ name: "pretrain", verb: "pretrain", words: training, made: "run" },
      begin: take("data"),
      continueWith: resumeOrBegin,
    },
    {
      ...{ name: "pretrain --resume, finished", verb: "pretrain", made: "run" },
      words: ["pretrain", "--resume", "run"],
      begin: takeRun,
      check: async folder => void (await openPretrainedModel(join(folder, "run"))),
    },
    {
      ...{ name: "evaluate, seeds and controls", verb: "evaluate", words: finetuning, made: "run/evaluations" },
      begin: takeRun,
    },
    {
      ...{ name: "export", verb: "export", made: "run/export" },
      words: ["export", "run", "--format", "huggingface,onnx", "--types", "f32"],
      begin: takeRun,
      check: async folder => void (await openPretrainedModel(join(folder, "run"))),
    },
  ];
}

const copy = (from: string, to: string) => cpSync(from, to, { recursive: true, preserveTimestamps: true });

function readWholeDataset(folder: string): void {
  const dataset = new Dataset(folder);
  try {
    dataset.verify();
  } finally {
    dataset.close();
  }
}

/** An empty folder with what the scenario begins with. */
export async function beginScenario({ begin }: Scenario, folder: string): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await begin(folder);
  return folder;
}

const knownIn = new Map<string, Promise<Known[]>>();

/** Runs scenarios undisturbed, once for all kinds of faults. */
export function knowScenarios({ good, folder, only }: Campaign): Promise<Known[]> {
  const known = knownIn.get(folder) ?? runUndisturbed(good, folder, only.scenario);
  knownIn.set(folder, known);
  return known;
}

async function runUndisturbed(good: string, folder: string, only: string | undefined): Promise<Known[]> {
  let finished: Promise<string> | undefined;
  const finish = () => (finished ??= finishTraining(good, join(folder, "undisturbed-training")));
  const known: Known[] = [];
  for (const scenario of listScenarios(good, finish)) {
    if (only !== undefined && scenario.name !== only) continue;
    const place = await beginScenario(scenario, join(folder, "undisturbed"));
    await succeed(scenario.words, { cwd: place });
    const end = describeEnd(join(place, scenario.made));
    // Once more for its time, now that kernels are compiled.
    const again = await beginScenario(scenario, place);
    const { seconds } = await succeed(scenario.words, { cwd: again });
    const differing = compareEnds(end, describeEnd(join(again, scenario.made)));
    if (differing !== undefined) throw new Error(`${scenario.name}: two undisturbed runs differ: ${differing}`);
    known.push({ scenario, end, seconds, bytes: countBytes(join(again, scenario.made)) });
  }
  return known;
}

/** Trains a run to its end in an empty folder. */
async function finishTraining(good: string, folder: string): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copy(join(good, "data"), join(folder, "data"));
  await succeed(training, { cwd: folder });
  return join(folder, "run");
}

/** Bytes of the files below a folder, by whole blocks of a disk. */
function countBytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return files.reduce((sum, entry) => sum + 4096 + statSync(join(entry.parentPath, entry.name)).size, 0);
}

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

/** The files below a folder by the hash of what they say, times left out; of a run's checkpoints the newest. */
function describeEnd(folder: string): Map<string, string> {
  const newest = listCheckpoints(folder).at(-1);
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    // data.json says where the data set is, and copies lie elsewhere.
    .filter(name => name !== "data.json")
    .filter(name => !name.startsWith("checkpoints/") || name.includes(`step-${String(newest).padStart(8, "0")}/`))
    .sort();
  return new Map(names.map(name => [name, describeFile(join(folder, name))]));
}

/** Names of values that differ between two runs of the same bits: times, and hashes over them. */
const passing = /^(elapsedSeconds|stepSeconds|seconds|warmupSeconds|peakFlops|path|source|made|hash|sha256)$/;

function describeFile(path: string): string {
  const bytes = readFileSync(path);
  if (path.endsWith("events.jsonl")) {
    const events = bytes
      .toString("utf8")
      .trim()
      .split("\n")
      .map(line => JSON.parse(line) as { kind: string });
    // How often a run was started, and when it was saved, is no part of what it learned.
    return hashValues(events.filter(({ kind }) => ["step", "validation", "end"].includes(kind)));
  }
  if (/(checkpoint|result|scoreboard)\.json$/.test(path)) return hashValues(JSON.parse(bytes.toString("utf8")));
  return contentHash(bytes);
}

const hashValues = (value: unknown) =>
  contentHash(JSON.stringify(value, (key, held: unknown) => (passing.test(key) ? undefined : held)));

/** The first file in which two ends differ. */
function compareEnds(expected: ReadonlyMap<string, string>, seen: ReadonlyMap<string, string>): string | undefined {
  const missing = [...expected.keys()].find(name => !seen.has(name));
  if (missing !== undefined) return `${missing} is missing`;
  const extra = [...seen.keys()].find(name => !expected.has(name));
  if (extra !== undefined) return `${extra} is left over`;
  const other = [...expected].find(([name, hash]) => seen.get(name) !== hash);
  return other === undefined ? undefined : `${other[0]} has other content`;
}
