import assert from "node:assert/strict";
import { test } from "node:test";
import { readRankPlace } from "./rank-place.ts";

test("every launcher says which rank this is", () => {
  assert.deepEqual(
    readRankPlace({
      ...{ OMPI_COMM_WORLD_RANK: "3", OMPI_COMM_WORLD_SIZE: "4" },
      ...{ OMPI_COMM_WORLD_LOCAL_RANK: "1", OMPI_COMM_WORLD_LOCAL_SIZE: "2" },
    }),
    { launcher: "Open MPI", rank: 3, size: 4, localRank: 1, localSize: 2 },
  );
  assert.deepEqual(readRankPlace({ PMI_RANK: "1", PMI_SIZE: "2", MPI_LOCALRANKID: "1", MPI_LOCALNRANKS: "2" }), {
    ...{ launcher: "MPICH", rank: 1, size: 2, localRank: 1, localSize: 2 },
  });
  // srun --mpi=pmix on two machines of three tasks each.
  assert.deepEqual(
    readRankPlace({
      ...{ PMIX_RANK: "4", SLURM_STEP_NUM_TASKS: "6", SLURM_LOCALID: "1", SLURM_STEP_TASKS_PER_NODE: "3(x2)" },
    }),
    { launcher: "srun", rank: 4, size: 6, localRank: 1, localSize: 3 },
  );
});

test("a process that trains alone is no rank", () => {
  assert.equal(readRankPlace({}), undefined);
  assert.equal(readRankPlace({ OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" }), undefined);
  assert.equal(readRankPlace({ RANK: "0", WORLD_SIZE: "1", MASTER_ADDR: "one" }), undefined);
});

test("what contradicts itself is refused by its names", () => {
  assert.throws(() => readRankPlace({ PMI_RANK: "2", PMI_SIZE: "2" }), /PMI_RANK=2 is no rank of PMI_SIZE=2/);
  assert.throws(() => readRankPlace({ PMI_RANK: "first", PMI_SIZE: "2" }), /PMI_RANK=first is no number/);
});

test("torchrun's variables count where no MPI launcher's do", () => {
  const torchrun = { RANK: "3", WORLD_SIZE: "4", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2", MASTER_ADDR: "one" };
  assert.deepEqual(readRankPlace(torchrun), { launcher: "torchrun", rank: 3, size: 4, localRank: 1, localSize: 2 });
  assert.equal(readRankPlace({ ...torchrun, PMI_RANK: "0", PMI_SIZE: "3" })?.size, 3);
  // srun -n1 torchrun: its workers all have the variables of that one task.
  const started = { PMIX_RANK: "0", SLURM_STEP_NUM_TASKS: "1", TORCHELASTIC_RUN_ID: "none" };
  assert.equal(readRankPlace({ ...torchrun, ...started })?.rank, 3);
});
