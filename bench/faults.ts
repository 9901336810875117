// `faults`: what happens to ranks that train when one of them, their network, their disk or who started them fails. Of every case: the seconds
// until the last process was gone, what each rank printed, what is left, and whether another number of ranks goes on with it.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../src/base/clock.ts";
import { UserError } from "../src/base/errors.ts";
import { listCheckpoints } from "../src/checkpoint/state.ts";
import type { MpiName } from "../src/collective/mpi/mpi-library.ts";
import { type Case, libraries, type Outcome, patienceSeconds, writeTable } from "./fault-table.ts";
import { makeTemporaryFolder } from "./folder.ts";
import { startTrainedRanks, type TrainedRanks } from "./own/trained-ranks.ts";
import { listOwnWords, mpirunOf, openTwoMachines, type TwoMachines } from "./own/two-machines.ts";
import type { Reporter } from "./report.ts";

const ranks = 3;
const ranksOfResume = 2;
/** Relative: sums of ranks have another order. */
const tolerance = 2e-5;

/** How ranks train, and with what they are started. */
export const ways = {
  plain: { begin: [], resume: [] },
  shared: { begin: ["--shard-optimizer"], resume: ["--shard-optimizer"] },
  every: { begin: ["--sync", "every:5"], resume: [] },
} as const satisfies Readonly<Record<string, { begin: readonly string[]; resume: readonly string[] }>>;
export type Way = keyof typeof ways;

/** Where a case trains, and what it may break. */
interface Place {
  readonly machines: TwoMachines | undefined;
  /** The run's folder, on a disk of its own where that is to be full. */
  readonly run: string;
  readonly disk: string;
}

interface Fault {
  readonly name: string;
  /** Who starts the ranks; two machines: mpirun over a network. */
  readonly start: "mpirun" | "devices" | "two machines";
  readonly ownDisk?: boolean;
  /** What is left is the state that the last step made. */
  readonly saves?: boolean;
  strike(started: TrainedRanks, place: Place): void;
  /** Before it is resumed. */
  mend?(place: Place): void;
}

const kill = (rank: number, signal: NodeJS.Signals) => (started: TrainedRanks) =>
  void process.kill(started.findProcess(rank), signal);

export const faults: readonly Fault[] = [
  { name: "kill -9 of rank 0", start: "mpirun", strike: kill(0, "SIGKILL") },
  { name: "kill -9 of rank 2", start: "mpirun", strike: kill(2, "SIGKILL") },
  { name: "SIGSTOP of rank 0", start: "mpirun", strike: kill(0, "SIGSTOP") },
  { name: "SIGSTOP of rank 2", start: "mpirun", strike: kill(2, "SIGSTOP") },
  {
    ...{ name: "link down", start: "two machines" },
    strike: (_, { machines }) => machines!.setCable("down"),
    mend: ({ machines }) => machines!.setCable("up"),
  },
  {
    ...{ name: "full disk at rank 0", start: "mpirun", ownDisk: true },
    strike: (_, { disk }) => void spawnSync("dd", ["if=/dev/zero", `of=${join(disk, "full")}`, "bs=64k"]),
    mend: ({ disk }) => rmSync(join(disk, "full")),
  },
  {
    ...{ name: "Ctrl-C at --devices", start: "devices", saves: true },
    // mpirun has a session of its own there.
    strike: ({ processId }) => void process.kill(processId, "SIGINT"),
  },
  {
    ...{ name: "Ctrl-C at mpirun", start: "mpirun", saves: true },
    strike: ({ processId }) => void process.kill(-processId, "SIGINT"),
  },
  {
    ...{ name: "kill -9 of --devices", start: "devices", saves: true },
    strike: ({ processId }) => void process.kill(processId, "SIGKILL"),
  },
  { name: "kill -9 of mpirun", start: "mpirun", strike: ({ processId }) => void process.kill(processId, "SIGKILL") },
];

const faultNames = faults.map(({ name }) => name);

export interface FaultsOptions {
  readonly libraries: readonly MpiName[];
  readonly ways: readonly Way[];
  /** Of `faults`. */
  readonly names: readonly string[];
}

const main = join(import.meta.dirname, "../src/cli/main.js");
const model = ["width=32", "layers=1", "heads=2", "feedForward=64", "vocabulary=56", "sequenceLength=16"];
const training = ["batchSequences=6", "microBatchSequences=2", "validations=2", "checkpointEverySeconds=1"];
const settings = [
  ...model.map(setting => `model.${setting}`),
  ...training.map(setting => `${setting.startsWith("batch") ? "schedule" : "train"}.${setting}`),
].flatMap(setting => ["--set", setting]);

export async function benchFaults({ libraries, ways, names }: FaultsOptions, reporter: Reporter): Promise<void> {
  const folder = makeTemporaryFolder();
  prepareData(folder);
  const chosen = faults.filter(({ name }) => names.includes(name));
  const needsNetwork = chosen.some(({ start }) => start === "two machines");
  const machines = needsNetwork ? openTwoMachines(folder) : undefined;
  const cases: Case[] = [];
  try {
    for (const fault of chosen) {
      for (const library of libraries) {
        for (const way of ways) {
          const outcome = await tryFault(folder, machines, fault, library, way);
          cases.push({ fault: fault.name, library, way, ...outcome });
          reporter.record({ benchmark: "faults", ...cases.at(-1)! });
          const seconds = outcome.seconds?.toFixed(1) ?? "hangs";
          reporter.note(`${fault.name}, ${library}, ${way}: ${seconds}, ${outcome.resumed}`);
        }
      }
    }
  } finally {
    machines?.close();
  }
  reporter.heading(writeTable(cases, faultNames));
}

function prepareData(folder: string): void {
  const lines = Array.from({ length: 40 }, (_, i) => ({ text: `the red${i} fox sleeps in its den. `.repeat(20) }));
  writeFileSync(join(folder, "text.jsonl"), lines.map(line => JSON.stringify(line)).join("\n"));
  const words = ["prepare", "text.jsonl", "--out", "data", "--vocabulary", "56", "--sequence-length", "16"];
  const { status, stderr } = spawnSync(process.execPath, [main, ...words, "--hold-out", "0.1"], { cwd: folder });
  if (status !== 0) throw new Error(String(stderr));
  for (const library of libraries) {
    const path = join(folder, library);
    mkdirSync(path);
    writeFileSync(join(path, "mpirun"), `#!/bin/sh\nexec ${mpirunOf(library)} "$@"\n`);
    chmodSync(join(path, "mpirun"), 0o755);
  }
}

async function tryFault(
  folder: string,
  machines: TwoMachines | undefined,
  fault: Fault,
  library: MpiName,
  way: Way,
): Promise<Outcome> {
  const disk = join(folder, "disk");
  const run = join(disk, "run");
  mkdirSync(disk);
  const unmount = () => void spawnSync("umount", [disk]);
  if (fault.ownDisk) {
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]);
    // Before the folder is removed.
    process.prependOnceListener("exit", unmount);
  }
  const place: Place = { machines, run, disk };
  try {
    const begin = ["--data", "data", "--recipe", "quickstart", "--threads", "1", ...settings, ...ways[way].begin];
    const started = start(
      folder,
      fault,
      library,
      [...begin, "--budget", "1000000steps", "--out", run],
      ranks,
      machines,
    );
    await started.waitFor("checkpoint", 2);
    await sleep(500);
    const struck = systemClock.seconds();
    fault.strike(started, place);
    const code = await started.waitForEnd(patienceSeconds);
    const seconds = code === undefined ? undefined : systemClock.seconds() - struck;
    fault.mend?.(place);
    const told = Number(started.events.findLast(({ kind }) => kind === "step")?.step ?? 0);
    const kept = listCheckpoints(run).at(-1);
    const resumed = await resume(folder, library, place, way, started, kept);
    const isSaved = fault.saves !== true || kept === told;
    return { seconds, printed: started.errors, told, kept, resumed: isSaved ? resumed : `not saved; ${resumed}` };
  } finally {
    process.off("exit", unmount);
    if (fault.ownDisk) unmount();
    rmSync(disk, { recursive: true });
  }
}

function start(
  folder: string,
  { start }: Pick<Fault, "start">,
  library: MpiName,
  words: readonly string[],
  count: number,
  machines: TwoMachines | undefined,
): TrainedRanks {
  const command = [process.execPath, main, "pretrain", ...words, "--json"];
  if (start === "devices") {
    const environment = { PATH: `${join(folder, library)}${delimiter}${process.env.PATH}` };
    return startTrainedRanks([...command, "--devices", String(count)], environment, folder);
  }
  const isFar = start === "two machines";
  const mpirun = isFar ? machines!.listWords(library, count) : [mpirunOf(library), ...listOwnWords(library)];
  const environment = isFar ? machines!.environment : {};
  return startTrainedRanks([...mpirun, "-np", String(count), ...command], environment, folder);
}

/** Goes on with another number of ranks for some steps, and compares those that were told before: not of local steps, whose loss is a rank's. */
async function resume(
  folder: string,
  library: MpiName,
  { run }: Place,
  way: Way,
  before: TrainedRanks,
  kept: number | undefined,
): Promise<string> {
  if (kept === undefined) return "nothing is left";
  const words = ["--resume", run, ...ways[way].resume];
  const started = start(folder, { start: "devices" }, library, words, ranksOfResume, undefined);
  await started.waitFor("step", 12);
  process.kill(started.processId, "SIGINT");
  const code = await started.waitForEnd(patienceSeconds);
  const first = started.events.find(({ kind }) => kind === "start");
  if (code !== 130 || first?.step !== kept) {
    return `resumed at ${first?.step} of ${kept}, code ${code}: ${started.errors.map(({ text }) => text).join("; ")}`;
  }
  const steps = (events: TrainedRanks["events"]) =>
    new Map(events.filter(({ kind }) => kind === "step").map(event => [event.step, event]));
  const old = steps(before.events);
  const other = [...steps(started.events)].find(([step, { loss }]) => {
    const expected = Number(old.get(step)?.loss ?? loss);
    return way !== "every" && !(Math.abs(Number(loss) - expected) <= tolerance * expected);
  });
  return other === undefined
    ? "yes"
    : `step ${other[0]} has loss ${other[1].loss}, told was ${old.get(other[0])?.loss}`;
}

/** The table of what JSON lines of earlier runs say. */
export function showFaults(path: string, reporter: Reporter): void {
  const lines = readFileSync(path, "utf8").trim().split("\n");
  const cases = lines.map(line => JSON.parse(line) as Case);
  reporter.heading(writeTable(cases, faultNames));
}

/** UserError E_OPTION for a fault that there is not. */
export function chooseFaults(part: string | undefined): string[] {
  const names = faultNames.filter(name => part === undefined || name.includes(part));
  if (names.length > 0) return names;
  throw new UserError("E_OPTION", `--only ${part}: no fault`, `Give a part of ${faultNames.join(", ")}.`);
}
