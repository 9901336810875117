// Machines as their /proc and /sys show them.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { countPerformanceCores } from "./cores.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-cores-"));
after(() => rmSync(folder, { recursive: true }));

interface Processor {
  readonly siblings?: string;
  readonly capacity?: number;
  readonly frequency?: number;
}

let machines = 0;
function writeMachine(
  allowed: string,
  processors: readonly Processor[],
  more: Readonly<Record<string, string>> = {},
): string {
  const root = join(folder, String(machines++));
  const write = (path: string, text: string | number | undefined) => {
    if (text === undefined) return;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  };
  write("proc/self/status", `Name:\tnode\nCpus_allowed_list:\t${allowed}`);
  processors.forEach(({ siblings, capacity, frequency }, i) => {
    const cpu = `sys/devices/system/cpu/cpu${i}`;
    write(`${cpu}/topology/thread_siblings_list`, siblings);
    write(`${cpu}/cpu_capacity`, capacity);
    write(`${cpu}/cpufreq/cpuinfo_max_freq`, frequency);
  });
  for (const [path, text] of Object.entries(more)) write(path, text);
  return root;
}

// 2 performance cores of two threads each, 4 efficiency cores.
const hybrid: Processor[] = [
  ...["0-1", "0-1", "2-3", "2-3"].map(siblings => ({ siblings, frequency: 5_000_000 })),
  ...[4, 5, 6, 7].map(number => ({ siblings: String(number), frequency: 3_800_000 })),
];
const bigLittle = [446, 446, 1024, 1024].map((capacity, i) => ({ siblings: String(i), capacity }));
const plain = Array.from({ length: 4 }, (_, i) => ({ siblings: String(i) }));
const favoured = [5_700_000, 5_700_000, 5_400_000, 5_400_000].map((frequency, i) => ({
  siblings: String(i),
  frequency,
}));

const cases: readonly [
  string,
  string,
  readonly Processor[],
  Readonly<Record<string, string>>,
  Record<string, string>,
  number,
][] = [
  ["four plain cores", "0-3", plain, {}, {}, 4],
  ["an affinity of two of them", "1,3", plain, {}, {}, 2],
  ["Intel's two kinds, with two threads a core", "0-7", hybrid, {}, {}, 2],
  ["efficiency cores alone are the fastest there are", "4-6", hybrid, {}, {}, 3],
  ["ARM's two kinds", "0-3", bigLittle, {}, {}, 2],
  ["favoured cores of one kind", "0-3", favoured, {}, {}, 4],
  ["a container's quota", "0-3", plain, { "sys/fs/cgroup/cpu.max": "250000 100000" }, {}, 2],
  ["a quota below one", "0-3", plain, { "sys/fs/cgroup/cpu.max": "50000 100000" }, {}, 1],
  ["no quota", "0-3", plain, { "sys/fs/cgroup/cpu.max": "max 100000" }, {}, 4],
  ["SLURM's share", "0-3", plain, {}, { SLURM_CPUS_PER_TASK: "3" }, 3],
  ["SLURM's share of more than there is", "0-3", plain, {}, { SLURM_CPUS_PER_TASK: "64" }, 4],
  ["SLURM that says nothing", "0-3", plain, {}, { SLURM_CPUS_PER_TASK: "" }, 4],
  ["no names of siblings", "0-1", [{}, {}], {}, {}, 2],
];

for (const [name, allowed, processors, more, environment, expected] of cases) {
  test(name, () => {
    const root = writeMachine(allowed, processors, more);
    const available = allowed.split(",").flatMap(part => {
      const [first, last = first] = part.split("-").map(Number);
      return Array.from({ length: last! - first! + 1 });
    }).length;
    assert.equal(countPerformanceCores({ platform: "linux", environment, root, available }), expected);
  });
}
