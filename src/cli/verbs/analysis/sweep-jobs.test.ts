// What workers beside each other say: the same fault once, and none hidden by another trial's.

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { nameError, passErrors } from "./sweep-jobs.ts";

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
    const once = [three, "warning: slow\n", seven, say("E_DISK_FULL", full(3)), "warning: late\n"];
    assert.equal(shown.join(""), ["warning: slow\n", ...once].join(""));
    assert.ok(said.has(nameError("E_CHECKPOINT_DAMAGED", damaged(7))) && said.has(nameError("E_DISK_FULL", full(9))));
    assert.ok(!said.has(nameError("E_CHECKPOINT_DAMAGED", damaged(9))));
  });
}
