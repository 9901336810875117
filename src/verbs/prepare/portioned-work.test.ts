// What of a preparation that ended early is there for the next one.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { portionFile } from "../../corpus/portions/portion.ts";
import { type PortionedWork, prepareWhole } from "./portioned-work.ts";
import { holdsWork, workFolderOf } from "./stages/work-folder.ts";

const root = mkdtempSync(join(tmpdir(), "cram-portions-"));
after(() => rmSync(root, { recursive: true }));

/** Finishes a portion, and ends. */
function endEarly(folder: string, error: Error): Promise<unknown> {
  const job: PortionedWork<never> = {
    ...{ folder, shards: [], key: "key" },
    findStanding: () => undefined,
    read: async work => {
      writeFileAtomically(portionFile(work, 0, "json"), "{}");
      throw error;
    },
    isRead: () => false,
    build: () => assert.fail("nothing was read"),
  };
  return prepareWhole(job, false);
}

test("a disk, a hub and a fault of the program lose nothing that was finished; a text that is none does, for it will be another", async () => {
  for (const [code, isKept] of [
    ["E_HUB", true],
    ["E_HUB_TOKEN", true],
    ["E_DISK_FULL", true],
    ["E_UTF8", false],
  ] as const) {
    const folder = join(root, code);
    await assert.rejects(endEarly(folder, new UserError(code, "seen", "Do this.")), {
      code,
      advice: isKept
        ? /^Do this\. What is finished stays in .+, and the same command goes on from there\.$/
        : "Do this.",
    });
    assert.equal(holdsWork(workFolderOf(folder)), isKept, code);
  }
  const folder = join(root, "other");
  await assert.rejects(endEarly(folder, new Error("other")), /^Error: other$/);
  assert.ok(holdsWork(workFolderOf(folder)));
});
