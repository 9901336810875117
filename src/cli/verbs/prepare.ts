// cram prepare: raw text to a dataset that pretrain reads.

import { type Command, Option } from "commander";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { quoteCommand } from "../../base/shell-words.ts";
import type { Limit } from "../../corpus/filters/filter.ts";
import { filters } from "../../corpus/filters/filters.ts";
import { type Preset, presets } from "../../corpus/sources/presets.ts";
import { type ChosenFormat, chosenFormats } from "../../corpus/sources/read-options.ts";
import { type PackingName, packings } from "../../dataset/packings.ts";
import { countPerformanceCores } from "../../machine/cores.ts";
import { type PreTokenizerName, preTokenizerNames } from "../../tokenizer/encoding/pre-tokenizer.ts";
import { type TokenizerKindName, tokenizerKinds } from "../../tokenizer/kinds/kinds.ts";
import { type NormaliserName, normalisers } from "../../tokenizer/normalising/normaliser.ts";
import { mostThreads } from "../../verbs/given-values.ts";
import { describeOtherLength, suggestPretrain } from "../../verbs/prepare/next-pretrain.ts";
import { type LauncherName, launcherNames } from "../../verbs/prepare/plan/launcher-names.ts";
import {
  mergeMachines,
  planPrepare,
  prepare as prepareDataset,
  prepareOnMachine,
} from "../../verbs/prepare/prepare.ts";
import type { PrepareOptions } from "../../verbs/prepare/prepare-options.ts";
import { describeProgress } from "../../verbs/prepare/stages/progress.ts";
import { parseBytes, parseCount, parseNumber, parseShare, refuseValue } from "../numbers.ts";
import { print, showStatus } from "../terminal/output.ts";
import { createEventPrinter, printDataset, printPlan, printShard } from "../terminal/print-prepare.ts";

interface PrepareFlags {
  readonly out: string;
  readonly recipe?: string;
  readonly vocabulary?: string;
  readonly sequenceLength?: string;
  readonly tokenizer?: string;
  readonly alphabetLimit?: string;
  readonly normaliser?: NormaliserName;
  readonly tokenizerKind?: TokenizerKindName;
  readonly preTokenizer?: PreTokenizerName;
  readonly format?: ChosenFormat;
  readonly textField: string;
  readonly documentSeparator?: string;
  readonly limitBytes?: string;
  readonly removeWhitespace?: boolean;
  readonly skipBroken?: boolean;
  readonly strict?: boolean;
  readonly filter: readonly string[];
  readonly compressibility?: string;
  readonly nearDuplicates?: string;
  readonly repeated?: string;
  readonly decontaminate: readonly string[];
  readonly packing?: PackingName;
  readonly classify?: boolean;
  readonly separator: boolean;
  readonly holdOut: string;
  readonly seed: string;
  readonly threads: string;
  readonly memory?: string;
  readonly shard?: string;
  readonly merge?: boolean;
  readonly plan?: boolean;
  readonly launcher?: LauncherName;
  readonly machines?: string;
  readonly image?: string;
  readonly claim?: string;
  readonly json?: boolean;
}

export function addPrepare(command: Command): void {
  command
    .argument(
      "<text...>",
      "files, folders and datasets of the hub: .txt, .md, .html, .jsonl, .json, .csv, .tsv, each also .gz or .zst, .parquet and .arrow",
    )
    .requiredOption("--out <folder>", "where the dataset goes")
    .option("--recipe <name>", "the recipe whose vocabulary and sequence length are used; default: crammed-bert's")
    .option("--vocabulary <tokens>", "tokens of the tokenizer to learn, special ones included")
    .option(
      "--alphabet-limit <number>",
      "characters that the tokenizer knows; default: 1000, or a quarter of the vocabulary",
    )
    .option("--tokenizer <path>", "use this one: a tokenizer.json, or the folder of a run, an export or another model")
    .option("--sequence-length <tokens>", "tokens of a sequence")
    .addOption(
      new Option(
        "--normaliser <name>",
        "what text becomes before it is split: English in ASCII (the default), every letter as it is, all in lower case, BERT's, the paper's",
      ).choices(Object.keys(normalisers)),
    )
    .addOption(
      new Option(
        "--tokenizer-kind <name>",
        "kind of the tokenizer to learn, as listed below; default: wordpiece",
      ).choices(tokenizerKinds.map(({ name }) => name)),
    )
    .addOption(
      new Option(
        "--pre-tokenizer <name>",
        "how text is split into words; default: byte-level for bpe, metaspace for unigram, else whitespace for ascii-fold and reference, else bert",
      ).choices(preTokenizerNames),
    )
    .addOption(new Option("--format <name>", "what every file is, whatever its name says").choices(chosenFormats))
    .option("--text-field <name>", "the field or column that holds the text, as in data.text", "text")
    .option(
      "--document-separator <text>",
      "what stands between the documents of a text file: blank-line, line, or a text",
    )
    .option(
      "--limit-bytes <bytes>",
      "read no further files once these hold so much, as in 10GiB; the last is read whole",
    )
    .option("--remove-whitespace", "delete all white space, as an option of the reference does")
    .option(
      "--skip-broken",
      "count broken lines, rows and files and pass over them; what of a file stands before a fault is kept, and what stands behind it where reading can go on",
    )
    .option("--strict", "refuse a file in a folder that cannot be read, instead of passing over it")
    .option(
      "--filter <name[=choice][:limits]>",
      "keep only some documents by a filter, as listed below; may be given again",
      (filter: string, filters: readonly string[]) => [...filters, filter],
      [],
    )
    .option(
      "--compressibility <t>",
      "drop documents with t tokens a character or more (the paper: 0.25 at 32768 tokens; of fewer tokens more, see below)",
    )
    .option(
      "--near-duplicates <share>",
      "drop documents that have this share in common with an earlier one; 0.8 is usual",
    )
    .option("--repeated <bytes>", "cut every stretch of this many bytes or more that stood there before; 100 is usual")
    .option(
      "--decontaminate <file>",
      "drop documents with text of this evaluation file; may be given again",
      (file: string, files: readonly string[]) => [...files, file],
      [],
    )
    .option("--hold-out <share>", "share of the text that is kept for validation", "0.01")
    .addOption(
      new Option(
        "--packing <name>",
        "how sequences are filled with documents, as listed below; default: concatenate",
      ).choices(packings.map(({ name }) => name)),
    )
    .option("--classify", "put the token <cls> before each document")
    .option("--no-separator", "put no token <sep> behind a document")
    .option("--seed <number>", "decides which text is held out", "0")
    .option(
      "--threads <number>",
      "threads that read, count and encode; the result does not depend on it",
      String(countPerformanceCores()),
    )
    .option(
      "--memory <bytes>",
      "what deduplication may hold, as in 2GiB; the result does not depend on it; default: 1GiB",
    )
    .option("--shard <i/n>", "read only what is the i-th of n machines' to read; --merge joins them")
    .option("--merge", "make the dataset of what all machines have read")
    .option("--plan", "only say what is expected: documents, tokens, time, disk, memory")
    .addOption(
      new Option("--launcher <name>", "print what runs --shard on many machines: a script, a manifest").choices(
        launcherNames,
      ),
    )
    .option("--machines <number>", "of --launcher: how many")
    .option("--image <name>", "of --launcher kubernetes: the image that has cram")
    .option("--claim <name>", "of --launcher kubernetes: the claim of the volume that all machines share")
    .option("--json", "print one JSON object at the end, and progress as JSON on standard error")
    .addHelpText(
      "after",
      `
Examples:
  cram prepare books/ notes.txt --out data/mine
  cram prepare wikipedia.jsonl.gz --out data/wikipedia --vocabulary 8192
  cram prepare romane/ --out data/german --normaliser keep
  cram prepare hf:wikimedia/wikipedia/20231101.simple --out data/simple
  cram prepare crawl/ --out data/crawl --plan                   what it would take
  cram prepare more/ --out data/more --tokenizer runs/mine      for pretrain --init-from runs/mine
  cram prepare crawl/ --out data/crawl --compressibility 0.25 --hold-out 0.001
  cram prepare crawl/ --out data/prose --filter length:least=100 --filter prose --filter repetition
  cram prepare crawl/ --out data/english --filter language=en
  cram prepare crawl/ --out data/clean --near-duplicates 0.8 --repeated 100 --decontaminate glue/RTE/dev.tsv

On several machines, with one disk or with their .cram-work folders put together in the end:
  cram prepare crawl/ --out data/crawl --shard 1/4               … to 4/4, then
  cram prepare crawl/ --out data/crawl --merge
  cram prepare crawl/ --out data/crawl --launcher slurm --machines 16 > prepare.sh      which says how it is submitted
  cram prepare crawl/ --out data/crawl --launcher kubernetes --machines 16 --image cram:1 --claim data > job.yaml

What was stopped goes on with the same command: what is finished stands in .cram-work in the folder until the dataset is whole.

A text or a page is one document (see --document-separator), a line of a .jsonl and a row of a table is one. In a folder what
cannot be read is passed over and counted (see --strict), and so are files whose names do not end as a text's do. How a file begins that is
named itself decides what it is where its name says nothing. In a .tsv a quote is a character like any other, as in GLUE's files; --format csv
reads one whose fields stand in quotes.

hf:owner/name[/configuration][:split][@revision] is a dataset of the Hugging Face Hub; a folder, a file or a pattern may stand in
the place of the configuration. HF_TOKEN or hf auth login opens private ones, HF_ENDPOINT is another hub, CRAM_CACHE where their files are kept.

mix.json mixes sources: {"sources": [{"source": "books/", "weight": 2}, {"source": "c4", "weight": 1, "passes": 2}]}, shares of the
characters; passes says how often one is read at most, and textField and where choose fields and rows (docs/FORMATS.md).

What --compressibility takes hangs on the vocabulary. Of Wikipedia and technical documentation 0.25 drops 3 to 5 % of the documents at 32768
tokens, and 86 % at 4096, where 0.35 drops 1 to 2 %.

A set that was tokenized already, parquet or Arrow with input_ids and a tokenizer.json beside or above it, is copied as it is.

- is the standard input. "texts/**/*.md" in quotes is a pattern. Names of sources (those of the reference's configurations are known, too):
${describePresets()}

Normalisers: keep        every letter as it is, in NFC; for any language, and for code
             lowercase   the same in lower case
             ascii-fold  lower case without accents, and nothing that is not ASCII: for English
             bert        that of bert-base-uncased: lower case without accents, so that й is и and ガ is カ
             reference   the paper's: lower case, and nothing that is not ASCII
What is lost is told above 1 % of the characters, and refused above half.

Kinds of tokenizers, and the pre-tokenizers that they are learned behind (metaspace: as SentencePiece):
${tokenizerKinds.map(kind => `  ${kind.name.padEnd(10)}  ${kind.summary}\n  ${" ".repeat(10)}  ${kind.preTokenizers.join(", ")}`).join("\n")}

Packings:
${packings.map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`).join("\n")}

Filters, with limits that --filter name:limit=number,limit=number changes:
${describeFilters()}

Next: the command that it prints at the end`,
    )
    .action(prepare);
}

function describePresets(): string {
  const width = Math.max(...presets.map(({ name }) => name.length));
  const describe = ({ name, summary, sources, instead }: Preset) =>
    `  ${name.padEnd(width)}  ${sources === undefined ? `gone (${summary}): ${instead}` : `${summary}: ${sources.length > 2 ? "several" : sources.join(" ")}`}`;
  return presets.map(describe).join("\n");
}

function describeFilters(): string {
  return filters
    .map(({ name, summary, limits }) => {
      const values = Object.entries<Limit>(limits).map(([limit, { value }]) => `${limit}=${value}`);
      return `  ${name.padEnd(10)}  keeps ${summary}\n  ${" ".repeat(10)}  ${values.join(" ")}`;
    })
    .join("\n");
}

async function prepare(texts: string[], flags: PrepareFlags, command: Command): Promise<void> {
  const parseOptional = (option: string, text: string | undefined) =>
    text === undefined ? undefined : parseCount(option, text);
  const start = systemClock.seconds();
  const options: PrepareOptions = {
    texts,
    out: flags.out,
    recipe: flags.recipe,
    vocabulary: parseOptional("--vocabulary", flags.vocabulary),
    alphabetLimit: parseOptional("--alphabet-limit", flags.alphabetLimit),
    tokenizer: flags.tokenizer,
    sequenceLength: parseOptional("--sequence-length", flags.sequenceLength),
    normaliser: flags.normaliser,
    tokenizerKind: flags.tokenizerKind,
    preTokenizer: flags.preTokenizer,
    format: flags.format,
    textField: flags.textField,
    documentSeparator: flags.documentSeparator,
    limitBytes: flags.limitBytes === undefined ? undefined : parseBytes("--limit-bytes", flags.limitBytes),
    removeWhitespace: flags.removeWhitespace,
    skipBroken: flags.skipBroken,
    strict: flags.strict,
    maxTokensPerCharacter:
      flags.compressibility === undefined ? undefined : parseShare("--compressibility", flags.compressibility, 10),
    filters: flags.filter,
    nearDuplicates:
      flags.nearDuplicates === undefined ? undefined : parseNumber("--near-duplicates", flags.nearDuplicates),
    repeatedBytes: flags.repeated === undefined ? undefined : parseNumber("--repeated", flags.repeated),
    decontaminate: flags.decontaminate,
    packing: flags.packing,
    classify: flags.classify,
    separator: flags.separator,
    holdOut: parseNumber("--hold-out", flags.holdOut),
    seed: parseCount("--seed", flags.seed, 0),
    threads: parseCount("--threads", flags.threads, 1, mostThreads),
    memoryBytes: flags.memory === undefined ? undefined : parseBytes("--memory", flags.memory, 0),
    onStage: flags.json === true ? createEventPrinter() : progress => showStatus(describeProgress(progress)),
  };
  refuseBeside({ "--plan": flags.plan, "--launcher": flags.launcher, "--shard": flags.shard, "--merge": flags.merge });
  if (
    flags.launcher !== undefined ||
    flags.machines !== undefined ||
    flags.image !== undefined ||
    flags.claim !== undefined
  ) {
    await printLaunch(flags, options, rawWords(command));
    return;
  }
  if (flags.plan === true) {
    const plan = await planPrepare(options);
    if (flags.json === true) print(JSON.stringify(plan));
    else printPlan(plan, flags.out);
    return;
  }
  if (flags.shard !== undefined) {
    const read = await prepareOnMachine(options, parseShard(flags.shard));
    if (flags.json === true) print(JSON.stringify(read));
    else printShard(flags.shard, read);
    return;
  }
  const prepared = await (flags.merge === true ? mergeMachines : prepareDataset)(options);
  const { manifest, documents, isReadyMade, splitDocuments, warnings } = prepared;
  const seconds = systemClock.seconds() - start;
  if (flags.json === true) {
    print(
      JSON.stringify({
        out: flags.out,
        seconds,
        upToDate: documents === undefined && isReadyMade !== true,
        manifest,
        funnel: documents?.funnel,
        splitDocuments,
        warnings,
      }),
    );
    return;
  }
  printDataset(flags.out, prepared, seconds);
  const chosen = { ...flags, recipe: flags.recipe ?? manifest.recipe!, manifest };
  const other = await describeOtherLength(chosen);
  if (other !== undefined) print(`  ${other}`);
  print(`next: ${quoteCommand(...(await suggestPretrain(chosen)))}`);
}

function refuseBeside(parts: Readonly<Record<string, unknown>>): void {
  const [first, second] = Object.keys(parts).filter(name => parts[name] !== undefined);
  if (second === undefined) return;
  throw new UserError("E_OPTION", `${first} beside ${second}: each does another part of the work`, "Give one of them.");
}

/** What was typed behind `prepare`. */
const rawWords = (command: Command) => (command.parent as Command & { rawArgs: readonly string[] }).rawArgs.slice(1);

/** What renders a job is loaded for it alone: a prepare begins sooner without. */
async function printLaunch(
  flags: PrepareFlags,
  { threads, memoryBytes = 2 ** 30 }: PrepareOptions,
  words: readonly string[],
): Promise<void> {
  const { launcher, machines, image, claim } = flags;
  if (launcher === undefined || machines === undefined) {
    throw new UserError(
      "E_OPTION",
      "--launcher and --machines need each other, and --image and --claim both",
      "See cram prepare --help.",
    );
  }
  const { dropOptions } = await import("../../verbs/launch.ts");
  const { renderLaunch } = await import("../../verbs/prepare/plan/launchers.ts");
  const own = ["--launcher", "--machines", "--image", "--claim"];
  const kept = dropOptions(words, own).filter(word => word !== "--json");
  // Beside the program with its threads.
  const bytes = memoryBytes + 2e8 + threads! * 1.5e8;
  const count = parseCount("--machines", machines, 1, 100_000);
  const text = renderLaunch(launcher, {
    words: kept,
    machines: count,
    threads: threads!,
    memoryBytes: bytes,
    image,
    claim,
  });
  print(flags.json === true ? JSON.stringify({ launcher, text }) : text.trimEnd());
}

function parseShard(text: string): { number: number; of: number } {
  const [, number, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (number !== undefined) return { number: Number(number), of: Number(of) };
  const needed = "the number of the machine and how many there are";
  throw refuseValue("--shard", text, "not a machine of some", needed, "1/8, the first of eight");
}
