// cram recipe: what a recipe is, whole; what can be chosen; what differs between two; and the schema by which editors complete one.

import { Argument, type Command } from "commander";
import { UserError } from "../../base/errors.ts";
import { countParameters } from "../../model/parameters.ts";
import { describeRecipe, listRecipeReference, listRecipeValues } from "../../train/recipe.ts";
import { chooseRecipe, compareRecipes, listChoices, recipeNames } from "../../verbs/recipe.ts";
import { addSet } from "../choose.ts";
import { suggest } from "../terminal/completion.ts";
import { colour, print } from "../terminal/output.ts";

interface RecipeFlags {
  readonly set: readonly string[];
  readonly list?: boolean;
  readonly schema?: boolean;
  readonly diff?: boolean;
  readonly reference?: boolean;
  readonly json?: boolean;
}

export function addRecipe(command: Command): void {
  command
    .addArgument(
      suggest(new Argument("[recipes...]", "a name, or the file of one (.json, .yaml, .ts, .mjs)"), recipeNames),
    )
    .option(
      "--list",
      "every choice that a recipe makes, with what each option does and its source; then every other value",
    )
    .option("--diff", "what differs between two recipes")
    .option(
      "--reference",
      "a page in Markdown: every key with its values, default, meaning, and what it needs to be read",
    )
    .option("--schema", "the JSON Schema of a recipe's file, for editors");
  addSet(command)
    .option("--json", "print one JSON object and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  cram recipe crammed-bert                         the recipe as JSON, which --recipe reads
  cram recipe mine.yaml --set model.layers=6       a file resolved, with all that it extends
  cram recipe --diff crammed-bert quickstart
  cram recipe --list                               optimizers, schedules, objectives, …
  cram recipe --reference > recipe-keys.md         every key on one page
  cram recipe --schema > recipe.schema.json        and in mine.json: "$schema": "./recipe.schema.json"

A file may be another recipe with changes: { "extends": "quickstart", "model": { "layers": 4 } }
As a program it exports that by default, and may add an optimizer of its own (docs/EXTEND.md).

Next: cram plan --recipe mine.json`,
    )
    .action(showRecipe);
}

function showRecipe(names: readonly string[], { list, reference, schema, diff, set, json }: RecipeFlags): void {
  const asked = [list && "--list", reference && "--reference", schema && "--schema", diff && "--diff"].filter(
    flag => typeof flag === "string",
  );
  if (asked.length > 1) throw new UserError("E_OPTION", `${asked.join(" and ")} are two questions`, "Ask one.");
  const wanted = diff ? 2 : asked.length > 0 ? 0 : 1;
  if (names.length !== wanted) {
    const words = [...asked, ...names].join(" ");
    throw new UserError(
      "E_OPTION",
      `cram recipe ${words}: ${names.length} recipes, where ${wanted} would do`,
      `${wanted === 1 && names.length === 2 ? "--diff says what differs between two. " : ""}Name ${wanted === 0 ? "none" : wanted}: there are ${recipeNames.join(", ")}, or a file. Or see cram recipe --list.`,
    );
  }
  if (set.length > 0 && wanted === 0) {
    throw new UserError("E_OPTION", `--set changes nothing with ${asked[0]}`, "Leave it out.");
  }
  if (schema) print(JSON.stringify(describeRecipe(), undefined, json ? undefined : 2));
  else if (reference) printReference(json === true);
  else if (list) printChoices(json === true);
  else if (diff) printDifferences(names as [string, string], set, json === true);
  else print(JSON.stringify(chooseRecipe({ recipe: names[0]!, set }), undefined, json ? undefined : 2));
}

function printChoices(json: boolean): void {
  const choices = listChoices();
  const values = listRecipeValues();
  if (json) {
    print(JSON.stringify({ choices, values }));
    return;
  }
  const known = new Map<string, string>();
  for (const { path, summary: chosen, options } of choices) {
    print(chosen === undefined ? colour("bold", path) : `${colour("bold", path)}: ${chosen}`);
    const names = options.map(({ name }) => name).join();
    const first = known.get(names);
    if (first !== undefined) {
      print(`  as ${first}\n`);
      continue;
    }
    known.set(names, path);
    const width = Math.max(...options.map(({ name }) => name.length));
    for (const { name, summary, source, settings } of options) {
      const said = [summary, source && `(${source})`].filter(part => part !== undefined).join(" ");
      print(`  ${name.padEnd(width)}  ${said}`.trimEnd());
      if (settings.length > 0) print(colour("dim", `  ${" ".repeat(width)}  reads ${settings.join(", ")}`));
    }
    print("");
  }
  printValues(values);
}

function printReference(json: boolean): void {
  const rows = listRecipeReference();
  if (json) {
    print(JSON.stringify(rows));
    return;
  }
  const cell = (text: string) => text.replace(/[|<]/g, "\\$&");
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  print("# Every key of a recipe\n");
  print("A key with something in the last column is refused without it: nothing is accepted and ignored.");
  for (const section of new Set(rows.map(({ path }) => path.split(".")[0]!))) {
    print(`\n## ${section}\n`);
    print(line(["key", "values", "default", "what it is", "only with"]));
    print("| --- | --- | --- | --- | --- |");
    for (const { path, values, usual, summary, onlyWith } of rows.filter(row => row.path.split(".")[0] === section))
      print(line([`\`${path}\``, values, usual, summary, onlyWith.join(", ")]));
  }
  print("\n## What there is to choose, and whose it is");
  for (const { path, options } of listChoices()) {
    print(`\n### ${path}\n`);
    for (const { name, summary = "", source } of options)
      print(`- \`${name}\`${summary && `: ${summary}`}${source === undefined ? "" : ` (${source})`}`);
  }
}

/** Under its section each value, with what it is where a recipe does not say. */
function printValues(values: ReturnType<typeof listRecipeValues>): void {
  const sections = [...new Set(values.map(({ path }) => path.split(".")[0]!))];
  for (const section of sections) {
    const own = values.filter(({ path }) => path.startsWith(`${section}.`));
    const width = Math.max(...own.map(({ path }) => path.length - section.length - 1));
    print(colour("bold", `values of ${section}`));
    for (const { path, summary, default: usual } of own) {
      const said = usual === undefined ? summary : `${summary} (default: ${JSON.stringify(usual)})`;
      print(`  ${path.slice(section.length + 1).padEnd(width)}  ${said}`);
    }
    print("");
  }
}

/** --set changes both. */
function printDifferences(names: readonly [string, string], set: readonly string[], json: boolean): void {
  const [first, second] = [chooseRecipe({ recipe: names[0], set }), chooseRecipe({ recipe: names[1], set })];
  const differences = compareRecipes(first, second);
  const parameters = [countParameters(first.model), countParameters(second.model)] as const;
  if (json) {
    // What one recipe does not have is null: JSON has no undefined.
    const rows = differences.map(({ path, values }) => ({ path, values: values.map(value => value ?? null) }));
    print(JSON.stringify({ recipes: [first.name, second.name], parameters, differences: rows }));
    return;
  }
  const show = (value: unknown) => (value === undefined ? "–" : JSON.stringify(value));
  const rows = [
    ["", first.name, second.name],
    ...differences.map(({ path, values }) => [path, show(values[0]), show(values[1])]),
    ["parameters", ...parameters.map(count => count.toLocaleString("en-US"))],
  ];
  const widthOf = (column: number) => Math.max(...rows.map(row => row[column]!.length));
  const [one, two] = [widthOf(0), widthOf(1)];
  for (const [path, a, b] of rows) print(`${path!.padEnd(one)}  ${a!.padEnd(two)}  ${b}`);
}
