// A run killed with SIGKILL six times at random moments and started again each time must end in the very bytes of a run that
// was left alone.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { listCheckpoints } from "../../src/checkpoint/state.ts";
import { readEvents } from "../../src/events/event-reader.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-resume-"));
after(() => rmSync(folder, { recursive: true }));
const kills = 6;
/** How far a child may be ahead of the kill: the processor that this process waits for may be the child's. */
const mostStepsAhead = 30;

/** Runs the child; with `killAfterSteps`, kills it when it has said that many steps. True when it ended by itself. */
async function train(run: string, killAfterSteps = Number.POSITIVE_INFINITY): Promise<boolean> {
  const words = [run, ...(Number.isFinite(killAfterSteps) ? [String(killAfterSteps + mostStepsAhead)] : [])];
  const child = spawn(process.execPath, [join(import.meta.dirname, "resume-child.js"), ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  // The child has gone on by the time the kill arrives: anywhere in a step, or in the middle of a checkpoint.
  let steps = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    steps += chunk.length;
    if (steps >= killAfterSteps) child.kill("SIGKILL");
  });
  const [code] = await closed;
  return code === 0;
}

test("killed six times and resumed: the same bytes as never killed", { timeout: 300_000 }, async t => {
  const whole = join(folder, "whole");
  // Other moments at each run: the claim is about any. Six times at most 90 steps, so all land before the end.
  const moments = process.pid;
  t.diagnostic(`moments from seed ${moments}`);
  assert.ok(await train(whole));
  const random = new RandomSequence(moments, streams.sampling, 0);
  const cut = join(folder, "cut");
  let killed = 0;
  for (let i = 0; i < kills; i++) {
    if (!(await train(cut, 1 + random.below(60)))) killed++;
  }
  assert.ok(await train(cut));
  t.diagnostic(`${killed} kills landed before the end; checkpoints ${listCheckpoints(cut).join(", ")}`);
  assert.equal(killed, kills);
  for (const file of ["parameters.safetensors", "optimizer.safetensors"]) {
    const read = (run: string) => readFileSync(join(run, "checkpoints/step-00000600", file));
    assert.ok(read(whole).equals(read(cut)), file);
  }
  const losses = (run: string) =>
    readEvents(join(run, "events.jsonl")).flatMap(event => (event.kind === "step" ? [[event.step, event.loss]] : []));
  assert.deepEqual(losses(cut), losses(whole));
});
