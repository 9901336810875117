// Two ranks with a GPU each, on stand-ins for NVIDIA's libraries that sum between processes: NVIDIA's own were never asked to, for want of
// two GPUs. The stand-in was compiled against nccl.h of 2.30.7 when it was written (-DREAL_NCCL).

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { buildLibrary } from "../../src/backends/cpu/build.ts";
import { findFreePort } from "../free-port.ts";

/** One of those that are installed: in what they differ, mpi.test.ts shows. */
const command = ["mpirun.mpich", "mpirun.openmpi", "mpirun"].find(name => spawnSync(name, ["--version"]).status === 0);
const skip =
  process.platform !== "linux"
    ? "NVIDIA's libraries are looked for on Linux only"
    : command === undefined
      ? "no mpirun is installed"
      : false;
const child = join(import.meta.dirname, "nccl-child.js");
const folder = mkdtempSync(join(tmpdir(), "cram-nccl-"));
after(() => rmSync(folder, { recursive: true }));
const library = join(folder, "libcuda.so.1");

before(async () => {
  if (process.platform !== "linux") return;
  const texts = ["fake-cuda.c", "fake-cublaslt.c", "fake-nvml.c", "fake-nccl.c"].map(name =>
    readFileSync(new URL(`../fake-cuda/${name}`, import.meta.url), "utf8"),
  );
  const path = await buildLibrary(texts.join("\n"));
  for (const name of ["libcuda.so.1", "libnvrtc.so.13", "libcublasLt.so.13", "libnvidia-ml.so.1", "libnccl.so.2"]) {
    symlinkSync(path, join(folder, name));
  }
});

const environmentOf = (environment: NodeJS.ProcessEnv) => ({
  ...process.env,
  CRAM_CUDA_LIBRARIES: folder,
  ...environment,
});

const run = (words: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) =>
  spawnSync(command!, ["-np", "2", process.execPath, child, library, ...words], {
    env: environmentOf({ OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1", ...environment }),
    ...{ encoding: "utf8", timeout: 60_000 },
  });

test("gradients are summed on the devices' streams in one group, and the host waits for none of it", { skip }, () => {
  const { status, stdout, stderr } = run();
  assert.equal(status, 0, stderr);
  const ranks = stdout
    .trim()
    .split("\n")
    .map(line => JSON.parse(line))
    .sort((a, b) => a.rank - b.rank);
  const both = {
    engine: "NCCL 2.23.4",
    // All of a step's, the small ones too; nothing is copied, nobody synchronises.
    asked: "group\nsum 20000\nsum 3\nsum 1\nasked for 3\n",
    told: "broadcast 2 of 1\nasked for 1\n",
    host: 3,
    large: [3, 3 + 2 * 19_999],
    small: [3, 5, 7],
    loss: [2],
    moment: [2, 3],
  };
  const launch = "launch add 1 x 4, 0\n";
  const live = `${launch}follow\ngroup\nsum 4\nasked for 1 beside\njoin\n${launch}`;
  const recorded = `begin\n${live}end\ndestroy graph\n`;
  const capability = "84 multiprocessors, compute capability 8.6, f32";
  assert.deepEqual(ranks, [
    {
      ...both,
      rank: 0,
      device: `Fake 5, ${capability}`,
      probe: [1, 2, 3],
      beside: { live, recorded, ofLive: [3, 5, 7, 38], ofGraph: [11, 13, 15, 46] },
    },
    {
      ...both,
      rank: 1,
      device: `Fake 6, ${capability}`,
      probe: [2, 3, 4],
      gathered: [0, 7, 1, 7],
      beside: { live, recorded, ofLive: [4, 6, 8, 38], ofGraph: [12, 14, 16, 46] },
    },
  ]);
});

test("what NCCL finds broken ends every rank, and is told", { skip }, () => {
  const lost = join(folder, "lost");
  assert.notEqual(run([lost]).status, 0);
  assert.match(readFileSync(lost, "utf8"), /^rank 1: NCCL: remote process exited, as the stand-in says$/m);
});

test("torchrun's ranks meet at its port, and need no MPI", { skip: process.platform !== "linux" }, async () => {
  const port = await findFreePort();
  const ranks = await Promise.all(
    [0, 1].map(async rank => {
      const place = { RANK: String(rank), WORLD_SIZE: "2", LOCAL_RANK: String(rank), LOCAL_WORLD_SIZE: "2" };
      const meeting = { MASTER_ADDR: "127.0.0.1", MASTER_PORT: String(port) };
      // What a launcher of MPI would say is not there.
      const env = environmentOf({ ...place, ...meeting });
      const { stdout } = await promisify(execFile)(process.execPath, [child, library], { env, timeout: 60_000 });
      return JSON.parse(stdout);
    }),
  );
  for (const [rank, { engine, asked, told, host, large, moment, gathered, beside }] of ranks.entries()) {
    assert.deepEqual(
      { engine, asked, told, host, large, moment, gathered },
      {
        engine: "NCCL 2.23.4",
        asked: "group\nsum 20000\nsum 3\nsum 1\nasked for 3\n",
        told: "broadcast 2 of 1\nasked for 1\n",
        ...{ host: 3, large: [3, 3 + 2 * 19_999], moment: [2, 3] },
        gathered: rank === 1 ? [0, 7, 1, 7] : undefined,
      },
    );
    assert.deepEqual(beside.ofGraph, rank === 0 ? [11, 13, 15, 46] : [12, 14, 16, 46]);
  }
});

test("before 2.9 nothing is recorded: sums stay on the stream that computes", { skip }, () => {
  const { status, stdout, stderr } = run([], { FAKE_NCCL_VERSION: "2804" });
  assert.equal(status, 0, stderr);
  const [first] = stdout.trim().split("\n");
  const { engine, asked, beside } = JSON.parse(first!);
  assert.deepEqual(
    { engine, asked, beside },
    {
      engine: "NCCL 2.8.4",
      asked: "group\nsum 20000\nsum 3\nsum 1\nasked for 3\n",
      beside: undefined,
    },
  );
});
