// A model finetuned on tasks and scored. Everything is read before anything is computed, and what is stored already is not run
// again: the same call goes on with what was not finished, and several share what is left.

import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { checkOutput, refuseKnownFolder } from "../../base/files/folder-kind.ts";
import { withFolderLock } from "../../base/files/folder-lock.ts";
import { type EvaluationOptions, evaluateTasks, headOf } from "../../evaluate/evaluation.ts";
import { type FinetuneRecipe, hashFinetuneRecipe } from "../../evaluate/finetuning/finetune-recipe.ts";
import { makeScoreboard, type Scoreboard } from "../../evaluate/scores/scoreboard.ts";
import { listResults } from "../../evaluate/storage/evaluation-folder.ts";
import { writeSubmissions } from "../../evaluate/storage/submission-folder.ts";
import { findClass } from "../../export/hugging-face/classifier-export.ts";
import { countModelBytes } from "../../pretrained/kept-model.ts";
import { holdParameters, openPretrainedModel, type PretrainedModel } from "../../pretrained/pretrained-model.ts";
import { withBackend } from "../backend.ts";
import { type ChosenTasks, chooseTasks } from "./choose-tasks.ts";
import type { EvaluateOptions, OpenEvaluation } from "./evaluate-options.ts";
import { chooseFinetuneRecipe } from "./finetune-recipes.ts";

/** Reads the model and the tasks' options. UserErrors: those of choosing a recipe and tasks, and of opening a model. */
export async function openTaskEvaluation(
  folder: string,
  { seeds = 5, controls = false, keepModels = false, maxTrain, submission, out, ...options }: EvaluateOptions,
): Promise<OpenEvaluation> {
  const recipe = chooseFinetuneRecipe(options);
  const chosen = await chooseTasks({ ...options, submission });
  const model = holdParameters(await openPretrainedModel(folder));
  const root = out ?? join(model.home, "evaluations");
  checkOutput(root, "an evaluation", [chosen.name]);
  // Before hours of finetuning.
  if (submission !== undefined) refuseKnownFolder(submission, "a submission's files");
  const { name: suite, tasks, readData } = chosen;
  return {
    tasks: tasks.map(({ name }) => name),
    root,
    run: async (signal, onEvent) => {
      await withBackend({ ...options, signal }, recipe.precision, async backend => {
        const kept = keepModels ? describeKept(model, recipe, chosen) : [];
        onEvent({ kind: "open", device: backend.device, recipe, notes: [...model.notes, ...kept] });
        const work: EvaluationOptions = {
          ...{ backend, model, recipe, suite, tasks, readData, seeds, controls, keepModels, maxTrain, root },
          clock: systemClock,
          signal,
        };
        let isFinished = false;
        for await (const event of evaluateTasks(work)) {
          onEvent(event);
          isFinished = event.kind === "end" && event.reason === "finished";
        }
        onEvent({ kind: "scoreboard", scoreboard: storeScoreboard(chosen, work) });
        if (isFinished && submission !== undefined && chosen.suite !== undefined) {
          const { suite } = chosen;
          const files = await withFolderLock(submission, "evaluate", () => writeSubmissions(submission, suite, work));
          onEvent({ kind: "submission", folder: submission, files });
        }
      });
    },
  };
}

/** How large kept models are, and what will not be able to open them, before hours are spent. */
function describeKept({ shape }: PretrainedModel, recipe: FinetuneRecipe, { tasks }: ChosenTasks): string[] {
  const heads = tasks.map(task => ({ ...headOf(task), ...recipe }));
  const bytes = heads.map(head => countModelBytes(shape, head));
  const obstacles = heads.flatMap(head => {
    const found = findClass(shape, head);
    return "obstacle" in found ? [found.obstacle] : [];
  });
  return [
    `each finetuned model is kept, ${(Math.max(...bytes) / 1e6).toFixed(1)} MB a seed`,
    ...[...new Set(obstacles)].map(obstacle => `cram export will write them as ONNX alone: ${obstacle}`),
  ];
}

/** The table of all stored results of this model and recipe, also those of earlier calls. */
function storeScoreboard({ suite, name }: ChosenTasks, { model, recipe, root }: EvaluationOptions): Scoreboard {
  const results = listResults({ root, suite: name }, { model: model.hash, recipe: hashFinetuneRecipe(recipe) });
  const scoreboard = makeScoreboard(results, suite);
  if (results.length > 0) {
    writeFileAtomically(join(root, name, "scoreboard.json"), `${JSON.stringify(scoreboard, undefined, 2)}\n`);
  }
  return scoreboard;
}
