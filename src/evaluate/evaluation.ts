// Evaluates a model on tasks: for each task its seeds and controls, each finetuned, scored and stored before the next begins. Every
// task's files are read and checked before the first finetuning starts. Each seed is claimed, so any number of processes may work on one
// folder: what is stored or another's is not run again, and what a dead one had is taken over.

import { setTimeout } from "node:timers/promises";
import type { Backend } from "../backends/backend.ts";
import type { Clock } from "../base/clock.ts";
import { type Claim, claimFolder, silentSeconds } from "../base/files/claim.ts";
import { contentHash } from "../base/files/files.ts";
import { type IsSilent, watchBeats } from "../base/files/folder-lock.ts";
import { permutation, streams } from "../base/random.ts";
import type { PretrainedModel } from "../pretrained/pretrained-model.ts";
import { describePassedOver } from "../tables/passed-over.ts";
import { listVariants, predictMajority, type Variant } from "./finetuning/controls.ts";
import { type EncodedExample, encodeExamples } from "./finetuning/encode-examples.ts";
import {
  countFinetuneSteps,
  type EncodedSplit,
  type FinetuneEnd,
  type FinetuneEpoch,
  type FinetuneEvent,
  type FinetuneScoring,
  finetune,
} from "./finetuning/finetune.ts";
import { type FinetuneRecipe, hashFinetuneRecipe } from "./finetuning/finetune-recipe.ts";
import { type Finetuner, openFinetuner } from "./finetuning/finetune-step.ts";
import {
  findResult,
  folderOf,
  prepareFolder,
  type ResultPlace,
  readResult,
  refuseTaken,
  saveResult,
} from "./storage/evaluation-folder.ts";
import { keepModel } from "./storage/keep-model.ts";
import { describeReplaced, refuseStoredMeanwhile } from "./storage/replaced-results.ts";
import { makeResult, type TaskResult } from "./storage/result.ts";
import type { Example, Split, Task, TaskData } from "./tasks/task.ts";

export interface EvaluationOptions {
  readonly backend: Backend;
  readonly model: PretrainedModel;
  readonly recipe: FinetuneRecipe;
  /** Name of the suite, for folders. */
  readonly suite: string;
  readonly tasks: readonly Task[];
  readonly readData: (task: Task) => Promise<TaskData>;
  readonly seeds: number;
  readonly controls: boolean;
  /** Whether each seed's finetuned model is stored with its result; controls' are not. */
  readonly keepModels: boolean;
  /** Training examples at most, drawn once for all seeds. */
  readonly maxTrain: number | undefined;
  /** The folder evaluations/. */
  readonly root: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** After how long a process on another machine that does not stir is taken for dead. */
  readonly silentSeconds?: number | undefined;
}

export type EvaluationEvent =
  /** Everything was read; so many steps are to be done. `withoutModel` results were finished before and kept no model. */
  | {
      readonly kind: "plan";
      readonly steps: number;
      readonly finished: number;
      readonly withoutModel: number;
      readonly variants: number;
      /** What the tokenizer loses of the texts. */
      readonly warnings: readonly string[];
    }
  | {
      readonly kind: "task";
      readonly task: Task;
      readonly train: number;
      readonly validation: number;
      readonly truncated: number;
    }
  | {
      readonly kind: "step";
      readonly task: Task;
      readonly variant: Variant;
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      /** Of the whole evaluation. */
      readonly stepsDone: number;
    }
  | ({ readonly task: Task; readonly variant: Variant } & FinetuneScoring)
  | { readonly kind: "epoch"; readonly task: Task; readonly variant: Variant; readonly epoch: FinetuneEpoch }
  | { readonly kind: "result"; readonly result: TaskResult; readonly isNew: boolean; readonly folder: string }
  /** All that is left is finetuned by others. */
  | { readonly kind: "wait"; readonly results: number }
  | { readonly kind: "end"; readonly reason: "finished" | "interrupted" };

const secondsBetweenLooks = 1;

/** A task and a seed or control of it: what one process does at a time. */
interface Piece {
  readonly task: Task;
  readonly variant: Variant;
  readonly place: ResultPlace;
  readonly hashes: TaskResult["hashes"];
  /** Names of its splits without labels. */
  readonly test: readonly string[];
  /** Of the result that stood there when the evaluation began, whatever it is of. */
  readonly earlier: TaskResult["hashes"] | undefined;
}

/** What a process has open. */
interface Worker {
  readonly finetuner: Finetuner;
  readonly isSilent: IsSilent;
  stepsDone: number;
  /** The task that it read last. */
  open?: { readonly task: Task; readonly data: TaskData; readonly encoded: EncodedData };
}

export async function* evaluateTasks(options: EvaluationOptions): AsyncGenerator<EvaluationEvent, void> {
  const { backend, model, recipe, signal } = options;
  const { plan, pieces } = await planWork(options);
  yield plan;
  const finetuner = openFinetuner(backend, model.shape, recipe);
  const worker: Worker = { finetuner, isSilent: watchBeats(options.silentSeconds ?? silentSeconds), stepsDone: 0 };
  for (let left = pieces; left.length > 0; ) {
    const held: Piece[] = [];
    for (const piece of left) {
      const outcome = yield* doPiece(piece, worker, options);
      if (outcome === "interrupted") return yield { kind: "end", reason: "interrupted" };
      if (outcome === "held") held.push(piece);
    }
    if (held.length === left.length) {
      yield { kind: "wait", results: held.length };
      await setTimeout(1000 * secondsBetweenLooks, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return yield { kind: "end", reason: "interrupted" };
    }
    left = held;
  }
  yield { kind: "end", reason: "finished" };
}

/** Held: another process has it. */
async function* doPiece(
  piece: Piece,
  worker: Worker,
  options: EvaluationOptions,
): AsyncGenerator<EvaluationEvent, "done" | "held" | "interrupted"> {
  const folder = folderOf(piece.place);
  // Asked when its turn comes: another process may work on the same folder.
  const stored = findStored(piece, options);
  if (stored !== undefined) {
    yield { kind: "result", result: stored, isNew: false, folder };
    return "done";
  }
  const claim = claimFolder(folder, "evaluate", worker.isSilent);
  if (claim === undefined) return "held";
  try {
    // Who held it before may have finished it meanwhile.
    if (findStored(piece, options) !== undefined) return "held";
    refuseStoredMeanwhile(piece, readResult(folder)?.hashes);
    return yield* doClaimed(
      piece,
      worker,
      { ...options, signal: AbortSignal.any([options.signal, claim.lost]) },
      claim,
    );
  } finally {
    claim.release();
  }
}

async function* doClaimed(
  { task, variant, place, hashes }: Piece,
  worker: Worker,
  options: EvaluationOptions,
  { lost }: Claim,
): AsyncGenerator<EvaluationEvent, "done" | "held" | "interrupted"> {
  const { model, recipe, suite, backend } = options;
  if (worker.open?.task !== task) {
    const data = await readLimited(task, options);
    worker.open = { task, data, encoded: encodeData(data, options) };
    yield describeTask(task, worker.open.encoded);
  }
  const { data, encoded } = worker.open;
  const epochs: FinetuneEpoch[] = [];
  let end: FinetuneEnd | undefined;
  for await (const event of runVariant(variant, data, encoded, worker.finetuner, options)) {
    if (event.kind === "step") {
      const { step, steps, loss } = event;
      yield { kind: "step", task, variant, step, steps, loss, stepsDone: ++worker.stepsDone };
    } else if (event.kind === "epoch") {
      epochs.push(event);
      yield { kind: "epoch", task, variant, epoch: event };
    } else if (event.kind === "scoring") yield { ...event, task, variant };
    else end = event;
  }
  if (end === undefined) throw new Error(`${task.name}: finetuning ended without saying so`);
  // Another works on what was claimed when its claim is lost.
  if (lost.aborted) return "held";
  if (end.reason === "interrupted") return "interrupted";
  const result = makeResult({
    ...{ suite, variant, model, recipe, data, epochs, end, hashes },
    device: backend.device,
    truncated: encoded.truncated.train,
  });
  const keep = keepsModel(variant, options) ? storeModel(data, result, worker.finetuner, options) : undefined;
  await saveResult(place, task, result, end, keep);
  yield { kind: "result", result, isNew: true, folder: folderOf(place) };
  return "done";
}

function describeTask(task: Task, { train, validation, truncated }: EncodedData): EvaluationEvent {
  return {
    kind: "task",
    task,
    train: train.length,
    validation: validation.reduce((sum, { examples }) => sum + examples.length, 0),
    truncated: truncated.train + truncated.validation,
  };
}

/**
 * Reads every task once, so that what is wrong with the last is said before the first is finetuned; and what is wrong with where
 * the results go.
 */
async function planWork(options: EvaluationOptions): Promise<{ plan: EvaluationEvent; pieces: readonly Piece[] }> {
  const variants = listVariants(options.seeds, options.controls);
  const pieces: Piece[] = [];
  let steps = 0;
  let finished = 0;
  let withoutModel = 0;
  const warnings: string[] = [];
  for (const task of options.tasks) {
    const data = await readLimited(task, options);
    warnings.push(...(options.model.describeLoss?.(listTexts(data), `the texts of ${task.name}`) ?? []));
    const { source, passedOver = [] } = data;
    warnings.push(...passedOver.map(describePassedOver));
    const [hashes, test] = [hashesOf(data, options), data.test.map(({ name }) => name)];
    if (source !== undefined) refuseTaken({ ...options, task: task.name }, source, hashes.data);
    const own = variants.map((variant): Piece => {
      const place = placeOf(task, variant, options);
      return { ...{ task, variant, place, hashes, test }, earlier: readResult(folderOf(place))?.hashes };
    });
    warnings.push(...describeReplaced(own));
    const missing = own.filter(piece => findStored(piece, options) === undefined);
    const scored = missing.filter(piece => findStored(piece, { ...options, keepModels: false }) !== undefined);
    withoutModel += scored.length;
    const trained = missing.filter(({ variant }) => variant.control !== "majority");
    finished += variants.length - missing.length;
    if (trained.length > 0) steps += trained.length * countFinetuneSteps(task, data.train.length, options.recipe);
    pieces.push(...own);
  }
  prepareFolder(options);
  return { plan: { kind: "plan", steps, finished, withoutModel, variants: pieces.length, warnings }, pieces };
}

const listTexts = ({ train, validation, test }: TaskData) =>
  [train, ...[...validation, ...test].map(({ examples }) => examples)].flat().flatMap(({ texts }) => texts);

const keepsModel = ({ control }: Variant, { keepModels }: EvaluationOptions) => keepModels && control === "none";

/** The part of a head that the task decides. */
export function headOf({ kind, labels }: Pick<Task, "kind" | "labels">) {
  return { kind, outputs: kind === "regression" ? 1 : labels.length };
}

/** What stores the finetuned model, whose parameters are on the backend until the next seed begins. */
function storeModel(
  data: TaskData,
  result: TaskResult,
  finetuner: Finetuner,
  { model: pretrained, recipe }: EvaluationOptions,
): (folder: string) => Promise<void> {
  const engine = finetuner.open(headOf(data.task));
  const { classifier } = engine;
  const finished = { data, result, recipe, pretrained, shape: finetuner.model, classifier };
  return folder => keepModel(folder, { ...finished, parameters: engine.readParameters() });
}

interface EncodedData {
  readonly train: readonly EncodedExample[];
  readonly validation: readonly EncodedSplit[];
  readonly test: readonly EncodedSplit[];
  readonly truncated: { readonly train: number; readonly validation: number };
}

function encodeData({ task, train, validation, test }: TaskData, { model, recipe }: EvaluationOptions): EncodedData {
  const encode = (examples: readonly Example[]) => encodeExamples(examples, task.kind, model, recipe);
  const encodeSplits = (splits: readonly Split[]) =>
    splits.map(({ name, examples }) => ({ name, ...encode(examples) }));
  const encodedTrain = encode(train);
  const encodedValidation = encodeSplits(validation);
  return {
    train: encodedTrain.examples,
    validation: encodedValidation,
    test: encodeSplits(test),
    truncated: {
      train: encodedTrain.truncated,
      validation: encodedValidation.reduce((sum, { truncated }) => sum + truncated, 0),
    },
  };
}

async function* runVariant(
  { control, seed }: Variant,
  { task, train }: TaskData,
  encoded: EncodedData,
  finetuner: Finetuner,
  { model, recipe, clock, signal }: EvaluationOptions,
): AsyncGenerator<FinetuneEvent, void> {
  if (control === "majority") {
    yield {
      ...{ kind: "end", reason: "finished", steps: 0, elapsedSeconds: 0, stepSeconds: 0 },
      validation: predictMajority(task, train, encoded.validation),
      test: predictMajority(task, train, encoded.test),
    };
    return;
  }
  yield* finetune({
    ...{ task, recipe, seed, clock, signal },
    engine: finetuner.open(headOf(task)),
    encoder: control === "none" ? model.parameters : undefined,
    specials: model.specials,
    train: encoded.train,
    validation: encoded.validation,
    test: encoded.test,
  });
}

function placeOf(task: Task, variant: Variant, { root, suite }: EvaluationOptions): ResultPlace {
  return { root, suite, task: task.name, variant };
}

function hashesOf(data: TaskData, { model, recipe }: EvaluationOptions): TaskResult["hashes"] {
  const { metrics, labels, texts, kind } = data.task;
  const description = JSON.stringify([data.hash, data.train.length, metrics, labels, texts, kind]);
  return { model: model.hash, data: contentHash(description), recipe: hashFinetuneRecipe(recipe) };
}

function findStored({ place, hashes, test, variant }: Piece, options: EvaluationOptions): TaskResult | undefined {
  return findResult(place, hashes, test, keepsModel(variant, options));
}

/** The task's data with at most maxTrain training examples, which it then says. */
async function readLimited(task: Task, { readData, maxTrain }: EvaluationOptions): Promise<TaskData> {
  const data = await readData(task);
  const total = data.train.length;
  if (maxTrain === undefined || maxTrain >= total) return data;
  const chosen = permutation(total, 0, streams.sampling, 0).subarray(0, maxTrain).sort();
  return {
    ...data,
    train: Array.from(chosen, at => data.train[at]!),
    subsets: [...data.subsets, `${maxTrain} of ${total} training examples`],
  };
}
