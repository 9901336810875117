// Files of a hub on this machine, fetched block by block, whatever happens on the way.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import type { Patience } from "../../src/base/patience.ts";
import { CachedFile } from "../../src/hub/cached-file.ts";
import { openHub } from "../../src/hub/hub.ts";
import type { RemoteFile } from "../../src/hub/remote-files.ts";
import { openTable } from "../../src/tables/table.ts";
import { commit, type DatasetHub, describe, serveDatasets } from "./dataset-hub.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/hub-parquet.json", import.meta.url), "utf8"),
) as { base64: string; texts: string[] };
const parquet = Buffer.from(golden.base64, "base64");
const root = mkdtempSync(join(tmpdir(), "cramming-cached-"));
const token = "hf_secret";
const waits: number[] = [];
const patience: Patience = {
  tries: 4,
  firstSeconds: 1,
  longestSeconds: 60,
  wait: async seconds => void waits.push(seconds),
};

let hub: DatasetHub;
before(async () => {
  hub = await serveDatasets(
    { "me/data": { "a.parquet": parquet }, "me/data-private": { "a.parquet": parquet } },
    token,
  );
});
after(() => {
  hub.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  hub.asked.length = waits.length = 0;
  hub.fault = () => undefined;
});

let folders = 0;
const newFolder = () => join(root, String(folders++));
const blockBytes = 2048;
const file = describe("a.parquet", parquet);
function openFile(folder: string, { repository = "me/data", given = file as RemoteFile, as = token } = {}): CachedFile {
  const at = { kind: "datasets", repository, revision: commit } as const;
  return new CachedFile(folder, openHub(hub.endpoint, as), at, given, patience, blockBytes);
}
const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError &&
    error.code === code &&
    seen.every(part => error.message.includes(part)) &&
    !`${error.message}${error.advice}`.includes(token);
const ranges = () => hub.asked.filter(({ at }) => at === "storage").map(({ range }) => range!.slice("bytes=".length));
const isWhole = (cached: CachedFile) => assert.ok(readFileSync(cached.path).equals(parquet));

test("what is asked for is fetched once, in whole blocks, and another process has it already", async () => {
  const folder = newFolder();
  const cached = openFile(folder);
  await Promise.all([cached.bring(3000, 3001), cached.bring(2100, 5000)]);
  assert.deepEqual(ranges().sort(), ["2048-4095", "4096-6143"]);
  assert.ok(readFileSync(cached.path).subarray(2048, 6144).equals(parquet.subarray(2048, 6144)));
  await openFile(folder).bring(2048, 6144);
  assert.equal(ranges().length, 2);
});

test("the token goes to the hub and not where it redirects to", async () => {
  await openFile(newFolder(), { repository: "me/data-private" }).bring(0, 1);
  assert.deepEqual(
    hub.asked.map(({ at, authorization }) => [at, authorization]),
    [
      ["hub", `Bearer ${token}`],
      ["storage", undefined],
    ],
  );
});

test("a connection that breaks and a body that ends early go on where they stopped", async () => {
  for (const fault of [{ breakAfter: 500 }, { endAfter: 500 }]) {
    hub.asked.length = 0;
    hub.fault = ({ at }) => (at === "storage" && ranges().length % 2 === 1 ? fault : undefined);
    const cached = openFile(newFolder());
    await cached.bring(0, 3000);
    assert.ok(readFileSync(cached.path).subarray(0, 4096).equals(parquet.subarray(0, 4096)));
    assert.deepEqual(ranges(), ["0-2047", "500-2047", "2048-4095", "2548-4095"]);
  }
  // As often as it takes, where something came each time.
  hub.fault = ({ at }) => (at === "storage" ? { breakAfter: 300 } : undefined);
  const cached = openFile(newFolder());
  await cached.bring(0, 1);
  assert.deepEqual([readFileSync(cached.path).subarray(0, 2048).equals(parquet.subarray(0, 2048)), waits], [true, []]);
});

test("a refusal for now is waited out, as long as the hub says, and another at once told", async () => {
  const later = new Date(Date.now() + 100_000).toUTCString();
  for (const [headers, least, most] of [
    [{}, 0.5, 1],
    [{ "Retry-After": "7" }, 7, 7],
    [{ "Retry-After": later }, 95, 101],
  ] as const) {
    for (const status of [429, 503]) {
      waits.length = 0;
      hub.fault = () => (waits.length === 0 ? { status, headers } : undefined);
      await openFile(newFolder()).bring(0, 1);
      assert.ok(waits.length === 1 && waits[0]! >= least && waits[0]! <= most, `${waits}`);
    }
  }
  waits.length = 0;
  for (const [status, code] of [
    [401, "E_HUB_TOKEN"],
    [403, "E_HUB_TOKEN"],
    [404, "E_HUB"],
    [416, "E_HUB"],
  ] as const) {
    hub.fault = () => ({ status });
    await assert.rejects(openFile(newFolder()).bring(0, 1), fails(code, `${status}`, "a.parquet"));
  }
  hub.fault = () => ({ status: 503, headers: { "Retry-After": "86400" } });
  await assert.rejects(openFile(newFolder()).bring(0, 1), fails("E_HUB", "503"));
  assert.deepEqual(waits, []);
});

test("a hub that is gone for good is told after waits that double, and what came is kept", async () => {
  const folder = newFolder();
  await openFile(folder).bring(0, 4096);
  hub.fault = () => ({ status: 500 });
  await assert.rejects(openFile(folder).bring(0, 5000), fails("E_HUB", "500", "tried 4 times"));
  assert.equal(waits.length, 3);
  for (const [i, seconds] of waits.entries()) assert.ok(seconds >= 0.5 * 2 ** i && seconds <= 2 ** i);
  hub.fault = () => undefined;
  hub.asked.length = 0;
  await openFile(folder).bring(0, 5000);
  assert.deepEqual(ranges(), ["4096-6143"]);
});

test("a server without ranges, and one whose file has another size", async () => {
  hub.fault = ({ at }) => (at === "storage" ? { ignoreRange: true } : undefined);
  const cached = openFile(newFolder());
  await cached.bring(0, parquet.length);
  isWhole(cached);
  const other = { ...file, size: file.size + 1 };
  await assert.rejects(openFile(newFolder(), { given: other }).bring(0, 1), fails("E_HUB", `${other.size}`));
});

test("a file that came changed is refused once it is whole, and fetched anew", async () => {
  hub.fault = ({ range }) => ({ changed: range === "bytes=4096-6143" });
  const folder = newFolder();
  await assert.rejects(openFile(folder).bring(0, parquet.length), fails("E_HUB", "me/data/a.parquet", "came changed"));
  hub.fault = () => undefined;
  const again = openFile(folder);
  await again.bring(0, parquet.length);
  isWhole(again);
  assert.equal(createHash("sha256").update(readFileSync(again.path)).digest("hex"), file.lfs!.oid);
});

test("a block that was damaged in the cache is fetched again, and so is a file of another size", async () => {
  const folder = newFolder();
  const cached = openFile(folder);
  await cached.bring(0, parquet.length);
  const damaged = Buffer.from(parquet);
  damaged[5000]! ^= 1;
  writeFileSync(cached.path, damaged);
  hub.asked.length = 0;
  const again = openFile(folder);
  await again.bring(0, parquet.length);
  assert.deepEqual(ranges(), ["4096-6143"]);
  isWhole(again);
  writeFileSync(cached.path, parquet.subarray(0, 5000));
  const third = openFile(folder);
  await third.bring(0, parquet.length);
  isWhole(third);
});

test("a list of blocks that ends within an entry, as a full disk leaves it, is gone on with behind the last whole one", async () => {
  const folder = newFolder();
  const cached = openFile(folder);
  await cached.bring(0, 2 * 2048);
  const list = `${cached.path}.blocks`;
  const whole = readFileSync(list).length;
  appendFileSync(list, Buffer.from([2, 0, 0]));
  await openFile(folder).bring(2 * 2048, 3 * 2048);
  assert.equal(readFileSync(list).length, whole + 8);
  hub.asked.length = 0;
  await openFile(folder).bring(0, 3 * 2048);
  assert.deepEqual(ranges(), []);
});

test("of a parquet its index and the column that is wanted are fetched, from a row on", async () => {
  const cached = openFile(newFolder());
  const read = async (from: number) => {
    const texts: unknown[] = [];
    const table = openTable("a.parquet", {
      file: { path: cached.path, bring: (start, end) => cached.bring(start, end) },
      columns: ["text"],
      from,
    });
    for await (const rows of table.rows) texts.push(...rows.map(({ values }) => values.text));
    return texts;
  };
  assert.deepEqual(await read(45), golden.texts.slice(45));
  const ofLast = ranges().length;
  assert.deepEqual(await read(0), golden.texts);
  const bytes = ranges().length * blockBytes;
  assert.ok(ofLast < ranges().length && bytes < 0.6 * parquet.length, `${ofLast} ${bytes} of ${parquet.length}`);
});

test("a cache that may not be written is told", async () => {
  const folder = newFolder();
  writeFileSync(folder, "a file where the folder should be");
  await assert.rejects(openFile(folder).bring(0, 1), { code: "E_NOT_WRITABLE", advice: /CRAM_CACHE/ });
});
