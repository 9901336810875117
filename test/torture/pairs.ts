// Two processes on one folder: one does the work, the other is told who holds the folder or does the same again; nothing is lost.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RandomSequence } from "../../src/base/random.ts";
import { type Campaign, drawFor, type Fault, type Row, repeatWith } from "./campaign.ts";
import { describeEnding, type Ending, findBug, startCram } from "./program.ts";
import { beginScenario, checkScenario, finishScenario, isRefused, type Known, knowScenarios } from "./scenarios.ts";
import { countTries } from "./tries.ts";

const triesOfScenario = 6;

export async function* runPairs(campaign: Campaign): AsyncGenerator<Row> {
  const { count = triesOfScenario, folder, onProgress } = campaign;
  const known = await knowScenarios(campaign);
  for (const [i, each] of known.entries()) {
    const { scenario } = each;
    const faults: Fault[] = [];
    let told = 0;
    await countTries(join(folder, "paired"), count, async (number, slot) => {
      const random = drawFor(campaign, `pairs: ${scenario.name}`, number);
      const place = beginScenario(scenario, slot);
      const endings = await runTwo(each, place, random);
      if (endings.some(isRefused)) told += 1;
      const fault = judgePair(endings) ?? (await checkScenario(scenario, place)) ?? (await finishScenario(each, place));
      if (fault !== undefined)
        faults.push({ what: `${scenario.name}: ${fault}`, command: repeatWith("pairs", campaign, scenario.name) });
      onProgress(i * count + number + 1, known.length * count, `two at once: ${scenario.name}`);
    });
    yield { kind: "pairs", what: scenario.name, tries: count, faults, note: `${told} times one was told` };
  }
}

async function runTwo({ scenario, seconds }: Known, cwd: string, random: RandomSequence): Promise<Ending[]> {
  const first = startCram(scenario.words, { cwd });
  await sleep(random.below(3) === 0 ? 0 : 700 * seconds * random.uniform());
  const second = startCram(scenario.continueWith?.(cwd) ?? scenario.words, { cwd });
  return Promise.all([first.ended, second.ended]);
}

function judgePair(endings: readonly Ending[]): string | undefined {
  const bug = endings.find(ending => findBug(ending) !== undefined);
  if (bug !== undefined) return `${findBug(bug)}: ${describeEnding(bug)}`;
  if (endings.every(({ code }) => code !== 0)) return `neither did it: ${endings.map(describeEnding).join("; ")}`;
  const other = endings.find(({ code }) => code !== 0);
  if (other === undefined || /E_(RUN_BUSY|FOLDER_BUSY|BUSY|RUN_EXISTS)/.test(other.stderr)) return undefined;
  return `the other was not told who holds the folder: ${describeEnding(other)}`;
}
