// The same dataset to the byte: by any number of threads and in any memory, by several machines, and after being killed anywhere.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { drawRepeatingTexts } from "../../../test/corpus-texts.ts";
import { snapshotFolder } from "../../../test/snapshot-folder.ts";
import { lockFolder } from "../../base/files/folder-lock.ts";
import { listPortions } from "../../corpus/portions/portion.ts";
import { listShards } from "../../corpus/sources/sources.ts";
import { mergeMachines, prepare, prepareOnMachine } from "./prepare.ts";
import type { PrepareOptions } from "./prepare-options.ts";
import { readPortions } from "./stages/read-portions.ts";

const root = mkdtempSync(join(tmpdir(), "cram-machines-"));
after(() => rmSync(root, { recursive: true }));

const texts = join(root, "texts");
mkdirSync(texts);
// Equal ones, near ones and feet lie in other files than what they repeat; their padding makes each file a portion.
const all = drawRepeatingTexts(7, 240);
for (let file = 0; file < 4; file++) {
  const own = all.filter((_, i) => i % 4 === file || i === all.length - 1);
  const lines = own.map(text => JSON.stringify({ text }));
  writeFileSync(join(texts, `${file}.jsonl`), `${lines.join("\n")}\n${" ".repeat(4.5 * 2 ** 20)}\n`);
}
const options = (out: string, more: Partial<PrepareOptions> = {}): PrepareOptions => ({
  ...{ texts: [texts], out: join(root, out), vocabulary: 200, sequenceLength: 16, holdOut: 0.2, threads: 1 },
  ...{ filters: ["length:least=5"], nearDuplicates: 0.8, repeatedBytes: 60 },
  ...more,
});

const whole = await prepare(options("whole"));
const expected = snapshotFolder(whole.folder);

test("a corpus of several portions drops and cuts across them", async () => {
  assert.equal(listPortions(await listShards([texts])).length, 4);
  const { dropped, cut } = whole.documents!.funnel;
  const count = (reason: keyof typeof dropped) => dropped[reason].documents;
  assert.deepEqual([count("empty"), count("duplicate"), count("short"), count("near-duplicate")], [1, 23, 1, 40]);
  assert.ok(cut.documents >= 59);
});

test("two threads and little memory give the same bytes", async () => {
  const { folder } = await prepare(options("threads", { threads: 2, memoryBytes: 2 ** 26 }));
  assert.deepEqual(snapshotFolder(folder), expected);
});

test("machines that read a share each give together what one gives, and none may be missing", async () => {
  const of = 3;
  await assert.rejects(mergeMachines(options("machines")), { code: "E_PORTIONS_MISSING" });
  // Each into a folder of its own, put together afterwards.
  for (const number of [3, 1, 2]) {
    const { portions, folder } = await prepareOnMachine(options(`machine-${number}`), { number, of });
    assert.equal(portions, number === 1 ? 2 : 1);
    cpSync(folder, join(root, "machines"), { recursive: true });
    if (number === 1) await assert.rejects(mergeMachines(options("machines")), { code: "E_PORTIONS_MISSING" });
  }
  const other = options("machines", { repeatedBytes: 70 });
  await assert.rejects(prepareOnMachine(other, { number: 1, of }), { code: "E_OUTPUT_OTHER" });
  await assert.rejects(mergeMachines(other), { code: "E_PORTIONS_MISSING" });
  await assert.rejects(prepareOnMachine(options("machines"), { number: 4, of }), { code: "E_OPTION" });
  // Work of other options that lies beside it is not taken for this.
  const foreign = await prepareOnMachine({ ...other, out: join(root, "machine-4") }, { number: 1, of: 1 });
  cpSync(foreign.folder, join(root, "machines"), { recursive: true });
  const { folder } = await mergeMachines(options("machines"));
  assert.deepEqual(snapshotFolder(folder), expected);
});

test("shares of other options that were put together are missing, not mixed", async () => {
  for (const [number, repeatedBytes] of [60, 70].entries()) {
    const machine = { number: number + 1, of: 2 };
    const { folder } = await prepareOnMachine(options(`mixed-${number}`, { repeatedBytes }), machine);
    cpSync(folder, join(root, "mixed"), { recursive: true });
  }
  for (const repeatedBytes of [60, 70]) {
    await assert.rejects(mergeMachines(options("mixed", { repeatedBytes })), { code: "E_PORTIONS_MISSING" });
  }
});

test("who prepares waits for the machines that read there", async () => {
  const lock = lockFolder(join(root, "shared/.cram-work/0123456789abcdef/shard-1-of-2"), "prepare");
  await assert.rejects(prepare(options("shared")), { code: "E_FOLDER_BUSY" });
  lock.release();
  assert.deepEqual(snapshotFolder((await prepare(options("shared"))).folder), expected);
});

test("killed again and again it goes on, and what comes out is the same", {
  skip: process.platform === "win32",
}, async () => {
  const own = options("killed");
  const script = `
    const { prepare } = await import(${JSON.stringify(new URL("./prepare.js", import.meta.url).href)});
    let [stage, reports] = [process.argv[1], 0];
    const onStage = progress => progress.stage === stage && ++reports === Number(process.argv[2]) && process.kill(process.pid, "SIGKILL");
    await prepare({ ...${JSON.stringify(own)}, onStage });
  `;
  for (const [stage, reports] of [
    ["reading", "3"],
    ["counting words", "1"],
    ["tokenizing", "1"],
  ] as const) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, stage, reports], { stdio: "inherit" });
    const [, signal] = (await once(child, "exit")) as [number, string];
    assert.equal(signal, "SIGKILL", stage);
    assert.ok(existsSync(join(own.out, ".cram-work")));
  }
  const portions = readdirSync(join(own.out, ".cram-work"), { recursive: true, encoding: "utf8" }).filter(name =>
    /portion-\d+\.json$/.test(name),
  );
  assert.ok(portions.length >= 4);
  const { folder } = await prepare(own);
  assert.deepEqual(snapshotFolder(folder), expected);
});

test("of a given tokenizer a second thread packs while documents are written: the same bytes, after kills too", {
  skip: process.platform === "win32",
}, async () => {
  const given = {
    ...{ tokenizer: join(whole.folder, "tokenizer.json"), vocabulary: undefined, repeatedBytes: undefined },
    maxTokensPerCharacter: 0.6,
  };
  for (const nearDuplicates of [undefined, 0.8]) {
    const name = `given-${nearDuplicates}`;
    const one = await prepare(options(name, { ...given, nearDuplicates }));
    assert.ok(one.documents!.funnel.dropped.duplicate.documents > 0);
    const own = options(`${name}-killed`, { ...given, nearDuplicates, threads: 2 });
    // Threads take a process's options over, and with --eval's they would not begin.
    const script = join(root, `${name}.mjs`);
    writeFileSync(
      script,
      `import { prepare } from ${JSON.stringify(new URL("./prepare.js", import.meta.url).href)};
      const onStage = ({ stage }) => stage === process.argv[2] && process.kill(process.pid, "SIGKILL");
      await prepare({ ...${JSON.stringify(own)}, onStage });`,
    );
    for (const stage of ["reading", "writing documents"]) {
      const child = spawn(process.execPath, [script, stage], { stdio: "inherit" });
      const [, signal] = (await once(child, "exit")) as [number, string];
      assert.equal(signal, "SIGKILL", stage);
    }
    assert.deepEqual(snapshotFolder((await prepare(own)).folder), snapshotFolder(one.folder));
    const two = await prepare(options(`${name}-two`, { ...given, nearDuplicates, threads: 2 }));
    assert.deepEqual(snapshotFolder(two.folder), snapshotFolder(one.folder));
  }
});

test("what a second thread refuses is said, and nothing is left of it", async () => {
  const tokenizer = join(whole.folder, "tokenizer.json");
  const own = options("refused", { tokenizer, vocabulary: undefined, repeatedBytes: undefined, threads: 2 });
  await assert.rejects(prepare({ ...own, sequenceLength: 100_000 }), { code: "E_TOO_LITTLE_TEXT" });
  assert.equal(existsSync(own.out), false);
});

test("a portion that is finished is not read again; a damaged one is", async () => {
  const folder = join(root, "again");
  mkdirSync(folder);
  const portions = listPortions(await listShards([texts]));
  const work = { folder, portions, options: { textField: "text", signs: false, asLines: true }, encodes: false };
  const before = await readPortions(work, [], () => {});
  const place = join(folder, "portion-000001.texts");
  const bytes = readFileSync(place);
  bytes[100]! ^= 1;
  writeFileSync(place, bytes);
  const times = () => [0, 1].map(i => statSync(join(folder, `portion-00000${i}.json`)).mtimeMs);
  const [first, second] = times();
  await new Promise(resolve => setTimeout(resolve, 20));
  assert.deepEqual(await readPortions(work, [], () => {}), before);
  const [firstAgain, secondAgain] = times();
  assert.equal(firstAgain, first);
  assert.ok(secondAgain! > second!);
});
