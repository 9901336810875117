// cram sweep: trainings that differ in one thing, with several seeds, and a table of what made a difference.

import { type ChildProcess, spawn } from "node:child_process";
import type { Command } from "commander";
import { UserError } from "../../../base/errors.ts";
import { readJson } from "../../../base/files/files.ts";
import { quoteCommand } from "../../../base/shell-words.ts";
import { countPerformanceCores } from "../../../machine/cores.ts";
import { checkSweep, type Sweep } from "../../../sweep/sweep.ts";
import { explainTable, formatText } from "../../../sweep/sweep-table.ts";
import { readSweep, sweep as runSweep, type SweepOptions, type Swept } from "../../../verbs/sweep/sweep.ts";
import { addBackendOptions, type BackendOptions, chooseBackend, parseCount } from "../../choose.ts";
import { print, printError, showStatus } from "../../terminal/output.ts";
import { stopOnSignals } from "../../terminal/signals.ts";

interface SweepFlags extends BackendOptions {
  readonly data?: string;
  readonly out?: string;
  readonly worker?: string;
  readonly jobs?: string;
  readonly json?: boolean;
}

export function addSweep(command: Command): void {
  command
    .argument("[sweep]", "a .json that says what is varied")
    .option("--data <folder>", "the dataset, where the sweep names none")
    .option("--out <folder>", "where the trials and the table go")
    .option("--jobs <number>", "trials beside each other, which share the threads", "1")
    .option("--worker <folder>", "help with a sweep that was begun there, from this machine or another")
    .option("--json", "print one JSON object at the end and nothing else");
  addBackendOptions(command)
    .addHelpText(
      "after",
      `
A sweep, as JSON:
  {
    "recipe": "crammed-bert-small", "set": ["model.width=128", "model.layers=2"],
    "budget": "100s", "seeds": [0, 1, 2],
    "variations": {
      "half the rate": ["optimizer.learningRate=0.0005"],
      "mask 15 %": { "set": ["data.maskFraction=0.15"] }
    },
    "grid": { "model.layers": [2, 4], "model.width": [128, 256] },
    "random": { "trials": 20, "values": { "optimizer.learningRate": { "from": 1e-4, "to": 1e-2, "scale": "log" } } }
  }
Every variation, every combination of the grid and every draw is trained with every seed, and so is the recipe as it is, which they
are compared with ("base": false leaves it out). A variation may have a recipe and a dataset of its own.

The same command again goes on where it was stopped, however it was; a trial that is done is never done twice. What came apart
(E_DIVERGED, no memory) is a result with its reason. Times are only comparable where nothing else runs: --jobs beside
each other compete for memory and cache.

Examples:
  cram sweep rates.json --data data/mine --out sweeps/rates
  cram sweep --worker sweeps/rates               on another machine that sees the same folder

Next: the table it prints, which stands in --out as table.md, table.csv and table.tex, too`,
    )
    .action(sweep);
}

async function sweep(path: string | undefined, flags: SweepFlags): Promise<void> {
  const { asked, out } = chooseSweep(path, flags);
  const json = flags.json === true;
  const jobs = parseCount("--jobs", flags.jobs ?? "1", 1, 256);
  const choice = chooseBackend(flags);
  const work = (signal: AbortSignal) =>
    jobs === 1
      ? runSweep(asked, { ...choice, ...showTrials(json), data: flags.data, out, signal })
      : runJobs(asked, { ...choice, data: flags.data, out, signal }, jobs, json);
  const swept = await stopOnSignals({
    announcement: "stopping; the trial under way is saved",
    warn: printError,
    work,
  });
  if (swept !== undefined) printSwept(swept, out, json);
}

function chooseSweep(path: string | undefined, flags: SweepFlags): { asked: Sweep; out: string } {
  const { worker, out } = flags;
  if (worker !== undefined) {
    if (path === undefined && out === undefined && flags.data === undefined)
      return { asked: readSweep(worker), out: worker };
    throw new UserError("E_OPTION", "--worker beside a sweep, --out or --data", "A worker has these from the folder.");
  }
  if (path === undefined || out === undefined) {
    throw new UserError(
      "E_OPTION",
      `no ${path === undefined ? "sweep" : "--out"} given`,
      "cram sweep --help has an example.",
    );
  }
  return { asked: checkSweep(readJson(path, "sweep"), path), out };
}

/** Prints a line a result, and the trial under way as the status. */
function showTrials(json: boolean): Pick<SweepOptions, "onTrial" | "onEvent" | "onResult"> {
  if (json) return {};
  let title = "";
  return {
    onTrial: ({ variation, seed }, { done, count }) => {
      title = `${done} of ${count} done; ${variation}, seed ${seed}`;
      showStatus(title);
    },
    onEvent: (_, event) => {
      if (event.kind === "step") {
        showStatus(`${title}: ${Math.floor(100 * event.progress)} %, loss ${event.loss.toFixed(3)}`);
      }
    },
    onResult: ({ variation, seed }, { reason, validationLoss, steps }) =>
      print(
        validationLoss === undefined
          ? `${variation}, seed ${seed}: ${reason} after ${steps.toLocaleString("en-US")} steps`
          : `${variation}, seed ${seed}: ${validationLoss.toFixed(4)} after ${steps.toLocaleString("en-US")} steps`,
      ),
  };
}

/** Workers of their own process, each with its share of the threads; then what is left, and the table. */
async function runJobs(asked: Sweep, options: SweepOptions, jobs: number, json: boolean): Promise<Swept> {
  const stopped = new AbortController();
  stopped.abort();
  // Checks everything and writes down the sweep; trains nothing.
  await runSweep(asked, { ...options, signal: stopped.signal });
  const threads = Math.max(1, Math.floor((options.threads ?? countPerformanceCores()) / jobs));
  const words = [process.argv[1]!, "sweep", "--worker", options.out, "--threads", String(threads)];
  const chosen = Object.entries({ "--backend": options.backend, "--device": options.device });
  const given = [...words, ...chosen.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]))];
  const workers = Array.from({ length: jobs }, () =>
    spawn(process.execPath, given, { stdio: ["ignore", json ? "ignore" : "inherit", "inherit"] }),
  );
  const stop = () => {
    for (const worker of workers) worker.kill("SIGTERM");
  };
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    await Promise.all(workers.map(waitForEnd));
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
  return runSweep(asked, options.signal?.aborted === true ? options : { ...options, threads, ...showTrials(json) });
}

/** A worker that fails has said why; its trial is left to the others. */
const waitForEnd = (worker: ChildProcess) => new Promise<void>(resolve => worker.once("close", () => resolve()));

function printSwept({ compared, done, count }: Swept, out: string, json: boolean): void {
  if (json) {
    print(JSON.stringify({ out, done, count, compared }));
    return;
  }
  print(`${formatText(compared)}\n${explainTable(compared)}`);
  if (done < count) print(`${count - done} of ${count} trials are not done; go on with: the same command`);
  else print(`next: ${quoteCommand("cram", "report", `${out}/trials`)}`);
}
