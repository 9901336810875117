// Minimal pairs, zero-shot: the share of pairs of which a model finds the good sentence likelier. Shared with finetuning is only
// where results go.

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { lockFolder } from "../../base/files/folder-lock.ts";
import { readParadigms } from "../../evaluate/pairs/blimp.ts";
import {
  makePairScoreboard,
  openingOf,
  type ParadigmScore,
  scoreParadigms,
} from "../../evaluate/pairs/paradigm-scores.ts";
import { holdParameters, openPretrainedModel, requireTokenHead } from "../../pretrained/pretrained-model.ts";
import { describePassedOver } from "../../tables/passed-over.ts";
import { withBackend } from "../backend.ts";
import { type EvaluateOptions, type OpenEvaluation, pairSuite, refuseOptions } from "./evaluate-options.ts";

const ignored = [
  ...["tasks", "seeds", "recipe", "controls", "keepModels", "maxTrain", "submission"],
  ...["label", "validation", "test", "kind", "name", "separator"],
] as readonly (keyof EvaluateOptions)[];

/** Reads the pairs and the model. UserErrors: E_OPTION for what belongs to finetuning, E_NO_HEAD, those of reading. */
export async function openPairEvaluation(folder: string, options: EvaluateOptions): Promise<OpenEvaluation> {
  refuseOptions(options, ignored, "changes nothing with --suite blimp, which trains nothing");
  const { set = [], text = [], suiteDir, out } = options;
  if (set.length > 0 || text.length > 0 || suiteDir === undefined) {
    throw new UserError(
      "E_OPTION",
      "--suite blimp takes --suite-dir and no recipe",
      "Name the folder with BLiMP's files.",
    );
  }
  const { paradigms, passedOver } = await readParadigms(suiteDir);
  const opened = await openPretrainedModel(folder);
  requireTokenHead(opened, folder);
  const model = holdParameters(opened);
  const root = out ?? join(model.home, "evaluations");
  const notes = [...model.notes, ...passedOver.map(describePassedOver)];
  checkOutput(root, "an evaluation", [pairSuite]);
  return {
    tasks: paradigms.map(({ name }) => name),
    root,
    run: async (signal, onEvent) => {
      const lock = lockFolder(root, "evaluate");
      try {
        // In f32: sentences of a pair may differ by little.
        await withBackend({ ...options, signal }, "f32", async backend => {
          onEvent({ kind: "open", device: backend.device, notes });
          const scores: ParadigmScore[] = [];
          const work = { backend, model, paradigms, opening: openingOf(model), root, signal };
          for await (const { score, isNew } of scoreParadigms(work)) {
            scores.push(score);
            onEvent({ kind: "paradigm", ...score, isNew, paradigms: paradigms.length });
          }
          onEvent({ kind: "end", reason: scores.length < paradigms.length ? "interrupted" : "finished" });
          const scoreboard = makePairScoreboard(model.name, scores);
          const path = join(root, pairSuite, "scoreboard.json");
          writeFileAtomically(path, `${JSON.stringify(scoreboard, undefined, 2)}\n`);
          onEvent({ kind: "scoreboard", scoreboard });
        });
      } finally {
        lock.release();
      }
    },
  };
}
