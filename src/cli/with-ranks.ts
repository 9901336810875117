// A training in several processes, as the command line begins it: rank 0 does the work of one process, and the others follow it and print
// nothing but their errors.

import { clearInterval, setInterval } from "node:timers";
import { UserError } from "../base/errors.ts";
import { countOf } from "../base/printable.ts";
import { findMpirun, runRanks } from "../collective/mpi/mpirun.ts";
import { openCollective } from "../collective/open-collective.ts";
import { type RankPlace, readRankPlace } from "../collective/rank-place.ts";
import { countPerformanceCores } from "../machine/cores.ts";
import { RankLeader } from "../train/ranks/rank-orders.ts";
import type { BackendChoice, BackendName } from "../verbs/backend.ts";
import { followRun } from "../verbs/pretrain/follow-run.ts";
import type { RankChoice } from "../verbs/pretrain/lead-run.ts";
import type { RunChoice } from "../verbs/pretrain/open-run.ts";
import { printWarning } from "./terminal/output.ts";
import { stopOnSignals } from "./terminal/signals.ts";
import { stopAnnouncement } from "./train-run.ts";

/** What a person says of ranks. */
export interface RankFlags {
  readonly sum?: "fast" | "in-order" | undefined;
  /** Whether they share out the update and its moments. */
  readonly shardOptimizer?: boolean | undefined;
  /** How many this command is to start on this machine. */
  readonly devices?: number | undefined;
  /** The run's folder, where one was named: ranks of another training are found by it. */
  readonly run?: string | undefined;
}

/**
 * Does the work in one process or as rank 0 of several; as another rank, follows; and where ranks are to be started, starts them with this
 * process's own words and waits; what a person gave is checked before any is started. The work may change its choice of a backend.
 */
export async function withRanks(
  choice: BackendChoice,
  { sum, shardOptimizer: isShared = false, devices, run = "" }: RankFlags,
  check: (ranks: Pick<RankChoice, "isInOrder" | "isShared"> & { readonly size: number }) => void,
  work: (choice: RunChoice, rankChoice: RankChoice | undefined) => Promise<void>,
): Promise<void> {
  const place = readRankPlace();
  const isInOrder = sum === "in-order";
  if (devices !== undefined) {
    checkDevices(devices, choice, place);
    if (place === undefined && devices > 1) {
      check({ size: devices, isInOrder, isShared });
      return startRanks(devices);
    }
  }
  if (place === undefined && isShared) {
    throw new UserError(
      "E_OPTION",
      "--shard-optimizer changes nothing in one process",
      "Leave it out, or train in several with --devices.",
    );
  }
  const collective = await openCollective(place, run, seen =>
    printWarning(`${seen}; every rank ends, and --resume goes on from the last checkpoint`),
  );
  if (place === undefined && !isInOrder) {
    if (sum === undefined) return work(choice, undefined);
    throw new UserError(
      "E_OPTION",
      "--sum fast changes nothing in one process",
      "Leave it out, or train in several with --devices.",
    );
  }
  const own = place === undefined ? choice : { ...shareMachine(choice, place), sharesUpdate: isShared };
  if (place !== undefined && collective.rank > 0) {
    const choosePart = (backend: BackendName) => shareMachine({ ...choice, backend }, place);
    const work = (signal: AbortSignal) => followRun(collective, choosePart, signal);
    await stopOnSignals({ announcement: undefined, unfinished: undefined, warn: printWarning, work });
    // Rank 0 says how it ended.
    process.exitCode = 0;
    return;
  }
  const starter = process.env[starterVariable];
  if (starter !== undefined) endWithStarter(Number(starter));
  const leader = new RankLeader(collective);
  try {
    await work(own, { leader, isInOrder, isShared });
  } finally {
    await leader.close();
  }
}

/** UserError E_OPTION for a number that is not that of the ranks, and for one GPU of many. */
function checkDevices(devices: number, { device }: BackendChoice, place: RankPlace | undefined): void {
  if (place !== undefined && place.size !== devices) {
    throw new UserError(
      "E_OPTION",
      `--devices ${devices}, and ${place.launcher} started ${countOf(place.size, "rank")}`,
      "Leave --devices out: it starts ranks where nobody else does.",
    );
  }
  if (device === undefined || devices === 1) return;
  throw new UserError(
    "E_OPTION",
    `--device ${device} is one GPU, and --devices ${devices} takes the first ${devices}`,
    "Leave --device out; CUDA_VISIBLE_DEVICES says which GPUs there are.",
  );
}

/** The number of the process that started ranks. */
const starterVariable = "CRAM_STARTER";

/** Asks this process to save and end when who started the ranks was killed: mpirun has a session of its own and would go on. */
function endWithStarter(starter: number): void {
  const look = setInterval(() => {
    try {
      process.kill(starter, 0);
    } catch {
      clearInterval(look);
      process.kill(process.pid, "SIGTERM");
    }
  }, 1000).unref();
}

async function startRanks(devices: number): Promise<void> {
  const mpirun = findMpirun();
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  // Open MPI shows rank 0 a terminal, whatever stands behind it.
  const terminal = process.stdout.isTTY ? {} : { TERM: "dumb" };
  const environment = { ...process.env, ...terminal, [starterVariable]: String(process.pid) };
  const work = (signal: AbortSignal) => runRanks(mpirun, devices, command, environment, signal);
  // Rank 0 says what there is of it.
  const code = await stopOnSignals({
    announcement: stopAnnouncement,
    unfinished: undefined,
    warn: printWarning,
    work,
  });
  process.exitCode ??= code;
}

/** "2 ranks by Open MPI": how many train together. */
export function describeRanks({ leader: { collective }, isInOrder, isShared }: RankChoice): string {
  const { size, engine } = collective;
  const order = isInOrder ? ", sums in the order of micro-batches" : "";
  const sharing = isShared ? ", the optimizer's states shared out" : "";
  // mpirun of Open MPI kills what has not ended then; --devices asks ranks by another signal.
  const isHurried = readRankPlace()?.launcher === "Open MPI" && process.env[starterVariable] === undefined;
  const hurry = isHurried
    ? "\nCtrl-C leaves one second to save; whatever a step takes, kill -USR1 of mpirun's process saves"
    : "";
  return `${countOf(size, "rank")} by ${engine}${order}${sharing}${hurry}`;
}

/** Ranks of one machine share its processors, unless a scheduler gave each its own, and take a GPU each. */
function shareMachine(
  choice: BackendChoice,
  { localRank, localSize, size: ranks }: Pick<RankPlace, "localRank" | "localSize" | "size">,
): RunChoice {
  if (choice.backend === "cuda") return { ...choice, ranks, device: choice.device ?? localRank };
  if (choice.backend === "reference" || choice.threads !== undefined) return { ...choice, ranks };
  const cores = countPerformanceCores();
  const isAllotted = process.env.SLURM_CPUS_PER_TASK !== undefined;
  return { ...choice, ranks, threads: isAllotted ? cores : Math.max(1, Math.floor(cores / localSize)) };
}
