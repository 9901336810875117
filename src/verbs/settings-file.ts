// What a person writes down, a recipe or a sweep: JSON, YAML, or the default export of a program, by the file's name. What comes out is
// plain and not checked yet.

import { createRequire } from "node:module";
import { extname } from "node:path";
import { UserError } from "../base/errors.ts";
import { readText, readWrittenJson } from "../base/files/files.ts";
import { deepestNesting, isNestedDeeply } from "../base/json.ts";
import { makePrintable } from "../base/printable.ts";
import { moduleEndings, readModule } from "./user-modules.ts";

export const settingsEndings: readonly string[] = [".json", ".yaml", ".yml", ...moduleEndings];

/** Bytes of settings in YAML. */
const mostYamlBytes = 2 ** 20;

/**
 * A file that ends in none of these is read as JSON. UserErrors: those of reading, E_JSON for what does not parse, E_EXTENSION for a program
 * that cannot be loaded, E_RECIPE_VALUE for one without a default export.
 */
export function readSettingsFile(path: string, noun: "recipe" | "sweep"): unknown {
  const ending = extname(path);
  if ([".yaml", ".yml"].includes(ending)) return readYaml(path, noun);
  if (!moduleEndings.includes(ending)) return readWrittenJson(path, noun);
  const { default: value } = readModule(path);
  if (value !== undefined) return value;
  throw new UserError(
    "E_RECIPE_VALUE",
    `${path}: no default export`,
    `Write the ${noun} as one: export default { … }.`,
  );
}

/** UserError E_JSON for what is no YAML, or says anything that JSON cannot. */
function readYaml(path: string, noun: string): unknown {
  // Its 72 files are a twelfth of the start of a command, and most commands read no YAML.
  const { parseDocument } = createRequire(import.meta.url)("yaml") as typeof import("yaml");
  const document = parseDocument(readText(path, noun, mostYamlBytes), { prettyErrors: true, stringKeys: true });
  const [fault] = [...document.errors, ...document.warnings];
  const malformed = (seen: string, cause: unknown) =>
    new UserError(
      "E_JSON",
      `${path}: not a ${noun}: ${makePrintable(seen.split("\n")[0]!, 160)}`,
      "Correct it there.",
      {
        cause,
      },
    );
  if (fault !== undefined) throw malformed(fault.message, fault);
  try {
    // No more of aliases than a person writes.
    const json = JSON.stringify(document.toJS({ maxAliasCount: 100 })) ?? "null";
    if (isNestedDeeply(json)) throw new RangeError(`lists or objects nested more than ${deepestNesting} deep`);
    return JSON.parse(json);
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
}
