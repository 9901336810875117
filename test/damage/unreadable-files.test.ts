// What stands in the place of a small file and is none: a pipe, a folder, a device without end. Every reader refuses it at once,
// or takes it for nothing; in a process that is watched, for who waits for a pipe waits for ever.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { finishMoves } from "../../src/base/files/folder-draft.ts";
import { listCheckpoints, loadParameters } from "../../src/checkpoint/state.ts";
import { listResults } from "../../src/evaluate/storage/evaluation-folder.ts";
import { findKeptModel } from "../../src/evaluate/storage/find-kept-model.ts";

const root = mkdtempSync(join(tmpdir(), "cram-unreadable-"));
after(() => rmSync(root, { recursive: true }));

/** Module, an expression of its reader over `folder`, and the file that it reads there. */
const readers: readonly (readonly [module: string, call: string, file: string])[] = [
  ["base/files/files", "m.hashFile(folder + '/file')", "file"],
  ["base/files/folder-kind", "m.isShard(folder + '/training-00000.bin')", "training-00000.bin"],
  ["base/files/folder-lock", "m.withFolderLock(folder, 'test', () => {})", ".cram-lock"],
  ["backends/kernel-cache", "m.readCached(folder + '/kernel')", "kernel"],
  ["checkpoint/safetensors", "m.readSafetensors(folder + '/a.safetensors')", "a.safetensors"],
  ["evaluate/storage/evaluation-folder", "m.readResult(folder)", "result.json"],
  [
    "evaluate/storage/evaluation-folder",
    "m.readPredictions({ root: folder, suite: 's', task: 't', variant: { control: 'none', seed: 0 } })",
    "s/t/seed-0/predictions.jsonl",
  ],
  ["tracking/events-queue", "m.readQueued(folder + '/events.jsonl', 0)", "events.jsonl"],
  ["events/event-reader", "m.readEvents(folder + '/events.jsonl')", "events.jsonl"],
  ["train/run-folder", "m.beginRun(folder + '/run', { recipe: {}, data: folder })", "tokenizer.json"],
  ["tokenizer/read-tokenizer", "m.readTokenizer(folder + '/tokenizer.json')", "tokenizer.json"],
];

const stand: Readonly<Record<string, (path: string) => void>> = {
  pipe: path => execFileSync("mkfifo", [path]),
  folder: path => mkdirSync(path),
  device: path => symlinkSync("/dev/zero", path),
};

test("a pipe, a folder or a device in a file's place is refused at once", {
  skip: process.platform === "win32",
}, () => {
  const cases = Object.entries(stand).flatMap(([kind, make]) =>
    readers.map(([module, call, file], i) => {
      const folder = join(root, kind, String(i));
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      make(join(folder, file));
      return {
        name: `${kind} ${module} ${file}`,
        url: new URL(`../../src/${module}.js`, import.meta.url).href,
        call,
        folder,
      };
    }),
  );
  const script = `for (const { name, url, call, folder } of ${JSON.stringify(cases)}) {
    console.log("begin " + name);
    const m = await import(url);
    try {
      await new Function("m", "folder", "return " + call)(m, folder);
    } catch (error) {
      console.log(/^E_/.test(error.code) ? "refused" : "bug " + error.stack);
    }
  }
  console.log("end");`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  assert.match(stdout, /\nend\n$/, `it hangs or ends: ${stdout.slice(-200)}`);
  // A system's own code begins with E, too, and has no underscore.
  assert.doesNotMatch(stdout, /^bug/m);
});

/** Who lists a folder of a run, and that folder. */
const listers: readonly (readonly [folder: string, list: (run: string) => unknown])[] = [
  ["checkpoints", listCheckpoints],
  ["checkpoints", run => loadParameters(run, new Map())],
  ["evaluations/own", run => listResults({ root: join(run, "evaluations"), suite: "own" }, { model: "", recipe: "" })],
  ["evaluations", run => findKeptModel(run, "own")],
];

test("a file in a folder's place, or a folder that may not be listed, is refused by name; a missing one is empty", async () => {
  for (const [i, [below, list]] of listers.entries()) {
    const run = join(root, "listed", String(i));
    mkdirSync(dirname(join(run, below)), { recursive: true });
    writeFileSync(join(run, "recipe.json"), "{}");
    writeFileSync(join(run, below), "");
    const isRefused = (error: unknown) =>
      error instanceof UserError && error.code === "E_FILE_UNREADABLE" && error.message.includes(below);
    await assert.rejects(async () => list(run), isRefused, `${below} of ${list}`);
  }
  assert.deepEqual(listCheckpoints(join(root, "none")), []);
});

test("a name that is too long for a folder is said before and after work", () => {
  assert.throws(() => finishMoves(join(root, "x".repeat(300))), { code: "E_NOT_WRITABLE" });
});
