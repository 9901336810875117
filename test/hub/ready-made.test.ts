// A set that was tokenized already, of a hub on this machine and of a folder: the ids that Hugging Face's tokenizer gave, as they are.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readManifest } from "../../src/dataset/manifest.ts";
import { readTokenizer } from "../../src/tokenizer/read-tokenizer.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { serveDatasets } from "./dataset-hub.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/ready-made.json", import.meta.url), "utf8"),
) as { tokenizer: object; shards: string[]; rows: number[][]; separator: number };
const files = {
  "tokenizer/tokenizer.json": JSON.stringify(golden.tokenizer),
  "data/train-00000-of-00002.parquet": Buffer.from(golden.shards[0]!, "base64"),
  "data/train-00001-of-00002.parquet": Buffer.from(golden.shards[1]!, "base64"),
};
const root = mkdtempSync(join(tmpdir(), "cramming-ready-"));
const hub = await serveDatasets({ "JonasGeiping/small": files });
const outside = { ...process.env };
Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, CRAM_CACHE: join(root, "cache") });
after(() => {
  hub.close();
  for (const name of ["HF_ENDPOINT", "CRAM_CACHE"]) {
    if (outside[name] === undefined) delete process.env[name];
    else process.env[name] = outside[name];
  }
  rmSync(root, { recursive: true });
});

const folder = join(root, "small");
for (const [path, content] of Object.entries(files)) {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), content);
}

/** The sequences of a part, out of the file itself: 32 bytes, then uint16. */
function readRows(data: string, part: string): number[][] {
  const bytes = readFileSync(join(data, `${part}-00000.bin`)).subarray(32);
  const ids = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i));
  return Array.from({ length: ids.length / 16 }, (_, i) => ids.slice(16 * i, 16 * i + 16));
}

test("its ids, its tokenizer and its order stay, and one sequence of each block is held out", async () => {
  const made: string[] = [];
  for (const [i, source] of ["hf:JonasGeiping/small", folder].entries()) {
    const out = join(root, `data-${i}`);
    const { manifest, isReadyMade } = await prepare({ texts: [source], out, holdOut: 0.1, seed: 3 });
    assert.equal(isReadyMade, true);
    assert.equal(readTokenizer(join(out, "tokenizer.json")).specials.separator, golden.separator);
    const [training, validation] = [readRows(out, "training"), readRows(out, "validation")];
    const heldOut = new Set(validation.map(row => row.join()));
    assert.deepEqual([...training, ...validation].sort(), golden.rows.toSorted());
    assert.deepEqual(
      training,
      golden.rows.filter(row => !heldOut.has(row.join())),
    );
    const blocks = golden.rows.length / 10;
    assert.ok(validation.length >= Math.floor(blocks) && validation.length <= Math.ceil(blocks));
    assert.ok(!existsSync(join(out, "documents")));
    assert.deepEqual(readManifest(out), manifest);
    const again = await prepare({ texts: [source], out, holdOut: 0.1, seed: 3 });
    assert.deepEqual([again.isReadyMade, again.manifest], [undefined, manifest]);
    made.push(manifest.hash);
  }
  assert.equal(made[0], made[1]);
});

test("what chooses text is refused by name, and ids of another tokenizer are", async () => {
  const refused = prepare({ texts: [folder], out: join(root, "no"), vocabulary: 100, filters: ["prose"] });
  await assert.rejects(refused, { code: "E_OPTION", message: /vocabulary, filters/ });
  const { vocab } = (golden.tokenizer as { model: { vocab: Record<string, number> } }).model;
  const largest = Math.max(...golden.rows.flat());
  const fewer = Object.fromEntries(Object.entries(vocab).filter(([, id]) => id < largest));
  const { model } = golden.tokenizer as { model: object };
  const cut = { ...golden.tokenizer, model: { ...model, vocab: fewer } };
  writeFileSync(join(folder, "tokenizer", "tokenizer.json"), JSON.stringify(cut));
  await assert.rejects(prepare({ texts: [folder], out: join(root, "no") }), {
    code: "E_READY_MADE",
    message: new RegExp(`parquet:\\d+: the id ${largest}, and the tokenizer has ${largest} tokens`),
  });
});
