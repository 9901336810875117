// Mutated inputs: every reader reads its file damaged, in a process of its own that is watched. A case must end within ten
// seconds and a GiB, in a value or a UserError, and take nothing damaged where a checksum exists. Failing cases are kept.

import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import type { Campaign, Fault, Row } from "../campaign.ts";
import { answerReaders } from "../readers/answer-readers.ts";
import { modelReaders } from "../readers/model-readers.ts";
import type { Reader } from "../readers/reader.ts";
import { runReaders } from "../readers/run-readers.ts";
import { tableReaders } from "../readers/table-readers.ts";
import { textReaders } from "../readers/text-readers.ts";
import { type CaseResult, drawMutation } from "./mutation.ts";
import type { Job, Report } from "./mutation-worker.ts";

const groups: readonly (readonly [title: string, readers: readonly Reader[]])[] = [
  ["texts, data sets, tokenizers", textReaders],
  ["tasks", tableReaders],
  ["models", modelReaders],
  ["reports, dashboard, results", runReaders],
  ["options, servers' answers", answerReaders],
];
const casesOfReader = 170;
const longestSeconds = 10;
const mostBytes = 2 ** 30;

export async function* mutateInputs(campaign: Campaign): AsyncGenerator<Row> {
  const { only, onProgress } = campaign;
  const wanted = (reader: Reader) => only.reader === undefined || reader.name === only.reader;
  const chosen = groups.map(([title, readers]) => [title, readers.filter(wanted)] as const);
  const count = only.number !== undefined ? 1 : (campaign.count ?? casesOfReader);
  const all = count * chosen.reduce((sum, [, readers]) => sum + readers.length, 0);
  let done = 0;
  for (const [title, readers] of chosen) {
    if (readers.length === 0) continue;
    const waiting = [...readers];
    const tallies: Tally[] = [];
    const work = async (number: number) => {
      const worker = openWorker();
      const scratch = join(campaign.folder, `case-${number}`);
      for (let reader = waiting.shift(); reader !== undefined; reader = waiting.shift()) {
        const tally = await tryReader(reader, campaign, { worker, scratch }, count, () =>
          onProgress(++done, all, `mutated ${title}`),
        );
        tallies.push(tally);
      }
      worker.close();
    };
    await Promise.all(Array.from({ length: Math.min(readers.length, availableParallelism()) }, (_, i) => work(i)));
    yield summarise(title, tallies);
  }
}

interface Tally {
  readonly reader: Reader;
  readonly outcomes: Record<CaseResult["outcome"], number>;
  readonly faults: Fault[];
}

function summarise(title: string, tallies: readonly Tally[]): Row {
  const total = (outcome: CaseResult["outcome"]) => tallies.reduce((sum, { outcomes }) => sum + outcomes[outcome], 0);
  const tries = total("same") + total("taken") + total("refused") + total("fault");
  const unsealed = tallies.filter(({ reader }) => reader.sealed !== true).length;
  const note = `${tallies.length} readers; refused ${total("refused")}, read alike ${total("same")}, taken ${total("taken")} (${unsealed} without a checksum)`;
  return { kind: "mutate", what: title, tries, faults: tallies.flatMap(({ faults }) => faults), note };
}

/** All cases of a reader. */
async function tryReader(
  reader: Reader,
  campaign: Campaign,
  { worker, scratch }: { readonly worker: Worker; readonly scratch: string },
  count: number,
  onCase: () => void,
): Promise<Tally> {
  const { good, seed, only } = campaign;
  const tally: Tally = { reader, outcomes: { same: 0, taken: 0, refused: 0, fault: 0 }, faults: [] };
  const first = only.number ?? 0;
  const end = first + count;
  for (let from = first; from < end; ) {
    const job = { reader: reader.name, good, scratch, seed, from, end };
    await worker.run(job, (number, { outcome, detail }) => {
      tally.outcomes[outcome] += 1;
      if (outcome === "fault") tally.faults.push(keepCase(reader, campaign, number, detail));
      from = number < 0 ? end : number + 1;
      onCase();
    });
  }
  return tally;
}

type OnResult = (number: number, result: CaseResult) => void;

interface Worker {
  /** Runs a job until it is done, hangs, grows too large or dies; every case is told once. */
  readonly run: (job: Job, onResult: OnResult) => Promise<void>;
  readonly close: () => void;
}

/** A process that reads damaged files, and another one where it breaks. */
function openWorker(): Worker {
  let child: ChildProcess | undefined;
  return {
    run: async (job, onResult) => {
      child ??= fork(join(import.meta.dirname, "mutation-worker.js"), { stdio: ["ignore", "ignore", "pipe", "ipc"] });
      if (!(await runJob(child, job, onResult))) child = undefined;
    },
    close: () => void child?.kill("SIGKILL"),
  };
}

/** Whether the process lives on. */
async function runJob(child: ChildProcess, job: Job, onResult: OnResult): Promise<boolean> {
  let complaint = "";
  let under: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const settle = (result: CaseResult) => {
    if (under !== undefined) onResult(under, result);
    under = undefined;
  };
  const end = (detail: string) => {
    settle({ outcome: "fault", detail });
    child.kill("SIGKILL");
  };
  const watch = setInterval(() => {
    if (readResidentBytes(child) > mostBytes) end("more than a GiB of memory");
  }, 250);
  const lives = await new Promise<boolean>(resolve => {
    child.stderr?.on("data", (chunk: Buffer) => {
      complaint = `${complaint}${chunk}`.slice(-400);
    });
    child.on("message", (report: Report) => {
      clearTimeout(timer);
      if (report.kind === "done") resolve(true);
      else if (report.kind === "begin") {
        under = report.number;
        timer = setTimeout(() => end(`no end within ${longestSeconds} s`), 1000 * longestSeconds);
      } else if (report.bytes > mostBytes) end("more than a GiB of memory");
      else settle(report);
    });
    child.on("close", () => resolve(false));
    child.send(job);
  });
  clearTimeout(timer);
  clearInterval(watch);
  for (const event of ["message", "close"]) child.removeAllListeners(event);
  child.stderr?.removeAllListeners("data");
  settle({ outcome: "fault", detail: `the process died: ${complaint.trim()}` });
  return lives;
}

/** Of Linux; elsewhere the process says itself how large it was, after a case. */
function readResidentBytes({ pid }: ChildProcess): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;
  } catch {
    return 0;
  }
}

/** Writes the damaged file and the command that repeats the case into a folder of failures. */
function keepCase(reader: Reader, { good, folder, seed }: Campaign, number: number, detail: string): Fault {
  const command = `npm run torture -- --only mutate --reader ${JSON.stringify(reader.name)} --seed ${seed} --case ${number}`;
  if (number < 0) return { what: `${reader.name}: ${detail}`, command };
  const { bytes, what } = drawMutation(reader, good, seed, number);
  const kept = join(folder, "failures", `${reader.name.replace(/[^\w.]+/g, "-")}-${seed}-${number}`);
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, basename(reader.damaged ?? reader.from)), bytes);
  writeFileSync(
    join(kept, "case.json"),
    `${JSON.stringify({ reader: reader.name, what, detail, command }, undefined, 2)}\n`,
  );
  return { what: `${reader.name}: ${detail}`, command };
}
