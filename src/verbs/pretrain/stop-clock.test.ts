// A process that is really stopped, by another one, which says for how long; and clocks that move only when told, for what no busy machine is
// to decide.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { processorClock, simulatedClock, systemClock } from "../../base/clock.ts";
import { leaveOutStops } from "./stop-clock.ts";

test("time for which the process was stopped is left out", async () => {
  const clock = leaveOutStops();
  const [start, wallStart] = [clock.seconds(), systemClock.seconds()];
  await pause(200);
  const stop = `process.kill(${process.pid}, "SIGSTOP");
    const from = performance.now();
    setTimeout(() => {
      console.log((performance.now() - from) / 1000);
      process.kill(${process.pid}, "SIGCONT");
    }, 1500);`;
  const other = spawn(process.execPath, ["-e", stop]);
  let said = "";
  other.stdout.on("data", part => (said += part));
  await once(other, "close");
  await pause(50);
  const [seconds, wall] = [clock.seconds() - start, systemClock.seconds() - wallStart];
  clock.close();
  // It was stopped for as long and longer, and since when is known to a tenth of a second. The first pause is no part of it.
  const [leftOut, stopped] = [wall - seconds, Number(said)];
  assert.ok(stopped > 1.4 && leftOut > stopped - 0.11, `${leftOut} s were left out, and it was stopped for ${stopped}`);
  assert.ok(leftOut < wall - 0.1, `${leftOut} s of ${wall} were left out`);
});

test("a signal alone changes nothing", () => {
  const clock = leaveOutStops(simulatedClock());
  process.emit("SIGCONT");
  assert.equal(clock.stoppedSeconds(), 0);
  clock.close();
});

test("a signal that comes after the work is waited for; a block without one is not left out", async () => {
  const time = simulatedClock();
  const clock = leaveOutStops(time);
  time.advance(0.6);
  setTimeout(() => process.emit("SIGCONT"), 100);
  await clock.settle();
  // Less the tenth after which a beat was due anyway.
  assert.ok(Math.abs(clock.stoppedSeconds() - 0.5) < 1e-9, `${clock.stoppedSeconds()}`);
  const before = clock.stoppedSeconds();
  time.advance(0.6);
  const settled = clock.settle();
  time.advance(0.2);
  // A beat is due before this is over, however late both are.
  await pause(150);
  time.advance(0.2);
  await settled;
  process.emit("SIGCONT");
  clock.close();
  assert.equal(clock.stoppedSeconds(), before);
});

test("by processors nothing is left out, and long work is not followed by a wait", async () => {
  const clock = leaveOutStops(processorClock(1));
  const end = clock.seconds() + 0.5;
  while (clock.seconds() < end);
  const settled = clock.settle();
  // The wait that a clock of the wall needs is 0.3 s, which a process that waits would take half a minute to compute for.
  assert.equal(await Promise.race([settled.then(() => "settled"), pause(3000, "waits", { ref: false })]), "settled");
  process.emit("SIGCONT");
  assert.equal(clock.stoppedSeconds(), 0);
  clock.close();
});
