// cram sweep: trainings that differ in one thing, with several seeds, and a table of what made a difference.

import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { systemClock } from "../../../base/clock.ts";
import { UserError } from "../../../base/errors.ts";
import { countOf } from "../../../base/printable.ts";
import { quoteOwnCommand } from "../../../base/shell-words.ts";
import { describeFewSteps } from "../../../plan/forecast.ts";
import { checkSweep, type Sweep } from "../../../sweep/sweep.ts";
import { explainTable, formatText } from "../../../sweep/sweep-table.ts";
import { formatBudget, formatDuration } from "../../../train/budget.ts";
import { readSettingsFile } from "../../../verbs/settings-file.ts";
import { followSweep } from "../../../verbs/sweep/follow-sweep.ts";
import { planSweep, tooFew } from "../../../verbs/sweep/plan-sweep.ts";
import { submitWorkers } from "../../../verbs/sweep/slurm.ts";
import {
  readSweep,
  sweep as runSweep,
  type SweepOptions,
  type SweepProgress,
  type Swept,
} from "../../../verbs/sweep/sweep.ts";
import { addBackendOptions, type BackendOptions, chooseBackend, collect } from "../../choose.ts";
import { parseCount } from "../../numbers.ts";
import { print, printWarning, showStatus } from "../../terminal/output.ts";
import { stopOnSignals } from "../../terminal/signals.ts";
import { describeUndone } from "../../terminal/undone.ts";
import { chooseJobThreads, listWorkerWords, nameError, runJobs } from "./sweep-jobs.ts";
import { isWritten, type WrittenSweep, writeSweep } from "./written-sweep.ts";

interface SweepFlags extends BackendOptions, WrittenSweep {
  readonly data?: string;
  readonly out?: string;
  readonly worker?: string;
  readonly jobs?: string;
  readonly launcher?: "slurm";
  readonly plan?: boolean;
  readonly json?: boolean;
}

export function addSweep(command: Command): void {
  command
    .argument("[sweep]", "a .json or .yaml that says what is varied, or a .ts, .mjs or .js that exports it")
    .option("--recipe <name>", "without a sweep's file: the recipe, by its name or file")
    .option("--set <assignment>", "a value for all trials; several, divided by commas, are a grid", collect)
    .option("--seeds <number>", "how many seeds, from 0 on; 3 unless given")
    .option("--budget <amount>", "of each trial, as 10m or 300steps; the recipe's unless given")
    .option("--data <folder>", "the dataset, where the sweep names none")
    .option("--out <folder>", "where the trials and the table go")
    .option("--jobs <number>", "trials beside each other, each with --threads cores of its own: one unless given", "1")
    .option("--worker <folder>", "help with a sweep that was begun there, from this machine or another")
    .addOption(
      new Option("--launcher <name>", "submit --jobs workers to a scheduler, and do nothing here").choices(["slurm"]),
    )
    .option("--plan", "only say what would be trained, and for how long")
    .option("--json", "print one JSON object at the end and nothing else");
  addBackendOptions(command)
    .addHelpText(
      "after",
      `
A sweep, as JSON (or the same as YAML):
  {
    "recipe": "crammed-bert-small", "set": ["model.width=128", "model.layers=2"],
    "budget": "100s", "seeds": [0, 1, 2],
    "variations": {
      "half the rate": ["optimizer.learningRate=0.0005"],
      "mask 15 %": { "set": ["data.maskFraction=0.15"] }
    },
    "grid": { "model.layers": [2, 4], "model.width": [128, 256] },
    "random": { "trials": 20, "values": {
      "optimizer.learningRate": { "from": 1e-4, "to": 1e-2, "scale": "log" },
      "model.layers": { "from": 1, "to": 8, "whole": true }, "model.norm": ["layer", "rms"]
    } }
  }
Every variation, every combination of the grid and every draw is trained with every seed, and so is the recipe as it is, which they
are compared with ("base": false leaves it out). "sobol" in place of "random" draws without large gaps. A variation may have a recipe
and a dataset of its own, as { "data": "data/filtered" }; "heldOut": "data/raw" has all of them validated on that dataset's held-out
part, and refuses a dataset that is trained on it. "total": "8h" begins no trial after so much training, all trials together.

Losses of two tokenizers are no comparison. "heldOutText": "held-out.jsonl" has all compared in bits per byte of that text instead, whatever
their tokenizers: a document a line, as {"text": "…"}, none of them in any dataset. "passages": 2000 is how much of it, by 48 words.

"halving": { "reduction": 3, "rungs": 3 } with "seeds": [0] stops each trial at 1/9 of its budget and goes on with the best third of those
that stand there, and at 1/3 with the best third again (ASHA). A stopped trial keeps its checkpoint.

The same command again goes on where it was stopped, however it was; a trial that is done is never done twice. What came apart
(E_DIVERGED, no memory) is a result with its reason. Times are only comparable where nothing else runs: trials beside each other compete
for memory and cache, even with cores of their own. A worker whose machine died loses its trial to the others after a minute and a half.

Examples:
  cram sweep --recipe crammed-bert-small --set optimizer.learningRate=0.0005,0.002 --budget 10m --data data/mine --out sweeps/rates
  cram sweep rates.json --data data/mine --out sweeps/rates --plan
  cram sweep rates.json --data data/mine --out sweeps/rates --jobs 4
  cram sweep --worker sweeps/rates               on another machine that sees the same folder
  cram sweep rates.json --data data/mine --out sweeps/rates --launcher slurm --jobs 16 --threads 8

Next: the table it prints, which stands in --out as table.md, table.csv and table.tex, too`,
    )
    .action(sweep);
}

async function sweep(path: string | undefined, flags: SweepFlags): Promise<void> {
  const { asked, out } = chooseSweep(path, flags);
  const json = flags.json === true;
  const jobs = parseCount("--jobs", flags.jobs ?? "1", 1, 1000);
  const choice = chooseBackend(flags);
  const options = { ...choice, data: flags.data, out, onWarning: printWarning };
  if (flags.plan === true) return printPlan(asked, options, json);
  if (flags.launcher !== undefined) return launch(asked, options, jobs, json);
  const work = (signal: AbortSignal) =>
    jobs === 1
      ? runSweep(asked, { ...options, ...showTrials(json), signal })
      : runBeside(asked, { ...options, signal }, jobs, json);
  const swept = await stopOnSignals({
    announcement: "stopping; what is trained is saved",
    unfinished: "stopped; go on with: the same command",
    warn: printWarning,
    work,
  });
  if (swept !== undefined) printSwept(swept, out, json);
}

function chooseSweep(path: string | undefined, flags: SweepFlags): { asked: Sweep; out: string } {
  const { worker, out } = flags;
  if (worker !== undefined) {
    if (path === undefined && out === undefined && flags.data === undefined && !isWritten(flags))
      return { asked: readSweep(worker), out: worker };
    throw new UserError("E_OPTION", "--worker beside a sweep, --out or --data", "A worker has these from the folder.");
  }
  if (path !== undefined && isWritten(flags)) {
    throw new UserError(
      "E_OPTION",
      `--recipe, --set, --seeds or --budget beside ${path}`,
      "Write them into it, or leave the file out.",
    );
  }
  if (path === undefined && !isWritten(flags)) {
    throw new UserError("E_OPTION", "no sweep given", "Give a file, or --recipe: cram sweep --help has an example.");
  }
  if (out === undefined)
    throw new UserError("E_OPTION", "no --out given", "Give the folder of the trials and the table.");
  return { asked: path === undefined ? writeSweep(flags) : checkSweep(readSettingsFile(path, "sweep"), path), out };
}

/** Prints a line a result, and the trial under way as the status, with what is left at the rate of this call. */
function showTrials(json: boolean): Pick<SweepOptions, "onTrial" | "onEvent" | "onResult" | "onWait"> {
  if (json) return {};
  const start = systemClock.seconds();
  let title = "";
  let current: SweepProgress = { done: 0, count: 0, stoppedAtRung: 0, spent: 0, left: 0 };
  let first: number | undefined;
  let stoppedAt = 0;
  /** `progress` of the trial under way, through its budget. */
  const describe = (progress: number) => {
    const { done, count, stoppedAtRung, spent, left } = current;
    first ??= spent;
    const own = Math.max(0, progress - stoppedAt);
    const reached = spent - first + own;
    const more = Math.max(0, left - own);
    const seconds = systemClock.seconds() - start;
    const isSteady = seconds >= 5 && reached >= 0.01 * (reached + more);
    const rest = isSteady ? `, about ${formatDuration((seconds * more) / reached)} left` : "";
    // The one under way goes on.
    const standing = stoppedAtRung - (stoppedAt > 0 ? 1 : 0);
    const waiting = standing === 0 ? "" : `, ${standing} stopped at a rung`;
    return `${done} of ${count} done${waiting}${rest}`;
  };
  return {
    onTrial: ({ variation, seed }, progress, at) => {
      title = `${variation}, seed ${seed}`;
      current = progress;
      stoppedAt = at;
      showStatus(`${describe(at)}; ${title}`);
    },
    onEvent: (_, event) => {
      if (event.kind !== "step") return;
      const { progress, loss } = event;
      showStatus(`${describe(progress)}; ${title}: ${Math.floor(100 * progress)} %, loss ${loss.toFixed(3)}`);
    },
    onWait: progress => {
      current = progress;
      stoppedAt = 0;
      showStatus(`${describe(0)}; waiting for trials of other workers`);
    },
    onResult: printResult,
  };
}

/** Said once of a sweep. */
let saidFew = false;

const printResult: NonNullable<SweepOptions["onResult"]> = (
  { variation, seed },
  { reason, validationLoss, rungLoss, score, steps },
) => {
  const reached = rungLoss === undefined ? "" : ` ${rungLoss.toFixed(4)}`;
  const ended = score === undefined ? validationLoss?.toFixed(4) : `${score.bitsPerByte.toFixed(4)} bits per byte`;
  const what = ended ?? `${reason}${reached}`;
  print(`${variation}, seed ${seed}: ${what} after ${countOf(steps, "step")}`);
  const few = validationLoss === undefined ? undefined : describeFewSteps(steps);
  if (few !== undefined && !saidFew) printWarning(`${few}: ${tooFew}`);
  saidFew ||= few !== undefined;
};

/** Workers of their own process; then what is left, and the table. Undefined where that ends as a worker did, which has said it. */
async function runBeside(
  asked: Sweep,
  options: SweepOptions & { readonly signal: AbortSignal },
  jobs: number,
  json: boolean,
): Promise<Swept | undefined> {
  chooseJobThreads(jobs, options);
  const said = new Set<string>();
  const onWarning = (warning: string) => {
    said.add(warning);
    options.onWarning?.(warning);
  };
  await beginSweep(asked, { ...options, onWarning });
  const ended = new AbortController();
  const following = followSweep(asked, { ...options, ...(!json && { onResult: printResult }), signal: ended.signal });
  await runJobs({ ...options, count: jobs, json, said });
  ended.abort();
  await following;
  // Its warnings were told at the beginning.
  const { onWarning: _, ...rest } = options;
  try {
    return await runSweep(asked, options.signal.aborted ? rest : { ...rest, ...showTrials(json) });
  } catch (error) {
    if (!(error instanceof UserError && said.has(nameError(error.code, error.message)))) throw error;
    process.exitCode = 1;
    return undefined;
  }
}

/** Checks everything and writes down the sweep, for workers to read; trains nothing. */
async function beginSweep(asked: Sweep, options: SweepOptions): Promise<void> {
  const stopped = new AbortController();
  stopped.abort();
  await runSweep(asked, { ...options, signal: stopped.signal });
}

async function launch(asked: Sweep, options: SweepOptions, workers: number, json: boolean): Promise<void> {
  await beginSweep(asked, options);
  const { backend = "cpu", threads = 1 } = options;
  const command = listWorkerWords(resolve(options.out), backend === "cpu" ? { ...options, threads } : options);
  const job = submitWorkers({ out: options.out, workers, threads, command, wantsGpu: backend === "cuda" });
  if (json) return print(JSON.stringify({ out: options.out, job, tasks: workers }));
  print(`submitted: job ${job}, ${workers} workers; squeue --job ${job} shows them, scancel ${job} stops them`);
  print(
    `next: ${quoteOwnCommand(...listWorkerWords(options.out, options).slice(2))}, which helps, waits for them, and prints the table`,
  );
}

function printPlan(asked: Sweep, options: SweepOptions, json: boolean): void {
  const plan = planSweep(asked, options);
  if (json) {
    print(JSON.stringify(plan));
    return;
  }
  const { variations, seeds, trials, seconds, total, steps, budgets, warnings } = plan;
  for (const { variation, budget } of budgets) print(`${formatBudget(budget).padStart(10)}  ${variation}`);
  print(`${countOf(variations, "variation")} with ${countOf(seeds, "seed")} each: ${countOf(trials, "trial")}`);
  if (steps > 0) print(`${countOf(Math.round(steps), "step")} of training, whose time the machine decides`);
  if (seconds > 0) {
    print(
      `${formatDuration(seconds)} of training, one trial behind the other, beside compiling and the last validation of each`,
    );
  }
  if (total !== undefined) print(`no trial is begun after ${formatDuration(total)} of training, all trials together`);
  for (const warning of warnings) print(`warning: ${warning}`);
}

function printSwept({ compared, done, count, stopped }: Swept, out: string, json: boolean): void {
  if (json) {
    print(JSON.stringify({ out, done, count, stopped, compared }));
    return;
  }
  print(`${formatText(compared)}\n${explainTable(compared)}`);
  if (stopped > 0)
    print(`${stopped} of ${countOf(count, "trial")} ${stopped === 1 ? "was" : "were"} stopped early or not begun`);
  else if (done < count) print(describeUndone(done, count, "trial"));
  if (done + stopped >= count) print(`next: ${quoteOwnCommand("report", out)}`);
}
