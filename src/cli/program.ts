// The verbs of `cram`, and the end of every one. The only place that catches: a UserError is three lines, or one of JSON, and exit code 1, anything else is a bug, keeps its
// stack and exits with 2. What a signal stopped exits with 128 and its number.

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { UserError } from "../base/errors.ts";
import { addCompletion } from "./terminal/completion.ts";
import { colour, outliveReaders, print, printError } from "./terminal/output.ts";
import { addSweep } from "./verbs/analysis/sweep.ts";
import { addDashboard } from "./verbs/dashboard.ts";
import { addDoctor } from "./verbs/doctor.ts";
import { addEmbed } from "./verbs/embed.ts";
import { addEvaluate } from "./verbs/evaluate.ts";
import { addExport } from "./verbs/export.ts";
import { addFill } from "./verbs/fill.ts";
import { addPull, addPush } from "./verbs/hub.ts";
import { addInspect } from "./verbs/inspect.ts";
import { addPlan } from "./verbs/plan.ts";
import { addPrepare } from "./verbs/prepare.ts";
import { addPretrain } from "./verbs/pretrain.ts";
import { addQuickstart } from "./verbs/quickstart.ts";
import { addRecipe } from "./verbs/recipe.ts";
import { addReport } from "./verbs/report.ts";

const program = new Command("cram")
  .description("Train a BERT-like language model from scratch within a fixed time.")
  .version(JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")).version)
  .addHelpText(
    "after",
    `
Examples:
  cram quickstart                                  three minutes, no data needed
  cram prepare my-texts/ --out data/mine           then cram plan and cram pretrain
  cram doctor                                      when something does not work

Every verb has --help with examples, and --json. NO_COLOR=1 turns colours off.
Exit codes: 0 done; 1 something to correct, said with its code, with --json as a line of JSON on
standard error; 2 a bug; 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by a closed terminal: 128 and the signal's number.`,
  )
  .showHelpAfterError("(cram --help lists what exists)")
  .configureOutput({ writeOut: text => print(text.trimEnd()), writeErr: text => printError(text.trimEnd()) })
  .exitOverride();
const verbs = [
  addQuickstart,
  addPrepare,
  addPlan,
  addPretrain,
  addFill,
  addEmbed,
  addEvaluate,
  addExport,
  addPush,
  addPull,
  addSweep,
  addReport,
  addDashboard,
  addRecipe,
  addInspect,
  addDoctor,
  addCompletion,
];
for (const addVerb of verbs) addVerb(program);

/** Of this package, wherever it is installed. */
const errorsPage = relativeWhereShorter(fileURLToPath(new URL("../../../docs/ERRORS.md", import.meta.url)));

function relativeWhereShorter(path: string): string {
  const near = relative(process.cwd(), path);
  return near.length < path.length ? near : path;
}

outliveReaders();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 1;
  } else if (error instanceof UserError) {
    const { code, message, advice } = error;
    const wantsJson = program.commands.some(verb => verb.name() === program.args[0] && verb.opts().json === true);
    if (wantsJson) printError(JSON.stringify({ kind: "error", code, message, advice }));
    else
      printError(`${colour("red", code, process.stderr)} ${message}\n  ${advice}\n  (${errorsPage} explains the code)`);
    process.exitCode = 1;
  } else {
    printError(`This is a bug in cram, not your mistake.\n${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 2;
  }
}
