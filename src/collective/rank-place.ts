// Which rank of how many this process is, as who started it says in the environment: mpirun of Open MPI and of MPICH, srun, and torchrun.
// Nothing set is a process that trains alone.

import { UserError } from "../base/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface RankPlace {
  /** Who started the ranks: it says what connects them. */
  readonly launcher: "Open MPI" | "MPICH" | "srun" | "torchrun";
  readonly rank: number;
  readonly size: number;
  /** Among the ranks of this machine. */
  readonly localRank: number;
  readonly localSize: number;
}

/** The variables of each launcher, in the order in which they are looked for: rank, size, and the same of one machine. */
const launchers = [
  {
    launcher: "Open MPI",
    names: ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"],
  },
  { launcher: "MPICH", names: ["PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"] },
  { launcher: "srun", names: ["PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"] },
  // Behind the others: schedulers set these, too.
  { launcher: "torchrun", names: ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"] },
] as const;

/** Undefined for a process that nobody started as one of several. UserError E_RANKS for variables that contradict themselves. */
export function readRankPlace(environment: Environment = process.env): RankPlace | undefined {
  // torchrun's workers have the variables of the srun that started it, too.
  const inOrder = environment.TORCHELASTIC_RUN_ID === undefined ? launchers : [...launchers].reverse();
  for (const { launcher, names } of inOrder) {
    const [rankName, sizeName, localRankName, localSizeName] = names;
    if (environment[rankName] === undefined || environment[sizeName] === undefined) continue;
    const rank = readNumber(environment, rankName);
    const size = readNumber(environment, sizeName);
    if (rank >= size) refuse(`${rankName}=${rank} is no rank of ${sizeName}=${size}`);
    if (size === 1) return undefined;
    return {
      ...{ launcher, rank, size },
      localRank: readFirst(environment, [localRankName, "SLURM_LOCALID"]) ?? rank,
      localSize: readFirst(environment, [localSizeName, "SLURM_STEP_TASKS_PER_NODE"]) ?? size,
    };
  }
  return undefined;
}

/** The number that the first of these begins with that is set: SLURM writes "2(x3),1" where machines differ. */
function readFirst(environment: Environment, names: readonly string[]): number | undefined {
  const text = names.map(name => environment[name]).find(value => value !== undefined);
  const value = Number.parseInt(text ?? "", 10);
  return Number.isNaN(value) ? undefined : value;
}

function readNumber(environment: Environment, name: string): number {
  const text = environment[name] ?? "";
  const value = Number(text);
  return text !== "" && Number.isInteger(value) && value >= 0 ? value : refuse(`${name}=${text} is no number`);
}

function refuse(seen: string): never {
  throw new UserError(
    "E_RANKS",
    `who started this process says which of several it is, and that cannot be: ${seen}`,
    "Start it by mpirun or srun, or unset these variables to train in one process.",
  );
}
