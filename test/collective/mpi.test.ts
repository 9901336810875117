// Ranks by the mpirun of each library that is installed, on this machine: what MPI's standard says that they have in the end.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const child = join(import.meta.dirname, "rank-child.js");
const launchers = [
  {
    ...{ engine: "Open MPI", command: "mpirun.openmpi" },
    // As between machines: its plugin for TCP once left threads with an end that was unloaded.
    flags: ["--allow-run-as-root", "--oversubscribe", "--mca", "pml", "ob1", "--mca", "btl", "tcp,self"],
  },
  { engine: "MPICH", command: "mpirun.mpich", flags: [] },
];

for (const { engine, command, flags } of launchers) {
  const isThere = spawnSync(command, ["--version"]).status === 0;
  test(`two ranks of ${engine} sum, tell and gather`, { skip: isThere ? false : `${command} is not installed` }, () => {
    const { status, stdout, stderr } = spawnSync(command, [...flags, "-np", "2", process.execPath, child], {
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(status, 0, stderr);
    const ranks = stdout
      .trim()
      .split("\n")
      .map(line => JSON.parse(line))
      .sort((a, b) => a.rank - b.rank);
    const both = {
      ...{ size: 2, engine, small: [3, 10], double: 2 ** 54 - 3, large: 3, isLargeWhole: true, writtenCodeKiB: 0 },
      // The third lies behind the two that were named.
      ...{ placed: [1, 1, 7], told: { from: 0, text: "é" } },
    };
    assert.deepEqual(ranks, [
      { ...both, rank: 0 },
      { ...both, rank: 1, gathered: [0, -0, 1, -1].map(value => value + 0) },
    ]);
  });
}
