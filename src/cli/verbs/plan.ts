// cram plan: what a run needs and how far it comes, before it is begun.

import { type Command, Option } from "commander";
import { countOf } from "../../base/printable.ts";
import { quoteOwnCommand } from "../../base/shell-words.ts";
import type { Forecast } from "../../plan/forecast.ts";
import type { MemoryNeeds } from "../../plan/programs.ts";
import type { ScheduleTrace } from "../../plan/schedule-trace.ts";
import { formatWithUnit } from "../../report/quantity.ts";
import { formatDuration } from "../../train/budget.ts";
import type { BackendName } from "../../verbs/backend.ts";
import { deviceNames, plan as planRun, planSchedule } from "../../verbs/plan.ts";
import { addRecipeOptions, chooseBackend, listGiven, type RecipeOptions } from "../choose.ts";
import { drawChart } from "../terminal/chart.ts";
import { suggest } from "../terminal/completion.ts";
import { colour, print, showStatus } from "../terminal/output.ts";

export interface PlanFlags extends RecipeOptions {
  readonly data?: string;
  readonly backend?: BackendName;
  readonly device?: string;
  readonly law?: string;
  readonly threads?: string;
  readonly schedule?: boolean;
  readonly json?: boolean;
}

/** The reference has no programs to plan from. */
const measuredBackends: readonly BackendName[] = ["cpu", "cuda"];

export function addPlan(command: Command): void {
  addRecipeOptions(command, "crammed-bert")
    .option("--budget <time>", 'how long to train: "90s", "5m", "24h", or "300steps"; default: the recipe\'s')
    .option("--data <folder>", "the dataset, to say how often it is read")
    .option("--law <folder>", "what cram scale wrote, to predict the loss")
    .addOption(
      suggest(
        new Option(
          "--device <name>",
          `${deviceNames.join(", ")}: this machine is measured, with --backend cuda on the GPU of a number that is given instead; the others are figures; default: this`,
        ),
        deviceNames,
      ),
    )
    .addOption(
      new Option("--backend <name>", "what this machine computes with; cpu unless given").choices(measuredBackends),
    )
    .option("--threads <number>", "threads of the cpu backend; default: the performance cores")
    .addOption(
      new Option("--schedule", "draw the learning rate and the batch over the budget, and measure nothing").conflicts([
        "data",
        "law",
        "device",
        "backend",
        "threads",
      ]),
    )
    .option("--json", "print one JSON object and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  cram plan --recipe crammed-bert-small --budget 10m --data data/mine
  cram plan --schedule --set schedule.learningRate=cosine
  cram plan --recipe quickstart --budget 20m --law scales/mine
  cram plan --recipe crammed-bert --backend cuda
  cram plan --recipe crammed-bert --budget 24h --device a6000 --set train.microBatchSequences=128

Next: cram pretrain with the same --recipe, --set, --budget, --data, --backend and --threads`,
    )
    .action(plan);
}

/** Of a drawing; as many points and one more are in the JSON. */
const scheduleIntervals = 60;

async function plan(flags: PlanFlags): Promise<void> {
  const json = flags.json === true;
  if (flags.schedule === true) {
    const trace = planSchedule(flags, scheduleIntervals);
    if (json) print(JSON.stringify(trace));
    else printSchedule(trace);
    return;
  }
  const { threads } = chooseBackend({
    ...(flags.backend && { backend: flags.backend }),
    ...(flags.threads !== undefined && { threads: flags.threads }),
  });
  const onCompile = json ? undefined : () => showStatus("compiling and measuring");
  const { schedule: _, json: __, ...options } = flags;
  const forecast = await planRun({ ...options, threads, onCompile });
  if (json) print(JSON.stringify(forecast));
  else {
    printForecast(forecast, flags.data);
    print(`next: ${quoteOwnCommand(...listPretrainWords(flags))}`);
  }
}

function printSchedule({ recipe, schedule, peakRates, points }: ScheduleTrace): void {
  print(colour("bold", `${recipe}: ${schedule}`));
  const peaks = Object.entries(peakRates).map(([name, rate]) => `${name} ${rate}`);
  print(`  share of ${peaks.join(" and ")}`);
  for (const line of drawChart(
    points.map(({ rateScale }) => rateScale),
    1,
    "   1",
  ))
    print(`  ${line}`);
  for (const path of Object.keys(points[0]!.values)) {
    const values = points.map(point => point.values[path]!);
    const most = Math.max(...values);
    print(`  ${path}`);
    for (const line of drawChart(values, most, String(Number(most.toPrecision(3))).padStart(4))) print(`  ${line}`);
  }
  const batches = points.map(({ batchSequences }) => batchSequences);
  const most = Math.max(...batches);
  if (batches[0] === most) print(`  batches of ${countOf(most, "sequence")} from the start`);
  else {
    print("  sequences of a batch");
    for (const line of drawChart(batches, most, String(most).padStart(4))) print(`  ${line}`);
  }
}

function printForecast(forecast: Forecast, data: string | undefined): void {
  const { recipe, budget, device, parameters, flopsPerToken, memory, course, utilisation, epochs, energyJoules } =
    forecast;
  const count = (value: number) => value.toLocaleString("en-US");
  const line = (name: string, value: string) => print(`  ${name.padEnd(12)}  ${value}`);
  print(colour("bold", `${recipe} for ${budget} on ${device.title}`));
  line("speed", `${count(Math.round(course.tokensPerSecond))} tokens/s at full batch; ${device.speedSource}`);
  if (utilisation !== undefined) line("utilisation", `${(100 * utilisation).toFixed(0)} % of the device's peak`);
  line("parameters", count(parameters));
  line(
    "arithmetic",
    `${formatWithUnit(flopsPerToken, "flops")} a token${course.steps === 0 ? "" : `, ${formatWithUnit(flopsPerToken * course.tokens, "flops")} in all`}`,
  );
  line("memory", describeMemory(memory, device.memoryBytes));
  const ranks = forecast.sharedMoments.map(({ ranks, bytes }) => `${megabytes(bytes)} of ${countOf(ranks, "rank")}`);
  line("shared", `with --shard-optimizer a rank has moments of ${ranks.join(", ")}`);
  line("steps", `${count(course.steps)}, of which ${count(course.rampSteps)} while the batch grows`);
  line("tokens", `${formatWithUnit(course.tokens, "tokens")} in ${formatDuration(course.seconds)}`);
  line(
    "data",
    epochs === undefined ? "give --data to see how often it is read" : `${data} is read ${epochs.toFixed(2)} times`,
  );
  line(
    "loss",
    forecast.loss === undefined
      ? "not predicted: cram scale fits a law, and --law reads it"
      : `${forecast.loss.loss.toFixed(3)} nats a predicted token at the end, 95 % interval ${forecast.loss.low.toFixed(3)} to ${forecast.loss.high.toFixed(3)}`,
  );
  line(
    "energy",
    energyJoules === undefined
      ? "not known: this machine's counters cannot be read"
      : `${(energyJoules / 3.6e6).toPrecision(3)} kWh at ${device.watts!.toFixed(0)} W, of the device alone`,
  );
  for (const warning of forecast.warnings) print(`${colour("red", "warning:")} ${warning}`);
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6).toLocaleString("en-US")} MB`;

function describeMemory(memory: MemoryNeeds, available: number): string {
  const { parameters, gradients, moments, arena, inputsAndOutputs, total } = memory;
  return (
    `${megabytes(total)} of ${megabytes(available)}: parameters ${megabytes(parameters)}, gradients ${megabytes(gradients)}, ` +
    `moments ${megabytes(moments)}, activations ${megabytes(arena)}, batches ${megabytes(inputsAndOutputs)}`
  );
}

export function listPretrainWords(flags: PlanFlags): string[] {
  const { backend, device } = flags;
  const isHere = backend !== undefined && device !== "this";
  const options = ["--recipe", "--set", "--backend", "--threads", ...(isHere ? ["--device"] : []), "--budget"];
  return ["pretrain", ...listGiven(flags, options), "--data", flags.data ?? "DATA"];
}
