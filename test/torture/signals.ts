// Signals at every stage of a verb: what can be saved is, no signal is a bug, and the work goes on to the same end.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Campaign, Fault, Row } from "./campaign.ts";
import { describeEnding, type Ending, findBug, type Started, startCram } from "./program.ts";
import { beginScenario, checkScenario, finishScenario, type Known, knowScenarios } from "./scenarios.ts";

const signals: readonly (readonly NodeJS.Signals[])[] = [
  ["SIGINT"],
  ["SIGTERM"],
  ["SIGHUP"],
  ["SIGUSR1"],
  ["SIGUSR2"],
  ["SIGINT", "SIGINT"],
];

interface Stage {
  readonly name: string;
  /** The scenario's name. */
  readonly scenario: string;
  /** Whether kernels are compiled anew, in a cache of its own. */
  readonly compiles?: boolean;
  /** Ends when the stage is reached. */
  readonly reach: (started: Started, place: string, cache: string) => Promise<void>;
  /** Whether the process must end in order, for there is something to save. */
  readonly saves: boolean;
}

const wait = (seconds: number) => () => sleep(1000 * seconds);

/** Looks again and again, until the process ends. */
async function waitUntil(started: Started, isReached: () => boolean): Promise<void> {
  while (started.child.exitCode === null && started.child.signalCode === null && !isReached()) await sleep(5);
}

const stages: readonly Stage[] = [
  { name: "at the start", scenario: "pretrain", reach: wait(0.05), saves: false },
  {
    ...{ name: "while compiling", scenario: "pretrain", compiles: true, saves: false },
    reach: (started, _, cache) => waitUntil(started, () => existsSync(cache) && readdirSync(cache).length > 0),
  },
  {
    ...{ name: "while training", scenario: "pretrain", saves: true },
    reach: (started, place) => waitUntil(started, () => isTraining(join(place, "run/events.jsonl"))),
  },
  {
    ...{ name: "while saving", scenario: "pretrain", saves: true },
    reach: (started, place) => waitUntil(started, () => isSaving(join(place, "run/checkpoints"))),
  },
  { name: "while preparing", scenario: "prepare over a data set", reach: wait(0.5), saves: false },
  {
    ...{ name: "while evaluating", scenario: "evaluate, seeds and controls", saves: true },
    reach: started => waitUntil(started, () => started.printed().includes("steps to do")),
  },
  { name: "while exporting", scenario: "export", reach: wait(0.7), saves: false },
];

const isTraining = (events: string) => existsSync(events) && readFileSync(events, "utf8").includes('"kind":"step"');

/** Whether a checkpoint is being written: a folder that is not whole. */
function isSaving(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some(name => !existsSync(join(folder, name, "checkpoint.json")));
}

export async function* sendSignals(campaign: Campaign): AsyncGenerator<Row> {
  const { seed, count = 1, folder, onProgress } = campaign;
  const known = await knowScenarios(campaign);
  const all = stages.length * signals.length * count;
  let done = 0;
  for (const stage of stages) {
    const each = known.find(({ scenario }) => scenario.name === stage.scenario);
    if (each === undefined) continue;
    const faults: Fault[] = [];
    let late = 0;
    for (const sent of signals) {
      for (let n = 0; n < count; n++) {
        const { fault, wasLate } = await trySignal(stage, each, sent, folder);
        if (wasLate) late += 1;
        const command = `npm run torture -- --only signals --seed ${seed} --count ${count}`;
        if (fault !== undefined) faults.push({ what: `${stage.name}, ${sent.join(" twice: ")}: ${fault}`, command });
        onProgress(++done, all, `signals ${stage.name}`);
      }
    }
    const note = `${signals.map(each => each.join("+").replaceAll("SIG", "")).join(" ")}${late === 0 ? "" : `; ${late} came too late`}`;
    yield { kind: "signals", what: stage.name, tries: signals.length * count, faults, note };
  }
}

async function trySignal(
  { reach, saves, compiles }: Stage,
  known: Known,
  sent: readonly NodeJS.Signals[],
  folder: string,
): Promise<{ fault?: string | undefined; wasLate: boolean }> {
  const place = await beginScenario(known.scenario, join(folder, "signalled"));
  const cache = mkdtempSync(join(folder, "cache-"));
  const env = compiles === true ? { CRAM_CACHE: cache } : {};
  const started = startCram(known.scenario.words, { cwd: place, env });
  try {
    await reach(started, place, cache);
    let delivered = true;
    for (const signal of sent) {
      delivered &&= started.child.kill(signal);
      await sleep(20);
    }
    const ending = await started.ended;
    const fault =
      judgeEnding(ending, sent, saves && delivered) ??
      (await checkScenario(known.scenario, place)) ??
      (await finishScenario(known, place));
    return { fault, wasLate: ending.code === 0 };
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

const longestSeconds = 60;

function judgeEnding(ending: Ending, sent: readonly string[], saves: boolean): string | undefined {
  const bug = findBug(ending);
  if (bug !== undefined) return `${bug}: ${describeEnding(ending)}`;
  if (ending.seconds > longestSeconds) return `it went on for ${ending.seconds.toFixed(0)} s`;
  // A second Ctrl-C gives up.
  if (saves && sent.length === 1 && ending.signal !== null) return `nothing was saved: ${describeEnding(ending)}`;
  return undefined;
}
