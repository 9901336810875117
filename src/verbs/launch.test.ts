// What a job is made of is read from the command's own words, and what nobody could run again, or would ignore, is refused.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type LaunchOptions, planLaunch } from "./launch.ts";

const plan = (words: string, options: Partial<LaunchOptions> = {}) =>
  planLaunch({ scheduler: "slurm", program: ["cram"], words: words.split(" "), ...options });

test("a training goes on in its folder with what may be said beside --resume", () => {
  const { command, resume, threads } = plan(
    "pretrain --data d --recipe r --set a=1 --set b=2 --budget 1h --out=runs/x --threads 4 --json",
  );
  assert.equal(
    command.join(" "),
    "cram pretrain --data d --recipe r --set a=1 --set b=2 --budget 1h --out=runs/x --threads 4 --json",
  );
  assert.equal(resume!.begun, "runs/x/recipe.json");
  assert.equal(resume!.command.join(" "), "cram pretrain --data d --threads 4 --json --resume runs/x");
  assert.equal(threads, 4);
  assert.deepEqual(plan("cram pretrain --data d --out=runs/x"), plan("pretrain --data d --out=runs/x"));
});

test("cores are those of the command, and are said to it where it says nothing", () => {
  const counted = plan("pretrain --data d --out r", { threads: 8 });
  assert.deepEqual([counted.threads, counted.command.slice(-2)], [8, ["--threads", "8"]]);
  const gpu = plan("pretrain --data d --out r --backend cuda", { threads: 8, devices: 2 });
  assert.deepEqual([gpu.threads, gpu.wantsGpu, gpu.command.at(-1)], [8, true, "cuda"]);
});

test("members of an array share an evaluation, a sweep or a prepare, which is joined", () => {
  assert.equal(plan("evaluate runs/x --glue-dir g", { array: 4 }).members, 4);
  assert.equal(plan("sweep --worker sweeps/x", { array: 4 }).members, 4);
  const { command, join } = plan("prepare texts --out d --threads 2", { array: 4 });
  assert.deepEqual(command.slice(-2), ["--shard", ["", "/4"]]);
  assert.equal(join!.join(" "), "cram prepare texts --out d --threads 2 --merge");
});

const refused: readonly (readonly [string, Partial<LaunchOptions>, RegExp])[] = [
  ["pretrain --data d", {}, /without --out/],
  ["pretrain --resume r --extend 2h", {}, /--extend in a job/],
  ["pretrain --data d --out r", { array: 2 }, /--array with pretrain/],
  ["evaluate r --glue-dir g", { nodes: 2 }, /evaluate, which runs in one process/],
  ["evaluate r --glue-dir g --submission s", { array: 2 }, /an array with --submission/],
  ["sweep sweep.json", {}, /without --out or --worker/],
  ["serve runs/x", {}, /launch of serve/],
  ["pretrain --data d --out r", { scheduler: "local", nodes: 2 }, /--nodes changes nothing/],
  ["pretrain --data d --out r", { scheduler: "kubernetes" }, /without --image and --claim/],
  ["pretrain --data d --out r", { image: "x" }, /--image changes nothing/],
  ["pretrain --data d --out r --threads 2", { threads: 3 }, /--threads 3 beside/],
  ["pretrain --data d --out r", { name: "My job" }, /no name of a job/],
];

for (const [words, options, message] of refused) {
  test(`refused: ${words} ${JSON.stringify(options)}`, () => {
    assert.throws(() => plan(words, options), { code: "E_OPTION", message });
  });
}
