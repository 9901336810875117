// The completion scripts, that of bash as bash runs it. The shells of the other two need not be installed.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startWarmProgram } from "../../../test/warm-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-completion-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

async function cram(...words: string[]): Promise<string> {
  const { stdout, stderr, status } = await program.run(...words);
  assert.equal(status, 0, stderr);
  return stdout;
}

const script = join(folder, "cram.bash");
writeFileSync(script, await cram("completion", "bash"));

/** What bash offers for the last of these words. */
function complete(...words: string[]): string[] {
  const quoted = ["cram", ...words].map(word => `'${word}'`).join(" ");
  // Outside of a completion bash has no options of one to change.
  const command = `compopt() { :; }; source ${script}; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _cram; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", command], { encoding: "utf8", cwd: folder });
  assert.equal(stderr, "");
  return stdout.split("\n").filter(line => line !== "");
}

test("bash completes verbs, a verb's own options, and the choices of an option", async () => {
  assert.deepEqual(complete("pre"), ["prepare", "pretrain"]);
  assert.deepEqual(complete("prepare", "--nor"), ["--normaliser"]);
  assert.deepEqual(complete("pretrain", "--no"), []);
  assert.deepEqual(complete("prepare", "--normaliser", "b"), ["bert"]);
  assert.deepEqual(complete("fill", "runs/mine", "--backend", ""), ["cpu", "cuda", "reference"]);
  assert.deepEqual(complete("completion", "z"), ["zsh"]);
});

test("names of recipes are offered where a file would do, too", async () => {
  assert.deepEqual(complete("recipe", "quick"), ["quickstart"]);
  assert.deepEqual(complete("pretrain", "--recipe", "crammed-bert-s"), ["crammed-bert-small"]);
  assert.deepEqual(complete("recipe", "mine.js"), []);
  assert.match(await cram("completion", "fish"), /from recipe' -a 'crammed-bert /);
});

test("keys of --set are offered, to be followed by a value", async () => {
  assert.deepEqual(complete("pretrain", "--set", "optimizer.learningR"), ["optimizer.learningRate="]);
  assert.deepEqual(complete("plan", "--set", "model.wid"), ["model.width="]);
  assert.match(await cram("completion", "bash"), /model\.width=.*-- "\$word"\)\); compopt -o nospace; return/);
});

test("folders of runs are offered where a model is wanted, and no others", () => {
  for (const run of ["runs/first", "runs/the second", "elsewhere/third"]) {
    mkdirSync(join(folder, run), { recursive: true });
    writeFileSync(join(folder, run, "recipe.json"), "{}");
  }
  mkdirSync(join(folder, "runs/no-run"));
  assert.deepEqual(complete("fill", ""), ["runs/first", "runs/the second"]);
  assert.deepEqual(complete("report", "runs/first", "runs/t"), ["runs/the second"]);
  assert.deepEqual(complete("pretrain", "--resume", "elsewhere/"), ["elsewhere/third"]);
  assert.deepEqual(complete("export", "data"), []);
});

test("bash is left to complete files where a file is expected", async () => {
  assert.deepEqual(complete("prepare", "some"), []);
  assert.deepEqual(complete("pretrain", "--data", "dat"), []);
  assert.match(await cram("completion", "bash"), /complete -o default -F _cram cram/);
});

test("no files are offered for a number", async () => {
  assert.match(await cram("completion", "bash"), /"pretrain --threads"\) compopt \+o default; return/);
  assert.match(await cram("completion", "zsh"), /'\*--threads\[[^']*\]: : '/);
  assert.match(await cram("completion", "fish"), /from pretrain' -l threads -x -d/);
  assert.match(await cram("completion", "fish"), /from pretrain' -l out -r -d/);
  assert.deepEqual(complete("evaluate", "runs/mine", "--kind", "to"), ["tokens"]);
});

for (const shell of ["zsh", "fish"] as const) {
  test(`the script for ${shell} parses, where there is a ${shell}`, async context => {
    const text = await cram("completion", shell);
    for (const verb of ["prepare", "pretrain", "fill", "report"]) assert.match(text, new RegExp(`\\b${verb}\\b`));
    assert.match(text, /sequence-length/);
    writeFileSync(join(folder, shell), text);
    const { error, status, stderr } = spawnSync(shell, ["-n", join(folder, shell)], { encoding: "utf8" });
    if (error !== undefined) context.skip(`${shell} is not installed`);
    else assert.equal(status, 0, stderr);
  });
}

test("fish offers what bash does, where there is a fish", async context => {
  const path = join(folder, "cram.fish");
  writeFileSync(path, await cram("completion", "fish"));
  const lines = ["pretrain --recipe quick", "pretrain --set model.wid", "fill runs/f", "completion z"];
  const asked = lines.map(line => `complete -C 'cram ${line}'`).join("; ");
  const { error, stdout } = spawnSync("fish", ["--no-config", "-c", `source ${path}; ${asked}`], {
    encoding: "utf8",
    cwd: folder,
  });
  if (error !== undefined) return context.skip("fish is not installed");
  const offered = stdout.split("\n").map(line => line.split("\t")[0]);
  for (const word of ["quickstart", "model.width=", "runs/first", "zsh"]) assert.ok(offered.includes(word), stdout);
});

test("--json carries the same script", async () => {
  const { shell, script: text } = JSON.parse(await cram("completion", "fish", "--json")) as {
    shell: string;
    script: string;
  };
  assert.equal(shell, "fish");
  assert.equal(`${text}\n`, await cram("completion", "fish"));
});
