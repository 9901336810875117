// A full disk at any moment of every verb, files that may not grow (RLIMIT_FSIZE, which needs no root), and folders that may not
// be written: the verb says so, what stood there is whole, and with room again it ends as if nothing had been.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RandomSequence, streams } from "../../src/base/random.ts";
import type { Campaign, Fault, Row } from "./campaign.ts";
import { describeEnding, findBug, runCram, type StartOptions } from "./program.ts";
import { beginScenario, checkScenario, finishScenario, isRefused, type Known, knowScenarios } from "./scenarios.ts";

const triesOfScenario = 6;
const isRoot = process.getuid?.() === 0;

export async function* fillDisks(campaign: Campaign): AsyncGenerator<Row> {
  const known = await knowScenarios(campaign);
  yield* runDisks("file size limited", known, campaign, limitFiles);
  const disk = join(campaign.folder, "disk");
  mkdirSync(disk, { recursive: true });
  const mounted = isRoot && spawnSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", disk]).status === 0;
  if (mounted) {
    try {
      yield* runDisks("disk full", known, { ...campaign, folder: disk }, fillUp);
      yield* runDisks("read-only disk", known, { ...campaign, folder: disk, count: 1 }, makeReadOnly);
    } finally {
      spawnSync("umount", [disk]);
    }
  } else {
    const skipped = { tries: 0, faults: [], note: "skipped: mounting a small disk needs root" };
    yield { kind: "disk", what: "disk full", ...skipped };
    yield* runDisks("read-only folder", known, { ...campaign, count: 1 }, makeReadOnly);
  }
}

/** Makes the trouble; `end` removes it. `needed` is what the verb writes, in bytes. */
type Trouble = (
  place: string,
  needed: number,
  random: RandomSequence,
) => { start?: Partial<StartOptions>; end: () => void };

const limitFiles: Trouble = (_, needed, random) => ({
  // In blocks of 512 bytes, as a POSIX shell counts.
  start: { first: `ulimit -f ${random.below(Math.ceil(needed / 512 / 2) + 1)}` },
  end: () => {},
});

const fillUp: Trouble = (place, needed, random) => {
  const filler = join(place, "../filler");
  const { bavail, bsize } = statfsSync(place);
  const free = Math.floor(random.uniform() * needed * 1.1);
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - free)));
  return { end: () => rmSync(filler) };
};

const makeReadOnly: Trouble = place => {
  const disk = join(place, "..");
  const set = (mode: "ro" | "rw") =>
    isRoot ? spawnSync("mount", ["-o", `remount,${mode}`, disk]) : chmodAll(place, mode === "ro" ? 0o555 : 0o755);
  set("ro");
  return { end: () => set("rw") };
};

function chmodAll(folder: string, mode: number): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) chmodAll(join(folder, entry.name), mode);
  }
  chmodSync(folder, mode);
}

async function* runDisks(
  what: string,
  known: readonly Known[],
  { seed, count = triesOfScenario, folder, onProgress }: Campaign,
  trouble: Trouble,
): AsyncGenerator<Row> {
  const faults: Fault[] = [];
  let refused = 0;
  for (const [i, each] of known.entries()) {
    const random = new RandomSequence(seed, streams.sampling, 2000 + i);
    for (let n = 0; n < count; n++) {
      const place = await beginScenario(each.scenario, join(folder, "troubled"));
      const { start, end } = trouble(place, each.bytes, random);
      const ending = await runCram(each.scenario.words, { cwd: place, ...start });
      end();
      if (isRefused(ending)) refused += 1;
      const fault =
        findBug(ending) ??
        (ending.code === 0 || isRefused(ending) ? undefined : describeEnding(ending)) ??
        (await checkScenario(each.scenario, place)) ??
        (await finishScenario(each, place));
      const command = `npm run torture -- --only disk --seed ${seed} --count ${count}`;
      if (fault !== undefined)
        faults.push({ what: `${each.scenario.name}: ${fault}: ${describeEnding(ending)}`, command });
      onProgress(i * count + n + 1, known.length * count, `${what}: ${each.scenario.name}`);
    }
  }
  const tries = known.length * count;
  yield {
    kind: "disk",
    what,
    tries,
    faults,
    note: `${known.length} verbs; refused ${refused}, room enough ${tries - refused}`,
  };
}
