// cram scale: one recipe at several sizes and budgets, and how its loss depends on both.

import type { Command } from "commander";
import { systemClock } from "../../../base/clock.ts";
import { UserError } from "../../../base/errors.ts";
import { countOf } from "../../../base/printable.ts";
import { quoteOwnCommand } from "../../../base/shell-words.ts";
import { formatDuration } from "../../../train/budget.ts";
import { describeHeldOut, describeLaw, listBestSizes } from "../../../verbs/scale/describe-law.ts";
import { type LadderTrial, scale as runScale, type Scaled, type ScaleOptions } from "../../../verbs/scale/scale.ts";
import { estimateLeft, type TimedTraining } from "../../../verbs/scale/time-left.ts";
import {
  addBackendOptions,
  addRecipeOptions,
  type BackendOptions,
  chooseBackend,
  listGiven,
  type RecipeOptions,
} from "../../choose.ts";
import { parseCount } from "../../numbers.ts";
import { formatAmount } from "../../terminal/amount.ts";
import { print, printWarning, showStatus } from "../../terminal/output.ts";
import { stopOnSignals } from "../../terminal/signals.ts";
import { describeUndone } from "../../terminal/undone.ts";

interface ScaleFlags extends BackendOptions, Omit<RecipeOptions, "budget"> {
  readonly data?: string;
  readonly out?: string;
  readonly sizes?: string;
  readonly budgets?: string;
  readonly seeds: string;
  readonly json?: boolean;
}

export function addScale(command: Command): void {
  addRecipeOptions(command, "quickstart")
    .option("--data <folder>", "the dataset")
    .option("--out <folder>", "where the trainings, law.json and scale.html go")
    .option(
      "--sizes <list>",
      'widths and layers: "64x1,128x2,256x4"; default: six from half to three times the recipe\'s',
    )
    .option("--budgets <list>", '"60s,300s" or "300steps,1000steps"; default: a fifth of the recipe\'s, half, and that')
    .option("--seeds <list>", "each size and budget is trained with each of these", "0")
    .option("--json", "print one JSON object at the end and nothing else");
  addBackendOptions(command)
    .addHelpText(
      "after",
      `
The law is E + A/N^α + B/D^β for N parameters and D tokens (Hoffmann et al. 2022), and needs six trainings that differ in these; one
budget alone says little, since size and tokens go together in it. The largest size is trained last: what the law of the others says of
it is stored before, and compared. The same command again goes on where it was stopped.

Examples:
  cram scale --data data/mine --out scales/mine                      18 trainings: the time is 10.2 times the recipe's budget
  cram scale --recipe crammed-bert-small --budgets 1000steps,3000steps --sizes 64x2,128x2,192x3,256x4,384x6 \\
    --seeds 0,1,2 --data data/mine --out scales/small

Next: cram plan --law scales/mine, which predicts the loss of a planned run`,
    )
    .action(scale);
}

const listWords = (text: string) => text.split(",").map(word => word.trim());

async function scale(flags: ScaleFlags): Promise<void> {
  const { recipe, set, data, out, sizes, budgets, seeds } = flags;
  if (data === undefined || out === undefined) {
    throw new UserError(
      "E_OPTION",
      `no ${data === undefined ? "--data" : "--out"} given`,
      "cram scale --help has examples.",
    );
  }
  const json = flags.json === true;
  const options: Omit<ScaleOptions, "signal"> = {
    ...chooseBackend(flags),
    ...{ recipe, set, data, out },
    ...(sizes !== undefined && { sizes: listWords(sizes) }),
    ...(budgets !== undefined && { budgets: listWords(budgets) }),
    seeds: listWords(seeds).map(seed => parseCount("--seeds", seed, 0)),
    ...(json ? {} : showTrainings()),
  };
  const scaled = await stopOnSignals({
    announcement: "stopping; what is trained is saved",
    unfinished: "stopped; go on with: the same command",
    warn: printWarning,
    work: signal => runScale({ ...options, signal }),
  });
  if (scaled !== undefined) printScaled(scaled, flags, out, json);
}

/** A line a result, and the training under way as the status, with the time that is left by those that ended here. */
function showTrainings(): Pick<ScaleOptions, "onTrial" | "onEvent" | "onResult"> {
  let current: LadderTrial | undefined;
  let begun = 0;
  const ended: TimedTraining[] = [];
  return {
    onTrial: trial => {
      current = trial;
      begun = systemClock.seconds();
    },
    onEvent: (_, event) => {
      if (event.kind !== "step" || current === undefined) return;
      const { number, count, size, budget, seed, share, shareBefore } = current;
      const { progress } = event;
      const followingShare = 1 - shareBefore - share;
      const left = estimateLeft(ended, { share, progress, following: count - number, followingShare });
      const rest = left === undefined ? "" : `, about ${formatDuration(left)} for all that is left`;
      showStatus(
        `${number} of ${count}: ${size} for ${budget}, seed ${seed}: ${Math.floor(100 * progress)} %, loss ${event.loss.toFixed(3)}${rest}`,
      );
    },
    onResult: ({ number, count, size, budget, seed, share }, { reason, validationLoss, tokens }) => {
      ended.push({ share, seconds: systemClock.seconds() - begun });
      print(
        `${number} of ${count}: ${size} for ${budget}, seed ${seed}: ${validationLoss?.toFixed(4) ?? reason} after ${countOf(tokens, "token", formatAmount)}`,
      );
    },
  };
}

/** The law is of this recipe, and of what it was trained on. */
export const listPlanWords = (flags: object, out: string): string[] => [
  ...["plan", "--law", out],
  ...listGiven(flags, ["--recipe", "--set", "--data", "--backend", "--threads", "--device"]),
];

function printScaled({ done, failed, count, law, page }: Scaled, flags: ScaleFlags, out: string, json: boolean): void {
  if (json) {
    print(JSON.stringify({ out, done, failed, count, page, law }));
    return;
  }
  if (law !== undefined) {
    for (const line of [...describeLaw(law), ...describeHeldOut(law)]) print(line);
    const best = listBestSizes(law);
    const spent = best.findLast(({ flops }) => flops <= best.at(-1)!.flops / 10 ** 0.999) ?? best[0]!;
    print(
      `The best for the most FLOPs that were spent: ${formatAmount(Math.round(spent.parameters))} parameters and ${formatAmount(Math.round(spent.tokens))} tokens, loss ${spent.loss.toFixed(3)}.`,
    );
    print(`${page}: open it in a browser`);
  }
  if (done < count) print(describeUndone(done, count, "training"));
  else if (law === undefined && failed > 0)
    print(
      `${failed} of ${countOf(count, "training")} came apart, and what is left is too little for a law; try --set optimizer.learningRate with less, or --set schedule.warmup with more`,
    );
  else if (law === undefined)
    print("too few different sizes and budgets for a law; give more with --sizes or --budgets");
  else print(`next: ${quoteOwnCommand(...listPlanWords(flags, out))}`);
}
