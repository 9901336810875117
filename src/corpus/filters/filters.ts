// The filters there are, and those that somebody asked for, written as a name, what is chosen, and limits:
// "length:least=20,most=5000", "language=en+de".

import { nearestNames, UserError } from "../../base/errors.ts";
import type { DropReason } from "../funnel.ts";
import type { Filter, Limit } from "./filter.ts";
import { language } from "./language.ts";
import { length } from "./length.ts";
import { prose } from "./prose.ts";
import { repetition } from "./repetition.ts";

export const filters = [length, language, prose, repetition] as const;

/** Plain data, so that a thread can have it. */
export interface ChosenFilter {
  readonly name: string;
  /** Of a filter with choices. */
  readonly chosen?: readonly string[] | undefined;
  readonly limits: Readonly<Record<string, number>>;
}

/** Why a document goes by a filter; undefined where it stays. */
export function judgeByFilter({ name, chosen = [], limits }: ChosenFilter, text: string): DropReason | undefined {
  const filter: Filter = filters.find(each => each.name === name)!;
  return filter.judge(text, limits, chosen);
}

/** UserError E_FILTER for what is none, one that is there twice, and a limit that it has not or is no number. */
export function chooseFilters(texts: readonly string[]): readonly ChosenFilter[] {
  const chosen = texts.map(chooseFilter);
  const twice = chosen.find(({ name }, i) => chosen.findIndex(other => other.name === name) < i);
  if (twice === undefined) return chosen;
  throw new UserError("E_FILTER", `the filter ${twice.name} is there twice`, "Give it once, with all its limits.");
}

/** What else the reference does to documents. */
const elsewhere: Readonly<Record<string, string>> = {
  "named-entities":
    "replacing names by what they are takes a model that was trained before, and this project starts without one",
  whitespace: "white space is deleted by --remove-whitespace",
  trash: "what a tokenizer does not compress is dropped by --compressibility",
};

function chooseFilter(text: string): ChosenFilter {
  const [head = "", ...rest] = text.split(":");
  const [name = "", choice] = head.split("=");
  const filter: Filter | undefined = filters.find(each => each.name === name);
  if (filter === undefined) {
    const names = filters.map(each => each.name);
    const seen = Object.hasOwn(elsewhere, name)
      ? `--filter ${text}: ${elsewhere[name]}`
      : `--filter ${text}: no filter "${name}"`;
    throw new UserError("E_FILTER", seen, `There are ${names.join(", ")}.`);
  }
  const chosen = chooseValues(text, filter, choice);
  const given = rest.length === 0 ? [] : rest.join(":").split(",");
  const limits = Object.fromEntries(Object.entries<Limit>(filter.limits).map(([limit, { value }]) => [limit, value]));
  for (const pair of given) {
    const [limit = "", value = ""] = pair.split("=");
    if (!Object.hasOwn(limits, limit)) {
      const near = nearestNames(limit, Object.keys(limits));
      const known = (near.length > 0 ? near : Object.keys(limits)).join(", ");
      throw new UserError(
        "E_FILTER",
        `--filter ${text}: ${name} has no limit "${limit}"`,
        `Write ${name}:limit=number, of ${known}.`,
      );
    }
    const number = Number(value);
    if (value.trim() === "" || !(number >= 0 && number < Number.POSITIVE_INFINITY)) {
      throw new UserError(
        "E_FILTER",
        `--filter ${text}: ${limit} is ${JSON.stringify(value)}`,
        `Give a number from 0, as in --filter ${name}:${limit}=${filter.limits[limit]!.value}.`,
      );
    }
    limits[limit] = number;
  }
  return { name, ...(chosen.length > 0 && { chosen }), limits };
}

function chooseValues(text: string, { name, choices }: Filter, choice: string | undefined): readonly string[] {
  if (choices === undefined) {
    if (choice === undefined) return [];
    throw new UserError(
      "E_FILTER",
      `--filter ${text}: ${name} has nothing to choose`,
      `Write ${name}, or ${name}:limit=number.`,
    );
  }
  const chosen = (choice ?? "").split("+");
  const unknown = chosen.find(value => !choices.includes(value));
  if (unknown === undefined) return chosen;
  const seen = choice === undefined ? `${name} without a choice` : `no ${name} ${JSON.stringify(unknown)}`;
  throw new UserError(
    "E_FILTER",
    `--filter ${text}: ${seen}`,
    `Write ${name}=${choices[0]}, of ${choices.join(", ")}; + joins several.`,
  );
}
