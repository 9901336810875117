// A run whose recipe was changed after training: everybody who shows it says so, and shows nothing of the changed recipe.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { systemClock } from "../../base/clock.ts";
import { watchRuns } from "../../report/dashboard/dashboard-runs.ts";
import { readRecipeFacts } from "./recipe-facts.ts";
import { report } from "./report.ts";

const root = mkdtempSync(join(tmpdir(), "cram-recipe-facts-"));
after(() => rmSync(root, { recursive: true }));
const [run, out] = [join(root, "run"), join(root, "page.html")];
await writeTinyRun(run, ["the", "cat"]);
writeFileSync(join(run, "events.jsonl"), "");
writeFileSync(join(run, "data.json"), JSON.stringify({ data: join(root, "none") }));
const recipe = join(run, "recipe.json");

async function watch() {
  const stop = new AbortController();
  const { runs, follow } = watchRuns({ folder: root, clock: systemClock, readRecipeFacts });
  const following = follow(stop.signal);
  stop.abort();
  await following;
  const watched = runs.get("run")!;
  return { record: watched.readRecord(), trouble: watched.trouble };
}

test("a changed recipe is told by report and dashboard, and not shown", async () => {
  const whole = await report([run], { out });
  assert.deepEqual(whole.notes, []);
  assert.match(readFileSync(out, "utf8"), /model\.heads/);
  const before = await watch();
  assert.equal(before.trouble, undefined);
  assert.ok(before.record.flopsPerToken! > 0 && before.record.recipe.get("model.heads") === 2);

  const told = /recipe\.json is not the recipe that it was trained with; nothing of it is shown/;
  writeFileSync(recipe, readFileSync(recipe, "utf8").replace('"heads":2', '"heads":4'));
  const changed = await report([run], { out });
  assert.equal(changed.notes.length, 1);
  assert.match(changed.notes[0]!, told);
  assert.doesNotMatch(readFileSync(out, "utf8"), /model\.heads/);
  const { trouble, record } = await watch();
  assert.match(trouble!, told);
  assert.deepEqual([record.flopsPerToken, record.recipe.size], [undefined, 0]);
});
