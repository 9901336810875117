// cram corpus: a look inside what prepare made, and the same for other trainers.

import { Argument, type Command, Option } from "commander";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { countOf, makePrintable } from "../../base/printable.ts";
import type { Histogram } from "../../corpus/histogram.ts";
import { shortenCount, writeCorpusPage } from "../../verbs/corpus/corpus-page.ts";
import { type CorpusFormat, corpusFormats, exportCorpus } from "../../verbs/corpus/export-corpus.ts";
import { type CorpusView, describeLengths, showCorpus } from "../../verbs/corpus/show-corpus.ts";
import { createProgress, describeProgress } from "../../verbs/prepare/stages/progress.ts";
import { parseCount } from "../numbers.ts";
import { formatAmount } from "../terminal/amount.ts";
import { drawChart } from "../terminal/chart.ts";
import { colour, print, showStatus } from "../terminal/output.ts";

interface CorpusFlags {
  readonly samples?: string;
  readonly seed?: string;
  readonly page?: string;
  readonly to?: CorpusFormat;
  readonly out?: string;
  readonly json?: boolean;
}

/** Options by what they are for. */
const optionsOf = { show: ["samples", "seed", "page"], export: ["to", "out"] } as const;
type Action = keyof typeof optionsOf;

export function addCorpus(command: Command): void {
  command
    .addArgument(new Argument("<action>", "what to do").choices(Object.keys(optionsOf)))
    .argument("<folder>", "a dataset that prepare made, or the documents in it")
    .option("--samples <number>", "show: documents and sequences drawn at random; default 3")
    .option("--seed <number>", "show: draws them; default 0")
    .option("--page <file>", "show: write an HTML page instead of lines")
    .addOption(new Option("--to <format>", "export: parquet, NumPy's .npy, nanoGPT's .bin").choices(corpusFormats))
    .option("--out <folder>", "export: where the files go")
    .option("--json", "print one JSON object and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  cram corpus show data/mine
  cram corpus show data/mine --page corpus.html --samples 20
  cram corpus export data/mine --to bin --out nanogpt/data/mine       train.bin and val.bin
  cram corpus export data/mine --to npy --out arrays                  training.npy and validation.npy
  cram corpus export data/mine --to parquet --out sequences           a column input_ids
  cram corpus export data/mine/documents --to parquet --out texts     a column text

The funnel counts what each stage left: documents, characters, and about how many tokens. Ids are uint16, or uint32 where the vocabulary
has more than 65536 entries.

Next: cram plan`,
    )
    .action(lookInside);
}

async function lookInside(action: Action, folder: string, flags: CorpusFlags): Promise<void> {
  const other = optionsOf[action === "show" ? "export" : "show"].find(name => flags[name] !== undefined);
  if (other !== undefined) {
    throw new UserError("E_OPTION", `--${other} beside corpus ${action}: it does nothing there`, "Leave it out.");
  }
  const stages = new Map<string, ReturnType<typeof createProgress<string>>>();
  const onProgress = (doing: string, share: number) => {
    const progress = stages.get(doing) ?? createProgress<string>(doing, systemClock);
    stages.set(doing, progress);
    if (flags.json !== true) showStatus(describeProgress(progress(share)));
  };
  if (action === "export") {
    const { to, out } = flags;
    if (to === undefined || out === undefined) {
      throw new UserError("E_OPTION", "corpus export needs --to and --out", "See cram corpus --help.");
    }
    const exported = await exportCorpus(folder, { to, out, onProgress });
    if (flags.json === true) print(JSON.stringify(exported));
    else for (const { name, rows } of exported.files) print(`${out}/${name}: ${countOf(rows, "row")}`);
    return;
  }
  const view = await showCorpus(folder, {
    samples: flags.samples === undefined ? undefined : parseCount("--samples", flags.samples, 0, 1000),
    seed: flags.seed === undefined ? undefined : parseCount("--seed", flags.seed, 0),
    onProgress,
  });
  if (flags.page !== undefined) writeCorpusPage(view, flags.page);
  if (flags.json === true) print(JSON.stringify({ ...view, page: flags.page }));
  else if (flags.page !== undefined) print(`${flags.page}: the corpus ${folder}; open it in a browser`);
  else printView(view);
}

function printView({ folder, sources, funnel, characters, kept, dropped, dataset }: CorpusView): void {
  print(colour("bold", `${folder}: documents of ${countOf(sources, "file")}`));
  for (const { stage, taken, left, tokens } of funnel) {
    const less =
      taken.documents === 0 ? "" : `  −${formatAmount(taken.documents)} / −${formatAmount(taken.characters)}`;
    const about = tokens === undefined ? "" : `, about ${countOf(tokens, "token", formatAmount)}`;
    const { documents } = left;
    print(
      `  ${stage.padEnd(15)} ${countOf(documents, "document")}, ${countOf(left.characters, "character", formatAmount)}${about}${less}`,
    );
  }
  printHistogram("characters of a document", characters);
  if (dataset !== undefined) {
    printHistogram(describeLengths(dataset, characters), dataset.tokens);
    printHistogram("uses of an entry of the vocabulary", dataset.uses);
    const frequent = dataset.frequent.map(({ token, count }) => `${token} ${formatAmount(count)}`).join("  ");
    print(`  most frequent: ${makePrintable(frequent)}`);
    print(
      `  ${countOf(dataset.training, "sequence")} of ${dataset.sequenceLength} for training, ${dataset.validation.toLocaleString("en-US")} held out`,
    );
  }
  const show = (heading: string, texts: readonly string[]) => {
    if (texts.length > 0) print(`\n${colour("bold", heading)}`);
    for (const text of texts) print(`  ${excerpt(text)}`);
  };
  show("Kept, drawn at random:", kept);
  for (const reason of new Set(dropped.map(example => example.reason))) {
    const own = dropped.filter(example => example.reason === reason);
    show(
      reason === "cut" ? "Cut out:" : `Dropped as ${reason}:`,
      own.map(({ source, text }) => `${text}  (${source})`),
    );
  }
  show("Sequences, decoded:", dataset?.sequences ?? []);
}

/** The beginning of a text on one line: what breaks lines is a space here. */
const excerpt = (text: string): string => makePrintable(text.slice(0, 4000).replace(/\s+/g, " "), 400);

function printHistogram(name: string, { count, sum, least, most, bins }: Histogram): void {
  if (count === 0) return;
  const tallest = Math.max(...bins.map(bin => bin.count));
  print(
    `\n  ${name}: ${least.toLocaleString("en-US")} to ${most.toLocaleString("en-US")}, mean ${Math.round(sum / count).toLocaleString("en-US")}`,
  );
  const wide = 4;
  const columns = bins.flatMap(bin => [...new Array<number>(wide - 1).fill(bin.count), 0]);
  for (const line of drawChart(columns, tallest, formatAmount(tallest), 5)) print(`  ${line}`);
  const labels = bins.map(({ from }, i) => (i % 2 === 0 ? shortenCount(from).padEnd(2 * wide) : "")).join("");
  print(`  ${" ".repeat(formatAmount(tallest).length + 2)}${labels}from`);
}
