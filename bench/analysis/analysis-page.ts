// docs/ANALYSIS.md: the paper's findings beside ours, written from what sweeps gave and from nothing else. What was not run says so.
// Behind the findings stands every row of every sweep, for what the paper never asked, and the law of every ladder of sizes.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type LawFile, readLawFile } from "../../src/scaling/law-file.ts";
import { escapeMarkdown, formatMarkdown } from "../../src/sweep/sweep-table.ts";
import { describeHeldOut, describeLaw } from "../../src/verbs/scale/describe-law.ts";
import { type Finding, sweepNotes } from "./findings.ts";

/** What is read of what `cram sweep --json` prints. */
const resultSchema = z.object({
  done: z.int(),
  count: z.int(),
  compared: z.array(
    z.object({
      name: z.string(),
      measure: z.enum(["nats", "bits per byte"]).default("nats"),
      count: z.int(),
      failed: z.array(z.string()),
      mean: z.number().optional(),
      deviation: z.number().optional(),
      steps: z.number().optional(),
      tokens: z.number().optional(),
      seconds: z.number().optional(),
      difference: z
        .object({ mean: z.number(), low: z.number(), high: z.number(), p: z.number(), isPaired: z.boolean() })
        .optional(),
      adjusted: z.number().optional(),
    }),
  ),
});

export type SweepResult = z.infer<typeof resultSchema>;

/** By the name of the sweep: every NAME.json of a folder. */
export function readResults(folder: string): ReadonlyMap<string, SweepResult> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter(name => name.endsWith(".json"));
  const read = (name: string) => resultSchema.parse(JSON.parse(readFileSync(join(folder, name), "utf8")));
  return new Map(names.sort().map(name => [name.slice(0, -".json".length), read(name)] as const));
}

/** By the name of the ladder: every NAME.json of a folder, as cram scale wrote its law.json. */
export function readLaws(folder: string): ReadonlyMap<string, LawFile> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter(name => name.endsWith(".json"));
  return new Map(names.sort().map(name => [name.slice(0, -".json".length), readLawFile(join(folder, name))] as const));
}

type Ours = "better" | "worse" | "no difference seen";

export interface Verdict {
  /** Of making the change, in the row's measure: below 0 it helps. */
  readonly difference: { readonly mean: number; readonly low: number; readonly high: number; readonly p: number };
  readonly ours: Ours;
  /** Undecided where the paper saw a gain and the interval holds 0: so few seeds would not show a small one. */
  readonly beside: "agrees" | "disagrees" | "undecided";
}

/** What a row of a sweep says of a finding; undefined where it was not run, or not twice. */
export function judgeFinding(
  { paper }: Pick<Finding, "paper">,
  { as, variation }: Finding["asked"][number],
  result: SweepResult | undefined,
): Verdict | undefined {
  const row = result?.compared.find(({ name }) => name === variation);
  if (row?.difference === undefined) return undefined;
  const { mean, low, high, p } = row.difference;
  // Undone it is the base that has the change. Not −0.
  const difference = as === "made" ? { mean, low, high, p } : { mean: 0 - mean, low: 0 - high, high: 0 - low, p };
  const ours = difference.high < 0 ? "better" : difference.low > 0 ? "worse" : "no difference seen";
  const isUndecided = paper === "gain" && ours === "no difference seen";
  const isAgreed = (ours === "better") === (paper === "gain");
  return { difference, ours, beside: isUndecided ? "undecided" : isAgreed ? "agrees" : "disagrees" };
}

const sign = (value: number) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(3)}`;

function writeRows(finding: Finding, results: ReadonlyMap<string, SweepResult>): string[] {
  const says = finding.note === undefined ? finding.paper : `${finding.paper}: ${finding.note}`;
  const line = (...cells: string[]) => `| ${[finding.change, says, ...cells].map(escapeMarkdown).join(" | ")} |`;
  if (finding.asked.length === 0) return [line("", "", "", "", "not yet run: no sweep asks it")];
  return finding.asked.map(asked => {
    const result = results.get(asked.sweep);
    const row = result?.compared.find(({ name }) => name === asked.variation);
    const verdict = judgeFinding(finding, asked, result);
    const here = asked.as === "made" ? asked.variation : `${asked.variation} (undone)`;
    if (verdict === undefined) {
      const why =
        row === undefined || row.count + row.failed.length === 0
          ? "not yet run"
          : row.failed.length > 0
            ? `came apart: ${[...new Set(row.failed)].join(", ")}`
            : "run once";
      return line(here, String(row?.count ?? ""), "", "", why);
    }
    const { mean, low, high, p } = verdict.difference;
    const unit = row!.measure === "nats" ? "" : ` ${row!.measure}`;
    const interval = `${sign(mean)} (${sign(low)} to ${sign(high)})${unit}`;
    const chance = p < 0.001 ? "< 0.001" : p.toFixed(3);
    return line(here, String(row!.count), interval, chance, `${verdict.ours}: ${verdict.beside}`);
  });
}

/** The page. */
export function writeAnalysis(
  findings: readonly Finding[],
  results: ReadonlyMap<string, SweepResult>,
  laws: ReadonlyMap<string, LawFile> = new Map(),
): string {
  const rows = findings.flatMap(finding => writeRows(finding, results));
  const asked = findings.flatMap(finding =>
    finding.asked.map(each => judgeFinding(finding, each, results.get(each.sweep))),
  );
  const known = asked.filter(verdict => verdict !== undefined);
  const count = (beside: Verdict["beside"]) => known.filter(verdict => verdict.beside === beside).length;
  const sweeps = [...new Set(findings.flatMap(finding => finding.asked.map(({ sweep }) => sweep)))];
  return `# The paper's findings, and ours

Written by \`npm run bench -- analysis\` from \`records/analysis\`, and held to that by a test. Of ${asked.length} comparisons ${known.length} ${known.length === 1 ? "was" : "were"} run, of which
${count("agrees")} ${count("agrees") === 1 ? "agrees" : "agree"} with the paper (Geiping & Goldstein 2022, arXiv 2212.14034), ${count("disagrees")} ${count("disagrees") === 1 ? "disagrees" : "disagree"} and ${count("undecided")} decide nothing.

A difference is of the change: nats a predicted token, or bits per byte of held-out text where tokens differ, with it less without it, of pairs
of a seed, with its 95 % interval and the p of Student's t-test; below 0 the change helps. Where the interval holds 0 no difference was seen, which agrees with "no gain" and decides nothing
of a gain. One in twenty of them leaves out 0 by chance. The paper's models have 120 M parameters and train for a day on a GPU, ours are small and train for minutes: a
disagreement is of that size and time.

To redo all rows of a sweep, on a machine that does nothing else, or one row with only its variation left in the file:

\`\`\`sh
${sweeps.map(writeCommand).join("\n")}
npm run bench -- analysis
\`\`\`

| change | the paper | here | n | difference | p | ours |
| --- | --- | --- | ---: | ---: | ---: | --- |
${rows.join("\n")}
${[...results].map(([sweep, result]) => writeSweep(sweep, result)).join("")}${[...laws].map(([name, law]) => writeLaw(name, law)).join("")}`;
}

/** All rows as the sweep's own table has them. */
function writeSweep(sweep: string, { compared, done, count }: SweepResult): string {
  const rows = compared.map(({ mean, deviation, steps, tokens, seconds, difference, adjusted, ...row }) => ({
    ...{ ...row, mean, deviation, steps, tokens, seconds, difference, adjusted },
  }));
  const note = sweepNotes[sweep] === undefined ? "" : `\n${sweepNotes[sweep]}\n`;
  return `
## ${sweep}

[bench/analysis/${sweep}.json](../bench/analysis/${sweep}.json) says what the base is and what each row changes; ${done} of ${count} trials are done. Better
and worse stand where all p together leave at most one in twenty to chance (Benjamini and Hochberg). ${new Set(compared.map(({ steps }) => steps)).size === 1 ? "All took the same steps." : "Steps and tokens say what equal\nseconds bought."}
${note}
${formatMarkdown(rows)}`;
}

/** What the law says, what the smaller sizes had said of the largest, and every training. */
function writeLaw(name: string, law: LawFile): string {
  const { recipe, sizes, trainings } = law;
  const count = (value: number) => Math.round(value).toLocaleString("en-US");
  const rows = trainings.map(({ size, budget, seed, tokens, loss }) => {
    const { parameters } = sizes.find(each => each.name === size)!;
    return `| ${size} | ${count(parameters)} | ${budget} | ${seed} | ${count(tokens)} | ${loss.toFixed(3)} |`;
  });
  const budgets = [...new Set(trainings.map(({ budget }) => budget))].join(",");
  const seeds = [...new Set(trainings.map(({ seed }) => seed))].join(",");
  return `
## The law of sizes: ${name}

The recipe ${recipe.name} at ${sizes.length} sizes; [records/scaling/${name}.json](../records/scaling/${name}.json) is what
\`cram scale --sizes ${sizes.map(size => size.name).join(",")} --budgets ${budgets} --seeds ${seeds}\` wrote, with the whole recipe, and
\`cram plan --law records/scaling/${name}.json\` predicts a run by it.

${[...describeLaw(law), ...describeHeldOut(law)].map(sentence => `- ${sentence}`).join("\n")}

| size | parameters | budget | seed | tokens | loss |
| --- | ---: | --- | ---: | ---: | ---: |
${rows.join("\n")}
`;
}

/** What makes the datasets of a sweep and trains it in work/NAME, where that is not run.sh. */
const scripts: Readonly<Record<string, string>> = {
  "data-experiment": "bench/corpus/data-experiment.sh work CLEAN.jsonl RAW.jsonl",
};

const writeCommand = (sweep: string) =>
  `bash ${scripts[sweep] ?? `bench/analysis/run.sh work ${sweep} TEXT.jsonl`} && cd work && cram sweep ../bench/analysis/${sweep}.json --out ${sweep} --json > ../records/analysis/${sweep}.json; cd ..`;
