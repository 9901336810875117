// A run planned before it is begun: for this machine from a short measurement, for others from their figures. The programs are
// those of the backend that would run them, compiled and not run.

import { choosePrecision, compileForCpu } from "../backends/cpu/cpu.ts";
import { compileForCuda } from "../backends/cuda/cuda.ts";
import { figuresOf } from "../backends/cuda/figures.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { readManifest } from "../dataset/manifest.ts";
import { countPerformanceCores } from "../machine/cores.ts";
import { readMemory } from "../machine/hardware.ts";
import { measureStep } from "../machine/measure-step.ts";
import { countTokenFlops } from "../objectives/objectives.ts";
import type { StepCost } from "../plan/course.ts";
import { describeFit } from "../plan/data-fit.ts";
import { type DeviceFigures, deviceFigures } from "../plan/devices.ts";
import { type Forecast, forecastRun, type PlannedDevice } from "../plan/forecast.ts";
import { checkLeastMemory } from "../plan/least-memory.ts";
import { measurePrograms, type ProgramNeeds } from "../plan/programs.ts";
import { type ScheduleTrace, traceSchedule } from "../plan/schedule-trace.ts";
import { checkFit, countValidationBatches } from "../train/batches.ts";
import type { Recipe } from "../train/recipe.ts";
import { withBackend } from "./backend.ts";
import { fallbackRecipe } from "./pretrain/run-plan.ts";
import { chooseRecipe, type RecipeChoice } from "./recipe.ts";

export const deviceNames = ["this", ...deviceFigures.map(({ name }) => name)];

export interface PlanOptions extends Partial<RecipeChoice> {
  /** A dataset that prepare made, to say how often it is read. */
  readonly data?: string | undefined;
  /** this, which is measured, or one whose figures are known: h200, a6000, rtx3090. Default this. */
  readonly device?: string | undefined;
  /** Threads of the cpu backend, for `this`. Default: the performance cores. */
  readonly threads?: number | undefined;
  /** About how long `this` is measured, after compiling. Default 5. */
  readonly measureSeconds?: number | undefined;
}

/** The rates and batches over the budget; nothing is measured. Errors: those of choosing a recipe. */
export function planSchedule(choice: RecipeChoice, intervals: number): ScheduleTrace {
  return traceSchedule(chooseRecipe(choice), intervals);
}

/**
 * What a run needs and how far it comes, before it is begun.
 *
 * ```ts
 * const { course, memory } = await plan({ recipe: "quickstart", budget: "3m", device: "a6000" });
 * console.log(`${course.steps} steps, ${course.tokens} tokens, ${memory.total} bytes`);
 * ```
 *
 * Errors are `UserError`s: those of choosing a recipe, of reading a dataset, and of one not fitting the other; E_DEVICE_NAME.
 */
export async function plan(
  { recipe: named = fallbackRecipe, set, budget, ...options }: PlanOptions,
  clock: Clock = systemClock,
): Promise<Forecast> {
  const { data, device: deviceName = "this", threads = countPerformanceCores(), measureSeconds = 5 } = options;
  const recipe = chooseRecipe({ recipe: named, set, budget });
  const figures = findFigures(deviceName);
  const manifest = data === undefined ? undefined : readManifest(data);
  if (manifest !== undefined) checkFit(manifest, recipe);
  checkLeastMemory(recipe, figures?.memoryBytes ?? readMemory().availableBytes);
  const validationBatches = countValidationBatches(
    recipe,
    manifest?.validation.sequences ?? recipe.data.validationSequences,
  );
  const precision =
    figures === undefined ? choosePrecision(recipe.train.precision) : recipe.train.precision === "f32" ? "f32" : "bf16";
  const needs = measurePrograms(recipe, graph =>
    figures === undefined
      ? compileForCpu(graph, threads, precision)
      : compileForCuda(graph, precision, figuresOf(figures.computeCapability, figures.multiprocessors)),
  );
  const trainingSequences = manifest?.training.sequences;
  const { device, cost } =
    figures === undefined
      ? await measureThis(recipe, needs, validationBatches, { threads, measureSeconds, clock })
      : costOnPaper(recipe, needs, validationBatches, figures);
  const forecast = forecastRun({ recipe, device, cost, memory: needs.memory, trainingSequences });
  const unfit = manifest === undefined ? [] : describeFit(manifest, recipe);
  return { ...forecast, warnings: [...unfit, ...forecast.warnings] };
}

function findFigures(device: string): DeviceFigures | undefined {
  const found = deviceFigures.find(({ name }) => name === device);
  if (found !== undefined || device === "this") return found;
  throw new UserError("E_DEVICE_NAME", `no device is called "${device}"`, `There are ${deviceNames.join(", ")}.`);
}

interface CostedDevice {
  readonly device: PlannedDevice;
  readonly cost: StepCost;
}

/** UserError E_MEMORY where the programs do not even fit for measuring. */
async function measureThis(
  recipe: Recipe,
  { memory }: ProgramNeeds,
  validationBatches: number,
  { threads, measureSeconds, clock }: { threads: number; measureSeconds: number; clock: Clock },
): Promise<CostedDevice> {
  const { availableBytes } = readMemory();
  if (memory.total > availableBytes) {
    throw new UserError(
      "E_MEMORY",
      `the run needs ${(memory.total / 1e9).toFixed(1)} GB and ${(availableBytes / 1e9).toFixed(1)} GB are available`,
      "Set train.microBatchSequences lower, or plan for another --device.",
    );
  }
  return withBackend({ threads }, recipe.train.precision, async backend => {
    const peakFlops = await backend.measurePeak?.();
    const times = await measureStep(backend, recipe, clock, measureSeconds);
    const device: PlannedDevice = {
      title: backend.device,
      speedSource: `measured just now for ${measureSeconds} s`,
      memoryBytes: availableBytes,
      peakFlops,
      watts: times.watts,
    };
    return { device, cost: { ...times, validationSeconds: validationBatches * times.validationSeconds } };
  });
}

/** Tokens of a micro-batch with which the utilisations were seen: 128 sequences of 128. */
const leastTokens = 16384;

/** Products at the stated utilisation, the update as its bytes at the data sheet's bandwidth or its arithmetic, the longer one. */
function costOnPaper(
  recipe: Recipe,
  { update }: ProgramNeeds,
  validationBatches: number,
  { title, peakFlops, bytesPerSecond, memoryBytes, watts, utilisation, source }: DeviceFigures,
): CostedDevice {
  const tokens = recipe.train.microBatchSequences * recipe.model.sequenceLength;
  const flops = tokens * countTokenFlops(recipe);
  const reached = utilisation * peakFlops;
  const speedSource = `not measured: ${(100 * utilisation).toFixed(0)} % of the data sheet's peak (${source}); the cuda backend was timed on none`;
  return {
    device: { title, speedSource, memoryBytes, peakFlops, watts, leastTokens },
    cost: {
      microBatchSeconds: flops / reached,
      updateSeconds: Math.max(update.flops / reached, update.bytesMoved / bytesPerSecond),
      // Forward is a third of forward and backward.
      validationSeconds: (validationBatches * flops) / 3 / reached,
    },
  };
}
