import assert from "node:assert/strict";
import { test } from "node:test";
import { simulatedClock } from "../base/clock.ts";
import { plan } from "./plan.ts";

const common = { recipe: "crammed-bert", measureSeconds: 0 };

test("the paper's day on an A6000 is the one its author reports", async () => {
  const set = ["train.microBatchSequences=128"];
  const { course, flopsPerToken, memory } = await plan(
    { ...common, set, device: "a6000", budget: "24h" },
    simulatedClock(),
  );
  // pytorch issue 96693: 103,200 to 105,900 tokens/s, 8.9 to 9.15 billion tokens a day. That code works on every token in every layer.
  const whole = 623e6 / flopsPerToken;
  const [speed, tokens] = [course.tokensPerSecond / whole, course.tokens / whole];
  assert.ok(speed > 100e3 && speed < 108e3 && speed < course.tokensPerSecond, `${speed}`);
  assert.ok(tokens > 8.8e9 && tokens < 9.2e9, `${tokens}`);
  // 13.4 exaFLOP is the paper's day at the full peak of 154.8 TFLOP/s.
  assert.ok(Math.abs((course.tokens * flopsPerToken) / 0.42 / 13.4e18 - 1) < 0.02);
  assert.equal(memory.parameters, 4 * 119_589_889);
});

test("this machine is measured, and compared with nothing", async () => {
  const set = ["width=32", "layers=1", "heads=2", "feedForward=64", "vocabulary=128", "sequenceLength=32"];
  const tiny = [...set.map(pair => `model.${pair}`), "train.microBatchSequences=4", "schedule.batchSequences=4"];
  const clock = { seconds: tickingClock(), date: () => new Date(0) };
  const settings = [...tiny, "schedule.batchRamp=0", "train.validations=1"];
  const { course, device, epochs } = await plan(
    { ...common, threads: 2, set: settings, device: "this", budget: "1000s" },
    clock,
  );
  // Each reading of the clock is a second after the one before: a micro-batch and an update of a second each, 500 steps but for
  // the 64 validation batches of a second each.
  assert.equal(course.steps, (1000 - 64) / 2);
  assert.equal(course.tokens, ((1000 - 64) / 2) * 4 * 32);
  assert.equal(epochs, undefined);
  assert.match(device.speedSource, /measured/);
});

/** A clock that moves a second at each reading. */
function tickingClock(): () => number {
  let now = 0;
  return () => now++;
}

test("what no memory there holds is refused before it is compiled", async () => {
  const set = ["model.width=65536", "model.heads=64", "model.layers=256"];
  for (const device of ["this", "h200"]) {
    await assert.rejects(plan({ ...common, set, device }), { code: "E_MEMORY", message: /at least/ });
  }
});

test("how this machine computes says nothing of another, and is refused; a number is a GPU's", async () => {
  for (const choice of [{ threads: 2 }, { backend: "cuda" }] as const) {
    await assert.rejects(plan({ ...common, ...choice, device: "h200" }), {
      code: "E_OPTION",
      message: /--device h200/,
    });
  }
  await assert.rejects(plan({ ...common, device: "0" }), { code: "E_DEVICE_NAME" });
  await assert.rejects(plan({ ...common, backend: "reference" }), { code: /E_NO_PROGRAM|E_MEMORY/ });
});
