// One sweep in every way that a person may write it, and what is none, told as what it was to be.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkSweep, listVariations } from "../sweep/sweep.ts";
import { readSettingsFile } from "./settings-file.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-settings-"));
after(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

test("a sweep is the same as JSON, as YAML and as what a program exports", () => {
  const asked = { recipe: "quickstart", seeds: [0, 1], grid: { "model.layers": [2, 4] }, budget: "10m" };
  const json = JSON.stringify(asked);
  const yaml = "# layers\nrecipe: quickstart\nseeds: [0, 1]\nbudget: 10m\ngrid:\n  model.layers: [2, 4]\n";
  const files = [
    ...[write("a.json", json), write("a.yaml", yaml), write("a.yml", yaml), write("sweep", json)],
    write("a.mjs", `export default { ...${json}, seeds: [1, 2].map(seed => seed - 1) };`),
  ];
  for (const path of files) assert.deepEqual(readSettingsFile(path, "sweep"), asked, path);
  const sweep = checkSweep(readSettingsFile(files[1]!, "sweep"), files[1]!);
  assert.equal(listVariations(sweep).length, 3);
});

test("what is no sweep is not told to be no recipe", () => {
  const refuse = (path: string, code: string, message: RegExp) =>
    assert.throws(() => readSettingsFile(path, "sweep"), { code, message });
  refuse(write("bad.yaml", "seeds: [1"), "E_JSON", /bad\.yaml: not a sweep/);
  refuse(write("bad.json", "{"), "E_JSON", /bad\.json: .*sweep/);
  refuse(join(folder, "absent.yaml"), "E_FILE_MISSING", /no sweep here/);
  assert.throws(() => readSettingsFile(write("empty.mjs", "export const a = 1;"), "sweep"), {
    code: "E_RECIPE_VALUE",
    advice: /the sweep as one/,
  });
});
