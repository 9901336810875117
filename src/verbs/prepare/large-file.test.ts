// A large file is read in ranges: the same dataset as of the same file packed, which is read as a whole, by any threads and machines, and
// after being killed within a range.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { drawRepeatingTexts } from "../../../test/corpus-texts.ts";
import { snapshotFolder } from "../../../test/snapshot-folder.ts";
import type { UserError } from "../../base/errors.ts";
import { listPortions, textPortionBytes } from "../../corpus/portions/portion.ts";
import { listShards } from "../../corpus/sources/sources.ts";
import { mergeMachines, prepare, prepareOnMachine } from "./prepare.ts";
import type { PrepareOptions } from "./prepare-options.ts";

const root = mkdtempSync(join(tmpdir(), "cram-large-"));
after(() => rmSync(root, { recursive: true }));

// Equal ones, near ones and feet lie in other ranges than what they repeat, and what is short or broken in several.
const texts = drawRepeatingTexts(11, 200);
const padding = " ".repeat(5e4);
const lines = texts.map((text, i) => `${JSON.stringify({ text })}${padding}${i % 3 === 0 ? "\r\n" : "\n"}`);
for (const at of [250, 120, 119, 60]) lines.splice(at, 0, at % 2 === 0 ? '{"text":\n' : "\n");
const content = Buffer.from(lines.join(""));
const large = join(root, "large.jsonl");
writeFileSync(large, content);
writeFileSync(`${large}.gz`, gzipSync(content, { level: 1 }));

const options = (name: string, more: Partial<PrepareOptions> = {}): PrepareOptions => ({
  ...{ texts: [large], out: join(root, name), vocabulary: 200, sequenceLength: 16, holdOut: 0.2, threads: 1 },
  ...{ filters: ["length:least=5"], nearDuplicates: 0.8, repeatedBytes: 60, skipBroken: true },
  ...more,
});

/** The files of a dataset, without what differs by the name and the bytes of what it was made from. */
const snapshot = (folder: string) =>
  Object.fromEntries(
    Object.entries(snapshotFolder(folder)).map(([name, bytes]) => [
      name,
      bytes.replaceAll(`${large}.gz`, large).replace(/"originHash": "\w+"/, ""),
    ]),
  );
const originOf = (folder: string) => JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")).originHash;

const packed = await prepare(options("packed", { texts: [`${large}.gz`] }));
const expected = snapshot(packed.folder);
const one = await prepare(options("one"));

test("of ranges comes what comes of the whole, and what it was made from is the file", async () => {
  const portions = listPortions(await listShards([large]), textPortionBytes);
  assert.equal(portions.length, 3);
  const { funnel } = packed.documents!;
  assert.deepEqual([funnel.dropped.duplicate.documents, funnel.dropped["near-duplicate"].documents], [20, 40]);
  assert.deepEqual(
    funnel.passedOver.map(({ count, first }) => [count, ...first]),
    [[3, ...[61, 123, 254].map(line => `${large}.gz:${line}`)]],
  );
  assert.deepEqual(snapshot(one.folder), expected);
  // The same command finds it as it is: its hash is that of the file.
  assert.equal((await prepare(options("one"))).documents, undefined);
  assert.notEqual(originOf(one.folder), originOf(packed.folder));
});

test("by two threads, and by two machines", async () => {
  const done: number[] = [];
  const onStage: PrepareOptions["onStage"] = progress => progress.stage === "reading" && done.push(progress.done!);
  const two = await prepare(options("two", { threads: 2, onStage }));
  assert.deepEqual(snapshot(two.folder), expected);
  assert.equal(done.at(-1), content.byteLength, "every byte is counted once");
  for (const number of [2, 1]) {
    const { folder, portions } = await prepareOnMachine(options(`machine-${number}`), { number, of: 2 });
    assert.equal(portions, number === 1 ? 2 : 1);
    cpSync(folder, join(root, "machines"), { recursive: true });
  }
  const merged = await mergeMachines(options("machines"));
  assert.deepEqual(snapshot(merged.folder), expected);
  assert.equal(originOf(merged.folder), originOf(one.folder));
});

test("killed within a range, it goes on to the same bytes and counts the same", {
  skip: process.platform === "win32",
}, async () => {
  const tokenizer = join(packed.folder, "tokenizer.json");
  // In the first, the second and the last of three ranges.
  for (const [name, shares, more] of [
    ["learned", [0.45], {}],
    [
      "given",
      [0.1, 0.75],
      { tokenizer, vocabulary: undefined, repeatedBytes: undefined, nearDuplicates: undefined, threads: 2 },
    ],
  ] as const) {
    const own = options(`killed-${name}`, more);
    const script = join(root, `${name}.mjs`);
    writeFileSync(
      script,
      `import { prepare } from ${JSON.stringify(new URL("./prepare.js", import.meta.url).href)};
      const [from, to] = process.argv.slice(2).map(Number);
      const onStage = ({ stage, done }) => stage === "reading" && done > from && done < to && process.kill(process.pid, "SIGKILL");
      await prepare({ ...${JSON.stringify(own)}, onStage });`,
    );
    for (const share of shares) {
      const bounds = [share, share + 0.2].map(each => String(each * content.byteLength));
      const child = spawn(process.execPath, [script, ...bounds], { stdio: "inherit" });
      const [, signal] = (await once(child, "exit")) as [number, string];
      assert.equal(signal, "SIGKILL", `${name} ${share}`);
    }
    let done = 0;
    const onStage: PrepareOptions["onStage"] = progress => progress.stage === "reading" && (done = progress.done!);
    const { folder } = await prepare({ ...own, onStage });
    assert.ok(Math.abs(done - content.byteLength) < 2e5, `${done}`);
    const whole = await prepare(options(`whole-${name}`, { ...more, texts: [`${large}.gz`], threads: 1 }));
    assert.deepEqual(snapshot(folder), snapshot(whole.folder));
  }
});

test("the first error in the file is the one that is said, whatever range it is in", async () => {
  for (const threads of [1, 2]) {
    const own = options("refused", { skipBroken: false, threads });
    const whole = await prepare({ ...own, texts: [`${large}.gz`] }).catch((error: UserError) => error);
    assert.ok("message" in whole && whole.message.includes(`${large}.gz:61:`));
    await assert.rejects(prepare(own), { code: "E_JSON_LINE", message: whole.message.replace(`${large}.gz`, large) });
  }
});
