// A run killed with SIGKILL ten times at random moments and started again each time must end in the very bytes of a run that
// was left alone.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RandomSequence, streams } from "../src/base/random.ts";
import { listCheckpoints } from "../src/checkpoint/state.ts";
import { readEvents } from "../src/train/events.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-resume-"));
after(() => rmSync(folder, { recursive: true }));
const kills = 10;

/** Runs the child; with `killAfterMilliseconds`, kills it that long after training began. True when it ended by itself. */
async function train(run: string, killAfterMilliseconds?: number): Promise<boolean> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "resume-child.js"), run], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  if (killAfterMilliseconds !== undefined) {
    await Promise.race([once(child.stdout, "data"), closed]);
    await Promise.race([sleep(killAfterMilliseconds), closed]);
    child.kill("SIGKILL");
  }
  const [code] = await closed;
  return code === 0;
}

test("killed ten times and resumed: the same bytes as never killed", { timeout: 300_000 }, async t => {
  const whole = join(folder, "whole");
  const moments = process.pid; // Other moments at each run: the claim is about any. Each within 5 % of the run, so all land before its end.
  t.diagnostic(`moments from seed ${moments}`);
  assert.ok(await train(whole));
  const wholeEvents = readEvents(join(whole, "events.jsonl"));
  const trainingSeconds = wholeEvents.at(-1)!.elapsedSeconds;
  const random = new RandomSequence(moments, streams.sampling, 0);
  const cut = join(folder, "cut");
  let killed = 0;
  for (let i = 0; i < kills; i++) {
    if (!(await train(cut, random.uniform() * trainingSeconds * 100))) killed++;
  }
  assert.ok(await train(cut));
  t.diagnostic(`${killed} kills landed before the end; checkpoints ${listCheckpoints(cut).join(", ")}`);
  assert.equal(killed, kills);
  for (const file of ["parameters.safetensors", "optimizer.safetensors"]) {
    const read = (run: string) => readFileSync(join(run, "checkpoints/step-00001200", file));
    assert.ok(read(whole).equals(read(cut)), file);
  }
  const losses = (run: string) =>
    readEvents(join(run, "events.jsonl")).flatMap(event => (event.kind === "step" ? [[event.step, event.loss]] : []));
  assert.deepEqual(losses(cut), losses(whole));
});
