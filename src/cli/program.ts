// The verbs of `cram`, and the end of every one. The only place that catches: a UserError is three lines, or one of JSON, and exit code 1, anything else is a bug, keeps its
// stack and exits with 2. What a signal stopped exits with 128 and its number.

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { UserError } from "../base/errors.ts";
import { colour, print, printError } from "./terminal/output.ts";

/** In the order of the help. A verb's modules are read when it is named, so that no command waits for those of another. */
const verbs: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  quickstart: async () => (await import("./verbs/quickstart.ts")).addQuickstart,
  prepare: async () => (await import("./verbs/prepare.ts")).addPrepare,
  corpus: async () => (await import("./verbs/corpus.ts")).addCorpus,
  plan: async () => (await import("./verbs/plan.ts")).addPlan,
  pretrain: async () => (await import("./verbs/pretrain.ts")).addPretrain,
  fill: async () => (await import("./verbs/fill.ts")).addFill,
  embed: async () => (await import("./verbs/embed.ts")).addEmbed,
  evaluate: async () => (await import("./verbs/evaluate.ts")).addEvaluate,
  export: async () => (await import("./verbs/export.ts")).addExport,
  push: async () => (await import("./verbs/hub.ts")).addPush,
  pull: async () => (await import("./verbs/hub.ts")).addPull,
  sweep: async () => (await import("./verbs/analysis/sweep.ts")).addSweep,
  report: async () => (await import("./verbs/report.ts")).addReport,
  dashboard: async () => (await import("./verbs/dashboard.ts")).addDashboard,
  recipe: async () => (await import("./verbs/recipe.ts")).addRecipe,
  inspect: async () => (await import("./verbs/inspect.ts")).addInspect,
  doctor: async () => (await import("./verbs/doctor.ts")).addDoctor,
  completion: async () => (await import("./terminal/completion.ts")).addCompletion,
};
/** All where the program speaks of all: its help, completion, and a verb that there is none of, which may be one misspelt. */
function chooseVerbs(named: string | undefined): readonly string[] {
  if (named === "--version" || named === "-V") return [];
  return named !== undefined && named !== "completion" && Object.hasOwn(verbs, named) ? [named] : Object.keys(verbs);
}

/** The program with the verbs that these words are about. */
export async function makeProgram(words: readonly string[]): Promise<Command> {
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
  for (const name of chooseVerbs(words[0])) (await verbs[name]!())(program);
  return program;
}

/** Does what the words after `cram` say, and leaves the exit code in `process.exitCode`. */
export async function runCommand(words: readonly string[]): Promise<void> {
  const program = await makeProgram(words);
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 1;
    } else if (error instanceof UserError) {
      const { code, message, advice } = error;
      const wantsJson = program.commands.some(verb => verb.name() === program.args[0] && verb.opts().json === true);
      if (wantsJson) printError(JSON.stringify({ kind: "error", code, message, advice }));
      else
        printError(
          `${colour("red", code, process.stderr)} ${message}\n  ${advice}\n  (${relativeWhereShorter(errorsPage)} explains the code)`,
        );
      process.exitCode = 1;
    } else {
      printError(`This is a bug in cram, not your mistake.\n${error instanceof Error ? error.stack : String(error)}`);
      process.exitCode = 2;
    }
  }
}

/** Of this package, wherever it is installed. */
const errorsPage = fileURLToPath(new URL("../../../docs/ERRORS.md", import.meta.url));

function relativeWhereShorter(path: string): string {
  const near = relative(process.cwd(), path);
  return near.length < path.length ? near : path;
}
