// An evaluation as a person follows it: a line a finished seed, the status between them, and the tables at the end.

import { systemClock } from "../../base/clock.ts";
import { countOf } from "../../base/printable.ts";
import type { Scoreboard } from "../../evaluate/scores/scoreboard.ts";
import { formatDuration } from "../../train/budget.ts";
import type { EvaluateEvent } from "../../verbs/evaluate/evaluate-options.ts";
import { createProgress, describeProgress } from "../../verbs/prepare/stages/progress.ts";
import { colour, print, showStatus } from "./output.ts";
import { describeResult, formatComparison, formatNotes, formatScores, nameVariant } from "./print-scores.ts";

/** What a program is told of an evaluation: everything but where it stands. */
export function printEventJson(event: EvaluateEvent): void {
  if (
    event.kind === "open" ||
    event.kind === "step" ||
    event.kind === "scoring" ||
    event.kind === "submission" ||
    event.kind === "wait"
  )
    return;
  if (event.kind === "scoreboard") print(JSON.stringify({ kind: "scoreboard", ...event.scoreboard }));
  else if (event.kind === "paradigm") {
    const { paradigms: _, ...score } = event;
    print(JSON.stringify(score));
  } else print(JSON.stringify("task" in event ? { ...event, task: event.task.name } : event));
}

const count = (value: number) => value.toLocaleString("en-US");

/** `folder` is what was evaluated, as it was named. */
export function createEvaluationPrinter(folder: string): (event: EvaluateEvent) => void {
  const describeStep = createStepDescriber();
  let maxLength: number | undefined;
  let paradigms = 0;
  /** Of what is scored now, and of the paradigms. */
  let scoring: { readonly name: string; readonly tell: ReturnType<typeof createProgress<string>> } | undefined;
  let scored: ReturnType<typeof createProgress<string>> | undefined;
  return event => {
    if (event.kind === "open") {
      maxLength = event.recipe?.maxLength;
      if (event.recipe !== undefined) print(`${folder}: recipe ${event.recipe.name}, ${event.device}`);
      for (const note of event.notes) print(colour("dim", note));
    } else if (event.kind === "plan") {
      for (const warning of event.warnings) print(`${colour("red", "warning:")} ${warning}`);
      const { finished, withoutModel, variants, steps } = event;
      const before = finished > 0 ? `, ${finished} finished before` : "";
      const again = withoutModel > 0 ? `, ${withoutModel} without a kept model and run again` : "";
      print(`${countOf(variants, "result")}${before}${again}; ${countOf(steps, "step")} to do`);
      describeStep(event);
    } else if (event.kind === "task") {
      const { task, train, validation, truncated } = event;
      const cut = truncated > 0 ? `, ${count(truncated)} of them cut to ${maxLength} tokens` : "";
      const sizes = `${countOf(train, "example")} for training, ${count(validation)} for scoring`;
      print(colour("dim", `${task.title}: ${sizes}${cut}`));
      showStatus(`${task.title}: compiling`);
    } else if (event.kind === "step") {
      showStatus(describeStep(event));
    } else if (event.kind === "scoring") {
      const { task, variant, done, examples } = event;
      const name = `${nameVariant(task.title, variant)}  scoring`;
      if (scoring?.name !== name) scoring = { name, tell: createProgress(name, systemClock, examples, "examples") };
      showStatus(describeProgress(scoring.tell(done)));
    } else if (event.kind === "wait") {
      showStatus(`waiting for ${event.results} of other processes`);
    } else if (event.kind === "result") {
      print(`${describeResult(event.result)}${event.isNew ? "" : colour("dim", "; stored before")}`);
    } else if (event.kind === "paradigm") {
      const stored = event.isNew ? "" : colour("dim", "; stored before");
      print(`${event.name}: accuracy ${(100 * event.accuracy).toFixed(1)}${stored}`);
      scored ??= createProgress("paradigms", systemClock, event.paradigms);
      showStatus(describeProgress(scored(++paradigms)));
    } else if (event.kind === "scoreboard") {
      if (paradigms > 0) printPairScores(event.scoreboard, paradigms);
      else printScoreboard(event.scoreboard);
    } else if (event.kind === "submission") {
      print(`${event.folder}: ${event.files.join(", ")}`);
    }
  };
}

/** Smooths losses and the speed over all steps, for the status line. */
function createStepDescriber(): (event: Extract<EvaluateEvent, { kind: "plan" | "step" }>) => string {
  let steps = 0;
  let firstStepSeconds: number | undefined;
  let smoothLoss: number | undefined;
  return event => {
    if (event.kind === "plan") {
      steps = event.steps;
      return "";
    }
    const { task, variant, stepsDone, step, loss } = event;
    const now = systemClock.seconds();
    // The first step is where the clock starts: before it programs are compiled.
    firstStepSeconds ??= now;
    smoothLoss = smoothLoss === undefined || step === 1 ? loss : 0.95 * smoothLoss + 0.05 * loss;
    const rate = (stepsDone - 1) / Math.max(now - firstStepSeconds, 1e-9);
    const left = stepsDone > 10 ? `${formatDuration((steps - stepsDone) / rate)} left` : "";
    const where = `step ${step} of ${event.steps}`;
    return `${nameVariant(task.title, variant)}  ${where}  loss ${smoothLoss.toFixed(3)}  ${left}`;
  };
}

function printScoreboard(scoreboard: Scoreboard): void {
  if (scoreboard.columns.length === 0) return;
  print(`\n${formatScores(scoreboard)}`);
  if (scoreboard.rows.some(({ kind, average }) => kind === "published" || average !== undefined)) {
    print(`\n${formatComparison(scoreboard)}`);
  }
  for (const note of formatNotes(scoreboard)) print(colour("dim", note));
}

function printPairScores({ columns, rows }: Scoreboard, paradigms: number): void {
  const [row] = rows;
  print("");
  for (const { name, title } of columns) print(`${title}: ${row!.cells[name]!.median.toFixed(1)}`);
  print(colour("bold", `mean of ${countOf(paradigms, "paradigm")}: ${row!.average?.value?.toFixed(1) ?? "none"}`));
}
