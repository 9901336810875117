// The files of a submission, written from stored predictions: of each task the seed whose score on the validation examples is the
// best, for a server takes one answer.

import { join } from "node:path";
import { writeFileAtomically } from "../../base/files/files.ts";
import type { EvaluationOptions } from "../evaluation.ts";
import { listVariants } from "../finetuning/controls.ts";
import type { Suite } from "../tasks/task.ts";
import { folderOf, readPredictions, readResult } from "./evaluation-folder.ts";
import { formatSubmission } from "./submission.ts";

/** Writes a file for each split without labels of each task; the names written. */
export async function writeSubmissions(
  folder: string,
  suite: Suite,
  { tasks, readData, seeds, root }: EvaluationOptions,
): Promise<string[]> {
  const written: string[] = [];
  for (const task of tasks) {
    const places = listVariants(seeds, false).map(variant => ({ root, suite: suite.name, task: task.name, variant }));
    const scored = places.flatMap(place => {
      const result = readResult(folderOf(place));
      const scores = result?.splits.map(split => split.scores[task.metrics[0]] ?? Number.NaN) ?? [];
      return result === undefined ? [] : [{ place, score: scores.reduce((a, b) => a + b, 0) }];
    });
    const [best] = scored.sort((a, b) => b.score - a.score);
    if (best === undefined) continue;
    const predictions = readPredictions(best.place);
    for (const { name, examples } of (await readData(task)).test) {
      const values = predictions
        .filter(({ set, split }) => set === "test" && split === name)
        .map(each => each.values[0]!);
      const file = formatSubmission(suite.name, task, name, examples, values);
      if (file === undefined) continue;
      writeFileAtomically(join(folder, file.name), file.text);
      written.push(file.name);
    }
  }
  return written;
}
