// A run planned before it is begun: for this machine from a short measurement, for others from their figures. The programs are
// those of the backend that would run them, compiled and not run.

import { compileForCuda } from "../backends/cuda/cuda.ts";
import { figuresOf } from "../backends/cuda/figures.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { readManifest } from "../dataset/manifest.ts";
import { readMemory } from "../machine/hardware.ts";
import { measureStep } from "../machine/measure-step.ts";
import { countTokenFlops } from "../objectives/objectives.ts";
import type { StepCost } from "../plan/course.ts";
import { describeFit } from "../plan/data-fit.ts";
import { type DeviceFigures, deviceFigures } from "../plan/devices.ts";
import { type Forecast, forecastRun, type PlannedDevice } from "../plan/forecast.ts";
import { checkLeastMemory } from "../plan/least-memory.ts";
import { type MemoryNeeds, measurePrograms } from "../plan/programs.ts";
import { type ScheduleTrace, traceSchedule } from "../plan/schedule-trace.ts";
import { readLawFile } from "../scaling/law-file.ts";
import { checkFit, countValidationBatches } from "../train/batches.ts";
import type { Recipe } from "../train/recipe.ts";
import { type BackendChoice, withBackend } from "./backend.ts";
import { type OptionKinds, readOptions } from "./given-values.ts";
import { fallbackRecipe } from "./pretrain/run-plan.ts";
import { chooseRecipe, type RecipeChoice, recipeNames } from "./recipe.ts";
import { describeStretch, placeOfLaw, predictRunLoss } from "./scale/law-stretch.ts";

export const deviceNames = ["this", ...deviceFigures.map(({ name }) => name)];

export interface PlanOptions extends Partial<RecipeChoice>, Pick<BackendChoice, "backend" | "threads"> {
  /** A dataset that prepare made, to say how often it is read. */
  readonly data?: string | undefined;
  /**
   * this, which is measured on the backend that is chosen; with cuda also the number of a GPU; or one whose figures are known: h200, a6000,
   * rtx3090. Default this.
   */
  readonly device?: string | undefined;
  /** The folder that cram scale wrote, or its law.json: the loss is predicted from it. */
  readonly law?: string | undefined;
  /** About how long `this` is measured, after compiling. Default 5. */
  readonly measureSeconds?: number | undefined;
  /** Told when all that was named is read, and programs are compiled from here on. */
  readonly onCompile?: (() => void) | undefined;
}

const optionKinds: OptionKinds<PlanOptions> = {
  ...{ recipe: "read later", set: "list of settings", budget: "text", backend: "text", threads: "number" },
  ...{ data: "path", device: "text", law: "path", measureSeconds: "number", onCompile: "function" },
};

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
 * Errors are `UserError`s: those of choosing a recipe, of reading a dataset, and of one not fitting the other; those of opening a
 * backend; those of reading a law; E_DEVICE_NAME; E_OPTION for a backend or threads with a device that is not here.
 */
export async function plan(given: PlanOptions, clock: Clock = systemClock): Promise<Forecast> {
  const { recipe: named = fallbackRecipe, set, budget, ...options } = readOptions("plan", given, optionKinds);
  const { data, device: deviceName = "this", backend, threads, law: lawPath, measureSeconds = 5, onCompile } = options;
  const recipe = chooseRecipe({ recipe: named, set, budget });
  const law = lawPath === undefined ? undefined : readLawFile(placeOfLaw(lawPath));
  const number = backend === "cuda" && /^\d{1,4}$/.test(deviceName) ? Number(deviceName) : undefined;
  const figures = number === undefined ? findFigures(deviceName) : undefined;
  if (figures !== undefined) refuseChoice(deviceName, { backend, threads });
  const manifest = data === undefined ? undefined : readManifest(data);
  if (manifest !== undefined) checkFit(manifest, recipe);
  // A GPU says what it has when it is opened.
  if (backend !== "cuda") checkLeastMemory(recipe, figures?.memoryBytes ?? readMemory().availableBytes);
  const validationBatches = countValidationBatches(
    recipe,
    manifest?.validation.sequences ?? recipe.data.validationSequences,
  );
  const trainingSequences = manifest?.training.sequences;
  onCompile?.();
  const choice = { backend, threads, device: number };
  const { device, cost, memory } =
    figures === undefined
      ? await measureThis(recipe, validationBatches, { choice, measureSeconds, clock })
      : costOnPaper(recipe, validationBatches, figures);
  const forecast = forecastRun({ recipe, device, cost, memory, trainingSequences });
  const unfit = manifest === undefined ? [] : describeFit(manifest, recipe, recipeNames);
  const warnings = [...unfit, ...forecast.warnings];
  if (law === undefined) return { ...forecast, warnings };
  const { parameters, course } = forecast;
  const loss = predictRunLoss(law, { parameters, tokens: course.tokens });
  const asked = { recipe, parameters, tokens: course.tokens, dataset: manifest?.documentsHash };
  return { ...forecast, loss, warnings: [...warnings, ...describeStretch(law, asked)] };
}

function findFigures(device: string): DeviceFigures | undefined {
  const found = deviceFigures.find(({ name }) => name === device);
  if (found !== undefined || device === "this") return found;
  throw new UserError(
    "E_DEVICE_NAME",
    `no device is called "${device}"`,
    `There are ${deviceNames.join(", ")}; with --backend cuda also the number of a GPU.`,
  );
}

/** What chooses how something is computed here says nothing of a device that is not here. */
function refuseChoice(device: string, choice: Pick<BackendChoice, "backend" | "threads">): void {
  for (const [name, value] of Object.entries(choice)) {
    if (value === undefined) continue;
    const seen = `--${name} changes nothing with --device ${device}, whose figures are known and not measured`;
    throw new UserError("E_OPTION", seen, `Leave --${name} or --device out.`);
  }
}

interface CostedDevice {
  readonly device: PlannedDevice;
  readonly cost: StepCost;
  readonly memory: MemoryNeeds;
}

/** UserErrors: E_MEMORY where the programs do not even fit for measuring, E_NO_PROGRAM, and those of opening the backend. */
async function measureThis(
  recipe: Recipe,
  validationBatches: number,
  { choice, measureSeconds, clock }: { choice: BackendChoice; measureSeconds: number; clock: Clock },
): Promise<CostedDevice> {
  return withBackend(choice, recipe.train.precision, async backend => {
    if (backend.compile === undefined)
      throw new UserError("E_NO_PROGRAM", `${backend.name} has no programs`, "Plan with --backend cpu or cuda.");
    const availableBytes = backend.name === "cuda" ? backend.availableBytes!() : readMemory().availableBytes;
    checkLeastMemory(recipe, availableBytes);
    const { memory } = measurePrograms(recipe, backend.compile);
    if (memory.total > availableBytes) {
      throw new UserError(
        "E_MEMORY",
        `the run needs ${(memory.total / 1e9).toFixed(1)} GB and ${(availableBytes / 1e9).toFixed(1)} GB are available`,
        "Set train.microBatchSequences lower, or plan for another --device.",
      );
    }
    const peakFlops = await backend.measurePeak?.();
    const times = await measureStep(backend, recipe, clock, measureSeconds);
    const device: PlannedDevice = {
      title: backend.device,
      speedSource: `measured just now for ${measureSeconds} s`,
      memoryBytes: availableBytes,
      peakFlops,
      watts: times.watts,
    };
    const cost = { ...times, validationSeconds: validationBatches * times.validationSeconds };
    return { device, cost, memory };
  });
}

/** Tokens of a micro-batch with which the utilisations were seen: 128 sequences of 128. */
const leastTokens = 16384;

/** Products at the stated utilisation, the update as its bytes at the data sheet's bandwidth or its arithmetic, the longer one. */
function costOnPaper(
  recipe: Recipe,
  validationBatches: number,
  { title, peakFlops, bytesPerSecond, memoryBytes, watts, utilisation, source, ...chip }: DeviceFigures,
): CostedDevice {
  const precision = recipe.train.precision === "auto" ? "bf16" : recipe.train.precision;
  const cuda = figuresOf(chip.computeCapability, chip.multiprocessors);
  const { memory, update } = measurePrograms(recipe, graph => compileForCuda(graph, precision, cuda));
  const tokens = recipe.train.microBatchSequences * recipe.model.sequenceLength;
  const flops = tokens * countTokenFlops(recipe);
  const reached = utilisation * peakFlops;
  const speedSource = `not measured now: ${(100 * utilisation).toFixed(0)} % of the data sheet's peak (${source})`;
  return {
    device: { title, speedSource, memoryBytes, peakFlops, watts, leastTokens },
    cost: {
      microBatchSeconds: flops / reached,
      updateSeconds: Math.max(update.flops / reached, update.bytesMoved / bytesPerSecond),
      // Forward is a third of forward and backward.
      validationSeconds: (validationBatches * flops) / 3 / reached,
    },
    memory,
  };
}
