// What keeps files whole, tried in one process whose disk fails from every change on: the lock, the record, a checkpoint and the
// replacing of files. What ends it is an error of ours with the disk's reason, and with room again everything is as it should be.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { koffi } from "../../../src/backends/foreign-functions.ts";
import { UserError } from "../../../src/base/errors.ts";
import { recoverFolder, replaceFiles } from "../../../src/base/files/folder-draft.ts";
import { lockFileName, lockFolder, withFolderLock } from "../../../src/base/files/folder-lock.ts";
import { listCheckpoints, saveCheckpoint } from "../../../src/checkpoint/state.ts";
import { EventLog } from "../../../src/events/event-log.ts";
import { readEvents } from "../../../src/events/event-reader.ts";

const failDiskFrom = koffi.load(process.env.LD_PRELOAD!).func("void fail_disk_from(long from, int error)");
const folder = join(process.env.CRAM_DISK_FOLDER!, "tried");
const events = join(folder, "events.jsonl");

const validation = (step: number) => ({ kind: "validation", step, progress: 0, elapsedSeconds: 0, loss: 1 }) as const;
const counters = { step: 2, sequences: 8, elapsedSeconds: 1, seed: 0, recipeHash: "r", datasetHash: "d" };
const state = { counters, parameters: [], moments: [] };

const work = () =>
  withFolderLock(folder, "test", async () => {
    const log = new EventLog(events, 0);
    try {
      log.append(validation(1));
      log.append(validation(2));
      await saveCheckpoint(folder, state);
    } finally {
      log.close();
    }
    const lock = lockFolder(join(folder, "shared"), "test");
    assert.ok(lock.beat(), "a beat that the disk refuses is no other holder");
    lock.release();
    await replaceFiles(folder, { own: ["a", "b"], last: "a" }, async draft => {
      for (const name of ["a", "b"]) writeFileSync(join(draft, name), "new");
    });
  });

const content = (name: string) => readFileSync(join(folder, name), "utf8");

let tried = 0;
for (const failure of [constants.errno.ENOSPC, constants.errno.EROFS]) {
  for (let from = 0, isDone = false; !isDone; from++, tried++) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const name of ["a", "b"]) writeFileSync(join(folder, name), "old");
    failDiskFrom(from, failure);
    try {
      await work();
      isDone = true;
    } catch (error) {
      assert.ok(error instanceof UserError, `from change ${from} on: ${(error as Error).stack}`);
      assert.match(error.code, /^E_(DISK_FULL|NOT_WRITABLE)$/);
    } finally {
      failDiskFrom(-1, 0);
    }
    if (!isDone) {
      if (existsSync(events)) readEvents(events);
      // A lock that could not be removed is taken over, once its process is gone.
      for (const place of [folder, join(folder, "shared")]) rmSync(join(place, lockFileName), { force: true });
      recoverFolder(folder);
      assert.equal(content("a"), content("b"), `half of the files were replaced from change ${from} on`);
      await work();
    }
    assert.deepEqual(
      readEvents(events).map(({ step }) => step),
      [1, 2],
    );
    assert.deepEqual([content("a"), content("b"), listCheckpoints(folder)], ["new", "new", [2]]);
  }
}
process.stdout.write(`${tried} tried\n`);
