// The package as npm would publish it, unpacked in another folder beside its dependencies alone: the library imports, trains and
// answers, and the command line starts. No network.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

const root = join(import.meta.dirname, import.meta.dirname.includes(join("dist", "test")) ? "../../.." : "../..");
const folder = mkdtempSync(join(tmpdir(), "cram-package-"));
after(() => rmSync(folder, { recursive: true }));
const installed = join(folder, "node_modules/cramming");

function run(command: string, words: readonly string[], cwd: string): string {
  const env = { ...process.env, npm_config_offline: "true", npm_config_cache: join(folder, "cache") };
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, encoding: "utf8", env });
  assert.equal(status, 0, `${command} ${words.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

interface Manifest {
  readonly version: string;
  readonly bin: { readonly cram: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
const readManifest = () => JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as Manifest;

before(() => {
  // What npm runs before packing builds; the tests run what is built.
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], root);
  const tarball = readdirSync(folder).find(name => name.endsWith(".tgz"))!;
  mkdirSync(installed, { recursive: true });
  run("tar", ["-xzf", join(folder, tarball), "-C", installed, "--strip-components=1"], folder);
  const { dependencies, optionalDependencies } = readManifest();
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const from = join(root, "node_modules", name);
    if (!existsSync(from)) continue;
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(realpathSync(from), join(folder, "node_modules", name));
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
});

test("the kernels' templates are packed with the code that reads them", () => {
  const templates = readdirSync(join(root, "src/backends/cpu")).filter(name => name.endsWith(".c"));
  assert.ok(templates.length > 3);
  for (const name of templates) assert.ok(existsSync(join(installed, "dist/src/backends/cpu", name)), name);
});

test("tests are not packed", () => {
  const packed = readdirSync(installed, { recursive: true, encoding: "utf8" });
  assert.ok(packed.some(name => name.endsWith("main.js")));
  assert.deepEqual(
    packed.filter(name => name.includes(".test.")),
    [],
  );
});

test("the command line starts, and says what the machine has", () => {
  const main = join(installed, readManifest().bin.cram);
  assert.equal(run(process.execPath, [main, "--version"], folder), `${readManifest().version}\n`);
  assert.match(run(process.execPath, [main, "--help"], folder), /Usage: cram[\s\S]*pretrain/);
  assert.match(readFileSync(main, "utf8"), /^#!\/usr\/bin\/env node\n/);
  const { findings } = JSON.parse(run(process.execPath, [main, "doctor", "--no-measure", "--json"], folder));
  assert.equal(findings.find(({ name }: { name: string }) => name === "koffi").state, "found");
});

test("the library prepares, trains, fills masks and embeds", () => {
  const documents = Array.from(
    { length: 200 },
    (_, i) => `${i}: the ${i % 2 ? "red fox" : "grey wolf"} sleeps in its den.`,
  );
  writeFileSync(join(folder, "text.jsonl"), documents.map(text => JSON.stringify({ text })).join("\n"));
  writeFileSync(
    join(folder, "road.js"),
    `import { embed, fill, prepare, pretrain } from "cramming";
const sizes = ["width=32", "layers=1", "heads=2", "feedForward=64", "vocabulary=128", "sequenceLength=32"];
const set = [...sizes.map(size => "model." + size), "train.microBatchSequences=4", "schedule.batchSequences=4"];
await prepare({ texts: ["text.jsonl"], out: "data", vocabulary: 128, sequenceLength: 32, holdOut: 0.2 });
const { reason } = await pretrain({ data: "data", out: "run", recipe: "quickstart", set, budget: "3steps" });
const [filled] = await fill("run", ["the red [MASK] sleeps."]);
const [vector] = await embed("run", ["the red fox"]);
console.log(JSON.stringify({ reason, candidates: filled.masks[0].candidates.length, width: vector.length }));
`,
  );
  const said = JSON.parse(run(process.execPath, ["road.js"], folder));
  assert.deepEqual(said, { reason: "budget", candidates: 5, width: 32 });
});

test("the tracks that the help names are in it", () => {
  const main = join(installed, readManifest().bin.cram);
  const help = run(process.execPath, [main, "record", "--help"], folder);
  const names = /track\s+(\S.*?), or another/.exec(help)![1]!.split(", ");
  assert.ok(names.length > 3, help);
  for (const name of names) {
    const words = [
      main,
      "record",
      name,
      "--data",
      "none",
      "--held-out",
      "none",
      "--out",
      "out",
      "--recipe",
      "quickstart",
    ];
    const { stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: "utf8" });
    assert.match(stderr, /^E_FILE_MISSING none: no dataset here/m, stderr);
  }
});

test("nothing but the entry point can be imported", () => {
  const code = 'await import("cramming/dist/src/cli/main.js")';
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.notEqual(status, 0);
  assert.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
});
