// A process that is really stopped, by a shell beside it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { leaveOutStops, systemClock } from "./clock.ts";

test("time for which the process was stopped is left out, and a signal alone changes nothing", async () => {
  const clock = leaveOutStops();
  const [start, wallStart] = [clock.seconds(), systemClock.seconds()];
  process.kill(process.pid, "SIGCONT");
  await pause(200);
  assert.equal(clock.stoppedSeconds(), 0);
  const shell = spawn("sh", ["-c", `kill -STOP ${process.pid}; sleep 1.5; kill -CONT ${process.pid}`]);
  await once(shell, "close");
  await pause(50);
  const [seconds, wall] = [clock.seconds() - start, systemClock.seconds() - wallStart];
  clock.close();
  assert.ok(wall > 1.5, `${wall}`);
  assert.ok(Math.abs(wall - seconds - 1.45) < 0.3, `${wall} s, of which ${wall - seconds} s were left out`);
});

test("a signal that comes after the work is waited for; a block without one is not left out", async () => {
  const block = () => {
    const end = systemClock.seconds() + 0.6;
    while (systemClock.seconds() < end);
  };
  const clock = leaveOutStops();
  await pause(150);
  block();
  setTimeout(() => process.emit("SIGCONT"), 100);
  await clock.settle();
  assert.ok(Math.abs(clock.stoppedSeconds() - 0.5) < 0.2, `${clock.stoppedSeconds()}`);
  const before = clock.stoppedSeconds();
  block();
  await clock.settle();
  process.emit("SIGCONT");
  clock.close();
  assert.equal(clock.stoppedSeconds(), before);
});
