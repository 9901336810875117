// Verbs for machines: with --json standard output is JSON and nothing else, and says what the lines for people say; so is standard error.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startWarmProgram } from "../../test/warm-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-json-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

async function readLines(...words: string[]): Promise<Record<string, unknown>[]> {
  const { status, stdout, stderr } = await program.run(...words);
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split("\n")
    .map(line => JSON.parse(line) as Record<string, unknown>);
}

test("inspect lists the launches of both programs, and their seconds when timed", async () => {
  const sizes = ["width=32", "layers=1", "heads=2", "feedForward=64", "vocabulary=128", "sequenceLength=32"];
  const set = [...sizes.map(size => `model.${size}`), "train.microBatchSequences=4"].flatMap(pair => ["--set", pair]);
  const [inspected, ...rest] = await readLines("inspect", "--recipe", "crammed-bert", ...set, "--time", "--json");
  assert.deepEqual(rest, []);
  assert.equal(inspected!.parameters, 128 * 32 + 1 + 4 * 64 + 4 * 32 * 32 + 32 * 64 + 32 * 32);
  const programs = inspected!.programs as { name: string; launches: { flops: number; seconds: number }[] }[];
  assert.deepEqual(
    programs.map(({ name }) => name),
    ["micro-batch", "update"],
  );
  assert.ok(programs.every(({ launches }) => launches.length > 0 && launches.every(({ seconds }) => seconds >= 0)));
  // The products of the layer alone: forward and twice backward, 128 tokens, of which a quarter leaves the attention.
  const products = 6 * (128 * 3 * 32 * 32 + 32 * (32 * 32 + 32 * 64 + 32 * 32));
  assert.ok(programs[0]!.launches.reduce((sum, { flops }) => sum + flops, 0) > products);
});

test("words that are none of a verb are a line of JSON on standard error, as other faults are", async () => {
  const cases: readonly (readonly [said: RegExp, ...words: string[]])[] = [
    [/^unknown command 'nosuch'/, "nosuch"],
    [/^missing required argument 'model'/, "fill"],
    [/^unknown option '--colour'/, "fill", "--colour"],
    [/^option '--top <number>' argument missing$/, "fill", "run", "text", "--top"],
    [/^option '--backend <name>' argument 'abacus' is invalid/, "fill", "run", "text", "--backend", "abacus"],
    [/^required option '--out <folder>' not specified/, "prepare", "t.txt"],
    [/^missing required argument 'action'$/, "corpus"],
  ];
  for (const [said, ...words] of cases) {
    const { status, stdout, stderr } = await program.run(words[0]!, "--json", ...words.slice(1));
    assert.deepEqual([status, stdout], [1, ""], words.join(" "));
    const told = JSON.parse(stderr) as Record<string, string>;
    assert.match(told.message!, said);
    assert.deepEqual([told.kind, told.code], ["error", "E_OPTION"]);
    const verb = ["nosuch"].includes(words[0]!) ? "" : `${words[0]} `;
    assert.ok(told.advice!.startsWith(`cram ${verb}--help`), told.advice);
  }
  const near = JSON.parse((await program.run("fil", "--json")).stderr) as Record<string, string>;
  assert.equal(near.message, "unknown command 'fil'");
  assert.match(near.advice!, /^Did you mean fill\? cram --help/);
  mkdirSync(join(folder, "-run"));
  const dash = /A path that begins with a dash is written \.\/-run\./;
  assert.match((await program.run("fill", "-run", "a [MASK]")).stderr, dash);
  assert.match((JSON.parse((await program.run("fill", "-run", "text", "--json")).stderr) as typeof near).advice!, dash);
  assert.doesNotMatch((await program.run("fill", "-ran", "a [MASK]")).stderr, /dash/);
  const swallowed = await program.run("fill", "run", "text", "--top", "--json");
  assert.match((JSON.parse(swallowed.stderr) as Record<string, string>).message!, /--top/);
  // Behind -- they are another program's.
  const { stderr } = await program.run("launch", "nosuch", "--", "pretrain", "--json");
  assert.match(stderr, /^error: /);
});

test("what a person should know beside the results is a line of JSON on standard error, too", async () => {
  // More than there are of performance cores; the dataset is looked for behind that.
  const words = ["pretrain", "--data", "nowhere", "--budget", "1steps", "--threads", "1024", "--out", "nothing"];
  const said = (await program.run(...words, "--json")).stderr.trim().split("\n");
  const told = said.map(line => JSON.parse(line) as Record<string, string>);
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ["warning", "error"],
  );
  assert.match(told[0]!.message!, /^1,024 threads on \d+ cores?: no faster/);
  assert.match((await program.run(...words)).stderr, /^1,024 threads on .*\nE_FILE_MISSING /);
});

test("a module of a person's that is not there is told so before a verb is known", async () => {
  const env = { ...process.env, CRAM_EXTENSIONS: join(folder, "none.mjs") };
  const main = join(import.meta.dirname, "main.js");
  const { status, stderr } = spawnSync(process.execPath, [main, "fill", "r", "t", "--json"], { env, encoding: "utf8" });
  assert.equal(status, 1);
  assert.equal((JSON.parse(stderr) as Record<string, string>).code, "E_EXTENSION");
});

test("quickstart tells its dataset, its run, its events and its filled masks", async () => {
  const lines = await readLines("quickstart", "--budget", "3steps", "--json");
  const kinds = lines.map(({ kind }) => kind);
  assert.deepEqual(kinds.slice(0, 4), ["dataset", "run", "start", "validation"]);
  assert.equal(kinds.filter(kind => kind === "step").length, 3);
  assert.equal(kinds.filter(kind => kind === "end").length, 1);
  const fills = lines.filter(({ kind }) => kind === "fill");
  assert.equal(fills.length, 8);
  assert.equal(kinds.lastIndexOf("end"), kinds.length - 1 - fills.length);
});

test("recipe says what can be chosen and what differs", async () => {
  const [listed] = (await readLines("recipe", "--list", "--json")) as {
    choices: { path: string; options: { name: string }[] }[];
  }[];
  const schedules = listed!.choices.find(({ path }) => path === "schedule.learningRate")!;
  assert.ok(schedules.options.some(({ name }) => name === "linear"));
  const [compared] = await readLines("recipe", "--diff", "crammed-bert", "crammed-bert-small", "--json");
  // The first is what crammed BERT's checkpoint holds; the second 8192·256 + 1 + 2·256·10 + 4·(4·256² + 256·1024 + 512·256).
  assert.deepEqual(compared!.parameters, [119_589_889, 8192 * 256 + 1 + 5120 + 4 * (4 * 65_536 + 262_144 + 131_072)]);
  const [whole] = await readLines("recipe", "quickstart", "--set", "train.seed=3", "--json");
  assert.equal((whole!.train as { seed: number }).seed, 3);
});

test("what a person can correct is one line of JSON on standard error", async () => {
  for (const verb of ["fill", "report", "export"]) {
    const words = [verb, "no-such-run", ...(verb === "fill" ? ["a [MASK]"] : [])];
    const { status, stdout, stderr } = await program.run(...words, "--json");
    assert.equal(status, 1);
    assert.equal(stdout, "");
    const said = JSON.parse(stderr) as Record<string, string>;
    assert.equal(said.kind, "error");
    assert.match(said.code!, /^E_[A-Z_]+$/);
    assert.match(said.message!, /no-such-run/);
    assert.ok(said.advice!.length > 5);
  }
});
