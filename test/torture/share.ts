// The fair share: how fast training is beside busy processes, of what an equal share of the cores would give.

import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Campaign, Fault, Row } from "./campaign.ts";
import { succeed } from "./program.ts";
import { recipeOptions } from "./readers/good-files.ts";

const secondsOfRun = 6;
const leastShare = 0.8;

export async function* measureShares({ seed, folder, good, onProgress }: Campaign): AsyncGenerator<Row> {
  const threads = Math.min(2, availableParallelism());
  const measure = (busy: number) => measureSteps(busy, threads, folder, good);
  await measure(0);
  const alone = await measure(0);
  for (const [i, busy] of [1, 2, 4].entries()) {
    const steps = await measure(busy);
    const fair = Math.min(1, availableParallelism() / (threads + busy));
    const share = steps / (alone * fair);
    const what = `beside ${busy} busy ${busy === 1 ? "process" : "processes"}`;
    const note = `${steps.toFixed(0)} steps/s, alone ${alone.toFixed(0)}: ${share.toFixed(2)} of the fair share`;
    const command = `npm run torture -- --only share --seed ${seed}`;
    const faults: Fault[] =
      share < leastShare ? [{ what: `${what}: ${share.toFixed(2)} of the fair share`, command }] : [];
    onProgress(i + 1, 3, "fair share");
    yield { kind: "share", what, tries: 1, faults, note };
  }
}

/** Steps a second of a run of some seconds, of the middle half of its steps. */
async function measureSteps(busy: number, threads: number, folder: string, good: string): Promise<number> {
  const run = join(folder, "shared");
  rmSync(run, { recursive: true, force: true });
  const others = Array.from({ length: busy }, () => spawn(process.execPath, ["-e", "for(;;);"]));
  try {
    await sleep(300);
    const words = [
      "pretrain",
      "--data",
      join(good, "data"),
      "--out",
      run,
      ...recipeOptions,
      "--budget",
      `${secondsOfRun}s`,
    ];
    const size = [
      "model.width=64",
      "model.feedForward=128",
      "train.microBatchSequences=32",
      "schedule.batchSequences=32",
    ];
    await succeed([...words, ...size.flatMap(text => ["--set", text]), "--threads", String(threads)], { cwd: folder });
  } finally {
    for (const other of others) other.kill("SIGKILL");
  }
  const seconds = readFileSync(join(run, "events.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map(line => JSON.parse(line) as { kind: string; stepSeconds: number })
    .filter(({ kind }) => kind === "step")
    .map(({ stepSeconds }) => stepSeconds);
  const middle = seconds.slice(seconds.length >> 2, -(seconds.length >> 2));
  return middle.length / middle.reduce((sum, each) => sum + each, 0);
}
