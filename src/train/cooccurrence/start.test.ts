import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import { defineTraining } from "../definition.ts";
import { overrideRecipe } from "../recipe.ts";
import { openCounted } from "./start.ts";
import { associate, countPairs } from "./token-pairs.ts";

/** Tokens of which each is followed by some more often than by others; the last two are never there. */
const V = 10;
const text = Array.from({ length: 40 }, (_, row) =>
  Uint32Array.from({ length: 32 }, (_, i) => (Math.imul(row * 32 + i, 7) + ((row * i * i) % 3)) % (V - 2)),
);
const visit = (see: (tokens: Uint32Array) => void) => text.forEach(see);

const small = ["width=8", "layers=1", "heads=2", "feedForward=16", `vocabulary=${V}`, "sequenceLength=32"];
const make = (...settings: string[]) =>
  overrideRecipe(
    quickstart,
    [...small, "embedding.initialisation=cooccurrence", ...settings].map(setting => `model.${setting}`),
  );

/** A matrix (rows, columns) stored by rows. */
const at = (values: Float32Array, columns: number) => (row: number, column: number) => values[row * columns + column]!;

test("a dot product of a neighbour and a token through the matrix is their association, where vectors are as wide as there are tokens", () => {
  const recipe = make("embedding.norm=false", "embedding.neighbours=2");
  const counted = openCounted(visit, recipe)!;
  const [vectors, matrix] = ["embedding.word", "embedding.neighbours"].map(name =>
    at(counted.parameters.get(name)!.read(), 8),
  );
  const { counts, behind } = countPairs(visit, V, 2);
  const rows = behind.map(pairs => associate(pairs, counts));
  const associationOf = (distance: number, first: number, second: number) => {
    const { starts, columns, values } = rows[distance - 1]!;
    for (let i = starts[first]!; i < starts[first + 1]!; i++) if (columns[i] === second) return values[i]!;
    return 0;
  };
  // Places -2, -1, 1, 2 of the matrix's rows: a token before is the first of a pair, one behind the second.
  const places = [-2, -1, 1, 2];
  const ratios: number[] = [];
  for (const [place, offset] of places.entries()) {
    for (let neighbour = 0; neighbour < V - 2; neighbour++) {
      for (let token = 0; token < V - 2; token++) {
        const expected =
          offset < 0 ? associationOf(-offset, neighbour, token) : associationOf(offset, token, neighbour);
        let product = 0;
        for (let i = 0; i < 8; i++) {
          for (let j = 0; j < 8; j++) {
            product += vectors!(neighbour, i) * matrix!(place * 8 + i, j) * vectors!(token, j);
          }
        }
        if (expected > 0.3) ratios.push(product / expected);
        else if (expected === 0) assert.ok(Math.abs(product) < 0.05 * (ratios[0] ?? Infinity), `${offset} ${product}`);
      }
    }
  }
  // One factor for all of them: the last norm leaves directions.
  assert.ok(ratios.length > 20);
  assert.ok(Math.max(...ratios) / Math.min(...ratios) < 1.05, `${Math.min(...ratios)} ${Math.max(...ratios)}`);
});

test("what no text has stays as it is drawn, and all that is not counted", () => {
  const recipe = make("decoder.tied=false", "embedding.width=4", "embedding.neighbours=1");
  const counted = openCounted(visit, recipe)!;
  assert.deepEqual([...counted.parameters.keys()], ["embedding.word", "head.decoder"]);
  const drawn = defineTraining(recipe);
  const begun = defineTraining(recipe, counted.parameters);
  for (const name of begun.parameters.keys()) {
    const [before, now] = [drawn.initialise(name), begun.initialise(name)];
    if (!counted.parameters.has(name)) assert.deepEqual(now, before, name);
    else {
      assert.deepEqual(now.slice(4 * (V - 2)), before.slice(4 * (V - 2)), name);
      assert.notDeepEqual(now.slice(0, 4), before.slice(0, 4));
    }
  }
  assert.equal(openCounted(visit, quickstart), undefined);
});

test("the same dataset and seed have the same bits", () => {
  const read = () => openCounted(visit, make())!.parameters.get("embedding.word")!.read();
  assert.deepEqual(read(), read());
});

test("who counts has others work in between, tells how far it is, ends where it is asked, and counts the same", async () => {
  const wide = overrideRecipe(make("vocabulary=4000", "width=64", "heads=1", "embedding.neighbours=1"), []);
  const many = (see: (tokens: Uint32Array) => void) =>
    see(Uint32Array.from({ length: 30_000 }, (_, i) => (i * i) % 4000));
  const counted = openCounted(many, wide)!;
  const shares: number[] = [];
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await counted.count({ onProgress: share => shares.push(share) });
  clearInterval(timer);
  assert.ok(turns > 3, String(turns));
  assert.ok(shares.every((share, i) => share >= (shares[i - 1] ?? 0)));
  assert.ok(shares.at(-1)! > 0.95, String(shares.at(-1)));
  const [now, later] = [counted, openCounted(many, wide)!].map(each =>
    each.parameters.get("embedding.neighbours")!.read(),
  );
  assert.deepEqual(now, later);
  const stop = new AbortController();
  const ended = openCounted(many, wide)!.count({ signal: stop.signal, onProgress: () => stop.abort() });
  await assert.rejects(ended, { name: "AbortError" });
});
