import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { explainCacheFailure } from "../../backends/kernel-cache.ts";
import { UserError } from "../../base/errors.ts";
import { adviseRepeating, adviseResuming } from "./advice.ts";

const folder = mkdtempSync(join(tmpdir(), "advice-"));
const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
const adviceOf = (error: unknown) => (error as UserError).advice;

test("what goes on is said behind what the fault itself advises, where that is of another folder than the run's", () => {
  const ofRun = new UserError("E_DISK_FULL", "run/events.jsonl: the disk is full", "Free some space, or choose --out.");
  const ofCache = explainCacheFailure(full, folder);
  assert.match(adviceOf(ofCache), /CRAM_CACHE/);
  assert.equal(adviceOf(adviseRepeating(ofRun)), "Free some space, and go on with: the same command");
  assert.match(adviceOf(adviseRepeating(ofCache)), /set CRAM_CACHE to .*, and go on with: the same command$/);
  assert.equal(adviseResuming(ofCache, folder), ofCache, "nothing was begun that could be gone on with");
  const other = new UserError("E_DIVERGED", "it diverged", "Lower the rate.");
  assert.equal(adviseRepeating(other), other);
});
