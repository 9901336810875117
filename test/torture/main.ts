// The fault campaign: `npm run torture`. It kills, damages, fills disks, signals and runs two at once, against what an undisturbed
// run leaves, and prints a table of what survived. Everything is drawn from --seed.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { systemClock } from "../../src/base/clock.ts";
import { type Campaign, createProgress, formatHeader, formatRow, type Kind, type Row } from "./campaign.ts";
import { failDisks } from "./disk/disk.ts";
import { killProcesses } from "./kill.ts";
import { mutateInputs } from "./mutations/mutate.ts";
import { runPairs } from "./pairs.ts";
import { makeGoodFiles } from "./readers/good-files.ts";
import { measureShares } from "./share.ts";
import { sendSignals } from "./signals.ts";

const kinds: Readonly<Record<string, Kind>> = {
  ...{ kill: killProcesses, mutate: mutateInputs, disk: failDisks },
  ...{ signals: sendSignals, pairs: runPairs, share: measureShares },
};

interface Flags {
  readonly only: string[];
  readonly seed: number;
  readonly count?: number;
  readonly reader?: string;
  readonly case?: number;
  readonly scenario?: string;
  readonly json?: boolean;
  readonly keep?: string;
}

const program = new Command("torture")
  .description("Accidents and damage, drawn at random, against what an undisturbed run leaves.")
  .option(
    "--only <kinds>",
    `of ${Object.keys(kinds).join(", ")}, with commas`,
    text => text.split(","),
    Object.keys(kinds),
  )
  .option("--seed <number>", "decides every moment and every damage", Number, 1)
  .option("--count <number>", "tries of each row; the whole campaign's unless given", Number)
  .option("--reader <name>", "only this reader of mutated inputs")
  .option(
    "--scenario <name>",
    "only this of what is killed, signalled or run twice; a star behind it takes all that begin so",
  )
  .option("--case <number>", "only this case of it", Number)
  .option("--keep <folder>", "where files and failing cases are kept; a temporary folder unless given")
  .option("--json", "a line of JSON a row");

program.action(async (flags: Flags) => {
  const start = systemClock.seconds();
  const folder = flags.keep === undefined ? mkdtempSync(join(tmpdir(), "cram-torture-")) : resolve(flags.keep);
  const good = mkdtempSync(join(tmpdir(), "cram-good-"));
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const onProgress = createProgress(process.stderr.isTTY === true, text => process.stderr.write(text));
  const campaign: Campaign = {
    ...{ seed: flags.seed, count: flags.count, folder, good, onProgress },
    only: { reader: flags.reader, number: flags.case, scenario: flags.scenario },
  };
  const rows: Row[] = [];
  try {
    await makeGoodFiles(good);
    if (flags.json !== true) say(formatHeader());
    for (const name of flags.only) {
      const kind = kinds[name];
      if (kind === undefined) throw new CommanderError(1, "torture.only", `no kind of fault is called ${name}`);
      for await (const row of kind(campaign)) {
        rows.push(row);
        if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
        say(flags.json === true ? JSON.stringify(row) : formatRow(row));
      }
    }
  } finally {
    rmSync(good, { recursive: true, force: true });
  }
  const faults = rows.flatMap(row => row.faults);
  const minutes = ((systemClock.seconds() - start) / 60).toFixed(1);
  const tries = rows.reduce((sum, row) => sum + row.tries, 0);
  if (flags.json !== true) {
    for (const { what, command } of faults) say(`\n${what}\n  ${command}`);
    say(`\n${tries - faults.length} of ${tries} survived, seed ${flags.seed}, ${minutes} min`);
  }
  if (faults.length === 0) {
    if (flags.keep === undefined) rmSync(folder, { recursive: true, force: true });
    return;
  }
  writeFileSync(join(folder, "faults.json"), `${JSON.stringify(faults, undefined, 2)}\n`);
  if (flags.json !== true) say(`failing cases are in ${folder}`);
  process.exitCode = 1;
});

await program.parseAsync();
