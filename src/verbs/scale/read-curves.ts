// The course of a ladder's trainings: validation losses over tokens, read from the runs that are still there.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { readEvents } from "../../events/event-reader.ts";
import type { LadderTraining, LawFile } from "../../scaling/law-file.ts";
import { listTrials } from "../../sweep/trial.ts";

export interface Curve extends Pick<LadderTraining, "size" | "budget" | "seed"> {
  readonly tokens: readonly number[];
  readonly losses: readonly number[];
}

/** Of runs that were removed there is none. `folderOf` gives the sweep's folder of a budget. */
export function readCurves({ trainings }: LawFile, folderOf: (budget: string) => string): Curve[] {
  return trainings.flatMap(({ size, budget, seed }) => {
    const [trial] = listTrials(folderOf(budget), { name: size, set: [] }, [seed]);
    const path = join(trial!.folder, "run", "events.jsonl");
    if (!existsSync(path)) return [];
    let tokens = 0;
    const points: [tokens: number, loss: number][] = [];
    for (const event of readEvents(path)) {
      if (event.kind === "step") tokens = event.tokens;
      // Before the first step there is nothing to see, and no place for it on a logarithmic axis.
      if (event.kind === "validation" && tokens > 0) points.push([tokens, event.loss]);
    }
    return [{ size, budget, seed, tokens: points.map(([at]) => at), losses: points.map(([, loss]) => loss) }];
  });
}
