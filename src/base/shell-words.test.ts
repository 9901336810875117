import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { quoteCommand, quoteWord } from "./shell-words.ts";

const bash = spawnSync("bash", ["-c", "true"]).status === 0;

test("bash reads back every word as it was", { skip: bash ? false : "no bash" }, () => {
  const words = fc.sample(
    fc.oneof(
      fc.string({ unit: "binary", minLength: 0 }),
      fc.string(),
      fc.constantFrom("a b", "it's", "$(x)", "-x", "~"),
    ),
    { numRuns: 400, seed: 7 },
  );
  // No program can be given a zero byte.
  const kept = words.map(word => word.replace(/[\0\p{Cs}]/gu, ""));
  const script = `printf '%s\\0' ${kept.map(quoteWord).join(" ")}`;
  const { stdout } = spawnSync("bash", ["-c", script], { env: { LC_ALL: "C.UTF-8", PATH: process.env.PATH } });
  assert.deepEqual(stdout.toString().split("\0").slice(0, -1), kept);
});

test("a plain word stays plain, and a word that is not there is left out", () => {
  assert.equal(quoteCommand("cram", "fill", undefined, "runs/my run"), "cram fill 'runs/my run'");
});
