// All that a report knows of a run: its events, recipe, dataset and filled masks, read from the files that other rooms write
// (docs/FORMATS.md). Files that a run may do without are read if they are there; what is there and cannot be read is left out,
// and said.

import { basename, join, resolve, sep } from "node:path";
import { z } from "zod";
import { UserError } from "../../base/errors.ts";
import { isPresent, readJson, readText } from "../../base/files/files.ts";
import { makePrintable, quoteValue } from "../../base/printable.ts";
import { isSealed } from "../../base/sealed-json.ts";
import { check, describeTrouble } from "./check.ts";
import { type Curves, readCurves } from "./curves.ts";
import { type EvaluationsRecord, readEvaluations } from "./evaluations.ts";

export interface RunRecord {
  /** Unlike every other run's of the report. */
  readonly name: string;
  readonly folder: string;
  /** Its colour on charts, where that is not its place in the report. */
  readonly colour?: number;
  /** "model.width" and its value, for every value of recipe.json. */
  readonly recipe: ReadonlyMap<string, string | number>;
  readonly curves: Curves;
  /** Training arithmetic of one token; undefined where the recipe is not this version's, or not the run's. */
  readonly flopsPerToken: number | undefined;
  readonly data: DataRecord;
  readonly fills: readonly FilledText[];
  readonly evaluations: EvaluationsRecord;
  /** What could not be read and is left out, a sentence each. */
  readonly troubles: readonly string[];
}

/** What the reader of recipes knows of a run's. */
export interface RecipeFacts {
  readonly flopsPerToken?: number | undefined;
  /** A sentence, where recipe.json is not what the run was trained with: nothing of it is shown then. */
  readonly change?: string | undefined;
}

const amount = z.object({ documents: z.number(), characters: z.number() });
const datasetSchema = z.object({
  hash: z.string(),
  vocabulary: z.number(),
  sequenceLength: z.number(),
  training: z.object({ sequences: z.number() }),
  validation: z.object({ sequences: z.number() }),
});
const documentsSchema = z.object({
  funnel: z.object({
    ...{ read: amount, kept: amount, dropped: z.record(z.string(), amount), cut: amount.optional() },
    mixture: z.array(amount).optional(),
  }),
});

export interface DataRecord {
  readonly folder: string;
  /** Undefined when the dataset is no longer there. */
  readonly dataset: z.infer<typeof datasetSchema> | undefined;
  readonly funnel: z.infer<typeof documentsSchema>["funnel"] | undefined;
}

const fillSchema = z.object({
  text: z.string(),
  masks: z.array(z.object({ candidates: z.array(z.object({ token: z.string(), probability: z.number() })) })),
});
/** One line of fills.jsonl, as `cram fill --json` prints it. */
export type FilledText = z.infer<typeof fillSchema>;

/** Reads the folder of a run, one that has only begun as well. UserErrors where it is none, or its events cannot be read. */
export function readRun(folder: string, name: string, facts: RecipeFacts): RunRecord {
  const surroundings = readSurroundings(folder, facts);
  const events = join(folder, "events.jsonl");
  if (!isPresent(events, "run's events")) {
    throw new UserError("E_FILE_MISSING", `${folder}: the run has no events.jsonl`, "Train it first.");
  }
  return { name, folder, curves: readCurves(events), ...surroundings };
}

/** What is known of a run beside its events; a part that cannot be read is in `troubles`. */
export function readSurroundings(
  folder: string,
  { flopsPerToken, change }: RecipeFacts,
): Pick<RunRecord, "recipe" | "flopsPerToken" | "data" | "fills" | "evaluations" | "troubles"> {
  const recipe = join(folder, "recipe.json");
  if (!isPresent(recipe, "run's recipe")) {
    throw new UserError(
      "E_FILE_MISSING",
      `${folder}: no run here`,
      "Give the folder of a run that cram pretrain began.",
    );
  }
  const troubles: string[] = change === undefined ? [] : [`${change}; nothing of it is shown`];
  const attempt = <T>(read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      troubles.push(describeTrouble(error));
      return otherwise;
    }
  };
  const data = attempt(() => readData(folder), { folder: "", dataset: undefined, funnel: undefined });
  return {
    recipe: change === undefined ? attempt(() => readValues(recipe), new Map()) : new Map(),
    flopsPerToken: change === undefined ? flopsPerToken : undefined,
    data,
    fills: attempt(() => readFills(join(folder, "fills.jsonl")), []),
    evaluations: attempt(() => readEvaluations(join(folder, "evaluations")), { finished: [], unfinished: [] }),
    troubles,
  };
}

/** More are no recipe, and would be a table that nobody reads. */
const mostRecipeBytes = 64 << 10;

const readValues = (path: string) => new Map(listValues(readJson(path, "run's recipe", mostRecipeBytes)));

function* listValues(value: unknown, path = ""): Generator<[string, string | number]> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    yield [
      path,
      typeof value === "string" ? makePrintable(value, 200) : typeof value === "number" ? value : quoteValue(value),
    ];
    return;
  }
  for (const [key, part] of Object.entries(value)) yield* listValues(part, path === "" ? key : `${path}.${key}`);
}

function readData(run: string): DataRecord {
  const path = join(run, "data.json");
  const json = readJson(path, "run's data");
  const { data: folder, hash } = check(z.object({ data: z.string(), hash: z.string().optional() }), json, path);
  // Earlier versions wrote none.
  if (hash !== undefined && !isSealed(json)) {
    throw new UserError("E_JSON", `${path}: changed after it was written`, "Put a copy back, or remove it.");
  }
  const read = <T>(schema: z.ZodType<T>, file: string, kind: string): T | undefined =>
    isPresent(file, kind) ? check(schema, readJson(file, kind), file) : undefined;
  return {
    folder,
    dataset: read(datasetSchema, join(folder, "manifest.json"), "dataset manifest"),
    funnel: read(documentsSchema, join(folder, "documents", "manifest.json"), "documents manifest")?.funnel,
  };
}

/** The page shows them all, and is read by people. */
const mostFillsBytes = 4 << 20;

function readFills(path: string): FilledText[] {
  const kind = "file of filled masks";
  if (!isPresent(path, kind)) return [];
  const lines = readText(path, kind, mostFillsBytes).split("\n");
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const origin = `${path}:${i + 1}`;
    try {
      return [check(fillSchema, JSON.parse(line), origin)];
    } catch (cause) {
      if (cause instanceof UserError) throw cause;
      const advice = "Write the file with cram fill RUN TEXT --json.";
      throw new UserError("E_JSON_LINE", `${origin}: not JSON: ${line.slice(0, 60)}`, advice, { cause });
    }
  });
}

/** Names for folders, as short as tells them apart: "a", or "x/a" and "y/a". The same folder twice is an error. */
export function nameRuns(folders: readonly string[]): string[] {
  const paths = folders.map(folder => resolve(folder).split(sep));
  const whole = paths.map(path => path.join("/"));
  const twice = whole.find((path, i) => whole.indexOf(path) !== i);
  if (twice !== undefined) throw new UserError("E_OPTION", `${twice}: the same run twice`, "Name every run once.");
  return paths.map((path, i) => {
    for (let parts = 1; parts < path.length; parts++) {
      const name = path.slice(-parts).join("/");
      if (paths.every((other, j) => j === i || other.slice(-parts).join("/") !== name)) return name;
    }
    return basename(folders[i]!);
  });
}

const joinNames = (names: readonly string[]) =>
  names.length <= 5 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;

/** Runs that were trained on one dataset, by their names; of many runs the first three. */
export function groupByDataset(runs: readonly RunRecord[]): { names: string; data: DataRecord }[] {
  const folders = [...new Set(runs.map(({ data }) => data.folder))];
  return folders.map(folder => {
    const members = runs.filter(({ data }) => data.folder === folder);
    return { names: joinNames(members.map(({ name }) => name)), data: members[0]!.data };
  });
}
