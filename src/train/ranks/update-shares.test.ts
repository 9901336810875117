// Every optimizer's update shared out over ranks of one process, against the same update in one piece: losses, norms, parameters and moments
// of a training that goes on in another number of ranks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import { joinRanks } from "../../../test/collective/joined-ranks.ts";
import { trainTiny } from "../../../test/conformance/tiny-training.ts";
import { fetchTensors, fetchValues } from "../../../test/fetch-tensors.ts";
import { openReference } from "../../backends/reference/reference.ts";
import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import type { Collective } from "../../collective/collective.ts";
import { countBytes } from "../../graph/tensor.ts";
import { optimizers } from "../../optim/optimizers.ts";
import { defineTraining } from "../definition.ts";
import { overrideRecipe, type Recipe } from "../recipe.ts";
import { openEngine, type StepResult } from "../step/engine.ts";
import { assignOwners } from "./owners.ts";
import { findLargestShare, shareUpdate } from "./share-update.ts";
import { openUpdateShares } from "./update-shares.ts";

const tiny = (optimizer: string, ...more: string[]) =>
  overrideRecipe(quickstart, [
    ...["model.width=8", "model.layers=1", "model.heads=2", "model.feedForward=8", "model.vocabulary=16"],
    ...["model.sequenceLength=8", "train.microBatchSequences=2", `optimizer.name=${optimizer}`, "optimizer.clip=0.5"],
    ...["optimizer.learningRate=0.01", ...more],
  ]);

interface Trained {
  readonly results: readonly StepResult[];
  readonly parameters: readonly StoredTensor[];
  readonly moments: readonly StoredTensor[];
}

/** Steps from `from` to `to`, with what was stored before; all ranks have the same gradients. */
async function trainRank(
  collective: Collective | undefined,
  recipe: Recipe,
  [from, to]: readonly [number, number],
  stored?: Trained,
): Promise<Trained> {
  const backend = openReference();
  const definition = defineTraining(recipe, undefined, collective);
  const engine = await openEngine(backend, definition);
  const isFirst = collective === undefined || collective.rank === 0;
  if (stored !== undefined) engine.restore([...stored.parameters, ...(isFirst ? stored.moments : [])]);
  const shares = collective && openUpdateShares(collective, backend, engine.states, definition.shared!);
  await shares?.begin(isFirst ? (stored?.moments ?? []) : []);
  const results: StepResult[] = [];
  for (let step = from; step < to; step++) {
    results.push(...(await trainTiny(engine, recipe, step, step + 1)));
    await shares?.spread();
  }
  const parameters = await fetchTensors(engine.readParameters());
  const own = engine.readMoments();
  const fetched: Float32Array[] = [];
  for (let i = 0; shares !== undefined && i < definition.shared!.moments.size; i++) fetched.push(await shares.tell(i));
  const held = shares?.listMoments(own, async name => fetched[shares.findIndex(name)]!) ?? own;
  return { results, parameters, moments: await fetchTensors(held) };
}

const trainRanks = (size: number, recipe: Recipe, steps: readonly [number, number], stored?: Trained) =>
  Promise.all(joinRanks(size).map(each => trainRank(each, recipe, steps, stored)));

async function assertNear(seen: readonly StoredTensor[], expected: readonly StoredTensor[], what: string) {
  const [ours, theirs] = [await fetchValues([...seen]), await fetchValues([...expected])];
  assert.deepEqual(
    ours.map(([name]) => name),
    theirs.map(([name]) => name),
    what,
  );
  ours.forEach(([name, values], i) => {
    values.forEach((value, at) => {
      const other = theirs[i]![1][at]!;
      assert.ok(Math.abs(value - other) <= 1e-4 * Math.abs(other) + 1e-6, `${what} ${name}[${at}]: ${value}, ${other}`);
    });
  });
}

async function assertAlike(ranks: readonly Trained[], expected: Trained): Promise<void> {
  for (const { results, parameters, moments } of ranks) {
    results.forEach(({ loss, gradientNorm }, i) => {
      const other = expected.results[i]!;
      assert.ok(Math.abs(loss - other.loss) < 1e-5, `${loss}, ${other.loss}`);
      assert.ok(Math.abs(gradientNorm - other.gradientNorm) < 1e-4 * other.gradientNorm, `${gradientNorm}`);
    });
    await assertNear(parameters, expected.parameters, "parameters");
    await assertNear(moments, expected.moments, "moments");
  }
}

for (const { name } of optimizers) {
  test(`${name}: two ranks that share out the update train what one does`, async () => {
    const recipe = tiny(name);
    await assertAlike(await trainRanks(2, recipe, [0, 2]), await trainRank(undefined, recipe, [0, 2]));
  });
}

test("three ranks go on with the moments of one, in eight bits where these are, and one with theirs", async () => {
  const recipe = tiny("adamw", "model.vocabulary=64", "model.width=64", "optimizer.momentBlock=64");
  const half = await trainRank(undefined, recipe, [0, 1]);
  assert.ok([...defineTraining(recipe).moments.values()].some(({ dtype }) => dtype === "u8"));
  const whole = await trainRank(undefined, recipe, [1, 2], half);
  const ranks = await trainRanks(3, recipe, [1, 2], half);
  await assertAlike(ranks, whole);
  await assertAlike(
    [await trainRank(undefined, recipe, [2, 3], ranks[0])],
    await trainRank(undefined, recipe, [2, 3], whole),
  );
});

test("each rank holds its share of the moments, and together they hold each once", () => {
  const recipe = tiny("adamw", "model.layers=4");
  const { moments, owners } = shareUpdate(recipe, 3);
  const whole = defineTraining(recipe);
  assert.deepEqual([...moments.keys()], [...whole.moments.keys()]);
  const parts = [0, 1, 2].map(rank => defineTraining(recipe, undefined, { rank, size: 3 }).moments);
  assert.deepEqual(parts.flatMap(part => [...part.keys()]).sort(), [...whole.moments.keys()].sort());
  const count = (types: Iterable<Parameters<typeof countBytes>[0]>) =>
    [...types].reduce((sum, type) => sum + countBytes(type), 0);
  const bytes = parts.map(part => count(part.values()));
  assert.equal(findLargestShare(recipe, 3).bytes, Math.max(...bytes));
  // By Graham's bound at most 4/3 of the best, which is at least a third of all.
  assert.ok(Math.max(...bytes) <= (4 / 9) * count(whole.moments.values()), String(bytes));
  assert.equal(owners.size, whole.parameters.size);
});

test("work goes to who has least, the largest first", () => {
  assert.deepEqual(assignOwners([1, 7, 3, 5, 4], 2), [1, 0, 0, 1, 1]);
});
