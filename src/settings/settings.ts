// Settings from outside, of recipes of every kind: checked against a schema, changed by `--set path=value`, and refused with the path,
// the value that was seen and what would do. Everything follows from the schema: a section may be a choice (a union by one
// of its keys), and then has the keys of what is chosen.

import { z } from "zod";
import { nearestNames, UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";
import { mergeSettings } from "./merge-settings.ts";
import { findSchemas, isChoice, isValues, listPaths, mayBeAbsent, shapesOf, type Values } from "./schema.ts";

/** What settings are of, for messages. */
export interface SettingsKind {
  /** "a recipe". */
  readonly noun: string;
  /** Where whole ones can be seen, a sentence. */
  readonly advice: string;
  /** Who else gives names that are not known here, a sentence. */
  readonly otherNames?: string;
  /** Who takes several values of a setting, with commas between them, a sentence. */
  readonly severalValues?: string;
}

/** The settings, or why they are none. `origin` names where they came from. UserErrors E_RECIPE_KEY, E_RECIPE_VALUE. */
export function checkSettings<Settings>(
  schema: z.ZodType<Settings>,
  value: unknown,
  origin: string,
  kind: SettingsKind,
): Settings {
  // A record takes any name, but for this one, which it leaves out without a word.
  if (hasProtoKey(value)) {
    throw new UserError("E_RECIPE_KEY", `${origin}: "__proto__" is no name in ${kind.noun}`, "Take another name.");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw explainIssue(parsed.error.issues[0]!, schema, value, origin, kind);
}

/**
 * Applies `--set path=value` pairs to settings, and checks the result. Values are read as JSON where they are JSON, as text otherwise.
 * They are merged as mergeSettings says. Nothing is ignored: UserErrors
 * E_SET, E_RECIPE_KEY for a path that there is not, E_RECIPE_VALUE.
 */
export function assignSettings<Settings>(
  schema: z.ZodType<Settings>,
  settings: Settings,
  assignments: readonly string[],
  origin: string,
  kind: SettingsKind,
): Settings {
  const changes: Values = {};
  for (const assignment of assignments) {
    const match = /^([^=]+)=(.*)$/s.exec(assignment);
    if (match === null) {
      const known = listPaths(schema);
      const example = known.find(path => path.includes(".")) ?? known[0]!;
      throw new UserError("E_SET", `--set ${assignment}: no "="`, `Write --set name=value, as in ${example}=….`);
    }
    const path = match[1]!.trim();
    const keys = path.split(".");
    const found = findSchemas(schema, keys);
    // A section is no value, but null takes one away that may be absent. A list of all paths takes long.
    const isTaken = match[2]!.trim() === "null" && isOptional(schema, keys);
    if (!isTaken && !found.some(part => shapesOf(part).length === 0)) {
      throw unknownKey(path, listPaths(schema), "--set", kind);
    }
    const section = keys.slice(0, -1).reduce<Values>((values, key) => {
      values[key] ??= {};
      return values[key] as Values;
    }, changes);
    section[keys.at(-1)!] = readValue(match[2]!, found);
  }
  const changed = mergeSettings(schema, settings, changes);
  return checkSettings(schema, changed, assignments.length > 0 ? `--set ${assignments.join(" ")}` : origin, kind);
}

/** One after another: what a program or a file gives may lead back to itself, or go deeper than calls may. */
function hasProtoKey(given: unknown): boolean {
  const seen = new Set([given]);
  for (const value of seen) {
    if (typeof value !== "object" || value === null) continue;
    if (Object.hasOwn(value, "__proto__")) return true;
    for (const each of Object.values(value)) seen.add(each);
  }
  return false;
}

function readValue(text: string, schemas: readonly unknown[]): unknown {
  const isText = schemas.every(schema => schema instanceof z.ZodString);
  try {
    const value: unknown = JSON.parse(text);
    return isText && typeof value !== "string" ? text : value;
  } catch {
    return text;
  }
}

function unknownKey(key: string, known: readonly string[], origin: string, { noun }: SettingsKind): UserError {
  const within = known.filter(path => path.startsWith(`${key}.`));
  if (within.length > 0) {
    const message = `${origin}: ${noun} has no value "${key}", but a section`;
    return new UserError("E_RECIPE_KEY", message, `Give one of ${within.join(", ")}.`);
  }
  const sections = known.flatMap(path => path.split(".").slice(0, -1)).filter(section => section !== key);
  const spelt = nearestNames(key, [...new Set(sections), ...known]);
  // "budget" is train.budget, if its section was forgotten.
  const near = spelt.length > 0 ? spelt : known.filter(path => path.endsWith(`.${key}`)).slice(0, 3);
  return new UserError(
    "E_RECIPE_KEY",
    `${origin}: ${noun} has no "${key}"`,
    near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `It has ${listBeside(key, known).join(", ")}.`,
  );
}

/** What there is in the nearest section above a key; sections where there is none, for all paths are a page. */
function listBeside(key: string, known: readonly string[]): readonly string[] {
  for (let end = key.lastIndexOf("."); end > 0; end = key.lastIndexOf(".", end - 1)) {
    const section = known.filter(path => path.startsWith(key.slice(0, end + 1)));
    if (section.length > 0) return section;
  }
  return [...new Set(known.map(path => path.split(".")[0]!))];
}

function explainIssue(
  issue: z.core.$ZodIssue,
  schema: unknown,
  value: unknown,
  origin: string,
  kind: SettingsKind,
): UserError {
  const path = issue.path.map(String);
  const at = path.join(".");
  let seen = value;
  for (const key of path) {
    const holds = isValues(seen) || Array.isArray(seen);
    seen = holds && Object.hasOwn(seen as object, key) ? (seen as Values)[key] : undefined;
  }
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const whole = [...path, key].join(".");
    return findUnreadKey(schema, value, path, key, origin) ?? unknownKey(whole, listPaths(schema), origin, kind);
  }
  const names = listNames(issue, schema, path);
  const problem = names === undefined ? issue.message : `none of ${names.join(", ")}`;
  const [near] = names !== undefined && typeof seen === "string" ? nearestNames(seen, names) : [];
  const otherNames = typeof seen === "string" && names !== undefined ? kind.otherNames : undefined;
  const severalValues =
    typeof seen === "string" && seen.includes(",") && origin.startsWith("--set ") ? kind.severalValues : undefined;
  const absence = isOptional(schema, path) ? `null takes ${at} away.` : undefined;
  const general = [kind.advice, absence, otherNames].filter(sentence => sentence !== undefined).join(" ");
  return new UserError(
    "E_RECIPE_VALUE",
    `${origin}: ${at || kind.noun}: ${problem} (found ${seen === undefined ? "nothing" : quoteValue(seen)})`,
    severalValues ?? (near === undefined ? general : `Did you mean ${near}?`),
  );
}

/** Whether settings are whole without what stands there. */
function isOptional(schema: unknown, path: readonly string[]): boolean {
  const key = path.at(-1);
  if (key === undefined) return false;
  return findSchemas(schema, path.slice(0, -1)).some(section =>
    shapesOf(section).some(shape => Object.hasOwn(shape, key) && mayBeAbsent(shape[key])),
  );
}

/** A key that another option of the choice reads. */
function findUnreadKey(schema: unknown, value: unknown, path: readonly string[], key: string, origin: string) {
  const [choice] = findSchemas(schema, path);
  if (!isChoice(choice)) return undefined;
  const { discriminator } = choice.def;
  const nameOf = (option: z.ZodObject) => String((option.shape[discriminator] as z.ZodLiteral).value);
  const readers = choice.options.filter(option => Object.hasOwn(option.shape, key)).map(nameOf);
  if (readers.length === 0) return undefined;
  const section = path.reduce<unknown>((values, part) => (values as Values)[part], value) as Values;
  const prefix = path.map(part => `${part}.`).join("");
  return new UserError(
    "E_RECIPE_KEY",
    `${origin}: ${prefix}${key} changes nothing under ${String(section[discriminator])}`,
    `Set ${prefix}${discriminator} to ${readers.join(" or ")}.`,
  );
}

/** The names that would do, where a value must be one of some names. */
function listNames(issue: z.core.$ZodIssue, schema: unknown, path: readonly string[]): readonly string[] | undefined {
  if (issue.code === "invalid_value" && issue.values.length > 1) return issue.values.map(String);
  if (issue.code !== "invalid_union") return undefined;
  const options = findSchemas(schema, path).filter(option => option instanceof z.ZodLiteral);
  // A choice within a choice stands in each option of the outer one.
  return options.length === 0 ? undefined : [...new Set(options.map(({ value }) => String(value)))];
}
