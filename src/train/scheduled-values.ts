// Values of a recipe that have schedules of their own beside the learning rate's: which there are, what each is at a moment of the budget,
// and what is wrong with one.

import { findOptimizer, type OptimizerSettings } from "../optim/optimizers.ts";
import { type ValueSchedule, valueAt } from "../optim/schedule.ts";
import type { ScheduledValues } from "../optim/update.ts";

/** What of a recipe these values are of. */
interface ScheduledRecipe {
  readonly model: { readonly sequenceLength: number };
  readonly data: {
    readonly maskFraction: number;
    readonly finalMaskFraction?: number;
    readonly maskSchedule?: ValueSchedule;
  };
  readonly optimizer: OptimizerSettings;
  readonly schedule: {
    readonly weightDecay?: ValueSchedule;
    readonly momentum?: ValueSchedule;
    readonly sequenceLength?: ValueSchedule;
    readonly batchSequences: number;
    readonly batchRule?: { readonly least: number };
  };
  readonly train: { readonly microBatchSequences: number };
}

interface Scheduled {
  /** Path of the schedule, and of the value that it ends or begins at. */
  readonly path: string;
  readonly most: { readonly path: string; readonly value: number };
  readonly schedule: ValueSchedule;
}

/** The optimizer's momentum; undefined where it has none that may change. */
function findMomentum({ optimizer }: Pick<ScheduledRecipe, "optimizer">) {
  const { momentum } = findOptimizer(optimizer);
  if (momentum === undefined) return undefined;
  return { path: `optimizer.${momentum}`, value: (optimizer as unknown as Record<string, number>)[momentum]! };
}

/** Every value with a schedule. */
export function listScheduled(recipe: ScheduledRecipe): Scheduled[] {
  const { schedule, data, optimizer, model } = recipe;
  const momentum = findMomentum(recipe);
  const all = [
    ["schedule.weightDecay", { path: "optimizer.weightDecay", value: optimizer.weightDecay }, schedule.weightDecay],
    ["schedule.momentum", momentum, schedule.momentum],
    ["data.maskSchedule", { path: "data.maskFraction", value: data.maskFraction }, data.maskSchedule],
    ["schedule.sequenceLength", { path: "model.sequenceLength", value: model.sequenceLength }, schedule.sequenceLength],
  ] as const;
  return all.flatMap(([path, most, own]) => (own && most ? [{ path, most, schedule: own }] : []));
}

/** What the update of a step reads at this progress; nothing of what has no schedule. */
export function scheduleValues(progress: number, recipe: ScheduledRecipe): ScheduledValues {
  const { optimizer, schedule } = recipe;
  const momentum = findMomentum(recipe);
  return {
    ...(schedule.weightDecay && { weightDecay: valueAt(progress, optimizer.weightDecay, schedule.weightDecay) }),
    ...(schedule.momentum && momentum && { momentum: valueAt(progress, momentum.value, schedule.momentum) }),
  };
}

/** Lengths that sequences are cut to, longest first: their own, half, a quarter, …, not below the schedule's least and not below 8. */
export function listLengths({ model, schedule }: Pick<ScheduledRecipe, "model" | "schedule">): number[] {
  const { sequenceLength: S } = model;
  const least = Math.max(8, schedule.sequenceLength?.least ?? S);
  const lengths = [S];
  while (lengths.at(-1)! % 4 === 0 && lengths.at(-1)! / 2 >= least) lengths.push(lengths.at(-1)! / 2);
  return lengths;
}

/** The longest of them that is no longer than the schedule says, or the shortest. */
export function lengthAt(progress: number, recipe: Pick<ScheduledRecipe, "model" | "schedule">): number {
  const most = valueAt(progress, recipe.model.sequenceLength, recipe.schedule.sequenceLength);
  const lengths = listLengths(recipe);
  return lengths.find(length => length <= most + 1e-9) ?? lengths.at(-1)!;
}

/** Beginning with the path; undefined where all is well. */
export function findScheduleFault(recipe: ScheduledRecipe) {
  const { optimizer, schedule, data, train } = recipe;
  if (schedule.momentum !== undefined && findMomentum(recipe) === undefined) {
    const message = `schedule.momentum changes nothing under ${optimizer.name}`;
    return { message, advice: "Leave it out, or take adamw, adam, sgd, lars or muon." };
  }
  if (schedule.momentum !== undefined && "muonFirstMomentum" in optimizer) {
    const message = "schedule.momentum and optimizer.muonFirstMomentum both change muonMomentum";
    return { message, advice: "Leave out one." };
  }
  const { batchRule, batchSequences } = schedule;
  const most = Math.ceil(batchSequences / train.microBatchSequences);
  if (batchRule !== undefined && most <= batchRule.least) {
    const message = `schedule.batchRule ends no batch: its least ${batchRule.least} micro-batches are the ${most} of batchSequences ${batchSequences} or more`;
    return { message, advice: "Raise schedule.batchSequences, or lower train.microBatchSequences." };
  }
  if (data.maskSchedule !== undefined && data.finalMaskFraction !== undefined) {
    return { message: "data.maskSchedule and finalMaskFraction both change maskFraction", advice: "Leave out one." };
  }
  for (const { path, most, schedule: own } of listScheduled(recipe)) {
    if (own.least >= most.value) {
      return { message: `${path}.least ${own.least} is not below ${most.path} ${most.value}`, advice: "Lower it." };
    }
    if (own === schedule.sequenceLength && listLengths(recipe).length === 1) {
      const message = `${path}.least ${own.least} leaves no length below model.sequenceLength ${most.value}`;
      return { message, advice: "Lower it: sequences are halved, and not below 8 tokens." };
    }
    const { warmup = 0, cooldown = 0 } = own as { readonly warmup?: number; readonly cooldown?: number };
    if (warmup + cooldown > 1) {
      const message = `${path}.warmup ${warmup} and cooldown ${cooldown} are more than the whole budget`;
      return { message, advice: "Lower one." };
    }
  }
  return undefined;
}
