// kill -9 at random moments: the program is started again after each, and must end as one that was never killed. Half of the
// moments are drawn over the time that the work takes, half are the change of a file: then a write is under way.

import { existsSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RandomSequence } from "../../src/base/random.ts";
import { type Campaign, drawFor, type Fault, type Row, repeatWith } from "./campaign.ts";
import { describeEnding, findBug, startCram } from "./program.ts";
import { beginScenario, checkScenario, finishScenario, type Known, knowScenarios, knowTrainings } from "./scenarios.ts";
import { tryBeside } from "./tries.ts";

const killsOfScenario = 34;
const mostInRound = 5;

export async function* killProcesses(campaign: Campaign): AsyncGenerator<Row> {
  const { folder, onProgress } = campaign;
  const known = [...(await knowScenarios(campaign)), ...(await knowTrainings(campaign))];
  for (const [i, each] of known.entries()) {
    const { scenario } = each;
    const count = Math.ceil((campaign.count ?? killsOfScenario) * (scenario.weight ?? 1));
    const faults: Fault[] = [];
    let kills = 0;
    let promised = 0;
    let rounds = 0;
    // Where no kill lands, the work is too short for it.
    const isEnough = (number: number) => kills + promised >= count || number >= 4 * count;
    await tryBeside(join(folder, "killed"), isEnough, async (number, slot) => {
      const random = drawFor(campaign, `kill: ${scenario.name}`, number);
      const wanted = Math.min(1 + random.below(mostInRound), count - kills - promised);
      promised += wanted;
      const { landed, fault } = await runRound(each, beginScenario(scenario, slot), wanted, random);
      promised -= wanted;
      kills += landed;
      rounds += 1;
      if (fault !== undefined)
        faults.push({ what: `${scenario.name}: ${fault}`, command: repeatWith("kill", campaign, scenario.name) });
      onProgress(i * count + kills, known.length * count, `kill -9: ${scenario.name}`);
    });
    // Of a row every kill is a try; a round that fails is one that did not survive.
    yield { kind: "kill", what: scenario.name, tries: kills, faults, note: `${rounds} ends compared` };
  }
}

async function runRound(
  known: Known,
  place: string,
  wanted: number,
  random: RandomSequence,
): Promise<{ landed: number; fault?: string }> {
  const { scenario, seconds } = known;
  let landed = 0;
  for (let i = 0; i < wanted; i++) {
    const words = i === 0 ? scenario.words : (scenario.continueWith?.(place) ?? scenario.words);
    const { child, ended } = startCram(words, { cwd: place });
    const stop = new AbortController();
    void drawMoment(place, scenario.made, seconds, random, stop.signal).then(() => child.kill("SIGKILL"));
    const ending = await ended;
    stop.abort();
    if (ending.signal === "SIGKILL") landed += 1;
    else if (ending.code !== 0)
      return { landed, fault: findBug(ending) ?? `ended by itself: ${describeEnding(ending)}` };
    const lost = await checkScenario(scenario, place);
    if (lost !== undefined) return { landed, fault: lost };
    if (ending.code === 0) break;
  }
  const fault = await finishScenario(known, place);
  return fault === undefined ? { landed } : { landed, fault };
}

/** Waits for the moment of a kill. */
async function drawMoment(
  place: string,
  made: string,
  seconds: number,
  random: RandomSequence,
  signal: AbortSignal,
): Promise<void> {
  // Node needs a moment to begin, in which nothing can break.
  const earliest = Math.min(0.25, seconds / 3);
  const drawn = earliest + random.uniform() * (seconds - earliest);
  const changes = 1 + random.below(12);
  if (random.below(2) === 0) return sleep(1000 * drawn, undefined, { signal }).catch(() => undefined);
  await waitForChanges(existsSync(join(place, made)) ? join(place, made) : place, changes, 2 * seconds, signal);
}

function waitForChanges(folder: string, changes: number, longestSeconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    let seen = 0;
    const watcher = watch(folder, { recursive: true }, () => ++seen >= changes && end());
    const timer = setTimeout(() => end(), 1000 * longestSeconds);
    const end = () => {
      clearTimeout(timer);
      watcher.close();
      resolve();
    };
    watcher.on("error", end);
    signal.addEventListener("abort", end, { once: true });
  });
}
