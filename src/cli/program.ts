// The verbs of `cram`, and the end of every one. The only place that catches: a UserError is three lines, or one of JSON, and exit code 1,
// anything else is a bug, keeps its stack and exits with 2. What a signal stopped exits with 128 and its number.

import { readFileSync } from "node:fs";
import { delimiter, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { UserError } from "../base/errors.ts";
import { listExtensions } from "../base/shell-words.ts";
import { colour, print, printError } from "./terminal/output.ts";

interface Verb {
  /** Its line in the program's help. */
  readonly summary: string;
  /** What gives a command the verb's options and action. */
  readonly load: () => Promise<(command: Command) => void>;
  /** Whether it trains, on processors unless another backend is named. */
  readonly trains?: true;
}

/** In the order of the help. A verb's modules are read when it is named, so that no command waits for those of another. */
const verbs: Readonly<Record<string, Verb>> = {
  quickstart: {
    summary: "train a small model on the prose in node_modules, plot its loss, fill masks",
    load: async () => (await import("./verbs/quickstart.ts")).addQuickstart,
    trains: true,
  },
  prepare: {
    summary: "raw text -> documents -> tokenizer -> token shards",
    load: async () => (await import("./verbs/prepare.ts")).addPrepare,
  },
  corpus: {
    summary: "look inside a prepared corpus, or write it for other trainers",
    load: async () => (await import("./verbs/corpus.ts")).addCorpus,
  },
  plan: {
    summary: "what a run needs and how far it comes, before it is begun",
    load: async () => (await import("./verbs/plan.ts")).addPlan,
  },
  pretrain: {
    summary: "train a model from scratch within a budget, or resume a run",
    load: async () => (await import("./verbs/pretrain.ts")).addPretrain,
    trains: true,
  },
  fill: {
    summary: "fill [MASK] in a text with a model's likeliest tokens",
    load: async () => (await import("./verbs/model/fill.ts")).addFill,
  },
  embed: {
    summary: "write the texts of a file as vectors, for search and clustering",
    load: async () => (await import("./verbs/model/embed.ts")).addEmbed,
  },
  search: {
    summary: "find the texts of a file that are nearest to yours",
    load: async () => (await import("./verbs/model/search.ts")).addSearch,
  },
  serve: {
    summary: "answer requests for vectors and filled masks over HTTP, as OpenAI's interface does",
    load: async () => (await import("./verbs/model/serve.ts")).addServe,
  },
  evaluate: {
    summary: "finetune a model on tasks and score it: GLUE, SuperGLUE, RACE, SWAG, or a file of your own",
    load: async () => (await import("./verbs/evaluate.ts")).addEvaluate,
  },
  export: {
    summary: "write a model for transformers (Python), transformers.js and ONNX Runtime, and compare what was written",
    load: async () => (await import("./verbs/export.ts")).addExport,
  },
  push: {
    summary: "send an exported model to the Hugging Face Hub",
    load: async () => (await import("./verbs/hub.ts")).addPush,
  },
  pull: {
    summary: "fetch a model from the Hugging Face Hub",
    load: async () => (await import("./verbs/hub.ts")).addPull,
  },
  sweep: {
    summary: "trainings that differ in one thing, several seeds each -> a table with intervals",
    load: async () => (await import("./verbs/analysis/sweep.ts")).addSweep,
  },
  scale: {
    summary: "one recipe at several sizes and budgets -> how loss depends on parameters, tokens and FLOPs",
    load: async () => (await import("./verbs/analysis/scale.ts")).addScale,
  },
  record: {
    summary: "run the best recipe of a track again, or challenge it: bits per byte within a fixed time",
    load: async () => (await import("./verbs/analysis/record.ts")).addRecord,
  },
  report: {
    summary: "show runs beside each other on one HTML page, finished or still training",
    load: async () => (await import("./verbs/report.ts")).addReport,
  },
  dashboard: {
    summary: "watch all runs below a folder in a browser while they train",
    load: async () => (await import("./verbs/dashboard.ts")).addDashboard,
  },
  launch: {
    summary: "a command as a job for SLURM, Kubernetes or several processes of this machine",
    load: async () => (await import("./verbs/launch.ts")).addLaunch,
  },
  recipe: {
    summary: "print a recipe whole, what can be chosen in one, or what differs between two",
    load: async () => (await import("./verbs/recipe.ts")).addRecipe,
  },
  inspect: {
    summary: "print the program of a recipe's micro-batch",
    load: async () => (await import("./verbs/inspect.ts")).addInspect,
  },
  doctor: {
    summary: "what this machine has, lacks and reaches, with the commands that help",
    load: async () => (await import("./verbs/doctor.ts")).addDoctor,
  },
  completion: {
    summary: "print a script that completes verbs and options in your shell",
    load: async () => (await import("./terminal/completion.ts")).addCompletion,
  },
};

/** Whose options are wanted: of one verb, or of all where a script completes them. The program's own help needs none. */
function chooseVerbs([first, second]: readonly string[]): readonly string[] {
  if (first === "completion") return Object.keys(verbs);
  const named = first === "help" ? second : first;
  return named !== undefined && Object.hasOwn(verbs, named) ? [named] : [];
}

/** The program with every verb, and the options of those that these words are about. */
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

Every verb has --help with examples, and --json. NO_COLOR=1 turns colours off. CRAM_EXTENSIONS names modules of
yours, with ${delimiter} between them, that add optimizers, schedules or mixers (docs/EXTEND.md).
Exit codes: 0 done; 1 something to correct, said with its code, with --json as a line of JSON on
standard error; 2 a bug; 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by a closed terminal: 128 and the signal's number.`,
    )
    .showHelpAfterError("(cram --help lists what exists)")
    .configureHelp({ subcommandTerm: verb => verb.name() })
    .configureOutput({ writeOut: text => print(text.trimEnd()), writeErr: text => printError(text.trimEnd()) })
    .exitOverride();
  const wanted = chooseVerbs(words);
  for (const [name, { summary, load }] of Object.entries(verbs)) {
    const verb = program
      .command(name)
      .description(summary)
      .showHelpAfterError(`(cram ${name} --help shows its options, with examples)`);
    if (wanted.includes(name)) {
      await loadExtensions();
      (await load())(verb);
    }
  }
  return program;
}

/** Whether a verb that trains is to do so on processors, as far as can be seen before its options are known. */
const trainsOnProcessors = ([verb = "", ...words]: readonly string[]) =>
  Object.hasOwn(verbs, verb) &&
  verbs[verb]!.trains === true &&
  !words.some(word => /^(-h|--help|(--backend=)?(cuda|reference))$/.test(word));

/** What a person's own programs add to lists, before a verb reads a run that was trained with it. */
async function loadExtensions(): Promise<void> {
  const paths = listExtensions();
  if (paths.length === 0) return;
  const { readModule } = await import("../verbs/user-modules.ts");
  paths.forEach(readModule);
}

/** Does what the words after `cram` say, and leaves the exit code in `process.exitCode`. */
export async function runCommand(words: readonly string[]): Promise<void> {
  let program = new Command("cram");
  const early = new AbortController();
  try {
    if (trainsOnProcessors(words)) {
      (await import("../verbs/early-builds.ts")).beginEarlyBuilds(early.signal);
    }
    program = await makeProgram(words);
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 1;
    } else {
      const verb = program.commands.find(each => each.name() === program.args[0]);
      showError(error, verb?.opts().json === true);
    }
  } finally {
    early.abort();
  }
}

/** To standard error, with the exit code that it means. */
export function showError(error: unknown, asJson: boolean): void {
  process.exitCode = error instanceof UserError ? 1 : 2;
  if (!(error instanceof UserError)) {
    printError(`This is a bug in cram, not your mistake.\n${error instanceof Error ? error.stack : String(error)}`);
    return;
  }
  const { code, message, advice } = error;
  if (asJson) printError(JSON.stringify({ kind: "error", code, message, advice }));
  else
    printError(
      `${colour("red", code, process.stderr)} ${message}\n  ${advice}\n  (${relativeWhereShorter(errorsPage)} explains the code)`,
    );
}

/** Of this package, wherever it is installed. */
const errorsPage = fileURLToPath(new URL("../../../docs/ERRORS.md", import.meta.url));

function relativeWhereShorter(path: string): string {
  const near = relative(process.cwd(), path);
  return near.length < path.length ? near : path;
}
