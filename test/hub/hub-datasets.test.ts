// Datasets of a hub on this machine as sources: which files are meant, and their documents.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "../../src/base/errors.ts";
import { startFunnel } from "../../src/corpus/funnel.ts";
import { hubDatasets } from "../../src/corpus/sources/hub/hub-datasets.ts";
import { readShard } from "../../src/corpus/sources/read-shard.ts";
import { describeShardState, identifyShards, listShards } from "../../src/corpus/sources/sources.ts";
import { commit, type DatasetHub, describe, serveDatasets } from "./dataset-hub.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/hub-parquet.json", import.meta.url), "utf8"),
) as { base64: string; texts: string[] };
const parquet = Buffer.from(golden.base64, "base64");
const linesOf = (texts: readonly string[]) => texts.map(text => `${JSON.stringify({ text })}\n`).join("");
const english = golden.texts.map(text => `en ${text}`);

// Cards and layouts as those of C4, Wikipedia, the Pile, and of one with no card.
const datasets = {
  "allenai/c4": {
    "README.md": `---
license: odc-by
configs:
- config_name: en
  data_files:
  - split: train
    path: en/c4-train.*.json.gz
  - split: validation
    path: en/c4-validation.*.json.gz
- config_name: realnewslike
  data_files: realnewslike/*
---
# C4
`,
    "en/c4-train.00001-of-00002.json.gz": gzipSync(linesOf(english.slice(30))),
    "en/c4-train.00000-of-00002.json.gz": gzipSync(linesOf(english.slice(0, 30))),
    "en/c4-validation.00000-of-00001.json.gz": gzipSync(linesOf(["held out"])),
    "en/extra.txt": "beside",
    "multilingual/c4-af.json.gz": gzipSync(linesOf(["af"])),
    "realnewslike/a.json.gz": gzipSync(linesOf(["news"])),
  },
  "wikimedia/wikipedia": {
    "README.md":
      "---\nconfigs:\n- config_name: 20231101.de\n  data_files:\n  - split: train\n    path: 20231101.de/*\n- config_name: 20231101.en\n  default: true\n  data_files:\n  - split: train\n    path: 20231101.en/*\n---\n",
    "20231101.en/train-00000-of-00001.parquet": parquet,
    "20231101.de/train-00000-of-00001.parquet": "not read",
  },
  "monology/pile": {
    "README.md": "---\nlicense: other\n---\n",
    "train/00.jsonl": linesOf(["a"]),
    "train/01.jsonl": linesOf(["b"]),
    "val.jsonl": linesOf(["v"]),
    "test.jsonl": linesOf(["t"]),
    "dataset_infos.json": "{}",
    ".gitattributes": "",
  },
  "me/sharded-private": {
    "data/train-00000-of-00001-abc.parquet": parquet,
    "data/extra-00000-of-00001-abc.parquet": parquet,
  },
  "me/pictures": { "a.png": "png", "README.md": "no head" },
  "me/broken": { "README.md": "---\nconfigs: [\n---\n", "a.jsonl": linesOf(["a"]) },
};

const folder = mkdtempSync(join(tmpdir(), "cramming-hub-"));
const outside = { ...process.env };
let hub: DatasetHub;
before(async () => {
  hub = await serveDatasets(datasets);
  Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, HF_TOKEN: "hf_secret", CRAM_CACHE: folder });
});
after(() => {
  hub.close();
  for (const name of ["HF_ENDPOINT", "HF_TOKEN", "CRAM_CACHE"]) {
    if (outside[name] === undefined) delete process.env[name];
    else process.env[name] = outside[name];
  }
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  hub.asked.length = 0;
  hub.fault = () => undefined;
});

const pathsOf = async (input: string, passed: string[] = []) => {
  const passOver = (reason: string, path: string) => void passed.push(`${path} ${reason}`);
  return (await listShards([input], { passOver })).map(({ path }) => path.replace(/^.*@[0-9a-f]{12}\//, ""));
};
async function textsOf(input: string): Promise<string[]> {
  const texts: string[] = [];
  for (const shard of await listShards([input])) {
    for await (const { documents } of readShard(shard, { textField: "text" }, startFunnel())) {
      texts.push(...documents.map(({ text }) => text));
    }
  }
  return texts;
}
const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError &&
    error.code === code &&
    seen.every(part => `${error.message} ${error.advice}`.includes(part));

test("a configuration and a split of the card, in the order of the paths", async () => {
  const train = ["en/c4-train.00000-of-00002.json.gz", "en/c4-train.00001-of-00002.json.gz"];
  assert.deepEqual(await pathsOf("hf:allenai/c4/en"), train);
  assert.deepEqual(await pathsOf("hf:allenai/c4/en:validation"), ["en/c4-validation.00000-of-00001.json.gz"]);
  assert.deepEqual(await pathsOf(`hf:allenai/c4/realnewslike@${commit}`), ["realnewslike/a.json.gz"]);
  assert.deepEqual(await pathsOf("hf:wikimedia/wikipedia"), ["20231101.en/train-00000-of-00001.parquet"]);
  assert.deepEqual(await textsOf("hf:allenai/c4/en"), english);
  assert.deepEqual(await textsOf("hf:wikimedia/wikipedia/20231101.en"), golden.texts);
});

test("without a card names of files and folders say the split", async () => {
  const passed: string[] = [];
  assert.deepEqual(await pathsOf("hf:monology/pile", passed), ["train/00.jsonl", "train/01.jsonl"]);
  assert.deepEqual(await pathsOf("hf:monology/pile:test"), ["test.jsonl"]);
  assert.deepEqual(await pathsOf("hf:monology/pile/train"), ["train/00.jsonl", "train/01.jsonl"]);
  assert.deepEqual(await pathsOf("hf:me/sharded-private"), ["data/train-00000-of-00001-abc.parquet"]);
  assert.deepEqual(await pathsOf("hf:me/sharded-private:extra"), ["data/extra-00000-of-00001-abc.parquet"]);
});

test("a file and a pattern take the place of a configuration", async () => {
  assert.deepEqual(await pathsOf("hf:monology/pile/train/01.jsonl"), ["train/01.jsonl"]);
  assert.deepEqual(await pathsOf("hf:monology/pile/t*.jsonl"), ["test.jsonl"]);
  const passed: string[] = [];
  assert.deepEqual((await pathsOf("hf:allenai/c4/en/*", passed)).length, 3);
  assert.deepEqual(passed, ["en/extra.txt beside the data"]);
});

test("what a dataset does not have is told with what it has", async () => {
  await assert.rejects(listShards(["hf:allenai/c4"]), fails("E_HUB_PART", "en, realnewslike"));
  await assert.rejects(listShards(["hf:allenai/c4/eng"]), fails("E_HUB_PART", "Did you mean en?"));
  await assert.rejects(listShards(["hf:allenai/c4/en:tset"]), fails("E_HUB_PART", "train, validation"));
  await assert.rejects(listShards(["hf:me/pictures"]), fails("E_NO_TEXT", "me/pictures"));
  await assert.rejects(listShards(["hf:me/broken"]), fails("E_HUB", "README.md", "me/broken"));
  await assert.rejects(listShards(["hf:me/none"]), fails("E_HUB_TOKEN", "me/none", "Check the name"));
  await assert.rejects(listShards(["hf:allenai/c4/en@v9"]), fails("E_HUB", "404", "v9"));
  for (const address of ["hf:c4", "hf:a/b/c:d:e", "hf://datasets/a/b"]) {
    await assert.rejects(listShards([address]), fails("E_OPTION", address));
  }
});

test("content is known by the hash of the hub without reading it, and only what is asked for is listed", async () => {
  rmSync(join(folder, "datasets"), { recursive: true });
  hub.asked.length = 0;
  const shards = await listShards(["hf:allenai/c4/en"]);
  const identified = identifyShards(shards, {});
  const contents = datasets["allenai/c4"];
  const hashOf = (path: keyof typeof contents) => describe(path, Buffer.from(contents[path])).lfs!.oid;
  assert.deepEqual(
    identified.map(({ hash }) => hash),
    [hashOf("en/c4-train.00000-of-00002.json.gz"), hashOf("en/c4-train.00001-of-00002.json.gz")],
  );
  assert.equal(describeShardState(shards[0]!), shards[0]!.place);
  assert.deepEqual(
    hub.asked.filter(({ at }) => at === "hub").map(({ path }) => path.replace(/^.*(revision|resolve|tree)\//, "$1 ")),
    ["revision main", `resolve ${commit}/README.md`, `tree ${commit}/en`, `tree ${commit}/en`],
  );
  // A commit does not change: it is not asked for again, even where the hub is gone.
  hub.fault = () => ({ status: 404 });
  assert.deepEqual((await listShards([`hf:allenai/c4/en@${commit}`])).length, 2);
});

test("a shard that is sent to a thread is read there as here, through connections that break", async () => {
  rmSync(join(folder, "datasets"), { recursive: true });
  const broken = new Set<string>();
  hub.fault = ({ at, path }) => {
    if (at === "hub" || broken.has(path)) return undefined;
    broken.add(path);
    return { breakAfter: 1000 };
  };
  const [, shard] = structuredClone(await listShards(["hf:allenai/c4/en"]));
  const texts: string[] = [];
  for await (const { documents } of readShard(shard!, { textField: "text" }, startFunnel())) {
    texts.push(...documents.map(({ text }) => text));
  }
  assert.deepEqual(texts, english.slice(30));
  assert.ok(hub.asked.some(({ range }) => range?.startsWith("bytes=1000-")));
});

test("a hub that is gone for good is told", async () => {
  const patience = { tries: 2, firstSeconds: 1, longestSeconds: 1, wait: async () => {} };
  hub.fault = () => ({ status: 502 });
  const listing = hubDatasets(patience).list("hf:allenai/c4/en", {});
  await assert.rejects(async () => listing, fails("E_HUB", "502", "tried 2 times"));
});
