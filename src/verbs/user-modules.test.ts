// Recipes that are programs, and what they say when they fail.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chooseRecipe } from "./recipe.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-modules-"));
after(() => rmSync(folder, { recursive: true }));
function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

test("a program's default export is a recipe, and may be extended by a file and extend one", () => {
  const layers = write("base.mjs", 'export default { extends: "quickstart", model: { layers: 1 + 2 } };');
  const { name, model, train } = chooseRecipe({ recipe: layers });
  assert.deepEqual([name, model.layers, train.seed], ["base", 3, chooseRecipe({ recipe: "quickstart" }).train.seed]);
  const above = write("above.json", '{ "extends": "base.mjs", "train": { "seed": 5 } }');
  const whole = chooseRecipe({ recipe: above });
  assert.deepEqual([whole.model.layers, whole.train.seed], [3, 5]);
});

test("what is no recipe is said with the file's name", () => {
  const refuse = (name: string, text: string, code: string, message: RegExp) =>
    assert.throws(() => chooseRecipe({ recipe: write(name, text) }), { code, message });
  refuse("broken.mjs", "export default {", "E_EXTENSION", /broken\.mjs: /);
  // A page's TypeScript in a file of JavaScript.
  const typed = write("typed.mjs", "const a = [1];\nlog(a[0]!);");
  const advice = /^Correct it there: node .*typed\.mjs shows the place\. Types .* \.ts\.$/;
  assert.throws(() => chooseRecipe({ recipe: typed }), { code: "E_EXTENSION", advice });
  mkdirSync(join(folder, "initialised"));
  write("initialised/package.json", '{ "type": "commonjs" }');
  for (const name of ["export.js", "import.js"]) {
    const source = `${name === "import.js" ? 'import "node:fs";\n' : ""}export default { extends: "quickstart" };`;
    assert.throws(() => chooseRecipe({ recipe: write(`initialised/${name}`, source) }), {
      code: "E_EXTENSION",
      advice: /as CommonJS: call it .*(ex|im)port\.mjs, or write "type": "module" there/,
    });
  }
  refuse("throwing.mjs", 'throw new Error("no such thing")', "E_EXTENSION", /no such thing/);
  refuse("empty.mjs", "export const recipe = {};", "E_RECIPE_VALUE", /empty\.mjs: no default export/);
  refuse("wrong.mjs", 'export default { extends: "quickstart", mode: {} };', "E_RECIPE_KEY", /wrong\.mjs/);
  assert.throws(() => chooseRecipe({ recipe: join(folder, "absent.mjs") }), { code: "E_EXTENSION" });
});

test("a command that is suggested has the programs that it needs: those of the environment, and recipes that add something", () => {
  const here = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href);
  const own = write(
    "own.mjs",
    `import { addSchedule } from ${here("../library.js")};
addSchedule({ name: "own", summary: "", source: "", settings: {}, rate: () => 1 });
export default { extends: "quickstart" };`,
  );
  const plain = write("plain.mjs", 'export default { extends: "quickstart" };');
  const program = `import { readModule } from ${here("user-modules.js")};
import { quoteOwnCommand } from ${here("../base/shell-words.js")};
for (const path of process.argv.slice(1)) readModule(path);
console.log(quoteOwnCommand("pretrain", "--resume", "runs/mine"));`;
  const suggest = (given: string, ...paths: string[]) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", program, ...paths], {
      encoding: "utf8",
      env: { ...process.env, CRAM_EXTENSIONS: given },
    }).stdout.trim();
  const command = "cram pretrain --resume runs/mine";
  assert.equal(suggest("", plain), command);
  assert.equal(suggest("", plain, own), `CRAM_EXTENSIONS=${own} ${command}`);
  assert.equal(suggest("an other.mjs", own), `CRAM_EXTENSIONS='an other.mjs${delimiter}${own}' ${command}`);
});
