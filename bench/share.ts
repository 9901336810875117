// `share`: steps of a recipe while other programs keep processors busy, beside the fair share: what a scheduler that gives every
// runnable thread the same leaves to our threads. Each load runs in turn with none, so that a slow moment falls on both.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { openCpu } from "../src/backends/cpu/cpu.ts";
import { systemClock } from "../src/base/clock.ts";
import type { Recipe } from "../src/train/recipe.ts";
import { openOwnStep } from "./own/own-step.ts";
import { pause } from "./quiet.ts";
import { formatFigure, type Reporter } from "./report.ts";
import { medianOf } from "./rounds.ts";

export interface ShareOptions {
  readonly recipe: Recipe;
  readonly threads: number;
  readonly rounds: number;
  /** Numbers of busy processes. */
  readonly busy: readonly number[];
}

const secondsPerTurn = 3;

export async function benchShare({ recipe, threads, rounds, busy }: ShareOptions, reporter: Reporter): Promise<void> {
  const own = await openOwnStep(recipe, await openCpu({ threads, precision: recipe.train.precision }));
  const processors = availableParallelism();
  const working = Math.min(threads, processors);
  const speeds = new Map([0, ...busy].map(count => [count, [] as number[]]));
  try {
    await own.step();
    for (let round = 0; round < rounds; round++) {
      for (const [count, seen] of speeds) {
        const others = startBusy(count);
        await pause(300);
        seen.push(await measureSpeed(() => own.step()));
        await Promise.all(others.map(endProcess));
      }
    }
  } finally {
    await own.close();
  }
  const alone = medianOf(speeds.get(0)!);
  reporter.heading(`${recipe.name} on ${own.device}, ${processors} processors`);
  const rows = [...speeds].map(([count, seen]) => {
    const speed = medianOf(seen);
    const fair = alone * Math.min(1, processors / (working + count));
    reporter.record({ benchmark: "share", threads, busy: count, stepsPerSecond: seen, fair, share: speed / fair });
    return [String(count), formatFigure(speed), formatFigure(fair), formatFigure(speed / fair)];
  });
  reporter.table(["busy processes", "steps/s", "fair", "share"], rows);
}

const startBusy = (count: number): ChildProcess[] =>
  Array.from({ length: count }, () => spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));

async function endProcess(child: ChildProcess): Promise<void> {
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}

async function measureSpeed(step: () => Promise<unknown>): Promise<number> {
  const start = systemClock.seconds();
  let steps = 0;
  while (systemClock.seconds() - start < secondsPerTurn) {
    await step();
    steps++;
  }
  return steps / (systemClock.seconds() - start);
}
