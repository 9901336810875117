// The process in which damaged files are read: it may hang, grow or die, and the parent sees it.

import { readers } from "../readers/readers.ts";
import { type CaseResult, judgeError, readGood, runCase } from "./mutation.ts";

export interface Job {
  readonly reader: string;
  readonly good: string;
  readonly scratch: string;
  readonly seed: number;
  readonly from: number;
  readonly end: number;
}

export type Report =
  | { readonly kind: "begin"; readonly number: number }
  | ({ readonly kind: "result"; readonly number: number; readonly bytes: number } & CaseResult)
  | { readonly kind: "done" };

let stray: CaseResult | undefined;
process.on("unhandledRejection", reason => {
  stray = { outcome: "fault", detail: `a rejection that nobody handles: ${judgeError(reason).detail}` };
});
process.on("uncaughtException", error => {
  stray = { outcome: "fault", detail: `an exception that nobody handles: ${judgeError(error).detail}` };
});
process.on("disconnect", () => process.exit());
process.on("message", (job: Job) => void run(job));

const say = (report: Report) => process.send?.(report);
const peakBytes = () => process.resourceUsage().maxRSS * 1024;

async function run({ reader: name, from, end, ...place }: Job): Promise<void> {
  const reader = readers.find(each => each.name === name)!;
  say({ kind: "begin", number: -1 });
  let expected: string;
  try {
    expected = await readGood(reader, place.good, place.scratch);
  } catch (error) {
    const detail = `the good file is refused: ${error instanceof Error ? error.message : error}`;
    say({ kind: "result", number: -1, bytes: peakBytes(), outcome: "fault", detail: detail.slice(0, 600) });
    say({ kind: "done" });
    return;
  }
  for (let number = from; number < end; number++) {
    say({ kind: "begin", number });
    stray = undefined;
    const result = await runCase(reader, place, number, expected);
    say({ kind: "result", number, bytes: peakBytes(), ...(stray ?? result) });
  }
  say({ kind: "done" });
}
