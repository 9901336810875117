// What prepare says: how far it is for programs, what a machine has read, what a plan expects, and what came of the text.

import { systemClock } from "../../base/clock.ts";
import { countOf, makePrintable } from "../../base/printable.ts";
import type { DocumentsManifest } from "../../corpus/documents.ts";
import { sumMixture } from "../../corpus/funnel.ts";
import { sequencesPerPiece } from "../../dataset/pack.ts";
import { describePassedOver } from "../../tables/passed-over.ts";
import { formatShare } from "../../tokenizer/normalising/lost-text.ts";
import { formatDuration } from "../../train/budget.ts";
import type { Prepared, PreparedShard } from "../../verbs/prepare/dataset-options.ts";
import type { PreparePlan } from "../../verbs/prepare/plan/plan-prepare.ts";
import type { StageProgress } from "../../verbs/prepare/stages/progress.ts";
import { formatAmount } from "./amount.ts";
import { colour, print, printError } from "./output.ts";

export function printShard(shard: string, { folder, portions, documents, sequences }: PreparedShard): void {
  const count = (value: number) => value.toLocaleString("en-US");
  const held =
    documents === undefined
      ? countOf(sequences ?? 0, "sequence")
      : `${countOf(documents.read, "document")}, of which ${count(documents.kept)} may stay`;
  print(`${folder}: ${shard} is read: ${countOf(portions, "portion")}, ${held}`);
  print("next: the same command with --merge in place of --shard, once all are read");
}

/** A line of JSON every ten seconds, and one when a stage begins. */
export function createEventPrinter(): (progress: StageProgress) => void {
  let stage: string | undefined;
  let last = Number.NEGATIVE_INFINITY;
  return progress => {
    const now = systemClock.seconds();
    if (progress.stage === stage && now - last < 10) return;
    stage = progress.stage;
    last = now;
    printError(JSON.stringify({ kind: "progress", ...progress }));
  };
}

/** What is expected, with what the preparing would warn of and a disk that has not the room. */
export function printPlan(plan: PreparePlan, out: string): void {
  const { shards, bytes, sample, documents, characters, keptShare, tokens, sequences, stages, disk } = plan;
  const count = (value: number) => value.toLocaleString("en-US");
  const about = sample.isAll ? "" : "about ";
  const range = (interval: readonly [number, number] | undefined, format: (value: number) => string) =>
    sample.isAll || interval === undefined ? "" : ` (${format(interval[0])} to ${format(interval[1])})`;
  print(
    `${countOf(shards, "shard")} of ${formatBytes(bytes)}, ${countOf(plan.portions, "portion")} for ${countOf(plan.threads, "thread")}`,
  );
  if (plan.isReadyMade === true) print("  tokenized already: copied as it is, without documents");
  else {
    print(
      `  ${about}${countOf(documents, "document")}${range(plan.intervals.documents, count)}, ${countOf(characters, "character", formatAmount)}${range(plan.intervals.characters, formatAmount)}; ${(100 * keptShare).toFixed(1)} % of them stay by themselves`,
    );
  }
  print(`  about ${countOf(tokens, "token", formatAmount)}, ${countOf(sequences, "sequence", formatAmount)}`);
  for (const { stage, seconds } of stages) print(`  ${stage.padEnd(24)} about ${formatDuration(seconds)}`);
  print(`  ${"all".padEnd(24)} about ${formatDuration(plan.seconds)}`);
  print(
    `  disk: ${formatBytes(disk.datasetBytes)} at the end, ${formatBytes(disk.peakBytes)} on the way, of ${formatBytes(disk.freeBytes)} that are free; memory: ${formatBytes(plan.memoryBytes)}`,
  );
  if (plan.isReadyMade === true) print(`  told from the first shard, read on this machine just now`);
  else
    print(
      `  told from ${sample.isAll ? "all documents" : `a sample of ${countOf(sample.documents, "document")}`}, read on this machine just now${sample.isAll ? "" : "; in brackets 95 % by how its parts differ"}; what equals another document goes besides`,
    );
  const room = disk.peakBytes > disk.freeBytes ? [`the disk of ${out} has not the room`] : [];
  for (const warning of [...plan.warnings, ...room]) print(`${colour("red", "warning:")} ${warning}`);
}

function formatBytes(bytes: number): string {
  const power = bytes < 1e6 ? 1 : bytes < 1e9 ? 2 : 3;
  return `${(bytes / 1000 ** power).toFixed(1)} ${["kB", "MB", "GB"][power - 1]}`;
}

/** Prints what came of the text. */
export function printDataset(
  folder: string,
  { manifest, documents, isReadyMade, splitDocuments = 0, warnings }: Omit<Prepared, "folder">,
  seconds: number,
): void {
  if (isReadyMade === true) print("tokenized already: copied as it is, without documents");
  else if (documents === undefined) print(`${folder} is up to date: made from the same files with the same options`);
  else printFunnel(documents);
  const { training, validation, sequenceLength, vocabulary, text } = manifest;
  if (text !== undefined && text.lost > 0) print(`  lost by normalising: ${formatShare(text.lost, text.characters)}`);
  const count = (value: number) => value.toLocaleString("en-US");
  print(
    `${folder}: ${countOf(training.sequences, "sequence")} of ${sequenceLength} (${formatAmount(training.sequences * sequenceLength)} tokens) for training, ` +
      `${count(validation.sequences)} held out, a vocabulary of ${count(vocabulary)}; ${formatDuration(seconds)}`,
  );
  if (splitDocuments > 0) {
    const longer = `longer than ${countOf(sequencesPerPiece * sequenceLength, "token")}`;
    print(
      `  held out: stretches of ${countOf(splitDocuments, "document")} ${longer}, too, the rest of which is trained on`,
    );
  }
  for (const warning of warnings) print(`${colour("red", "warning:")} ${warning}`);
}

function printFunnel({ funnel }: DocumentsManifest): void {
  const describe = ({ documents, characters }: { documents: number; characters: number }) =>
    `${countOf(documents, "document")}, ${countOf(characters, "character", formatAmount)}`;
  print(`read ${describe(funnel.read)}; kept ${describe(funnel.kept)}`);
  for (const [reason, amount] of Object.entries(funnel.dropped)) {
    if (amount.documents > 0) print(`  dropped as ${reason}: ${describe(amount)}${showExample(funnel, reason)}`);
  }
  if (funnel.cut.documents > 0) {
    print(`  cut as repeated: ${describe(funnel.cut)}${showExample(funnel, "cut")}`);
  }
  const mixed = sumMixture(funnel);
  if (mixed !== undefined) print(`mixed: ${describe(mixed)}`);
  for (const { source, share, documents, passes } of funnel.mixture ?? []) {
    print(
      `  ${formatShare(share, 1)} of ${makePrintable(source)}: ${countOf(documents, "document")}, read ${passes.toFixed(2)} times`,
    );
  }
  for (const passed of funnel.passedOver) print(`  ${makePrintable(describePassedOver(passed))}`);
}

/** The first example of a reason, on a line of its own. */
function showExample({ examples }: DocumentsManifest["funnel"], reason: string): string {
  const example = examples.find(each => each.reason === reason);
  if (example === undefined) return "";
  return `\n    such as: ${makePrintable(example.text.replace(/\s+/g, " "), 80)}`;
}
