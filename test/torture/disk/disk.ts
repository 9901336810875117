// A disk that fills or may only be read, from any moment of every verb on, files that may not grow (RLIMIT_FSIZE), and folders that
// may not be written: the verb says so, what stood there is whole, and with room again it ends as if nothing had been. Small disks
// of memory are mounted where this process is root; a disk that fails at the n-th change (failing-disk.c) needs no root.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RandomSequence } from "../../../src/base/random.ts";
import { type Campaign, drawFor, type Fault, type Row, repeatWith } from "../campaign.ts";
import { describeEnding, type Ending, findBug, runCram } from "../program.ts";
import { beginScenario, checkScenario, finishScenario, isRefused, type Known, knowScenarios } from "../scenarios.ts";
import { countTries } from "../tries.ts";
import { type DiskFailure, runOnFailingDisk } from "./failing-disk.ts";

const isRoot = process.getuid?.() === 0;

interface Trouble {
  readonly what: string;
  readonly triesOfScenario: number;
  /** Whether the folder is to be on a small disk of its own. */
  readonly mounts?: boolean;
  /** Runs the verb in its folder with the trouble, and ends that. */
  readonly run: (known: Known, place: string, random: RandomSequence) => Promise<Ending>;
}

export async function* failDisks(campaign: Campaign): AsyncGenerator<Row> {
  const known = await knowScenarios(campaign);
  const canMount = isRoot && (await onSmallDisk(join(campaign.folder, "probe"), async () => true)) === true;
  for (const trouble of troubles) {
    const { what, mounts = false } = trouble;
    const isSkipped = (mounts && !canMount) || (trouble === readOnlyAtStart && isRoot && !canMount);
    const preloads = what.includes("from a moment on");
    if (isSkipped || (preloads && process.platform !== "linux")) {
      const note = `skipped: ${preloads ? "needs Linux" : "mounting a small disk needs root"}`;
      yield { kind: "disk", what, tries: 0, faults: [], note };
    } else yield await runTrouble({ ...trouble, mounts: mounts && canMount }, known, campaign);
  }
}

const limitFiles: Trouble["run"] = ({ scenario, bytes }, cwd, random) => {
  // In blocks of 512 bytes, as a POSIX shell counts.
  const blocks = random.below(Math.ceil(bytes / 512 / 2) + 1);
  return runCram(scenario.words, { cwd, first: `ulimit -f ${blocks}` });
};

const fillUp: Trouble["run"] = async ({ scenario, bytes }, cwd, random) => {
  const filler = join(dirname(cwd), "filler");
  const { bavail, bsize } = statfsSync(cwd);
  const free = Math.floor(random.uniform() * bytes * 1.1);
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - free)));
  const ending = await runCram(scenario.words, { cwd });
  rmSync(filler);
  return ending;
};

const makeReadOnly: Trouble["run"] = async ({ scenario }, cwd) => {
  const set = (mode: "ro" | "rw") =>
    isRoot ? spawnSync("mount", ["-o", `remount,${mode}`, dirname(cwd)]) : chmodAll(cwd, mode === "ro" ? 0o555 : 0o755);
  set("ro");
  const ending = await runCram(scenario.words, { cwd });
  set("rw");
  return ending;
};

function chmodAll(folder: string, mode: number): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) chmodAll(join(folder, entry.name), mode);
  }
  chmodSync(folder, mode);
}

/** How many changes a scenario makes on its disk, counted once. */
const changesOf = new Map<Known, Promise<number>>();

const failFrom =
  (failure: DiskFailure): Trouble["run"] =>
  async (known, cwd, random) => {
    const { words } = known.scenario;
    const count = async () => {
      const place = beginScenario(known.scenario, `${cwd}-counted`);
      const { changes } = await runOnFailingDisk(words, { cwd: place });
      rmSync(place, { recursive: true });
      return changes;
    };
    if (!changesOf.has(known)) changesOf.set(known, count());
    const from = random.below((await changesOf.get(known))!);
    return (await runOnFailingDisk(words, { cwd }, { from, failure })).ending;
  };

const readOnlyAtStart: Trouble = { what: "read-only disk", triesOfScenario: 1, mounts: isRoot, run: makeReadOnly };
const troubles: readonly Trouble[] = [
  { what: "a file may grow no further", triesOfScenario: 4, run: limitFiles },
  { what: "full disk", triesOfScenario: 4, mounts: true, run: fillUp },
  { what: "full disk from a moment on", triesOfScenario: 5, run: failFrom("ENOSPC") },
  readOnlyAtStart,
  { what: "read-only disk from a moment on", triesOfScenario: 5, run: failFrom("EROFS") },
];

async function runTrouble(
  { what, triesOfScenario, mounts = false, run }: Trouble,
  known: readonly Known[],
  campaign: Campaign,
): Promise<Row> {
  const count = Math.min(campaign.count ?? triesOfScenario, triesOfScenario);
  const tries = known.length * count;
  const faults: Fault[] = [];
  let refused = 0;
  let done = 0;
  await countTries(join(campaign.folder, "troubled"), tries, async (number, slot) => {
    const each = known[Math.floor(number / count)]!;
    const { scenario } = each;
    const attempt = async () => {
      const place = beginScenario(scenario, join(slot, "work"));
      const ending = await run(each, place, drawFor(campaign, `disk: ${what}: ${scenario.name}`, number % count));
      if (isRefused(ending)) refused += 1;
      const fault =
        judgeEnding(ending) ?? (await checkScenario(scenario, place)) ?? (await finishScenario(each, place));
      if (fault === undefined) return;
      const command = repeatWith("disk", campaign, scenario.name);
      faults.push({ what: `${scenario.name}, ${what}: ${fault}: ${describeEnding(ending)}`, command });
    };
    await (mounts ? onSmallDisk(slot, attempt) : attempt());
    campaign.onProgress(++done, tries, `${what}: ${scenario.name}`);
  });
  const note = `${known.length} verbs; refused ${refused}, did it all the same ${tries - refused}`;
  return { kind: "disk", what, tries, faults, note };
}

/** It ends well, or says in words of ours that the disk is full or may not be written. */
function judgeEnding(ending: Ending): string | undefined {
  const bug = findBug(ending);
  if (bug !== undefined || ending.code === 0) return bug;
  if (!isRefused(ending)) return "no word of what is wrong";
  return /E_(DISK_FULL|NOT_WRITABLE)/.test(ending.stderr) ? undefined : "something else is blamed";
}

/** With a disk of 48 MiB of memory at that folder; undefined where none can be mounted. */
async function onSmallDisk<T>(folder: string, use: () => Promise<T>): Promise<T | undefined> {
  mkdirSync(folder, { recursive: true });
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", folder]).status !== 0) return undefined;
  try {
    return await use();
  } finally {
    spawnSync("umount", [folder]);
  }
}
