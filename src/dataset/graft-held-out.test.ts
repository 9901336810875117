// Whether held-out documents stand in what is trained on is told at every length of sequences and of documents, however these are
// packed, or it is said that nobody can tell.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildDataset } from "../../test/build-dataset.ts";
import { RandomSequence, streams } from "../base/random.ts";
import { defineLearnedTokenizer } from "../tokenizer/define.ts";
import { encodeDocuments } from "../tokenizer/encoding/encode-threads.ts";
import { startTextLoss } from "../tokenizer/normalising/lost-text.ts";
import { normalisers } from "../tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../tokenizer/tokenizer.ts";
import { graftHeldOut } from "./graft-held-out.ts";
import { checkLeak, seekStretches } from "./leak.ts";
import { readManifest } from "./manifest.ts";
import type { PackingName } from "./packings.ts";
import { ShardReader, visitShards } from "./shards.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-held-out-"));
after(() => rmSync(folder, { recursive: true }));

const words = Array.from({ length: 200 }, (_, i) => `w${String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26))}`);
const tokenizer = defineLearnedTokenizer([...specialTokens, ...words], normalisers.bert, "bert");

/** Of random words, so that no two have a stretch in common. */
const write = (count: number, length: number, seed: number) =>
  Array.from({ length: count }, (_, document) => {
    const draws = new RandomSequence(seed, streams.sampling, document);
    return Array.from({ length }, () => words[draws.below(words.length)]).join(" ");
  });

async function build(
  name: string,
  texts: readonly string[],
  sequenceLength: number,
  seed: number,
  packing: PackingName,
) {
  const path = join(folder, name);
  await buildDataset(path, encodeDocuments(tokenizer, texts, 1), tokenizer, {
    ...{ sequenceLength, seed, holdOut: 0.2, loss: startTextLoss() },
    ...{ documentsHash: "documents", originHash: "origin" },
    packing: { name: packing, classify: false, separator: true },
  });
  return path;
}

/** Words of a document, tokens of a sequence, and whether a stretch of 16 stands in one of each. */
const cases: readonly (readonly [number, number, boolean])[] = [
  [400, 128, true],
  [400, 64, true],
  [400, 48, true],
  [400, 32, true],
  [400, 24, true],
  [400, 16, true],
  [40, 128, true],
  [25, 128, true],
  [25, 32, true],
  [10, 128, false],
  [400, 12, false],
];

for (const packing of ["concatenate", "best-fit"] as const) {
  for (const [length, sequenceLength, isTold] of cases) {
    test(`documents of ${length} in sequences of ${sequenceLength}, ${packing}: a leak is ${isTold ? "told" : "said to be unknown"}`, async () => {
      const name = `${packing}-${length}-${sequenceLength}`;
      const count = Math.ceil(24_000 / length);
      const texts = write(count, length, 0);
      const heldOut = await build(`${name}-held-out`, texts, sequenceLength, 0, packing);
      // Another seed holds out others of the same documents.
      const leaking = await build(`${name}-leaking`, texts, sequenceLength, 5, packing);
      const apart = await build(`${name}-apart`, write(count, length, 1), sequenceLength, 0, packing);
      if (isTold) assert.throws(() => graftHeldOut(leaking, heldOut, undefined), { code: "E_HELD_OUT" });
      const outs = [undefined, join(folder, `${name}-grafted`)];
      // Once more, of the dataset that is there.
      for (const out of [...outs, outs[1]]) {
        assert.equal(graftHeldOut(apart, heldOut, out).isUnchecked, !isTold);
      }
    });
  }
}

test("a stretch is found wherever it stands: where all begins, across ends of sequences, and where all ends", async () => {
  const path = await build("places", write(30, 100, 0), 48, 0, "concatenate");
  const manifest = readManifest(path);
  const { training, sequenceLength, vocabulary } = manifest;
  const all: number[] = [];
  visitShards(new ShardReader(path, training.files, sequenceLength, vocabulary), sequence => all.push(...sequence));
  for (const at of [0, 1, 47, 48, 90, all.length - 65, all.length - 64]) {
    const sought = seekStretches([Uint32Array.from(all.slice(at, at + 64))])!;
    assert.throws(() => checkLeak(path, manifest, sought, "runs"), { code: "E_HELD_OUT", message: /1 of 1/ }, `${at}`);
    const other = Uint32Array.from(all.slice(at, at + 64)).reverse();
    checkLeak(path, manifest, seekStretches([other])!, "runs");
  }
});

test("the longest stretches are looked for that half of the runs have", () => {
  const runs = (...lengths: number[]) => lengths.map(length => new Uint32Array(length));
  assert.equal(seekStretches(runs(64, 63))!.tokens, 64);
  assert.equal(seekStretches(runs(64, 63, 63))!.tokens, 32);
  assert.equal(seekStretches(runs(31, 16))!.tokens, 16);
  assert.equal(seekStretches(runs(16, 15, 15)), undefined);
});
