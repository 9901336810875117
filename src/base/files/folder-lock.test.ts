import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { simulatedClock } from "../clock.ts";
import { UserError } from "../errors.ts";
import { lockFileName, lockFolder, lockFreeFolder, watchBeats, withFolderLock } from "./folder-lock.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-lock-"));
after(() => rmSync(root, { recursive: true }));

const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError &&
    error.code === code &&
    seen.every(part => `${error.message} ${error.advice}`.includes(part));

/** A program of its own that may call `lockFolder`; `folder` is defined. */
const script = (folder: string, body: string) => [
  "--input-type=module",
  "-e",
  `import { appendFileSync } from "node:fs";
  const { lockFolder } = await import(${JSON.stringify(new URL("./folder-lock.js", import.meta.url).href)});
  const folder = ${JSON.stringify(folder)};
  ${body}`,
];

test("the second is told who holds the folder, until it is given free", async () => {
  const folder = join(root, "two", "deep");
  const lock = lockFolder(folder, "prepare");
  const seen = ["is being written by cram prepare", `process ${process.pid} on ${hostname()}`, "Wait until it ends"];
  assert.throws(() => lockFolder(folder, "export"), fails("E_FOLDER_BUSY", folder, ...seen));
  assert.throws(() => lockFolder(folder, "pretrain", "run"), fails("E_RUN_BUSY", ...seen));
  await assert.rejects(async () => withFolderLock(folder, "export", () => assert.fail()), fails("E_FOLDER_BUSY"));
  writeFileSync(join(folder, "result"), "");
  lock.release();
  lock.release();
  assert.deepEqual(readdirSync(folder), ["result"]);
  assert.equal(await withFolderLock(folder, "export", () => 5), 5);
  await assert.rejects(
    withFolderLock(folder, "export", () => Promise.reject(new Error("no"))),
    /no/,
  );
  lockFolder(folder, "export").release();
});

test("a folder that was made for nothing is gone again, one that stood there stays", () => {
  lockFolder(join(root, "made", "for", "nothing"), "prepare").release();
  assert.ok(!existsSync(join(root, "made")));
  mkdirSync(join(root, "empty"));
  lockFolder(join(root, "empty"), "prepare").release();
  assert.ok(existsSync(join(root, "empty")));
});

test("who is gone is taken over, who cannot be seen is believed", { skip: process.platform !== "linux" }, () => {
  const folder = join(root, "holders");
  const path = join(folder, lockFileName);
  const lock = lockFolder(folder, "prepare");
  const own = JSON.parse(readFileSync(path, "utf8"));
  lock.release();
  const ended = spawnSync(process.execPath, ["-e", ""]).pid;
  const cases: readonly [string, object | string, "taken" | "seen" | "unseen"][] = [
    ["running", own, "seen"],
    ["a later process of the same number", { ...own, processStart: "12" }, "taken"],
    ["ended", { ...own, pid: ended, processStart: "12" }, "taken"],
    ["the machine was started again since", { ...own, boot: "another" }, "taken"],
    ["the machine was started again since, in a container", { ...own, boot: "another", processes: "pid:[1]" }, "taken"],
    ["another machine", { ...own, host: "elsewhere", boot: "another" }, "unseen"],
    ["another container of the same name, with the same number", { ...own, processes: "pid:[1]" }, "unseen"],
    ["another container", { ...own, host: "c0ffee", processes: "pid:[1]", processStart: "12" }, "unseen"],
    ["the machine was named anew", { ...own, host: "elsewhere" }, "seen"],
    ["cut by a power failure", "", "taken"],
  ];
  for (const [name, holder, expected] of cases) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, typeof holder === "string" ? holder : JSON.stringify(holder));
    if (expected === "taken") lockFolder(folder, "export").release();
    else {
      const seen = (error: unknown) =>
        fails("E_FOLDER_BUSY")(error) &&
        (error as UserError).advice.includes(`remove ${path}`) === (expected === "unseen");
      assert.throws(() => lockFolder(folder, "export"), seen, name);
      rmSync(path);
    }
    assert.deepEqual(readdirSync(folder), [], name);
  }
  // Killed after the dead holder's lock was removed, before its own stood there.
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.takeover`, JSON.stringify({ ...own, pid: ended, processStart: "12" }));
  lockFolder(folder, "export").release();
  assert.deepEqual(readdirSync(folder), []);
});

test("of many who find a dead holder one wins at a time", async () => {
  const folder = join(root, "many");
  const log = join(root, "many.log");
  mkdirSync(folder);
  const dead = spawn(
    process.execPath,
    script(folder, 'lockFolder(folder, "dead"); setInterval(() => {}, 1000); console.log();'),
  );
  await once(dead.stdout, "data");
  dead.kill("SIGKILL");
  await once(dead, "exit");
  assert.ok(existsSync(join(folder, lockFileName)));
  const body = `
    for (let won = false, tries = 0; !won && tries < 400; tries++) {
      try {
        lockFolder(folder, "race");
        won = true;
      } catch (error) {
        if (error.code !== "E_FOLDER_BUSY") throw error;
        await new Promise(done => setTimeout(done, 5));
      }
    }
    appendFileSync(${JSON.stringify(log)}, "in\\n");
    await new Promise(done => setTimeout(done, 10));
    appendFileSync(${JSON.stringify(log)}, "out\\n");
    process.exit(0); // gives the lock free by itself
  `;
  await Promise.all(Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, script(folder, body))));
  assert.equal(readFileSync(log, "utf8"), "in\nout\n".repeat(4));
  assert.deepEqual(readdirSync(folder), []);
});

test("two who look for a free name get two", () => {
  const base = join(root, "runs", "mine");
  const locks = [1, 2, 3].map(() => lockFreeFolder(base, "pretrain", "run"));
  assert.deepEqual(
    locks.map(({ folder }) => folder),
    [base, `${base}-2`, `${base}-3`],
  );
  for (const lock of locks.reverse()) lock.release();
  assert.ok(!existsSync(join(root, "runs")));
});

test("of holders that cannot be seen one that beats is believed, and one that fell silent is taken over", () => {
  const folder = join(root, "beats");
  const path = join(folder, lockFileName);
  const lock = lockFolder(folder, "sweep");
  assert.ok(lock.beat());
  const elsewhere = { ...JSON.parse(readFileSync(path, "utf8")), host: "elsewhere", boot: "other", id: "theirs" };
  writeFileSync(path, JSON.stringify(elsewhere));
  assert.ok(!lock.beat());
  const clock = simulatedClock();
  const isSilent = watchBeats(60, clock);
  const isBusy = () => assert.throws(() => lockFolder(folder, "sweep", "folder", isSilent), fails("E_FOLDER_BUSY"));
  for (const seconds of [0, 59]) {
    clock.advance(seconds);
    isBusy();
  }
  utimesSync(path, 1, 1);
  clock.advance(59);
  isBusy();
  clock.advance(59);
  isBusy();
  clock.advance(1);
  const own = lockFolder(folder, "sweep", "folder", isSilent);
  assert.ok(own.beat());
  own.release();
  // A holder of this machine that lives is believed however silent it is.
  const here = lockFolder(folder, "sweep");
  assert.throws(() => lockFolder(folder, "sweep", "folder", () => true), fails("E_FOLDER_BUSY"));
  here.release();
  lock.release();
});
