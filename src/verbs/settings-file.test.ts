// One sweep in every way that a person may write it, and what is none, told as what it was to be.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../base/errors.ts";
import { readMixFile } from "../corpus/mixture/mix-file.ts";
import { readTrack } from "../records/track.ts";
import { checkSweep, listVariations } from "../sweep/sweep.ts";
import { chooseFinetuneRecipe } from "./evaluate/finetune-recipes.ts";
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

test("a key that stands twice in one object is refused in whatever a person writes, and nothing else is", () => {
  const readers = {
    recipe: (path: string) => readSettingsFile(path, "recipe"),
    sweep: (path: string) => readSettingsFile(path, "sweep"),
    mixture: readMixFile,
    finetuning: (path: string) => chooseFinetuneRecipe({ recipe: path }),
    track: (path: string) => readTrack(dirname(dirname(path)), "tracked"),
  };
  mkdirSync(join(folder, "tracked"));
  const doubled = [
    '{"a":1,"a":2}',
    '{"b":{"a":1, "c":[{"a":1}], "a" :2}}',
    '[{"a":1},{"a":[], "\\u0061":{}}]',
    '{"x":":{","a":"\\"}","a":"\\\\"}',
  ];
  const single = [
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    '{"x":"a","a":"x:","y":"\\"a\\":1,\\"a\\":2"}',
    '{"a":1,"A":2," a":3}',
  ];
  for (const [noun, read] of Object.entries(readers)) {
    const refusal = (text: string) => {
      try {
        read(write("tracked/track.json", text));
      } catch (error) {
        return error instanceof UserError && error.code === "E_JSON" ? error.message : undefined;
      }
      return undefined;
    };
    for (const text of doubled) {
      assert.match(refusal(text) ?? "", /"a" stands twice/, `${noun} ${text}`);
      // As YAML says it of the same text.
      assert.throws(() => readSettingsFile(write("doubled.yaml", text), "recipe"), {
        code: "E_JSON",
        message: /unique/,
      });
    }
    for (const text of single) {
      assert.equal(refusal(text), undefined, `${noun} ${text}`);
      assert.deepEqual(readSettingsFile(write("single.yaml", text), "recipe"), JSON.parse(text));
    }
  }
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
