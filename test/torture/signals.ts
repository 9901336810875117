// Signals at every stage of a verb: what can be saved is, no signal is a bug, and the work goes on to the same end.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Campaign, type Fault, type Row, repeatWith } from "./campaign.ts";
import { describeEnding, type Ending, findBug, type Started, startCram } from "./program.ts";
import { beginScenario, checkScenario, finishScenario, type Known, knowScenarios } from "./scenarios.ts";
import { countTries } from "./tries.ts";

/** A process that is stopped for a second goes on as if nothing had been. */
const suspended = ["SIGSTOP", "SIGCONT"] as const;
const signals: readonly (readonly NodeJS.Signals[])[] = [
  ["SIGINT"],
  ["SIGTERM"],
  ["SIGHUP"],
  ["SIGUSR1"],
  ["SIGUSR2"],
  ["SIGINT", "SIGINT"],
  suspended,
];

interface Stage {
  readonly name: string;
  /** The scenario's name. */
  readonly scenario: string;
  /** Whether kernels are compiled anew, in a cache of its own. */
  readonly compiles?: boolean;
  /** Ends when the stage is reached. */
  readonly reach: (started: Started, place: string, cache: string) => Promise<void>;
  /** Whether the program may not be there yet to take a signal. */
  readonly isEarly?: boolean;
  /** Whether the process must end in order, for there is something to save. */
  readonly saves: boolean;
}

const wait = (seconds: number) => () => sleep(1000 * seconds);

/** Looks again and again, until the process ends. */
async function waitUntil(started: Started, isReached: () => boolean): Promise<void> {
  while (started.child.exitCode === null && started.child.signalCode === null && !isReached()) await sleep(5);
}

/** Until the folder is locked and something is being built there. */
function waitForDraft(folder: string): Stage["reach"] {
  return (started, place) => waitUntil(started, () => existsSync(join(place, folder, ".cram-work")));
}

const stages: readonly Stage[] = [
  { name: "at the start", scenario: "pretrain", reach: wait(0.05), saves: false, isEarly: true },
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
  {
    ...{ name: "while curvature is measured", scenario: "pretrain, second gradient, averages", saves: true },
    reach: (started, place) => waitUntil(started, () => isTraining(join(place, "run/events.jsonl"))),
  },
  { name: "while preparing", scenario: "prepare over a data set", reach: waitForDraft("data"), saves: false },
  {
    ...{ name: "while duplicates are sought", scenario: "prepare without duplicates", saves: false },
    reach: waitForDraft("data"),
  },
  {
    ...{ name: "while sweeping", scenario: "sweep of four trials", saves: true },
    reach: (started, place) =>
      waitUntil(started, () => isTraining(join(place, "sweep/trials/slow/seed-0/run/events.jsonl"))),
  },
  {
    ...{ name: "while evaluating", scenario: "evaluate, seeds and controls", saves: true },
    reach: started => waitUntil(started, () => started.printed().includes("steps to do")),
  },
  { name: "while exporting", scenario: "export", reach: waitForDraft("run/export"), saves: false },
];

const isTraining = (events: string) => existsSync(events) && readFileSync(events, "utf8").includes('"kind":"step"');

/** Whether a checkpoint is being written: a folder that is not whole. */
function isSaving(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some(name => !existsSync(join(folder, name, "checkpoint.json")));
}

export async function* sendSignals(campaign: Campaign): AsyncGenerator<Row> {
  const { count = 1, folder, onProgress } = campaign;
  const known = await knowScenarios(campaign);
  const tries = signals.length * count;
  for (const [i, stage] of stages.entries()) {
    const each = known.find(({ scenario }) => scenario.name === stage.scenario);
    if (each === undefined) continue;
    const faults: Fault[] = [];
    let late = 0;
    await countTries(join(folder, "signalled"), tries, async (number, place) => {
      const sent = signals[number % signals.length]!;
      const { fault, wasLate } = await trySignal(stage, each, sent, place);
      if (wasLate) late += 1;
      const command = repeatWith("signals", campaign, stage.scenario);
      if (fault !== undefined) faults.push({ what: `${stage.name}, ${sent.join(", ")}: ${fault}`, command });
      onProgress(i * tries + number + 1, stages.length * tries, `signals ${stage.name}`);
    });
    const names = signals.map(each => each.join("+").replaceAll("SIG", "")).join(" ");
    const note = `${names}${late === 0 ? "" : `; ${late} came too late`}`;
    yield { kind: "signals", what: stage.name, tries, faults, note };
  }
}

async function trySignal(
  { reach, saves, compiles, isEarly }: Stage,
  known: Known,
  sent: readonly NodeJS.Signals[],
  slot: string,
): Promise<{ fault?: string | undefined; wasLate: boolean }> {
  const place = beginScenario(known.scenario, slot);
  const cache = mkdtempSync(`${slot}-cache-`);
  const env = compiles === true ? { CRAM_CACHE: cache } : {};
  const started = startCram(known.scenario.words, { cwd: place, env });
  try {
    await reach(started, place, cache);
    let delivered = true;
    // This process has no terminal for the other to lose, as under nohup.
    const goesOn = sent === suspended || (sent[0] === "SIGHUP" && isEarly !== true);
    for (const signal of sent) {
      delivered &&= started.child.kill(signal);
      await sleep(sent === suspended ? 1000 : 20);
    }
    const ending = await started.ended;
    const fault =
      judgeEnding(ending, sent, saves && delivered, goesOn) ??
      (await checkScenario(known.scenario, place)) ??
      (await finishScenario(known, place));
    return { fault, wasLate: ending.code === 0 && !goesOn };
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

const longestSeconds = 60;

/** Codes of what a signal stopped: 128 and its number. */
const wasStopped = ({ code, signal }: Ending, sent: readonly NodeJS.Signals[]) =>
  sent.some(each => signal === each || code === 128 + constants.signals[each]);

function judgeEnding(
  ending: Ending,
  sent: readonly NodeJS.Signals[],
  saves: boolean,
  goesOn: boolean,
): string | undefined {
  const bug = findBug(ending);
  if (bug !== undefined) return `${bug}: ${describeEnding(ending)}`;
  if (ending.seconds > longestSeconds) return `it went on for ${ending.seconds.toFixed(0)} s`;
  if (ending.code === 0) return undefined;
  if (goesOn) return `it was to go on: ${describeEnding(ending)}`;
  if (!wasStopped(ending, sent)) return `another code: ${describeEnding(ending)}`;
  // A second Ctrl-C gives up.
  if (saves && sent.length === 1 && ending.signal !== null) return `nothing was saved: ${describeEnding(ending)}`;
  return undefined;
}
