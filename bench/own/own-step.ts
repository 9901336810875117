// Our side of `step`: the engine of a recipe driven as train/pretrain.ts drives it, one micro-batch a step, and the file from
// which a peer starts at the same place.

import { closeSync, openSync } from "node:fs";
import type { Backend, LoadedGraph } from "../../src/backends/backend.ts";
import { writeFully } from "../../src/base/files/files.ts";
import type { Program } from "../../src/compiler/program/program.ts";
import { drawBatch } from "../../src/machine/measure-step.ts";
import { defineTraining } from "../../src/train/definition.ts";
import type { Recipe } from "../../src/train/recipe.ts";
import { openEngine, type StepResult } from "../../src/train/step/engine.ts";
import { createTouched } from "../../src/train/step/touched.ts";
import { measureSeconds, medianOf } from "../rounds.ts";

export type Precision = "f32" | "bf16";

export interface OwnStep {
  /** Ends with the precision, which a recipe may leave to the device. */
  readonly device: string;
  readonly parameterCount: number;
  readonly openSeconds: number;
  /** Scratch memory of the program that needs most; all programs share it. */
  readonly arenaBytes: number;
  /** One update from one micro-batch, the same one every time. */
  step(): Promise<StepResult>;
  /** The programs of a micro-batch and of an update with the median seconds of each of their launches. */
  timeLaunches(runs: number): Promise<readonly TimedProgram[]>;
  /** Initial parameters in the order of the definition, then tokens, positions and labels. */
  writeStart(path: string): void;
  close(): Promise<void>;
}

export interface TimedProgram {
  readonly program: Program;
  readonly seconds: readonly number[];
}

/** Takes the backend over: it is closed with the step, or when the step cannot be opened. */
export async function openOwnStep(recipe: Recipe, backend: Backend): Promise<OwnStep> {
  try {
    const definition = defineTraining(recipe);
    // In the order of openEngine: gradients set, gradients added, update, validation.
    const programs: LoadedGraph[] = [];
    let asked = 0;
    const watched: typeof backend = {
      ...backend,
      load: async (graph, states) => {
        const at = asked++;
        const loaded = await backend.load(graph, states);
        programs[at] = loaded;
        return loaded;
      },
    };
    let engine: Awaited<ReturnType<typeof openEngine>>;
    const openSeconds = await measureSeconds(async () => {
      engine = await openEngine(watched, definition);
    });
    const inputs = drawBatch(recipe);
    let step = 0;
    return {
      device: engine!.device,
      parameterCount: engine!.parameterCount,
      openSeconds,
      arenaBytes: Math.max(...programs.map(({ program }) => program?.arenaBytes ?? 0)),
      step: async () => {
        const schedule = { step: ++step, rateScale: 1 };
        if (engine.finish !== undefined) return engine.finish(inputs, true, schedule, 1);
        await engine.accumulate(inputs, true);
        return engine.update(schedule, 1);
      },
      timeLaunches: async runs => {
        const schedule = definition.scheduleInputs({ step: ++step, rateScale: 0 });
        const [first, , update] = programs;
        const touched = createTouched(definition);
        const cases = [
          [first!, { ...inputs, ...touched?.listBatchInputs(inputs, true) }],
          [update!, { ...schedule, gradientScale: Float32Array.of(1), ...touched?.listUpdateInputs() }],
        ] as const;
        const timed: TimedProgram[] = [];
        for (const [{ program, timeLaunches }, given] of cases) {
          if (program === undefined || timeLaunches === undefined) throw new Error(`${backend.name} times no launches`);
          const rounds = await timeLaunches(given, runs);
          timed.push({ program, seconds: program.launches.map((_, i) => medianOf(rounds.map(round => round[i]!))) });
        }
        return timed;
      },
      writeStart: path => {
        const file = openSync(path, "w");
        const write = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array) =>
          writeFully(file, new Uint8Array(buffer, byteOffset, byteLength));
        // One at a time: all parameters at once would count as this side's memory.
        for (const name of definition.parameters.keys()) write(definition.initialise(name));
        for (const values of ["tokens", "positions", "labels"].map(name => inputs[name] as Int32Array)) write(values);
        closeSync(file);
      },
      close: () => backend.close(),
    };
  } catch (error) {
    await backend.close();
    throw error;
  }
}
