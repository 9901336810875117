// The verbs of `cram`, and the end of every one. The only place that catches: a UserError is three lines, or one of JSON, and exit code 1,
// anything else is a bug, keeps its stack and exits with 2. What a signal stopped exits with 128 and its number.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter } from "node:path";
import { Command, CommanderError } from "commander";
import { UserError } from "../base/errors.ts";
import { listExtensions } from "../base/shell-words.ts";
import { print, printError, speakJson } from "./terminal/output.ts";

const require = createRequire(import.meta.url);

/** What is asked here of package.json. */
const readManifest = (): { readonly version: string; readonly engines: { readonly node: string } } =>
  JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));

/**
 * A module of ours by its name without an ending, read at once with all that it imports. An import has the event loop wait for each file, which
 * takes a third longer, and nothing else is there to be done before a verb is read. UserError E_NODE.
 */
function read<T>(name: string): T {
  // Older ones do not know of it.
  if (process.features.require_module !== true) {
    throw new UserError(
      "E_NODE",
      `Node.js ${process.versions.node} has no require of ES modules, or was told to do without; cram needs ${readManifest().engines.node}`,
      "Install a newer Node.js from nodejs.org.",
    );
  }
  return require(name + (import.meta.url.endsWith(".ts") ? ".ts" : ".js")) as T;
}

interface Verb {
  /** Its line in the program's help. */
  readonly summary: string;
  /** What gives a command the verb's options and action. */
  readonly load: () => (command: Command) => void;
  /** Whether it trains, on processors unless another backend is named. */
  readonly trains?: true;
}

/** In the order of the help. A verb's modules are read when it is named, so that no command waits for those of another. */
const verbs: Readonly<Record<string, Verb>> = {
  quickstart: {
    summary: "train a small model on the prose in node_modules, plot its loss, fill masks",
    load: () => read<typeof import("./verbs/quickstart.ts")>("./verbs/quickstart").addQuickstart,
    trains: true,
  },
  prepare: {
    summary: "raw text -> documents -> tokenizer -> token shards",
    load: () => read<typeof import("./verbs/prepare.ts")>("./verbs/prepare").addPrepare,
  },
  corpus: {
    summary: "look inside a prepared corpus, or write it for other trainers",
    load: () => read<typeof import("./verbs/corpus.ts")>("./verbs/corpus").addCorpus,
  },
  plan: {
    summary: "what a run needs and how far it comes, before it is begun",
    load: () => read<typeof import("./verbs/plan.ts")>("./verbs/plan").addPlan,
  },
  pretrain: {
    summary: "train a model from scratch within a budget, or resume a run",
    load: () => read<typeof import("./verbs/pretrain.ts")>("./verbs/pretrain").addPretrain,
    trains: true,
  },
  fill: {
    summary: "fill [MASK] in a text with a model's likeliest tokens",
    load: () => read<typeof import("./verbs/model/fill.ts")>("./verbs/model/fill").addFill,
  },
  embed: {
    summary: "write the texts of a file as vectors, for search and clustering",
    load: () => read<typeof import("./verbs/model/embed.ts")>("./verbs/model/embed").addEmbed,
  },
  search: {
    summary: "find the texts of a file that are nearest to yours",
    load: () => read<typeof import("./verbs/model/search.ts")>("./verbs/model/search").addSearch,
  },
  serve: {
    summary: "answer requests for vectors and filled masks over HTTP, as OpenAI's interface does",
    load: () => read<typeof import("./verbs/model/serve.ts")>("./verbs/model/serve").addServe,
  },
  evaluate: {
    summary: "finetune a model on tasks and score it: GLUE, SuperGLUE, RACE, SWAG, or a file of your own",
    load: () => read<typeof import("./verbs/evaluate.ts")>("./verbs/evaluate").addEvaluate,
  },
  export: {
    summary: "write a model for transformers (Python), transformers.js and ONNX Runtime, and compare what was written",
    load: () => read<typeof import("./verbs/export.ts")>("./verbs/export").addExport,
  },
  push: {
    summary: "send an exported model to the Hugging Face Hub",
    load: () => read<typeof import("./verbs/hub.ts")>("./verbs/hub").addPush,
  },
  pull: {
    summary: "fetch a model from the Hugging Face Hub",
    load: () => read<typeof import("./verbs/hub.ts")>("./verbs/hub").addPull,
  },
  sweep: {
    summary: "trainings that differ in one thing, several seeds each -> a table with intervals",
    load: () => read<typeof import("./verbs/analysis/sweep.ts")>("./verbs/analysis/sweep").addSweep,
  },
  scale: {
    summary: "one recipe at several sizes and budgets -> how loss depends on parameters, tokens and FLOPs",
    load: () => read<typeof import("./verbs/analysis/scale.ts")>("./verbs/analysis/scale").addScale,
  },
  record: {
    summary: "run the best recipe of a track again, or challenge it: bits per byte within a fixed time",
    load: () => read<typeof import("./verbs/analysis/record.ts")>("./verbs/analysis/record").addRecord,
  },
  report: {
    summary: "show runs beside each other on one HTML page, finished or still training",
    load: () => read<typeof import("./verbs/report.ts")>("./verbs/report").addReport,
  },
  dashboard: {
    summary: "watch all runs below a folder in a browser while they train",
    load: () => read<typeof import("./verbs/dashboard.ts")>("./verbs/dashboard").addDashboard,
  },
  launch: {
    summary: "a command as a job for SLURM, Kubernetes or several processes of this machine",
    load: () => read<typeof import("./verbs/launch.ts")>("./verbs/launch").addLaunch,
  },
  recipe: {
    summary: "print a recipe whole, what can be chosen in one, or what differs between two",
    load: () => read<typeof import("./verbs/recipe.ts")>("./verbs/recipe").addRecipe,
  },
  inspect: {
    summary: "print the program of a recipe's micro-batch",
    load: () => read<typeof import("./verbs/inspect.ts")>("./verbs/inspect").addInspect,
  },
  doctor: {
    summary: "what this machine has, lacks and reaches, with the commands that help",
    load: () => read<typeof import("./verbs/doctor.ts")>("./verbs/doctor").addDoctor,
  },
  completion: {
    summary: "print a script that completes verbs and options in your shell",
    load: () => read<typeof import("./terminal/completion.ts")>("./terminal/completion").addCompletion,
  },
};

/** Whose options are wanted: of one verb, or of all where a script completes them. The program's own help needs none. */
function chooseVerbs([first, second]: readonly string[]): readonly string[] {
  if (first === "completion") return Object.keys(verbs);
  const named = first === "help" ? second : first;
  return named !== undefined && Object.hasOwn(verbs, named) ? [named] : [];
}

/** The program with every verb, and the options of those that these words are about. */
export function makeProgram(words: readonly string[]): Command {
  const program = new Command("cram")
    .description("Train a BERT-like language model from scratch within a fixed time.")
    .version(readManifest().version)
    .addHelpText(
      "after",
      `
Examples:
  cram quickstart                                  three minutes, no data needed
  cram prepare my-texts/ --out data/mine           then cram plan and cram pretrain
  cram doctor                                      when something does not work

Every verb has --help with examples, and --json. NO_COLOR=1 turns colours off. CRAM_EXTENSIONS names modules of
yours, with ${delimiter} between them, that add optimizers, schedules or mixers (docs/EXTEND.md).
Exit codes: 0 done; 1 something to correct, said with its code; 2 a bug; 130 stopped by Ctrl-C, 143 by SIGTERM,
129 by a closed terminal: 128 and the signal's number. With --json each line of standard error is JSON, too, and has
a kind: error, bug, warning or progress.`,
    )
    .showHelpAfterError("(cram --help lists what exists)")
    .configureHelp({ subcommandTerm: verb => verb.name() })
    .configureOutput({
      writeOut: text => print(text.trimEnd()),
      // For machines it is told as other faults are, by who catches it.
      writeErr: text => asksForJson(words) || printError(text.trimEnd()),
    })
    .exitOverride();
  const wanted = chooseVerbs(words);
  for (const [name, { summary, load }] of Object.entries(verbs)) {
    const verb = program
      .command(name)
      .description(summary)
      .showHelpAfterError(`(cram ${name} --help shows its options, with examples)`);
    if (wanted.includes(name)) {
      loadExtensions();
      load()(verb);
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
function loadExtensions(): void {
  const paths = listExtensions();
  if (paths.length === 0) return;
  const { readModule } = read<typeof import("../verbs/user-modules.ts")>("../verbs/user-modules");
  paths.forEach(readModule);
}

/** Whether answers are for machines, as far as can be seen of words that may be none of a verb; behind -- they are another program's. */
export function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? undefined : end).includes("--json");
}

/** Does what the words after `cram` say, and leaves the exit code in `process.exitCode`. */
export async function runCommand(words: readonly string[]): Promise<void> {
  let program = new Command("cram");
  const early = new AbortController();
  speakJson(asksForJson(words));
  try {
    if (trainsOnProcessors(words)) {
      const builds = read<typeof import("../verbs/early-builds.ts")>("../verbs/early-builds");
      await builds.beginEarlyBuilds(early.signal);
    }
    program = makeProgram(words);
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    // Read where something is to be told: most commands end well. An import, since this Node.js may be one that requires no modules.
    const { adviseDash, explainWords, showError } = await import("./told-errors.ts");
    const isJson = asksForJson(words);
    const verb = program.commands.find(each => each.name() === program.args[0]);
    if (!(error instanceof CommanderError)) showError(error, isJson);
    else if (error.exitCode !== 0 && isJson) showError(explainWords(error, verb), true);
    else {
      const dash = adviseDash(error.message.split("\n")[0]!);
      if (dash !== undefined) printError(dash);
      process.exitCode = error.exitCode === 0 ? 0 : 1;
    }
  } finally {
    early.abort();
  }
}
