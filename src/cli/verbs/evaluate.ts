// cram evaluate: a trained model finetuned and scored on the tasks of a suite, or on a file of one's own.

import { Argument, type Command, Option } from "commander";
import { UserError } from "../../base/errors.ts";
import { quoteOwnCommand } from "../../base/shell-words.ts";
import { suites } from "../../evaluate/suites/suites.ts";
import { openEvaluation } from "../../verbs/evaluate/evaluate.ts";
import type { EvaluateOptions } from "../../verbs/evaluate/evaluate-options.ts";
import { finetuneRecipeNames } from "../../verbs/evaluate/finetune-recipes.ts";
import { addBackendOptions, type BackendOptions, chooseBackend, collect } from "../choose.ts";
import { parseCount } from "../numbers.ts";
import { suggest } from "../terminal/completion.ts";
import { print, printWarning, showStatus } from "../terminal/output.ts";
import { createEvaluationPrinter, printEventJson } from "../terminal/print-evaluation.ts";
import { stopOnSignals } from "../terminal/signals.ts";

export function addEvaluate(command: Command): void {
  command
    .addArgument(
      suggest(
        new Argument(
          "<model>",
          "the folder of a run, an export, a finetuned seed, or a model of Hugging Face's or the reference's",
        ),
        "runs",
      ),
    )
    .option("--glue-dir <folder>", "evaluate on GLUE, whose files are there")
    .option(
      "--suite <name>",
      `${suites.map(({ name }) => name).join(", ")}; or blimp, minimal pairs scored without training`,
    )
    .option("--suite-dir <folder>", "the suite's files")
    .option("--tasks <names>", "only these tasks of the suite: cola,mrpc")
    .option("--task <file>", "a table of your own: .tsv, .csv, .jsonl (also .gz), .parquet; or words with tags")
    .option("--name <name>", "what --task is called among the results; default: as its file")
    .option("--separator <mark>", "what parts the fields of --task: , ; | or tab; default: as its first lines show")
    .option("--text <column>", "column of the text (repeat for pairs)", collect, [])
    .option("--label <column>", "column of the label or number")
    .addOption(
      suggest(
        new Option(
          "--kind <kind>",
          "classification, regression, or tokens for a file of words with tags; default: as the labels are",
        ),
        ["classification", "regression", "tokens"],
      ),
    )
    .option("--validation <file>", "what to score on; default: a tenth of --task, held out")
    .option("--test <file>", "examples of --task without labels, to be predicted")
    .option("--seeds <number>", "finetunings of each task, of which the median counts; default: 5")
    .option(
      "--recipe <name>",
      `${finetuneRecipeNames.join(", ")}, or a .json file: how to finetune; default: ${finetuneRecipeNames[0]}`,
    )
    .option("--set <name=value>", "change one value of the recipe (repeat for more)", collect, [])
    .option("--controls", "also finetune untrained weights, and answer with the commonest class")
    .option(
      "--keep-models",
      "store each seed's finetuned model with its result, for cram export --task; off by default: 4 bytes a parameter " +
        "for each seed and task, 480 MB for crammed-bert, 20 MB for crammed-bert-small",
    )
    .option("--max-train <number>", "use that many training examples at most; such scores are marked")
    .option("--submission <folder>", "also write the files that the GLUE or SuperGLUE server takes")
    .option("--out <folder>", "where results go; default: evaluations/ in the model's folder")
    .option("--json", "print events as JSON lines and nothing else");
  addBackendOptions(command)
    .addHelpText(
      "after",
      `
Every finished task and seed is stored. Ctrl-C stops after the step; the same command goes on with what is not finished. The same command
beside it, here or on a machine that sees the same folder, shares what is left: nothing is done twice, and what a dead process had
is taken over. cram launch starts several.
With --keep-models a seed that was scored without it is run again, because its parameters are gone: on the same device with
the same number of threads to the same score.

Examples:
  cram evaluate runs/mine --glue-dir data/glue
  cram evaluate runs/mine --glue-dir data/glue --tasks cola,mrpc --seeds 3 --controls --set learningRate=1e-4
  cram evaluate runs/mine --task reviews.csv --text review --label stars
  cram evaluate runs/mine --task train.conll --validation dev.conll --kind tokens

Next: cram report runs/mine`,
    )
    .action(evaluate);
}

/** What was typed: numbers and lists are still text. */
interface EvaluateFlags
  extends BackendOptions,
    Omit<EvaluateOptions, "tasks" | "seeds" | "maxTrain" | "backend" | "threads" | "device" | "signal"> {
  readonly glueDir?: string;
  readonly tasks?: string;
  readonly seeds?: string;
  readonly maxTrain?: string;
  readonly json?: boolean;
}

async function evaluate(folder: string, flags: EvaluateFlags): Promise<void> {
  const json = flags.json === true;
  const options = readFlags(flags);
  if (!json) showStatus("reading the model");
  // What is read before anything is computed ends at once on Ctrl-C, as in every verb.
  const { tasks, run } = await openEvaluation(folder, options);
  const show = json ? printEventJson : createEvaluationPrinter(folder);
  let isFinished = false;
  const interrupted = "interrupted; the same command goes on with what is not finished";
  const ended = await stopOnSignals({
    announcement: "stopping after the step under way; what is finished is stored",
    unfinished: interrupted,
    warn: printWarning,
    work: async signal => {
      await run(signal, event => {
        if (event.kind === "end") isFinished = event.reason === "finished";
        show(event);
      });
      return true;
    },
  });
  if (json || ended === undefined) return;
  if (!isFinished) print(interrupted);
  else if (options.keepModels === true) {
    print(`next: ${quoteOwnCommand("export", flags.out ?? folder, "--task", tasks[0]!)}`);
  }
}

function readFlags({
  glueDir,
  tasks,
  seeds,
  maxTrain,
  backend,
  threads,
  device,
  ...flags
}: EvaluateFlags): EvaluateOptions {
  return {
    ...flags,
    ...chooseBackend({
      ...(backend && { backend }),
      ...(threads !== undefined && { threads }),
      ...(device !== undefined && { device }),
    }),
    ...(glueDir !== undefined && chooseGlue(glueDir, flags)),
    tasks: tasks?.split(",").map(name => name.trim()),
    seeds: seeds === undefined ? undefined : parseCount("--seeds", seeds),
    maxTrain: maxTrain === undefined ? undefined : parseCount("--max-train", maxTrain),
  };
}

/** --glue-dir is short for a suite and its folder. */
function chooseGlue(glueDir: string, { suite, suiteDir, task }: Pick<EvaluateFlags, "suite" | "suiteDir" | "task">) {
  const advice = "cram evaluate --help has examples.";
  if (task !== undefined) throw new UserError("E_OPTION", "--glue-dir does not go with --task", advice);
  if (suiteDir !== undefined) throw new UserError("E_OPTION", "--glue-dir and --suite-dir name the same thing", advice);
  if (suite === undefined || suite === "glue") return { suite: "glue", suiteDir: glueDir };
  throw new UserError("E_OPTION", `--glue-dir is not where ${suite} is; use --suite-dir`, advice);
}
