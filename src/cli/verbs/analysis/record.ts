// cram record: the best recipe of a track, run again or challenged.

import type { Command } from "commander";
import { UserError } from "../../../base/errors.ts";
import { countOf } from "../../../base/printable.ts";
import type { SeedScore } from "../../../records/record.ts";
import { mostChance, type Verdict } from "../../../records/verdict.ts";
import { formatDuration } from "../../../train/budget.ts";
import { type RecordOptions, type RecordRun, runRecord } from "../../../verbs/record/record.ts";
import { addRecipeOptions, type RecipeOptions } from "../../choose.ts";
import { colour, print, printWarning, showStatus } from "../../terminal/output.ts";
import { stopOnSignals } from "../../terminal/signals.ts";
import { describeUndone } from "../../terminal/undone.ts";

interface RecordFlags extends Omit<RecipeOptions, "recipe" | "budget"> {
  readonly recipe?: string;
  readonly records: string;
  readonly data?: string;
  readonly recordData?: string;
  readonly heldOut?: string;
  readonly out?: string;
  readonly json?: boolean;
}

export function addRecord(command: Command): void {
  addRecipeOptions(command.argument("<track>", "cpu-10m, cpu-1h, gpu-1h, gpu-24h, or another folder of --records"))
    .option(
      "--data <folder>",
      "the track's text, prepared with the challenger's tokenizer, or without one with the record's",
    )
    .option("--record-data <folder>", "the same with the record's tokenizer, where that is another")
    .option("--held-out <file>", 'the track\'s held-out text: a document a line, as {"text": "…"}')
    .option("--out <folder>", "where the trainings go")
    .option("--records <folder>", "the folder of tracks; those of the package are known besides", "records")
    .option("--json", "print one JSON object at the end and nothing else")
    .addHelpText(
      "after",
      `
Without --recipe the record is run again, on this machine. With it both are trained with the same seeds; the challenger is the new
record where its bits per byte are below, and that is less likely by chance than ${mostChance} (Student's t in pairs of a seed, one-sided). It is
then written into the folder of tracks, behind the records that the package has of the track (a track that stands in the folder is read
there alone). The same command again goes on where it was stopped.

Examples:
  cram record cpu-10m --data data/wiki --held-out held-out.jsonl --out work/again
  cram record cpu-10m --recipe mine.json --data data/wiki --held-out held-out.jsonl --out work/mine
  cram record cpu-10m --recipe mine.json --data data/wiki-4096 --record-data data/wiki --held-out held-out.jsonl --out work/small

What text a track is of stands in records/TRACK/track.json, of the package's in node_modules/cramming; how it is scored in docs/FORMATS.md.`,
    )
    .action(record);
}

async function record(track: string, flags: RecordFlags): Promise<void> {
  const { recipe, set, data, recordData, heldOut, out, records } = flags;
  const missing = Object.entries({ "--data": data, "--held-out": heldOut, "--out": out }).find(
    ([, given]) => given === undefined,
  );
  if (missing !== undefined) {
    throw new UserError("E_OPTION", `no ${missing[0]} given`, "cram record --help has examples.");
  }
  if (recipe === undefined && (set.length > 0 || recordData !== undefined)) {
    const ignored = set.length > 0 ? "--set" : "--record-data";
    throw new UserError(
      "E_OPTION",
      `${ignored} without --recipe: the record is run as it is`,
      "Give --recipe, or leave it out.",
    );
  }
  const json = flags.json === true;
  const options = { track, records, recipe, set, data: data!, recordData, heldOut: heldOut!, out: out! };
  const done = await stopOnSignals({
    announcement: "stopping; what is trained is saved",
    unfinished: "stopped; go on with: the same command",
    warn: printWarning,
    work: signal => runRecord({ ...options, signal, ...(json ? {} : showTrainings()) }),
  });
  if (done !== undefined) printRecord(done, json);
}

/** The training under way as the status, with the time that is left of this recipe's. */
function showTrainings(): Pick<RecordOptions, "onTraining" | "onEvent" | "onScore"> {
  let title = "";
  let more = 0;
  return {
    onTraining: (what, number, count) => {
      title = `${what}, ${number} of ${count}`;
      more = count - number;
      showStatus(title);
    },
    onEvent: (_, event) => {
      if (event.kind !== "step" || event.progress <= 0) return;
      const seconds = (event.elapsedSeconds / event.progress) * (1 - event.progress + more);
      const percent = Math.floor(100 * event.progress);
      showStatus(
        `${title}: ${percent} %, loss ${event.loss.toFixed(3)}, about ${formatDuration(seconds)} of the ${title.split(",")[0]} left`,
      );
    },
    onScore: (what, { seed, bitsPerByte, validationLoss, steps }) =>
      print(
        `${what}, seed ${seed}: ${bitsPerByte.toFixed(4)} bits per byte, ${validationLoss.toFixed(4)} nats after ${countOf(steps, "step")}`,
      ),
  };
}

function printRecord(done: RecordRun, json: boolean): void {
  if (json) {
    print(JSON.stringify(done));
    return;
  }
  const { record: own, recordName, challenger, count, verdict, written } = done;
  if (recordName !== undefined && own.length > 0) print(`${recordName}: ${describeMean(own)}`);
  if (challenger.length > 0) print(`challenger: ${describeMean(challenger)}`);
  if (verdict !== undefined) print(describeVerdict(verdict));
  if (written !== undefined) print(`${colour("green", "a record:")} ${written}`);
  const scored = own.length + challenger.length;
  if (scored < count) print(describeUndone(scored, count, "training"));
}

function describeMean(scores: readonly SeedScore[]): string {
  const mean = scores.reduce((sum, { bitsPerByte }) => sum + bitsPerByte, 0) / scores.length;
  return `${mean.toFixed(4)} bits per byte, the mean of ${countOf(scores.length, "seed")}`;
}

function describeVerdict({ difference, low, high, p, isRecord }: Verdict): string {
  const sign = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
  if (difference === 0 && low === high) return "every seed came out the same: no record";
  const why = difference < 0 ? `no record, which takes a p below ${mostChance}` : "no record, which takes fewer bits";
  return `difference ${sign(difference)} (95 % interval ${sign(low)} to ${sign(high)}), p ${p < 0.0001 ? "< 0.0001" : p.toFixed(4)}: ${isRecord ? "better" : why}`;
}
