// A track's record, run again, and challenged: the record's recipe and the challenger's are trained with the same seeds on this machine, a
// sweep each, and scored on the same held-out text. Stopped at any moment, the same call goes on, and the folder's next challenge trains
// none of them again.

import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import {
  contentHash,
  hashFile,
  isPresent,
  makeFolder,
  readWholeFile,
  writeFileAtomically,
} from "../../base/files/files.ts";
import { explainWriteFailure } from "../../base/files/write-failure.ts";
import { countOf } from "../../base/printable.ts";
import { readManifest } from "../../dataset/manifest.ts";
import { readEvents } from "../../events/event-reader.ts";
import {
  type BestRecord,
  nameForFolder,
  readBestRecord,
  type SeedScore,
  type TrackRecord,
  writeRecord,
} from "../../records/record.ts";
import { findTrack, readTrack, type Track, trackPath } from "../../records/track.ts";
import { judgeChallenge, type Verdict } from "../../records/verdict.ts";
import { checkSweep, refuseDecided } from "../../sweep/sweep.ts";
import { listTrials } from "../../sweep/trial.ts";
import { checkFit } from "../../train/batches.ts";
import { parseBudget } from "../../train/budget.ts";
import type { Recipe } from "../../train/recipe.ts";
import { hashRecipe, readRunDevice } from "../../train/run-folder.ts";
import type { BackendChoice } from "../backend.ts";
import { chooseRecipe } from "../recipe.ts";
import { type SweepOptions, sweep } from "../sweep/sweep.ts";

export interface RecordOptions {
  readonly track: string;
  /** The folder of tracks, which a new record is written into. */
  readonly records: string;
  /** Has the track where `records` does not. Default: the package's own. */
  readonly published?: string | undefined;
  /** Of the track's text, prepared with the challenger's tokenizer, or with the record's. */
  readonly data: string;
  /** The same with the record's tokenizer, where that is another. */
  readonly recordData?: string | undefined;
  /** The track's held-out text: a document a line, as {"text": …}. */
  readonly heldOut: string;
  /** The challenger; without it the record is run. */
  readonly recipe?: string | undefined;
  readonly set?: readonly string[] | undefined;
  /** Where the trainings go. */
  readonly out: string;
  readonly signal?: AbortSignal | undefined;
  readonly onTraining?: ((what: string, number: number, count: number) => void) | undefined;
  readonly onEvent?: SweepOptions["onEvent"];
  readonly onScore?: ((what: string, score: SeedScore) => void) | undefined;
}

export interface RecordRun {
  /** Seeds of the record's recipe, as they came here; empty of a track without one. */
  readonly record: readonly SeedScore[];
  readonly recordName: string | undefined;
  /** Empty without a challenger. */
  readonly challenger: readonly SeedScore[];
  /** Of the trainings that were asked for; fewer have a score where it was stopped. */
  readonly count: number;
  /** Undefined where something is missing. */
  readonly verdict: Verdict | undefined;
  /** The folder of the record that this is; undefined where it is none. */
  readonly written: string | undefined;
}

/** In the package, beside dist. */
const ownRecords = fileURLToPath(new URL("../../../../records", import.meta.url));

/** The track's own file comes last: a copy that was cut short is no track, and is copied again. UserErrors E_NOT_WRITABLE, E_DISK_FULL. */
function copyTrack(from: string, to: string, name: string): void {
  const file = trackPath(from, name);
  const own = join(to, name);
  try {
    cpSync(join(from, name), own, { recursive: true, filter: path => path !== file });
  } catch (error) {
    throw explainWriteFailure(error, own);
  }
  writeFileAtomically(trackPath(to, name), readWholeFile(file, "track"));
}

/**
 * The record's recipe. UserErrors: E_BUDGET, E_RECIPE_KEY, E_RECIPE_VALUE and others of a recipe, which name the file that has what they are
 * about; E_RECORD for a record that was made under other conditions than the track's.
 */
function checkFiles(track: Track, file: string, best: BestRecord | undefined): Recipe | undefined {
  parseBudget(track.budget, `${file}: budget`);
  if (best === undefined) return undefined;
  for (const name of ["documents", "heldOut"] as const) {
    const [own, others] = [best.record[name], track[name]];
    if (others === undefined || own === others) continue;
    throw new UserError(
      "E_RECORD",
      `${best.path}: ${name}: ${own}, and ${file} has ${others}`,
      "It is a record of other text.",
    );
  }
  try {
    return chooseRecipe({ recipe: best.record.recipe as Recipe });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.code as `E_${string}`, `${best.path}: ${error.message}`, "Correct it there.", {
      cause: error,
    });
  }
}

function refuseSame({ name, path }: BestRecord): never {
  throw new UserError(
    "E_RECORD",
    `the challenger is the recipe of the record itself, ${name} (${path}), on the same data: there is nothing to compare`,
    "Change it with --set, or leave --recipe out, which runs the record again.",
  );
}

/** Whether it is still the newest, before another one is set behind it. UserErrors: E_RECORD, those of reading. */
function checkNewest(records: string, track: string, best: BestRecord | undefined): void {
  const newest = readBestRecord(records, track);
  if (newest === undefined || newest.name === best?.name) return;
  throw new UserError(
    "E_RECORD",
    `${newest.path}: this record was set meanwhile, and nothing was compared with it`,
    "The same command again compares with it, and trains its recipe alone.",
  );
}

/**
 * UserErrors: E_RECORD_TRACK, E_RECORD for a track without a record and without a challenger, E_RECORD_TEXT for text that is not the
 * track's, those of training and of scoring.
 */
export async function runRecord(options: RecordOptions): Promise<RecordRun> {
  const { track: name, records, data, recordData = data, out, recipe, set = [] } = options;
  refuseDecided("--set", set, ["train.seed", "train.budget"]);
  const folders = [records, options.published ?? ownRecords];
  const known = findTrack(folders, name);
  const track = readTrack(known, name);
  const best = readBestRecord(known, name);
  const recipeOfRecord = checkFiles(track, trackPath(known, name), best);
  if (best === undefined && recipe === undefined) {
    throw new UserError("E_RECORD", `the track ${name} has no record yet`, "Give the first with --recipe.");
  }
  const text = checkText(track, options, best?.record);
  // Before the record's trainings, which are hours.
  const chosen = recipe === undefined ? undefined : chooseRecipe({ recipe, set, budget: track.budget });
  if (chosen !== undefined) checkFit(readManifest(data), chosen);
  if (chosen !== undefined && recipeOfRecord !== undefined) {
    const isSame = hashRecipe({ ...chosen, name: recipeOfRecord.name }) === hashRecipe(recipeOfRecord);
    if (isSame && readManifest(data).hash === readManifest(recordData).hash) refuseSame(best!);
  }
  makeFolder(out);
  const run = async (what: "record" | "challenger", chosen: Recipe, data: string) => {
    const folder = folderOf(out, chosen, data);
    const path = `${folder}.json`;
    writeFileAtomically(path, `${JSON.stringify(chosen, undefined, 1)}\n`);
    return trainSeeds(what, { recipe: path, data, folder }, { track, options });
  };
  const ofRecord = recipeOfRecord === undefined ? [] : await run("record", recipeOfRecord, recordData);
  const recordName = best?.name;
  const ofBoth = [recipeOfRecord, chosen].filter(each => each !== undefined);
  const asked = { recordName, count: ofBoth.length * track.seeds.length };
  if (chosen === undefined || isShort(ofRecord, best === undefined ? [] : track.seeds)) {
    return { ...asked, record: ofRecord, challenger: [], verdict: undefined, written: undefined };
  }
  const challenger = await run("challenger", chosen, data);
  if (isShort(challenger, track.seeds)) {
    return { ...asked, record: ofRecord, challenger, verdict: undefined, written: undefined };
  }
  const bitsOf = (scores: readonly SeedScore[]) => scores.map(({ bitsPerByte }) => bitsPerByte);
  const verdict = best === undefined ? undefined : judgeChallenge(bitsOf(challenger), bitsOf(ofRecord));
  const isRecord = verdict?.isRecord !== false;
  if (isRecord) checkNewest(findTrack(folders, name), name, best);
  // The record stands behind those that it follows, and not where the package is installed.
  if (isRecord && findTrack(folders, name) !== records) copyTrack(known, records, name);
  const written = !isRecord
    ? undefined
    : writeRecord(records, {
        track: name,
        recipe: chosen,
        tokenizer: readManifest(data).tokenizerHash,
        documents: text.documentsHash,
        heldOut: text.heldOut,
        device: readDevice(folderOf(out, chosen, data), track.seeds),
        date: systemClock.date().toISOString().slice(0, 10),
        seeds: [...challenger],
        ...(verdict !== undefined && {
          against: {
            ...{ record: recordName!, bitsPerByte: bitsOf(ofRecord) },
            ...{ difference: verdict.difference, low: verdict.low, high: verdict.high, p: verdict.p },
          },
        }),
      });
  return { ...asked, record: ofRecord, challenger, verdict, written };
}

const isShort = (scores: readonly SeedScore[], seeds: readonly number[]) => scores.length < seeds.length;

interface TrackText {
  readonly documentsHash: string;
  readonly heldOut: string;
}

function checkText(
  track: Track,
  { data, recordData, heldOut, recipe }: RecordOptions,
  best: TrackRecord | undefined,
): TrackText {
  const wanted = { documents: track.documents ?? best?.documents, heldOut: track.heldOut ?? best?.heldOut };
  const refuse = (path: string, seen: string, is: string | undefined) => {
    if (is === undefined || seen === is) return;
    throw new UserError(
      "E_RECORD_TEXT",
      `${path}: the text is ${seen}, the track's ${is}`,
      `The track is of ${track.text}`,
    );
  };
  const { documentsHash } = readManifest(data);
  refuse(data, documentsHash, wanted.documents);
  if (recordData !== undefined) refuse(recordData, readManifest(recordData).documentsHash, documentsHash);
  const tokenizer = readManifest(recordData ?? data).tokenizerHash;
  if (best !== undefined && tokenizer !== best.tokenizer) {
    throw new UserError(
      "E_RECORD_TEXT",
      `${recordData ?? data}: the tokenizer is ${tokenizer}, the record's ${best.tokenizer}`,
      recipe === undefined
        ? "Give --data, prepared with the record's recipe."
        : "Give --record-data, prepared with the record's recipe.",
    );
  }
  const hash = hashFile(heldOut, "held-out text");
  refuse(heldOut, hash, wanted.heldOut);
  return { documentsHash, heldOut: hash };
}

/** A sweep's only one. */
const variation = { name: "recipe", set: [] };

interface Work {
  readonly track: Track;
  readonly options: RecordOptions;
}

/** The trainings of a recipe on a dataset; who holds the record now does not matter to them. */
function folderOf(out: string, recipe: Recipe, data: string): string {
  const called = nameForFolder(recipe.name);
  return join(
    out,
    `${called}-${contentHash(JSON.stringify([hashRecipe(recipe), readManifest(data).hash])).slice(0, 8)}`,
  );
}

/** Trains and scores what has no score yet; fewer than all seeds where it was stopped. */
async function trainSeeds(
  what: "record" | "challenger",
  { recipe, data, folder }: { readonly recipe: string; readonly data: string; readonly folder: string },
  { track, options }: Work,
): Promise<SeedScore[]> {
  const { signal, onTraining, onEvent, onScore } = options;
  const choice: BackendChoice = { backend: track.backend, threads: track.threads, signal };
  const asked = checkSweep(
    {
      ...{ recipe, data, budget: track.budget, seeds: track.seeds, base: false, variations: { [variation.name]: [] } },
      ...{ heldOutText: options.heldOut, passages: track.passages },
    },
    "the track",
  );
  refuseOthers(folder, track);
  const swept = await sweep(asked, {
    ...{ ...choice, out: folder, onEvent },
    onTrial: ({ seed }) => onTraining?.(what, track.seeds.indexOf(seed) + 1, track.seeds.length),
  });
  const scores: SeedScore[] = [];
  for (const result of swept.results) {
    if (result.validationLoss === undefined || result.score === undefined) {
      throw new UserError(
        "E_RECORD",
        `${what}, seed ${result.seed}: ${result.reason}: ${result.message}`,
        "Nothing is compared with a training that came apart.",
      );
    }
    const [trial] = listTrials(folder, variation, [result.seed]);
    const run = join(trial!.folder, "run");
    const { bitsPerByte, speltWords } = result.score;
    const { seed, validationLoss, steps, tokens, elapsedSeconds } = result;
    const course = readEvents(join(run, "events.jsonl")).flatMap((event): [number, number][] =>
      event.kind === "validation" ? [[event.elapsedSeconds, event.loss]] : [],
    );
    const score = { seed, bitsPerByte, speltWords, validationLoss, steps, tokens, elapsedSeconds, course };
    scores.push(score);
    onScore?.(what, score);
  }
  return scores;
}

/** Trainings that stand there of another track, which are on another device or on other threads. UserErrors: E_RECORD, those of reading. */
function refuseOthers(folder: string, { backend, threads, seeds }: Track): void {
  for (const trial of listTrials(folder, variation, seeds)) {
    const run = join(trial.folder, "run");
    if (!isPresent(join(run, "device.json"), "run's device")) continue;
    const own = readRunDevice(run);
    if (own.backend === backend && (threads === undefined || own.threads === threads)) continue;
    const describe = (of: { readonly backend: string; readonly threads?: number | undefined }) =>
      of.threads === undefined ? of.backend : `${of.backend} with ${countOf(of.threads, "thread")}`;
    throw new UserError(
      "E_RECORD",
      `${run}: trained on ${describe(own)}, and the track is of ${describe({ backend, threads })}`,
      "Name another folder with --out.",
    );
  }
}

/** As a run wrote it down. */
function readDevice(folder: string, seeds: readonly number[]): string {
  const [trial] = listTrials(folder, variation, seeds);
  const start = readEvents(join(trial!.folder, "run", "events.jsonl")).find(event => event.kind === "start");
  return start?.device ?? "unknown";
}
