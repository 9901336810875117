// What workers beside each other say: the same once, and no fault hidden by another trial's; and what is said of one that could not.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import { test } from "node:test";
import { nameError, passErrors, waitForEnd } from "./sweep-jobs.ts";

const damaged = (trial: number) => `trials/${trial}/checkpoints/step-1: its bytes are not those of its manifest`;
const full = (trial: number) => `trials/${trial}/events.jsonl: the disk is full`;
const advice = "  remove it\n  (docs/ERRORS.md explains the code)";
const write = {
  "for people": (code: string, message: string) => `${code} ${message}\n${advice}\n`,
  "for machines": (code: string, message: string) =>
    `${JSON.stringify({ kind: "error", code, message, advice: "remove it" })}\n`,
};

for (const [how, say] of Object.entries(write)) {
  test(`an error ${how} hides no other trial's, and a fault of the machine is said once`, async () => {
    const said = new Set<string>();
    const shown: string[] = [];
    const hear = (...lines: string[]) =>
      passErrors(Readable.from([lines.join("")]), said, line => void shown.push(`${line}\n`));
    const [three, seven] = [damaged(3), damaged(7)].map(message => say("E_CHECKPOINT_DAMAGED", message));
    await hear("warning: slow\n", three!);
    await hear("warning: slow\n", seven!, say("E_DISK_FULL", full(3)));
    await hear(three!, say("E_DISK_FULL", full(5)), "warning: late\n");
    const once = ["warning: slow\n", three, seven, say("E_DISK_FULL", full(3)), "warning: late\n"];
    assert.equal(shown.join(""), once.join(""));
    assert.ok(said.has(nameError("E_CHECKPOINT_DAMAGED", damaged(7))) && said.has(nameError("E_DISK_FULL", full(9))));
    assert.ok(!said.has(nameError("E_CHECKPOINT_DAMAGED", damaged(9))));
  });
}

test("a warning that was told before the workers began is not told by them, in words or as JSON", async () => {
  const said = new Set(["the recipe as it is"]);
  const shown: string[] = [];
  const json = JSON.stringify({ kind: "warning", message: "the recipe as it is" });
  const other = JSON.stringify({ kind: "warning", message: "another" });
  const lines = ["the recipe as it is", "  and why", json, other, "another"];
  await passErrors(Readable.from([lines.join("\n")]), said, line => void shown.push(line));
  assert.deepEqual(shown, [other]);
});

for (const [code, told] of [
  [
    "process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 1e4)",
    /^worker 2 of 3 was ended by SIGKILL, .*memory.*others/,
  ],
  ["process.abort()", /^worker 2 of 3 was ended by SIGABRT: .*others/],
  ["process.exit(0)", undefined],
  // Has said why.
  ["process.exit(1)", undefined],
] as const) {
  test(`of a worker that ends by ${code.slice(0, 32)} it is ${told === undefined ? "not " : ""}told`, async () => {
    const heard: string[] = [];
    const worker = spawn(process.execPath, ["-e", code], { stdio: "ignore" });
    await waitForEnd(worker, "worker 2 of 3", text => heard.push(text));
    assert.equal(heard.length, told === undefined ? 0 : 1);
    if (told !== undefined) assert.match(heard[0]!, told);
  });
}
