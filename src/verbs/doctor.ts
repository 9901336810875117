// What this machine has and what it can do: everything that is looked for, and a short measurement of each backend.

import type { Clock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { examineCompiler } from "../machine/compiler.ts";
import type { Finding } from "../machine/finding.ts";
import { examineDevice, examineHardware, examineNvidia } from "../machine/hardware.ts";
import { measureCopy } from "../machine/measure-copy.ts";
import { measureStep } from "../machine/measure-step.ts";
import { examinePackages } from "../machine/packages.ts";
import { countTokenFlops } from "../objectives/objectives.ts";
import { type BackendName, openBackend } from "./backend.ts";
import { chooseRecipe } from "./recipe.ts";

export async function examineMachine(): Promise<Finding[]> {
  return [
    ...examineHardware(),
    ...(await examineCompiler()),
    ...examinePackages(),
    ...examineNvidia(),
    ...examineDevice(),
  ];
}

export interface Measurement {
  readonly backend: BackendName;
  /** What was measured: "peak f32", "memory copy", "training step". */
  readonly name: string;
  readonly value: number;
  readonly unit: "FLOP/s" | "B/s" | "tokens/s";
  /** Of a training step: its arithmetic over the measured peak; undefined where no peak is known. */
  readonly shareOfPeak?: number | undefined;
  /** What it was measured on. */
  readonly on: string;
}

export interface FailedMeasurement {
  readonly backend: BackendName;
  readonly failure: UserError;
}

export interface MeasureOptions {
  readonly threads: number;
  /** The GPU's number; without one the first is measured, where there is any. */
  readonly device?: number | undefined;
  readonly clock: Clock;
  /** About how long the training step is repeated. */
  readonly stepSeconds: number;
}

/** What is copied has to be far larger than the caches, and small beside the memory. */
const copiedBytes = 2 ** 28;

/**
 * Measures each backend in turn, the default one first. A backend that a person can repair ends with why, and the others follow;
 * the first program of a recipe is compiled before anything is timed.
 */
export async function* measureBackends(options: MeasureOptions): AsyncGenerator<Measurement | FailedMeasurement> {
  for (const backend of ["cpu", "cuda", "reference"] as const) {
    try {
      yield* backend === "reference" ? measureReference(options) : measureCompiled(backend, options);
    } catch (failure) {
      if (!(failure instanceof UserError)) throw failure;
      // What a GPU would need and where it was looked for is among the findings.
      if (failure.code !== "E_CUDA_ABSENT" || options.device !== undefined) yield { backend, failure };
    }
  }
}

async function* measureCompiled(
  name: "cpu" | "cuda",
  { threads, device, clock, stepSeconds }: MeasureOptions,
): AsyncGenerator<Measurement> {
  const recipe = chooseRecipe({ recipe: "quickstart" });
  // "auto" is f32 again where nothing narrower is multiplied.
  for (const wanted of ["f32", "auto"] as const) {
    const backend = await openBackend(name === "cpu" ? { backend: name, threads } : { backend: name, device }, wanted);
    const common = { backend: name, on: backend.device } as const;
    const precision = /b?f16$/.exec(backend.device)?.[0] ?? "f32";
    try {
      if (wanted === "auto" && precision === "f32") return;
      const peak = await backend.measurePeak!();
      yield { ...common, name: `peak ${precision}`, value: peak, unit: "FLOP/s" };
      if (precision === "f32" && (backend.availableBytes?.() ?? 0) > 8 * copiedBytes) {
        const value = await measureCopy(backend, clock, copiedBytes);
        yield { ...common, name: "memory copy", value, unit: "B/s" };
      }
      const { microBatchSeconds } = await measureStep(backend, recipe, clock, stepSeconds);
      const tokens = recipe.train.microBatchSequences * recipe.model.sequenceLength;
      const value = tokens / microBatchSeconds;
      const shareOfPeak = (value * countTokenFlops(recipe)) / peak;
      yield { ...common, name: `${recipe.name} in ${precision}`, value, unit: "tokens/s", shareOfPeak };
    } finally {
      await backend.close();
    }
  }
}

/** A model a hundred times smaller: the reference defines results and is not made for speed. */
async function* measureReference({ clock, stepSeconds }: MeasureOptions): AsyncGenerator<Measurement> {
  const sizes = ["width=32", "layers=1", "heads=2", "feedForward=64", "vocabulary=256", "sequenceLength=32"];
  const set = [...sizes.map(size => `model.${size}`), "train.microBatchSequences=4", "train.precision=f32"];
  const recipe = chooseRecipe({ recipe: "quickstart", set });
  const backend = await openBackend({ backend: "reference" }, "f32");
  try {
    const { microBatchSeconds } = await measureStep(backend, recipe, clock, Math.min(stepSeconds, 1));
    const tokens = recipe.train.microBatchSequences * recipe.model.sequenceLength;
    yield {
      ...{ backend: "reference", name: "a tiny model", unit: "tokens/s", on: backend.device },
      value: tokens / microBatchSeconds,
    };
  } finally {
    await backend.close();
  }
}
