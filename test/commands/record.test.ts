// A track from its first record on: what is no better is none, what is better is written and must be beaten then, and other text is refused.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readBestRecord } from "../../src/records/record.ts";
import { judgeChallenge } from "../../src/records/verdict.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { type RecordOptions, type RecordRun, runRecord } from "../../src/verbs/record/record.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-record-"));
after(() => rmSync(folder, { recursive: true }));
const [data, records, heldOut] = ["data", "records", "held-out.jsonl"].map(name => join(folder, name)) as [
  string,
  string,
  string,
];
const set = [
  ...["width=8", "layers=1", "heads=1", "feedForward=16", "sequenceLength=64", "vocabulary=84"].map(
    pair => `model.${pair}`,
  ),
  ...["schedule.batchSequences=2", "train.microBatchSequences=2", "train.validations=1", "data.validationSequences=2"],
  "schedule.learningRate=constant",
];
const run = (out: string, options: Partial<RecordOptions> = {}) =>
  runRecord({
    track: "tiny",
    records,
    data,
    heldOut,
    out: join(folder, out),
    recipe: "crammed-bert-small",
    set,
    ...options,
  });
const line = (i: number) =>
  JSON.stringify({ text: `${i} old boats sleep near the river wall and a green frog sings `.repeat(5) });
const write = (path: string, from: number, count: number) =>
  writeFileSync(path, Array.from({ length: count }, (_, i) => `${line(from + i)}\n`).join(""));

const tinyTrack = {
  ...{ title: "tiny", budget: "3steps", backend: "reference", seeds: [0, 1, 2], text: "frogs", passages: 4 },
};

before(async () => {
  const text = join(folder, "texts.jsonl");
  write(text, 0, 40);
  write(heldOut, 100, 4);
  await prepare({ texts: [text], out: data, vocabulary: 84, sequenceLength: 64, holdOut: 0.2 });
  mkdirSync(join(records, "tiny"), { recursive: true });
  writeFileSync(join(records, "tiny", "track.json"), JSON.stringify(tinyTrack));
});

test("records follow each other where the difference is no chance, and are run again", async () => {
  await assert.rejects(run("again", { recipe: undefined }), { code: "E_RECORD" });
  const slow = [...set, "optimizer.learningRate=1e-6"];
  const first = await run("first", { set: slow });
  assert.equal(first.verdict, undefined);
  assert.match(first.written!, /001-crammed-bert-small$/);
  const equal = await run("equal", { set: [...slow, "train.badStepsAllowed=7"] });
  assert.deepEqual([equal.verdict!.difference, equal.verdict!.isRecord, equal.written], [0, false, undefined]);
  // The record's recipe, trained again, gives the same bits.
  const bitsOf = (scores: RecordRun["record"]) => scores.map(({ bitsPerByte }) => bitsPerByte);
  assert.deepEqual(bitsOf(equal.record), bitsOf(first.challenger));
  const fast = [...set, "optimizer.learningRate=0.03"];
  const better = await run("fast", { set: fast });
  assert.ok(better.verdict!.isRecord, JSON.stringify(better.verdict));
  assert.match(better.written!, /002-/);
  const { name, record } = readBestRecord(records, "tiny")!;
  assert.deepEqual(
    [name.slice(0, 3), record.against!.record, record.seeds.length],
    ["002", "001-crammed-bert-small", 3],
  );
  assert.deepEqual(record.against!.bitsPerByte, bitsOf(first.challenger));
  // Both were trained in that folder.
  const trained: string[] = [];
  const next = await run("fast", { set: slow, onTraining: what => trained.push(what) });
  assert.deepEqual([bitsOf(next.record), bitsOf(next.challenger)], [bitsOf(better.challenger), bitsOf(better.record)]);
  assert.deepEqual([trained, next.verdict!.isRecord], [[], false]);
});

test("a track of the package is challenged from a folder that has none, and the record is written there", async () => {
  const own = join(folder, "own");
  const published = join(folder, "published");
  cpSync(records, published, { recursive: true });
  const listed = () => readdirSync(join(published, "tiny")).sort();
  const before = listed();
  const slow = [...set, "optimizer.learningRate=1e-6"];
  const lost = await run("fast", { records: own, published, set: slow });
  assert.deepEqual([lost.recordName?.slice(0, 3), lost.written, existsSync(own)], ["002", undefined, false]);
  const faster = [...set, "optimizer.learningRate=0.06"];
  const { written, verdict } = await run("fast", { records: own, published, set: faster });
  assert.ok(verdict!.isRecord, JSON.stringify(verdict));
  assert.equal(written, join(own, "tiny/003-crammed-bert-small"));
  assert.deepEqual(listed(), before);
  assert.deepEqual(readdirSync(join(own, "tiny")).sort(), [...before, "003-crammed-bert-small"].sort());
  // From now on the folder's own.
  assert.equal(readBestRecord(own, "tiny")!.name, "003-crammed-bert-small");
  await assert.rejects(run("none", { records: own, published, track: "tinny" }), {
    code: "E_RECORD_TRACK",
    advice: "There are tiny.",
  });
});

test("a record that another one set meanwhile is not passed by what was compared with its forerunner", async () => {
  const shared = join(folder, "shared");
  const newest = readBestRecord(records, "tiny")!;
  cpSync(records, shared, { recursive: true });
  rmSync(join(shared, "tiny", newest.name), { recursive: true });
  const setMeanwhile = () =>
    cpSync(join(records, "tiny", newest.name), join(shared, "tiny", newest.name), { recursive: true });
  const faster = [...set, "optimizer.learningRate=0.02"];
  const options: Partial<RecordOptions> = { records: shared, set: faster };
  await assert.rejects(run("fast", { ...options, onScore: what => void (what === "challenger" && setMeanwhile()) }), {
    code: "E_RECORD",
    message: /002-crammed-bert-small\/record.json: .* meanwhile/,
  });
  assert.equal(readBestRecord(shared, "tiny")!.name, newest.name);
  const again = await run("fast", options);
  assert.deepEqual([again.recordName, again.verdict!.isRecord], [newest.name, false]);
});

test("a copy of the package's track that was cut short is no track", async () => {
  const own = join(folder, "cut");
  mkdirSync(join(own, "tiny"), { recursive: true });
  const first = join(own, "tiny", "001-crammed-bert-small");
  writeFileSync(first, "a file where a folder is to be");
  const options = { records: own, published: records, set: [...set, "optimizer.learningRate=0.06"] };
  await assert.rejects(run("fast", options));
  assert.ok(!existsSync(join(own, "tiny", "track.json")));
  rmSync(first);
  assert.equal((await run("fast", options)).written, join(own, "tiny", "003-crammed-bert-small"));
});

test("trainings of a track on another device are not taken for this one's", async () => {
  const track = JSON.parse(readFileSync(join(records, "tiny", "track.json"), "utf8"));
  mkdirSync(join(records, "cpu"));
  writeFileSync(join(records, "cpu", "track.json"), JSON.stringify({ ...track, backend: "cpu", threads: 1 }));
  const options = { track: "cpu", set: [...set, "optimizer.learningRate=1e-6"] };
  await assert.rejects(run("fast", options), { code: "E_RECORD", message: /on reference, .* of cpu with 1 thread$/ });
  assert.deepEqual(readdirSync(join(records, "cpu")), ["track.json"]);
});

test("what is wrong with a track or a record is told with its file", async () => {
  const at = (name: string) => join(folder, "damaged", "tiny", name);
  const record = join(readBestRecord(records, "tiny")!.name, "record.json");
  for (const [name, from, to, code] of [
    ["track.json", '"3steps"', '"three"', "E_BUDGET"],
    ["track.json", "[0,1,2]", "[0,1,1]", "E_RECORD_TRACK"],
    ["track.json", '"passages":4', '"passages":4000000', "E_RECORD_TRACK"],
    ["track.json", "}", "", "E_JSON"],
    [record, '"heads": 1', '"haeds": 1', "E_RECIPE_VALUE"],
    [record, '"heads": 1', '"heads": 3', "E_RECIPE_VALUE"],
    [record, '"budget": "3steps"', '"budget": "three"', "E_BUDGET"],
    [record, '"bitsPerByte": ', '"bitsPerByte": "', "E_JSON"],
    [record, '"version": 1', '"version": 9', "E_RECORD"],
    [record, '"version": 1', '"version": 1, "odd": 1', "E_RECORD"],
    ["track.json", '"seeds"', '"odd":1,"seeds"', "E_RECORD_TRACK"],
    [record, '"track": "tiny"', '"track": "other"', "E_RECORD"],
    [record, '"documents": "', '"documents": "0', "E_RECORD"],
    [record, '"heldOut": "', '"heldOut": "0', "E_RECORD"],
  ] as const) {
    rmSync(join(folder, "damaged"), { recursive: true, force: true });
    cpSync(records, join(folder, "damaged"), { recursive: true });
    // A track that says itself of which text it is, as those of the package do.
    const { documents, heldOut } = readBestRecord(records, "tiny")!.record;
    writeFileSync(at("track.json"), JSON.stringify({ ...tinyTrack, documents, heldOut }));
    const text = readFileSync(at(name), "utf8");
    assert.ok(text.includes(from), from);
    writeFileSync(at(name), text.replace(from, to));
    const found = { code, message: new RegExp(`^${at(name).replaceAll(".", "\\.")}: (?!:)`) };
    await assert.rejects(run("none", { records: join(folder, "damaged") }), found, `${from} as ${to}`);
  }
});

test("a record under another tokenizer asks for what the call takes", async () => {
  const other = join(folder, "other-tokenizer");
  await prepare({ texts: [join(folder, "texts.jsonl")], out: other, vocabulary: 80, sequenceLength: 64, holdOut: 0.2 });
  await assert.rejects(run("none", { data: other }), { code: "E_RECORD_TEXT", advice: /^Give --record-data/ });
  await assert.rejects(run("none", { data: other, recipe: undefined, set: [] }), { advice: /^Give --data/ });
});

test("other text, and a challenger that is none, are refused before anything is trained", async () => {
  const onTraining = () => assert.fail("trained");
  // Whatever it is called.
  const own = join(folder, "own.json");
  writeFileSync(own, JSON.stringify({ ...readBestRecord(records, "tiny")!.record.recipe, name: "mine" }));
  await assert.rejects(run("none", { recipe: own, set: [], onTraining }), {
    code: "E_RECORD",
    message: /challenger is the recipe of the record itself, 002-/,
  });
  for (const [options, code] of [
    [{ recipe: join(folder, "missing.json") }, "E_FILE_MISSING"],
    [{ set: [...set, "model.widht=8"] }, "E_RECIPE_KEY"],
    [{ set: [...set, "model.sequenceLength=32"] }, "E_DATA_LENGTH"],
  ] as const)
    await assert.rejects(run("none", { ...options, onTraining }), { code });
  const other = join(folder, "other.jsonl");
  write(other, 200, 4);
  await assert.rejects(run("none", { heldOut: other }), { code: "E_RECORD_TEXT" });
  await assert.rejects(run("none", { track: "tinny" }), { code: "E_RECORD_TRACK", advice: /tiny/ });
  const changed = join(folder, "changed");
  cpSync(data, changed, { recursive: true });
  writeFileSync(other, "no document\n");
  mkdirSync(join(records, "new"));
  cpSync(join(records, "tiny", "track.json"), join(records, "new", "track.json"));
  await assert.rejects(run("none", { track: "new", heldOut: other }), {
    code: "E_BITS",
    message: /other.jsonl:1/,
  });
});

test("a verdict is one-sided and in pairs", () => {
  // SciPy's ttest_rel of these, alternative "less".
  const { p, isRecord } = judgeChallenge([1.98, 2.01, 1.95, 2.02], [2.0, 2.04, 1.96, 2.05]);
  assert.ok(Math.abs(p - 0.009109927371611204) < 1e-12, String(p));
  assert.ok(isRecord);
  // The same of a challenger that is worse.
  const worse = judgeChallenge([2.1, 2.04, 1.97, 2.09], [2.0, 2.04, 1.96, 2.05]);
  assert.ok(Math.abs(worse.p - 0.9029143271939708) < 1e-9, String(worse.p));
  assert.equal(judgeChallenge([2.1, 2.2], [2.0, 2.1]).isRecord, false);
});
