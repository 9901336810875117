// cram evaluate --suite blimp: minimal pairs, zero-shot. Shared with nothing of finetuning but the flags.

import { join } from "node:path";
import type { Backend } from "../../backends/backend.ts";
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
import { openBackend } from "../choose.ts";
import { colour, print, showStatus } from "../terminal/output.ts";
import { type EvaluateFlags, refuseFlags } from "./evaluate-options.ts";

/** Gives what prints a line a paradigm and the mean; it answers true when interrupted. */
export async function openPairEvaluation(
  folder: string,
  flags: EvaluateFlags,
): Promise<(signal: AbortSignal) => Promise<boolean>> {
  refuseFlags(
    flags,
    [
      "tasks",
      "seeds",
      "recipe",
      "controls",
      "keepModels",
      "maxTrain",
      "submission",
      "label",
      "validation",
      "test",
      "kind",
      "name",
      "separator",
      "glueDir",
    ],
    "changes nothing with --suite blimp, which trains nothing",
  );
  if (flags.set.length > 0 || flags.text.length > 0 || flags.suiteDir === undefined) {
    throw new UserError(
      "E_OPTION",
      "--suite blimp takes --suite-dir and no recipe",
      "Name the folder with BLiMP's files.",
    );
  }
  const json = flags.json === true;
  const { paradigms } = await readParadigms(flags.suiteDir);
  const opened = await openPretrainedModel(folder);
  requireTokenHead(opened, folder);
  const model = holdParameters(opened);
  const root = flags.out ?? join(model.home, "evaluations");
  checkOutput(root, "an evaluation", ["blimp"]);
  return async signal => {
    const lock = lockFolder(root, "evaluate");
    let backend: Backend | undefined;
    try {
      // Sentences of a pair may differ by little.
      backend = await openBackend({ ...flags, signal }, "f32");
      if (!json) for (const note of model.notes) print(colour("dim", note));
      const opening = openingOf(model);
      const scores: ParadigmScore[] = [];
      for await (const { score, isNew } of scoreParadigms({ backend, model, paradigms, opening, root, signal })) {
        scores.push(score);
        if (json) print(JSON.stringify({ kind: "paradigm", ...score, isNew }));
        else {
          const stored = isNew ? "" : colour("dim", "; stored before");
          print(`${score.name}: accuracy ${(100 * score.accuracy).toFixed(1)}${stored}`);
          showStatus(`${scores.length} of ${paradigms.length} paradigms`);
        }
      }
      const scoreboard = makePairScoreboard(model.name, scores);
      writeFileAtomically(join(root, "blimp/scoreboard.json"), `${JSON.stringify(scoreboard, undefined, 2)}\n`);
      const [row] = scoreboard.rows;
      if (json) print(JSON.stringify({ kind: "scoreboard", ...scoreboard }));
      else {
        print("");
        for (const { name, title } of scoreboard.columns) print(`${title}: ${row!.cells[name]!.median.toFixed(1)}`);
        print(colour("bold", `mean of ${scores.length} paradigms: ${row!.average?.value?.toFixed(1) ?? "none"}`));
      }
      return scores.length < paradigms.length;
    } finally {
      await backend?.close();
      lock.release();
    }
  };
}
